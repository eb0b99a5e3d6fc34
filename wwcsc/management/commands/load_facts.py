"""Load the facts that the portal starts with: all of them or, when one row is wrong, none."""

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from evaluations import facts as evaluations
from evidence_store import facts as evidence_store
from evidence_store.actions.search_index import reindex_all
from evidence_store.models import Entry
from partners import facts as partners
from partners.facts_reader import FactsRefused, Problem, Reading, shipped, write
from programmes import facts as programmes

APPS = {
    "partners": partners.TABLES,
    "programmes": programmes.TABLES,
    "evaluations": evaluations.TABLES,
    "evidence_store": evidence_store.TABLES,
}
PROBLEMS_SHOWN = 25


class Command(BaseCommand):
    help = (
        "Load the facts from <app>/facts/*.csv. A second run changes nothing; a row that changed in its file is written "
        "again, except what belongs to staff (statuses, moments of publication)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="only read and check the files")
        parser.add_argument("--folder", type=Path, help="read <folder>/<app>/*.csv instead of the files of the portal")

    def handle(self, *, check: bool, folder: Path | None, **options: Any) -> None:
        began = time.monotonic()
        reading = Reading(folder_of=(lambda file: folder / f"{file}.csv") if folder else shipped)
        for app, tables in APPS.items():
            reading.read_all(*tables)
            reading.read_about(app)
        if reading.problems:
            raise CommandError(refusal(reading.problems))
        rows = sum(len(rows) for _, rows in reading.tables)
        if check:
            self.stdout.write(f"{rows:,} rows in {len(reading.tables)} files are in order. Nothing was loaded.")
            return
        try:
            with transaction.atomic():
                counts = write(reading)
                if any(count.new or count.changed or count.gone for count in counts):
                    reindex_all(Entry.objects.all())
        except FactsRefused as refused:
            raise CommandError(refusal(refused.problems)) from None
        for count in counts:
            if options["verbosity"] > 1 or count.new or count.changed or count.gone:
                self.stdout.write(f"  {count}")
        new, changed = sum(count.new for count in counts), sum(count.changed for count in counts)
        took = time.monotonic() - began
        self.stdout.write(f"{rows:,} facts in {len(counts)} files: {new:,} new, {changed:,} changed. {took:.1f} s.")


def refusal(problems: list[Problem]) -> str:
    shown = [f"  {problem}" for problem in problems[:PROBLEMS_SHOWN]]
    if len(problems) > PROBLEMS_SHOWN:
        shown.append(f"  and {len(problems) - PROBLEMS_SHOWN} more")
    return "\n".join(["Nothing was loaded. Put this right and run the command again:", *shown])
