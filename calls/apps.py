from django.apps import AppConfig

from notices.choices import RELEASED_WITH_THEIR_CAUSE


class CallsConfig(AppConfig):
    name = "calls"
    verbose_name = "Calls"

    def ready(self) -> None:
        # A letter that left alone would tell an applicant what the portal still calls "being assessed".
        RELEASED_WITH_THEIR_CAUSE.add("calls.decision")
