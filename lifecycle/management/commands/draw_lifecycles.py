from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from lifecycle.diagrams import write


class Command(BaseCommand):
    help = "Write docs/lifecycles/ from the tables of moves."

    def handle(self, *args: Any, **options: Any) -> None:
        for page in write(settings.BASE_DIR / "docs" / "lifecycles"):
            self.stdout.write(page.name)
