"""No more mail in a minute than the mail server's contract allows, whoever sends and from however many machines.

A bucket in the database fills at MAIL_RATE and is asked once for each batch, in the transaction of its claim; its row is
locked until then, so two senders cannot both have the last of it. Mail about signing in does not wait for it, but counts.
"""

from django.conf import settings
from django.db import connection

RELAY = "mail server"
FULL_AFTER = 20  # seconds without mail: what may then leave at once

FILL = """
INSERT INTO notices_allowance AS bucket (name, "left", filled_at) VALUES (%(name)s, %(full)s, clock_timestamp())
    ON CONFLICT (name) DO UPDATE
   SET "left" = least(%(full)s,
                      bucket."left" + %(rate)s * greatest(extract(epoch FROM clock_timestamp() - bucket.filled_at), 0)),
       filled_at = clock_timestamp()
RETURNING "left"
"""


def is_limited() -> bool:
    return settings.MAIL_RATE > 0


def left_for_now() -> int:
    """How many may go now. Locks the bucket until the transaction ends."""
    rate = settings.MAIL_RATE / 60
    with connection.cursor() as cursor:
        cursor.execute(FILL, {"name": RELAY, "full": max(1.0, FULL_AFTER * rate), "rate": rate})
        return max(0, int(cursor.fetchone()[0]))


def take(count: int) -> None:
    """These go now; a negative count gives back what did not leave after all."""
    with connection.cursor() as cursor:
        cursor.execute('UPDATE notices_allowance SET "left" = "left" - %s WHERE name = %s', [count, RELAY])
