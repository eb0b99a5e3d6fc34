from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from evidence_store.actions.search_index import reindex_all
from evidence_store.models import Entry


class Command(BaseCommand):
    help = "Write the search document of every entry of the evidence store again."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        count = reindex_all(Entry.objects.order_by("pk"))
        self.stdout.write(f"{count} entries can be searched.")
