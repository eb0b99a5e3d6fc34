"""What the marks sent before add up to, so that the board can put them in order. Run again, it changes nothing."""

from django.db import migrations

TOTALS = """
UPDATE calls_assessment a SET total = given.total
FROM (
    SELECT s.assessment_id, sum(s.mark * c.weight) AS total
    FROM calls_score s JOIN calls_criterion c ON c.id = s.criterion_id
    WHERE s.mark IS NOT NULL GROUP BY 1
) given
WHERE given.assessment_id = a.id AND a.status = 'submitted' AND a.total IS DISTINCT FROM given.total
"""


class Migration(migrations.Migration):
    dependencies = [("calls", "0005_assessment_total")]
    operations = [migrations.RunSQL(TOTALS, migrations.RunSQL.noop)]
