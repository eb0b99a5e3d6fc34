"""The portal's own e-mails."""

from django.conf import settings

from notices.actions import queue
from notices.choices import NoticeKind


def check_that_mail_arrives(token: str) -> None:
    queue(
        "wwcsc/emails/check",
        to=f"check@{settings.MAIL_DOMAIN}",
        key=f"check:{token}",
        kind=NoticeKind.SECURITY,  # the first in the queue: the check must not wait behind an announcement
        token=token,
    )
