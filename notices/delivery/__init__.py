"""How a mail travels: claim under a lease, commit, mark the wire, send, commit the outcome. No transaction spans the network.

A row without ``wire_at`` has certainly not been sent by us. A row with it and without ``sent_at`` perhaps was: it goes
again under the same Message-ID, by which a receiver can drop the repeat. Every write repeats the lease token, so a sender
that was stopped and wakes up after its lease has ended finds no row to write to, and stops.
"""

from notices.delivery.courier import Courier
from notices.delivery.leases import Lease, Pace, Stopped, take_up_expired_leases
from notices.delivery.messages import UNSUBSCRIBE_SALT, message_of, unsubscribe_path
from notices.delivery.pauses import REFUSALS_BEFORE_A_PAUSE
from notices.figures import RELAY_SILENT

__all__ = [
    "REFUSALS_BEFORE_A_PAUSE",
    "RELAY_SILENT",
    "UNSUBSCRIBE_SALT",
    "Courier",
    "Lease",
    "Pace",
    "Stopped",
    "message_of",
    "take_up_expired_leases",
    "unsubscribe_path",
]
