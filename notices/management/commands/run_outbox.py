import signal
import time
from datetime import timedelta
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import InterfaceError, OperationalError, close_old_connections

from notices.delivery import Courier, Pace


class Command(BaseCommand):
    """Sends mail without a broker: for an installation without Redis, and for the hour in which Redis is down."""

    help = "Send the mail that is due, straight from the outbox. Needs no broker; several may run beside each other and beside workers."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="Stop when nothing is due.")
        parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS", help="How often to look (1).")
        parser.add_argument(
            "--lease", type=float, default=60.0, metavar="SECONDS", help="How long a sender may be silent (60)."
        )
        parser.add_argument(
            "--first-wait",
            type=float,
            default=30.0,
            metavar="SECONDS",
            help="Ceiling of the first wait after a refusal (30).",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.is_stopping = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        pace = Pace(lease=timedelta(seconds=options["lease"]), first_wait=options["first_wait"])
        sent = 0
        while not self.is_stopping:
            sent += self.one_round(pace)
            if options["once"]:
                break
            time.sleep(options["every"])
        self.stdout.write(f"{sent} sent")

    def one_round(self, pace: Pace) -> int:
        close_old_connections()
        try:
            return Courier(pace).drain(seconds=5)
        except (OperationalError, InterfaceError) as problem:
            # The database restarts; rows under our lease are taken up again when it ends.
            self.stderr.write(f"The database does not answer: {problem}")
            return 0

    def stop(self, number: int, frame: FrameType | None) -> None:
        self.is_stopping = True
