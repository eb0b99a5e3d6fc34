"""When a sending was begun: what a page says of itself, signed by us, so that only our own clock is asked.

A call may accept an application that arrives some seconds after closing if the page from which it was sent had been opened
before. The mark holds for one application, one person and this portal; a made-up or borrowed one says nothing.
"""

from datetime import datetime

from django.core import signing

from calls.models import Application
from people.models import Person

SALT = "calls.sending"


def mark_beginning(application: Application, person: Person, *, at: datetime) -> str:
    return signing.dumps([application.pk, person.pk, at.isoformat()], salt=SALT)


def beginning_in(mark: str, application: Application, person: Person) -> datetime | None:
    try:
        whose, who, at = signing.loads(mark, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return datetime.fromisoformat(at) if (whose, who) == (application.pk, person.pk) else None
