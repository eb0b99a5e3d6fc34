"""Settings of the portal, read top to bottom.

Nothing has to be set to run it on one machine. A deployment sets DATABASE_URL, REDIS_URL, SECRET_KEY,
ALLOWED_HOSTS and PORTAL_ADDRESS; README has the whole table. Every secret has a ``NAME_FILE`` twin.
"""

import os
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import structlog
from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP

from wwcsc.local.paths import LocalPaths

BASE_DIR = Path(__file__).resolve().parent.parent


def setting(name: str, default: str = "") -> str:
    """The value of an environment variable, or the content of the file that ``NAME_FILE`` points at.

    An empty one is one that is not set: that is how Compose and many a start script say so.
    """
    file = os.environ.get(f"{name}_FILE")
    if file:
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as problem:
            raise ImproperlyConfigured(f"{name}_FILE names {file}, which cannot be read: {problem}") from problem
    return os.environ.get(name) or default


def switched_on(name: str, *, default: bool) -> bool:
    return setting(name, "yes" if default else "no").lower() in {"1", "true", "yes", "on"}


def number(name: str, default: float) -> float:
    said = setting(name, str(default))
    try:
        found = float(said)
    except ValueError:
        found = -1
    if not 0 <= found < float("inf"):
        raise ImproperlyConfigured(f"{name} must be a number of at least 0, and is “{said}”.")
    return found


# --- which of the three kinds of life this is: local (the default), test, production -------------------------------

LOCAL = LocalPaths.for_checkout(BASE_DIR)
PRODUCTION = switched_on("PORTAL_PRODUCTION", default=False)
DEMONSTRATION = switched_on("PORTAL_DEMONSTRATION", default=not PRODUCTION)
DEBUG = switched_on("DEBUG", default=False)

SECRET_KEY = setting("SECRET_KEY", "" if PRODUCTION else "only-for-this-machine-" + "x" * 40)
SECRET_KEY_FALLBACKS = [key for key in setting("SECRET_KEY_FALLBACKS").split(",") if key]
if not SECRET_KEY:
    raise ImproperlyConfigured("Set SECRET_KEY (or SECRET_KEY_FILE): production does not start with a default key.")

PORTAL_ADDRESS = setting("PORTAL_ADDRESS", "http://localhost:8000").rstrip("/")
PORTAL_HOST = urlsplit(PORTAL_ADDRESS).hostname or "localhost"
ALLOWED_HOSTS = [
    host for host in setting("ALLOWED_HOSTS", f"{PORTAL_HOST},localhost,127.0.0.1,[::1]").split(",") if host
]
CSRF_TRUSTED_ORIGINS = [PORTAL_ADDRESS]

# --- apps ----------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "wwcsc",
    "newsroom",
    "evidence_store",
    "evaluations",
    "calls",
    "programmes",
    "partners",
    "notices",
    "people",
    "lifecycle",
    "audit",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django_filters",
    "pgtrigger",
    "pghistory",
    "rules.apps.AutodiscoverRulesConfig",
]

MIDDLEWARE = [
    "wwcsc.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "wwcsc.middleware.HeadersMiddleware",
    "people.middleware.KnownMethodsMiddleware",
    "wwcsc.middleware.BadInputMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "people.middleware.SessionActivityMiddleware",
    "people.middleware.StaffAreaMiddleware",
    "people.middleware.SecondFactorMiddleware",
    "pghistory.middleware.HistoryMiddleware",
    "wwcsc.middleware.RefusalMiddleware",
]

ROOT_URLCONF = "wwcsc.urls"
WSGI_APPLICATION = "wwcsc.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
FORM_RENDERER = "wwcsc.forms.PortalFormRenderer"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "wwcsc.context_processors.portal",
            ],
            "builtins": [
                "wwcsc.templatetags.portal",
                "wwcsc.templatetags.pictures",
                "django.contrib.humanize.templatetags.humanize",
            ],
        },
    },
]

# --- PostgreSQL ----------------------------------------------------------------------------------------------------


def database_from(url: str) -> dict:
    """Django's database settings for ``postgres://name:password@host:port/database?option=value``."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured("DATABASE_URL must start with postgres:// or postgresql://.")
    options = dict(parse_qsl(parts.query))
    return {
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", "") or parts.hostname or "",
        "PORT": str(parts.port or ""),
        "OPTIONS": options,
    }


DATABASE_URL = setting("DATABASE_URL")
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        **(
            database_from(DATABASE_URL)
            if DATABASE_URL
            else {"NAME": "portal", "USER": "portal", "HOST": str(LOCAL.run), "OPTIONS": {}}
        ),
    }
}
# A pooler that hands out a connection for each transaction cannot keep server-side cursors.
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = switched_on("DATABASE_POOLED", default=False)

# --- Redis: a doorbell and a cache, never the only place where something is kept --------------------------------------

REDIS_URL = setting("REDIS_URL")
CELERY_BROKER_URL = REDIS_URL or f"redis+socket://{LOCAL.run / 'redis.sock'}?virtual_host=0"
CACHES = {
    "default": {
        "BACKEND": "wwcsc.cache.FailOpenRedisCache",
        "LOCATION": setting("CACHE_URL") or REDIS_URL or f"unix://{LOCAL.run / 'redis.sock'}?db=1",
        "KEY_PREFIX": "portal",
    }
}
SESSION_ENGINE = "django.contrib.sessions.backends.db"

# --- Celery ----------------------------------------------------------------------------------------------------------

CELERY_TIMEZONE = "UTC"
CELERY_ENABLE_UTC = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = 600
CELERY_TASK_SOFT_TIME_LIMIT = 540
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ETA_TASK_LIMIT = 1000
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 200_000  # kilobytes
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 30
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_DB_REUSE_MAX = 1000
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 600, "socket_keepalive": True, "socket_connect_timeout": 2}
CELERY_ACCEPT_CONTENT = ["json"]

# --- people --------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "people.Person"
AUTHENTICATION_BACKENDS = [
    "rules.permissions.ObjectPermissionBackend",
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "start"
LOGOUT_REDIRECT_URL = "home"

ACCOUNT_ADAPTER = "notices.account_adapter.PortalAccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_PREVENT_ENUMERATION = "strict"
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = None
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ALLAUTH_TRUSTED_PROXY_COUNT = int(setting("TRUSTED_PROXIES", "0"))
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TRUST_ENABLED = True
MFA_TRUST_COOKIE_AGE = 14 * 24 * 60 * 60
MFA_TOTP_ISSUER = "WWCSC portal"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PRODUCTION
USERSESSIONS_TRACK_ACTIVITY = True
STAFF_NEED_A_SECOND_FACTOR = switched_on("STAFF_NEED_A_SECOND_FACTOR", default=PRODUCTION)

# What a page says after a step stays with us, not in a cookie of its own.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 60 * 60
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "wwcsc.views.errors.csrf_failure"

# --- mail: everything leaves through the outbox in notices ---------------------------------------------------------------

MAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}


def mail_from(url: str) -> dict:
    """What the SMTP backend is told for ``smtp+tls://name:password@host:port``."""
    parts = urlsplit(url)
    if parts.scheme not in MAIL_PORTS:  # a slip of the pen must not send a password in plain text
        raise ImproperlyConfigured("MAIL_URL must start with smtp+tls://, smtps:// or smtp://.")
    return {
        "host": parts.hostname or "localhost",
        "port": parts.port or MAIL_PORTS[parts.scheme],
        "username": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "use_tls": parts.scheme == "smtp+tls",
        "use_ssl": parts.scheme == "smtps",
        "timeout": 10,
    }


MAIL_URL = setting("MAIL_URL", f"smtp://127.0.0.1:{LOCAL.mail_port}")
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": mail_from(MAIL_URL)}}
# Mails a minute, for all senders together; 0: as fast as they can.
MAIL_RATE = number("MAIL_RATE", 0)
DEFAULT_FROM_EMAIL = setting("MAIL_FROM", f"WWCSC portal <portal@{PORTAL_HOST}>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
MAIL_DOMAIN = parseaddr(DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or PORTAL_HOST
CONTACT_EMAIL = setting("CONTACT_EMAIL", f"partnerships@{PORTAL_HOST}")

# --- words and time --------------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "Europe/London"
USE_I18N = True
USE_TZ = True
URLIZE_ASSUME_HTTPS = True  # an address in a text without its beginning
FORMAT_MODULE_PATH = ["wwcsc.formats"]

# --- files -------------------------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = Path(setting("STATIC_ROOT", str(BASE_DIR / "staticfiles")))
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = Path(setting("MEDIA_ROOT", str(LOCAL.data / "media")))
# Hashed names need a collectstatic, which a deployment runs once; a local start serves the files where they lie.
_production_static, _local_static = (
    "whitenoise.storage.CompressedManifestStaticFilesStorage",
    "django.contrib.staticfiles.storage.StaticFilesStorage",
)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": _production_static if PRODUCTION else _local_static},
}
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_MANIFEST_STRICT = PRODUCTION
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
FILE_UPLOAD_PERMISSIONS = 0o640

# --- what the browser is told -----------------------------------------------------------------------------------------

SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "manifest-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "object-src": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
if PRODUCTION:
    SECURE_SSL_REDIRECT = switched_on("SSL_REDIRECT", default=True)
    SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
    SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_NAME = "__Host-csrftoken"
    if ALLAUTH_TRUSTED_PROXY_COUNT:
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- history and logs --------------------------------------------------------------------------------------------------

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": structlog.processors.JSONRenderer(),
            "foreign_pre_chain": [
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
            ],
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": setting("LOG_LEVEL", "INFO")},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.server": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "django.security.DisallowedHost": {"handlers": [], "propagate": False},
    },
}
