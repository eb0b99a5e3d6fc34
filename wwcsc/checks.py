"""What a deployment must be told, looked at by ``manage.py check --deploy``."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register

from wwcsc.settings import setting

# Without these the portal looks for the servers of a local start, which no deployment has.
NAMES = ("DATABASE_URL", "REDIS_URL", "MAIL_URL", "PORTAL_ADDRESS")


@register(deploy=True)
def the_deployment_names_its_servers(**options: Any) -> list[CheckMessage]:
    return [
        Warning(
            f"{name} is not set, and production has no server of its own to fall back on.",
            hint=f"Set {name} or {name}_FILE. README has the table of settings.",
            id="wwcsc.W001",
        )
        for name in NAMES
        if settings.PRODUCTION and not setting(name)
    ]


@register(deploy=True)
def links_in_mail_are_secure(**options: Any) -> list[CheckMessage]:
    if not settings.PRODUCTION or settings.PORTAL_ADDRESS.startswith("https://"):
        return []
    return [
        Warning(
            f"PORTAL_ADDRESS is {settings.PORTAL_ADDRESS}: links in mail and feeds would not be secure.",
            hint="Set it to the address that people type, for example https://portal.example.org.",
            id="wwcsc.W002",
        )
    ]
