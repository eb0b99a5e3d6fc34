from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

# In the order in which records need one another.
LOADERS = (
    "partners.demonstration",
    "programmes.demonstration",
    "calls.demonstration",
    "calls.demonstration_assessments",
    "evaluations.demonstration",
    "evidence_store.demonstration",
    "newsroom.demonstration",
)


class Command(BaseCommand):
    help = "Load the demonstration records, all marked as such. A second run adds nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMONSTRATION:
            raise CommandError("This is not a demonstration. Set PORTAL_DEMONSTRATION=yes if it is meant to be one.")
        for name in LOADERS:
            if find_spec(name) is None:
                continue
            module = import_module(name)
            for loader in [name for name in vars(module) if name.startswith("load")]:
                getattr(module, loader)()
                if options["verbosity"]:
                    self.stdout.write(f"{name}.{loader}")
