from datetime import timedelta

from django.db.models import TextChoices


class NoticeKind(TextChoices):
    """What sort of mail: it decides order, what may be repeated after a crash, and what may be suppressed."""

    SECURITY = "security", "Sign-in and security"
    LETTER = "letter", "Letter"
    REMINDER = "reminder", "Reminder"
    BULK = "bulk", "Announcement"


PRIORITY = {NoticeKind.SECURITY: 0, NoticeKind.REMINDER: 10, NoticeKind.LETTER: 20, NoticeKind.BULK: 30}

# After this time a mail that could not be sent is no use any more; the cause may name an earlier moment.
USEFUL_FOR = {
    NoticeKind.SECURITY: timedelta(minutes=15),
    NoticeKind.REMINDER: timedelta(days=3),
    NoticeKind.LETTER: timedelta(days=14),
    NoticeKind.BULK: timedelta(days=7),
}


class NoticeStatus(TextChoices):
    HELD = "held", "Held"
    PENDING = "pending", "Waiting to be sent"
    LEASED = "leased", "Being sent"
    SENT = "sent", "Sent"
    DEAD = "dead", "Could not be sent"
    CANCELLED = "cancelled", "Withdrawn"
    SUPPRESSED = "suppressed", "Not written to"


UNSENT = (NoticeStatus.HELD, NoticeStatus.PENDING, NoticeStatus.LEASED)
ENDED = (NoticeStatus.SENT, NoticeStatus.DEAD, NoticeStatus.CANCELLED, NoticeStatus.SUPPRESSED)

# Records whose held letters go out together with what they tell, on a page of their own, and never one by one from the mail.
# An app above adds its own in apps.py, by label.
RELEASED_WITH_THEIR_CAUSE: set[str] = set()
