from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.actions import first_broken_link, last_link


class Command(BaseCommand):
    help = "Recompute the hash chain of the audit trail. Prints the newest hash, to be kept outside the database."

    def handle(self, *args: Any, **options: Any) -> None:
        broken = first_broken_link()
        if broken is not None:
            raise CommandError(f"The audit trail was changed: the chain breaks at position {broken}.")
        newest = last_link()
        if newest is None:
            self.stdout.write("The audit trail is empty.")
        else:
            self.stdout.write(f"The audit trail is whole: {newest[0]} events, newest hash {newest[1]}")
