"""Settings of the test run: the portal's own, with a fast password hasher and servers of its own."""

from tests import local_servers

# Before the portal's settings are read: they take the place of the servers from the environment.
local_servers.start_unless_given()

from wwcsc.settings import *  # noqa: E402, F403
from wwcsc.settings import CACHES, STORAGES  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
SECRET_KEY = "the-tests-have-no-secrets-but-django-wants-fifty-characters"
ALLOWED_HOSTS = ["*"]
PORTAL_ADDRESS = "http://testserver"
CSRF_TRUSTED_ORIGINS = [PORTAL_ADDRESS]

# Built assets and manifests are a matter of deployment; a test that is about them says so itself.
STORAGES = STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}

# Each worker of pytest-xdist empties its own cache between tests.
if CACHES["default"]["LOCATION"].startswith("unix://"):
    socket = CACHES["default"]["LOCATION"].partition("?")[0]
    CACHES["default"]["LOCATION"] = f"{socket}?db={local_servers.database_of_this_worker()}"

# Mail that a test sends is looked at in memory; the tests of real SMTP start a catcher of their own.
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
