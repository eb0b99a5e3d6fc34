"""allauth's mail goes through the outbox, and nobody registers without an invitation."""

import uuid
from datetime import timedelta
from typing import Any

import structlog
from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from audit.actions import record
from notices.actions import queue
from notices.choices import NoticeKind
from people.models import Person

log = structlog.get_logger(__name__)

# How long the code in a mail works; without one, the mail is useful for as long as its kind says.
CODES_WORK_FOR = {
    "account/email/login_code": app_settings.LOGIN_BY_CODE_TIMEOUT,
    "account/email/password_reset_code": app_settings.PASSWORD_RESET_BY_CODE_TIMEOUT,
    "account/email/email_confirmation": app_settings.EMAIL_VERIFICATION_BY_CODE_TIMEOUT,
    "account/email/email_confirmation_signup": app_settings.EMAIL_VERIFICATION_BY_CODE_TIMEOUT,
}
NEWS_IS_USEFUL_FOR = timedelta(days=3)  # "your password was changed" matters tomorrow as well
FOR_MAIL = ("code", "password_reset_url", "deleted_email", "from_email", "to_email", "ip", "user_agent", "timestamp")


# Where allauth asks for a second factor, and whether to trust the browser, staff are asked more strictly.
STRICTER_STAGES = {
    "allauth.mfa.stages.AuthenticateStage": "people.sign_in.SecondFactorStage",
    "allauth.mfa.stages.TrustStage": "people.sign_in.TrustedBrowserStage",
}


class PortalAccountAdapter(DefaultAccountAdapter):
    def get_login_stages(self) -> list[str]:
        return [STRICTER_STAGES.get(stage, stage) for stage in super().get_login_stages()]

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def post_login(self, request: HttpRequest, user: Person, **details: Any) -> HttpResponse:
        record("signed in", user, by=user)
        return super().post_login(request, user, **details)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Counted in the log, where whoever watches the machine looks; what was typed is not kept."""
        log.info("sign_in_refused", address=self.get_client_ip(request))
        super().authentication_failed(request, **credentials)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Queue a mail about signing in. Its words are never shown to staff and are erased once it has been sent."""
        seconds = CODES_WORK_FOR.get(template_prefix)
        useful_for = timedelta(seconds=seconds) if seconds else NEWS_IS_USEFUL_FOR
        queue(
            template_prefix,
            to=email,
            key=f"account:{uuid.uuid4()}",
            kind=NoticeKind.SECURITY,
            person=Person.objects.filter(email__iexact=email).first(),
            expires_at=timezone.now() + useful_for,
            minutes=seconds // 60 if seconds else None,
            **{name: context[name] for name in FOR_MAIL if name in context},
        )
