"""Words are searched without their accents and by their stems; did-you-mean compares them by trigrams."""

from django.contrib.postgres.operations import TrigramExtension, UnaccentExtension
from django.db import migrations

CREATE = """
CREATE TEXT SEARCH CONFIGURATION evidence (COPY = english);
ALTER TEXT SEARCH CONFIGURATION evidence ALTER MAPPING FOR hword, hword_part, word WITH unaccent, english_stem;
"""


class Migration(migrations.Migration):
    dependencies = [("evidence_store", "0002_initial")]

    operations = [
        UnaccentExtension(),
        TrigramExtension(),
        migrations.RunSQL(CREATE, "DROP TEXT SEARCH CONFIGURATION evidence"),
    ]
