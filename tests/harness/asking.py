"""One request whose effects are undone, without what makes Django's test client slow: copies of every template's context."""

from dataclasses import dataclass

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import transaction
from django.http import HttpResponseBase
from django.test import RequestFactory
from django.test.client import ClientHandler

BACKEND = "django.contrib.auth.backends.ModelBackend"


@dataclass
class Caller:
    """Somebody with a browser that keeps no cookie that it is given."""

    person: object | None = None

    def __post_init__(self) -> None:
        self.factory = RequestFactory()
        self.handler = ClientHandler(enforce_csrf_checks=False)
        if self.person is not None and self.person.is_authenticated:
            session = SessionStore()
            session[SESSION_KEY] = str(self.person.pk)
            session[BACKEND_SESSION_KEY] = BACKEND
            session[HASH_SESSION_KEY] = self.person.get_session_auth_hash()
            session.create()
            self.factory.cookies["sessionid"] = session.session_key

    def ask(self, method: str, path: str, sent: dict | None = None, *, undo: bool = True) -> HttpResponseBase:
        """``undo=False`` for whoever looks at what it did, and undoes it then."""
        with transaction.atomic():
            answer = self.handler(self._environ(method, path, sent or {}))
            if hasattr(answer, "streaming_content"):
                answer.content = b"".join(answer.streaming_content)
            transaction.set_rollback(undo)
        return answer

    def _environ(self, method: str, path: str, sent: dict) -> dict:
        make = getattr(self.factory, method.lower())
        return make(path, sent).environ if method in {"GET", "POST"} else make(path).environ
