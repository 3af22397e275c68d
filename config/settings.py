"""Every setting of Earshot, in one file. docs/settings.md tells the variables behind them."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from botocore.config import Config as S3Config
from django_stubs_ext import monkeypatch

from config.environment import Environment
from config.logs import logging_settings

# Lets classes of Django be named with what they hold, as in ModelAdmin[User], at run time too.
monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
environment = Environment.of_process(os.environ, default_data=BASE_DIR / "var")

# --- The site ---
EARSHOT_DATA = environment.path("EARSHOT_DATA")
EARSHOT_HOST = environment.text("EARSHOT_HOST", "127.0.0.1")
EARSHOT_PORT = environment.integer("EARSHOT_PORT", 8000)
EARSHOT_URL = environment.text("EARSHOT_URL", f"http://127.0.0.1:{EARSHOT_PORT}")
EARSHOT_DEMO = environment.boolean("EARSHOT_DEMO")
# The launcher passes them on to the web server, which alone hears them.
EARSHOT_PROXIES = environment.words("EARSHOT_PROXIES", [])
SECRET_KEY = environment.text("EARSHOT_SECRET_KEY")
DEBUG = False
# The machine itself may always ask, so that /readyz answers the launcher under any name it serves.
ALLOWED_HOSTS = [
    *environment.words("EARSHOT_ALLOWED_HOSTS", []),
    urlsplit(EARSHOT_URL).hostname or "localhost",
    "127.0.0.1",
    "localhost",
    "[::1]",
]
CSRF_TRUSTED_ORIGINS = environment.words("EARSHOT_TRUSTED_ORIGINS", [])
SECURE_COOKIES = EARSHOT_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_COOKIES
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# A year, once people reach it by https at all.
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if SECURE_COOKIES else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "config.apps.ServedFilesConfig",
    "crm.apps.DeskAdminConfig",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "channels",
    # Before our own apps, which take its admin pages over.
    "django_celery_beat",
    "config.apps.SwitchboardConfig",
    "crm",
    "audio",
    "calls",
    "metrics",
]
MIDDLEWARE = [
    "config.security.SecurityHeaders",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.logs.RequestLog",
    "audio.embedding.EmbeddedRecorder",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "crm.browser_sessions.BrowserSessions",
    "crm.middleware.AuditTrail",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "crm.middleware.PageAccess",
    "config.error_views.ErrorsOfPages",
]
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "crm.pages.frame",
            ],
        },
    },
]
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
FORMAT_MODULE_PATH = "config.formats"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Who watches from elsewhere, see config/watching; empty is nobody.
EARSHOT_OTLP_ENDPOINT = environment.text("EARSHOT_OTLP_ENDPOINT", "")
EARSHOT_SENTRY_DSN = environment.text("EARSHOT_SENTRY_DSN", "")
LOGGING = logging_settings(level=environment.text("EARSHOT_LOG_LEVEL", "INFO"))

# --- People ---
AUTH_USER_MODEL = "crm.User"
AUTHENTICATION_BACKENDS = ["crm.browser_sessions.PeopleBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "crm.passwords.LongEnough", "OPTIONS": {"min_length": 12}},
    {"NAME": "crm.passwords.NotOnesOwnName"},
    {"NAME": "crm.passwords.NotCommon"},
    {"NAME": "crm.passwords.LengthLimit"},
]
# How long a link to choose a password is good.
PASSWORD_RESET_TIMEOUT = 3 * 24 * 3600
# A cookie's longest life, in use or not; how long one lasts without use is a company's own setting.
SESSION_COOKIE_AGE = 30 * 24 * 3600
# Failures to sign in within the window, for one name from one address and for one address in all.
EARSHOT_SIGN_IN_FAILURES = environment.integer("EARSHOT_SIGN_IN_FAILURES", 5)
EARSHOT_SIGN_IN_FAILURES_PER_ADDRESS = environment.integer("EARSHOT_SIGN_IN_FAILURES_PER_ADDRESS", 50)
EARSHOT_SIGN_IN_WINDOW_SECONDS = environment.integer("EARSHOT_SIGN_IN_WINDOW_SECONDS", 15 * 60)
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"
CSRF_FAILURE_VIEW = "config.error_views.csrf_failed"
# What middleware answers when a server that it cannot do without is away.
UNAVAILABLE_VIEW = "config.error_views.unavailable"

# --- Stores ---
DATABASES = {
    "default": {
        **environment.database("EARSHOT_DATABASE_URL", "postgresql://earshot@127.0.0.1:5432/earshot"),
        # A request waits at most this long for a connection, then fails with a 503 rather than hanging.
        "OPTIONS": {
            "pool": {"min_size": 0, "max_size": 20, "timeout": 5},
            "connect_timeout": 5,
            "tcp_user_timeout": 20_000,
            # No statement, lock or forgotten transaction holds anybody up for longer, in milliseconds.
            "options": "-c statement_timeout=15000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=60000",
        },
        # A pooled connection is tried before it is given out: the server may have been restarted meanwhile.
        "CONN_HEALTH_CHECKS": True,
        "TEST": {"NAME": "test_earshot"},
    }
}
EARSHOT_MONGODB_URL = environment.text("EARSHOT_MONGODB_URL", "mongodb://127.0.0.1:27017/earshot")
# Two roles: what is in `redis` must survive a restart, what is in `cache` may be lost at any time.
EARSHOT_REDIS_URL = environment.text("EARSHOT_REDIS_URL", "redis://127.0.0.1:6379/0")
EARSHOT_CACHE_URL = environment.text("EARSHOT_CACHE_URL", "redis://127.0.0.1:6380/0")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": EARSHOT_CACHE_URL,
        "KEY_PREFIX": "django",
    }
}
_S3_CLIENT = S3Config(
    signature_version="s3v4",
    s3={"addressing_style": "path"},
    # Both attempts together stay well under EARSHOT_UPLOAD_CLAIM_SECONDS.
    connect_timeout=2,
    read_timeout=10,
    retries={"max_attempts": 2, "mode": "standard"},
    max_pool_connections=32,
)
_S3_ENDPOINT = environment.text("EARSHOT_S3_ENDPOINT", "http://127.0.0.1:9000")
_S3_ACCESS_KEY = environment.text("EARSHOT_S3_ACCESS_KEY", "earshot")
_S3_SECRET_KEY = environment.text("EARSHOT_S3_SECRET_KEY", "earshot")
_S3_REGION = environment.text("EARSHOT_S3_REGION", "us-east-1")
STORAGES = {
    # Nothing is uploaded through Django's default storage; recordings have a storage of their own.
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "recordings": {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": environment.text("EARSHOT_S3_BUCKET", "earshot-recordings"),
            "endpoint_url": _S3_ENDPOINT,
            "access_key": _S3_ACCESS_KEY,
            "secret_key": _S3_SECRET_KEY,
            "region_name": _S3_REGION,
            "file_overwrite": True,
            "default_acl": None,
            "client_config": _S3_CLIENT,
        },
    },
    # What outlives the databases and is in no dump of theirs; in production better a server of its own.
    "archive": {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": environment.text("EARSHOT_ARCHIVE_BUCKET", "earshot-archive"),
            "endpoint_url": environment.text("EARSHOT_ARCHIVE_ENDPOINT", _S3_ENDPOINT),
            "access_key": environment.text("EARSHOT_ARCHIVE_ACCESS_KEY", _S3_ACCESS_KEY),
            "secret_key": environment.text("EARSHOT_ARCHIVE_SECRET_KEY", _S3_SECRET_KEY),
            "region_name": environment.text("EARSHOT_ARCHIVE_REGION", _S3_REGION),
            "file_overwrite": True,
            "default_acl": None,
            "client_config": _S3_CLIENT,
        },
    },
    "staticfiles": {"BACKEND": "config.static.StaticFiles"},
}
STATIC_URL = "static/"
STATIC_ROOT = EARSHOT_DATA / "static"

# --- REST ---
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "audio.authentication.UploadTokenAuthentication",
        "crm.authentication.BearerAuthentication",
        "crm.authentication.CookieAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["crm.permissions.HasCapability"],
    "DEFAULT_RENDERER_CLASSES": ["config.json.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.json.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "crm.pagination.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.errors.answer",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Earshot",
    "DESCRIPTION": "Call recording and conversation intelligence.",
    "VERSION": "0.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # Two fields are called status, and mean a recording's and a call's.
    "ENUM_NAME_OVERRIDES": {
        "SessionStatusEnum": "audio.states.SessionStatus",
        "VerdictStateEnum": "audio.states.VerdictState",
    },
}
# A body larger than this is turned away at the gate, before Django spools it to disk. It leaves room for the
# form fields around a chunk of the largest size.
EARSHOT_LARGEST_BODY_BYTES = environment.integer("EARSHOT_LARGEST_BODY_BYTES", 10 * 2**20 + 64 * 2**10)
# A body that pauses for longer, or takes longer in all, is given up. The slowest line that a full chunk gets
# through in time has some 300 kbit/s; a usual chunk of 240 KB gets through with 7.
EARSHOT_BODY_PAUSE_SECONDS = environment.integer("EARSHOT_BODY_PAUSE_SECONDS", 20)
EARSHOT_BODY_SECONDS = environment.integer("EARSHOT_BODY_SECONDS", 300)
DATA_UPLOAD_MAX_MEMORY_SIZE = EARSHOT_LARGEST_BODY_BYTES

# --- Sockets ---
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [EARSHOT_REDIS_URL], "prefix": "live"},
    }
}

# An open socket is pinged so often, and dropped when no answer comes for as long again. The launcher passes it on to
# the web server, which alone hears it.
EARSHOT_PING_SECONDS = environment.integer("EARSHOT_PING_SECONDS", 20)
# How long somebody whose rights have ended may go on watching.
EARSHOT_RIGHTS_SECONDS = environment.integer("EARSHOT_RIGHTS_SECONDS", 30)

# --- Recording ---
# How long the pieces are that the browser's recorder sends.
EARSHOT_CHUNK_SECONDS = environment.integer("EARSHOT_CHUNK_SECONDS", 30)
EARSHOT_LARGEST_CHUNK_BYTES = environment.integer("EARSHOT_LARGEST_CHUNK_BYTES", 10 * 2**20)
EARSHOT_LONGEST_CHUNK_SECONDS = environment.integer("EARSHOT_LONGEST_CHUNK_SECONDS", 120)
# An upload that began this long ago and did not end may be taken over by the same bytes sent again.
EARSHOT_UPLOAD_CLAIM_SECONDS = environment.integer("EARSHOT_UPLOAD_CLAIM_SECONDS", 60)
# So many chunks may one user send within a minute.
EARSHOT_UPLOADS_PER_MINUTE = environment.integer("EARSHOT_UPLOADS_PER_MINUTE", 600)
# A recording of which nothing has been heard for so long is ended with what it has; one that is paused, later.
EARSHOT_IDLE_SECONDS = environment.integer("EARSHOT_IDLE_SECONDS", 15 * 60)
EARSHOT_IDLE_PAUSED_SECONDS = environment.integer("EARSHOT_IDLE_PAUSED_SECONDS", 4 * 3600)
# An object that no row knows is removed once it is this old: younger ones are on their way to their rows.
EARSHOT_ORPHAN_SECONDS = environment.integer("EARSHOT_ORPHAN_SECONDS", 24 * 3600)
# A running job renews its lease; one that has not for this long is given to another worker.
EARSHOT_LEASE_SECONDS = environment.integer("EARSHOT_LEASE_SECONDS", 60)
EARSHOT_SWEEP_SECONDS = environment.integer("EARSHOT_SWEEP_SECONDS", 15)
EARSHOT_SEAL_SECONDS = environment.integer("EARSHOT_SEAL_SECONDS", 60)
EARSHOT_MOST_ATTEMPTS = environment.integer("EARSHOT_MOST_ATTEMPTS", 4)

# --- Hearing ---
# Which engine writes down what is said; auto is Whisper where its model is there.
EARSHOT_TRANSCRIBER = environment.choice("EARSHOT_TRANSCRIBER", ["auto", "pocketsphinx", "faster-whisper", "http"])
EARSHOT_WHISPER_MODEL = environment.path("EARSHOT_WHISPER_MODEL", EARSHOT_DATA / "models" / "whisper")
EARSHOT_WHISPER_THREADS = environment.integer("EARSHOT_WHISPER_THREADS", 1)
EARSHOT_TRANSCRIBER_URL = environment.text("EARSHOT_TRANSCRIBER_URL", "")
EARSHOT_TRANSCRIBER_KEY = environment.text("EARSHOT_TRANSCRIBER_KEY", "")
EARSHOT_TRANSCRIBER_MODEL = environment.text("EARSHOT_TRANSCRIBER_MODEL", "whisper-1")

# --- Celery (read by config/celery.py under the prefix CELERY_) ---
CELERY_BROKER_URL = EARSHOT_REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # A task whose worker died goes out again this long after it was taken. Every task is bounded below it, so
    # that none runs twice at the same time; the unacked_* options make kombu look every second, not every 100.
    "visibility_timeout": 300,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
    "unacked_mutex_expire": 10,
    "global_keyprefix": "celery:",
    "socket_connect_timeout": 2,
    "socket_timeout": 10,
    "health_check_interval": 25,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 230
CELERY_TASK_SOFT_TIME_LIMIT = 200
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TASK_DEFAULT_QUEUE = "rollup"
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "config.beat.OneLeader"
# Seconds within which a schedule that was edited is heeded.
CELERY_BEAT_MAX_LOOP_INTERVAL = 2
