"""How staff sign in: a second factor every time. Only partners may say that they trust a browser for a fortnight."""

from allauth.mfa.models import Authenticator
from allauth.mfa.stages import AuthenticateStage, TrustStage
from allauth.mfa.utils import is_mfa_enabled
from allauth.mfa.webauthn.internal.flows import did_use_passwordless_login
from django.http import HttpRequest

from people.models import Person

SECOND_FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]


def is_staff(person: Person) -> bool:
    return person.is_staff or person.is_centre_staff


class SecondFactorStage(AuthenticateStage):
    def _should_handle(self, request: HttpRequest) -> bool:
        """A browser may have been trusted before its person joined the staff: staff are asked all the same."""
        person = self.login.user
        if super()._should_handle(request):
            return True
        if person is None or not is_staff(person):
            return False
        return is_mfa_enabled(person, SECOND_FACTORS) and not did_use_passwordless_login(request, person)


class TrustedBrowserStage(TrustStage):
    def handle(self) -> tuple:
        if self.login.user is not None and is_staff(self.login.user):
            return None, True
        return super().handle()
