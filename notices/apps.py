from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class NoticesConfig(AppConfig):
    name = "notices"
    verbose_name = "Mail"

    def ready(self) -> None:
        # Whoever sends must know the mailings of every app, also where no page or action of it was loaded.
        autodiscover_modules("notices")
