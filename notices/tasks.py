"""The doorbell. The outbox is the queue; these tasks only say "look", so losing or doubling one changes nothing but the wait."""

import time

import structlog
from celery import shared_task
from kombu import Connection
from kombu.exceptions import OperationalError

from notices.delivery import Courier

log = structlog.get_logger(__name__)

LONGEST_ROUND = 25  # seconds; the bell rings again, and other work gets its turn
ONE_TRY = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0, "socket_connect_timeout": 1}
QUIET_AFTER_FAILURE = 10  # seconds in which a request does not try a broker that has just not answered


@shared_task(ignore_result=True)
def ring() -> None:
    """Rung by the beat: send whatever is due, and take up what a stopped worker left behind."""
    Courier().drain(seconds=LONGEST_ROUND)


@shared_task(ignore_result=True)
def drain() -> None:
    """Rung when something was queued a moment ago."""
    Courier().drain(seconds=LONGEST_ROUND)


class Doorbell:
    """Its own line to the broker, because the usual one keeps trying for ten seconds while somebody waits for a page."""

    silent_until = 0.0

    def line(self) -> Connection:
        options = {**drain.app.conf.broker_transport_options, **ONE_TRY}
        return drain.app.connection_for_write(connect_timeout=1, transport_options=options)

    def ring(self) -> None:
        """Ask a worker to look now. Without a broker the mail waits for the next sweep, and nobody waits for the broker."""
        if time.monotonic() < self.silent_until:
            return
        try:
            with self.line() as line:
                drain.apply_async(expires=30, retry=False, connection=line)
        except (OperationalError, OSError) as problem:
            self.silent_until = time.monotonic() + QUIET_AFTER_FAILURE
            log.warning("doorbell_silent", problem=type(problem).__name__)


doorbell = Doorbell()
