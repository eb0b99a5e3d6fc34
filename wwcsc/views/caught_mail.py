"""What the local mail catcher received: shown to staff, in a demonstration only."""

import email
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from pathlib import Path

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_safe

from notices.views import MAIL_POLICY
from people.requests import SignedInRequest

SHOWN_HEADERS = (
    "From",
    "To",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "List-Unsubscribe",
    "X-Envelope-From",
    "X-Envelope-To",
)


@dataclass(frozen=True)
class Caught:
    name: str
    message: EmailMessage

    @classmethod
    def read(cls, file: Path) -> "Caught":
        return cls(file.name, email.message_from_bytes(file.read_bytes(), policy=policy.default))

    @property
    def subject(self) -> str:
        return str(self.message["Subject"] or "")

    @property
    def to(self) -> str:
        return str(self.message["To"] or "")

    @property
    def at(self) -> datetime:
        return datetime.strptime(self.name.partition("-")[0], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [(name, str(self.message[name])) for name in SHOWN_HEADERS if self.message[name]]

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        return str(part.get_content()) if part is not None else ""


def _files(request: SignedInRequest) -> list[Path]:
    """Newest first. The name of a file begins with the moment at which it was caught."""
    if not request.user.is_centre_staff:
        raise PermissionDenied
    if not settings.DEMONSTRATION:
        raise Http404
    return sorted(settings.LOCAL.mail.glob("[0-9]*.eml"), reverse=True)


def _one(request: SignedInRequest, name: str) -> Caught:
    # Looked up among the files that are there, so a made-up name leads nowhere.
    for file in _files(request):
        if file.name == name:
            return Caught.read(file)
    raise Http404


@require_safe
def caught_mail(request: SignedInRequest) -> HttpResponse:
    page = Paginator(_files(request), 50).get_page(request.GET.get("page"))
    return render(request, "wwcsc/caught_mail.html", {"page": page, "caught": [Caught.read(file) for file in page]})


@require_safe
def caught_message(request: SignedInRequest, name: str) -> HttpResponse:
    return render(request, "wwcsc/caught_message.html", {"message": _one(request, name)})


@require_safe
@csp_override(MAIL_POLICY)
def caught_message_html(request: SignedInRequest, name: str) -> HttpResponse:
    return HttpResponse(_one(request, name).html)
