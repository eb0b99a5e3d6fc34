"""The same way in for servers that speak ASGI. The portal itself needs none of its extras."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wwcsc.settings")

application = get_asgi_application()
