from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "wwcsc"
    verbose_name = "Portal"

    def ready(self) -> None:
        from wwcsc import checks  # noqa: F401, PLC0415  registers them; settings are read by then
