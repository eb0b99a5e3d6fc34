from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "wwcsc"
    verbose_name = "Portal"
