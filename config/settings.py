"""Every setting of Earshot, in one file. docs/settings.md tells the variables behind them."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from botocore.config import Config as S3Config
from django_stubs_ext import monkeypatch

from config import loading
from config.environment import Environment
from config.logs import logging_settings

loading.begin()
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
# By this name browsers take it from this very host alone, over https: no neighbour under the same domain plants one.
SESSION_COOKIE_NAME = "__Host-sessionid" if SECURE_COOKIES else "sessionid"
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
# Workers, beat and the intake touch this file every few seconds; empty is none.
EARSHOT_LIFE_FILE = environment.text("EARSHOT_LIFE_FILE", "")
# A command to a database that takes longer is logged by its shape, and counted.
EARSHOT_SLOW_MS = environment.integer("EARSHOT_SLOW_MS", 100)
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
# Whose segments are that an older installation left without saying so; 0: told by the calls that there are.
EARSHOT_LEGACY_TENANT_ID = environment.integer("EARSHOT_LEGACY_TENANT_ID", 0)
# Two roles: what is in `redis` must survive a restart, what is in `cache` may be lost at any time.
EARSHOT_REDIS_URL = environment.text("EARSHOT_REDIS_URL", "redis://127.0.0.1:6379/0")
EARSHOT_CACHE_URL = environment.text("EARSHOT_CACHE_URL", "redis://127.0.0.1:6380/0")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": EARSHOT_CACHE_URL,
        "KEY_PREFIX": "django",
        # What is only counted there is not worth waiting for.
        "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5},
    }
}
_S3_CLIENT = S3Config(
    signature_version="s3v4",
    # By itself the driver puts together anew for each request what it says of itself, which takes half a millisecond.
    user_agent="earshot",
    s3={"addressing_style": "path"},
    # Both attempts together stay well under EARSHOT_UPLOAD_CLAIM_SECONDS.
    connect_timeout=2,
    read_timeout=10,
    retries={"max_attempts": 2, "mode": "standard"},
    max_pool_connections=32,
)
# Google's store, as some others, refuses the checksums that boto3 adds; the signature covers the content instead.
_ARCHIVE_CLIENT = _S3_CLIENT.merge(
    S3Config(
        s3={"addressing_style": "path", "payload_signing_enabled": True},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
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
            "client_config": _ARCHIVE_CLIENT,
        },
    },
    "staticfiles": {"BACKEND": "config.static.StaticFiles"},
}
STATIC_URL = "static/"
STATIC_ROOT = EARSHOT_DATA / "static"
# Other people's libraries for pages, which `make` installs from browser/package-lock.json.
STATICFILES_DIRS = [("uplot", BASE_DIR / "browser" / "node_modules" / "uplot" / "dist")]

# --- REST ---
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "audio.authentication.UploadTokenAuthentication",
        "crm.authentication.BearerAuthentication",
        "crm.authentication.CookieAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["crm.permissions.HasCapability"],
    "DEFAULT_THROTTLE_CLASSES": ["crm.throttling.PerMinute"],
    "DEFAULT_RENDERER_CLASSES": ["config.json.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.json.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "crm.pagination.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.errors.answer",
    # `format` in an address is for the view that it is an address of.
    "URL_FORMAT_OVERRIDE": None,
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
    # Several fields are called status, and mean a recording's, a call's, and a conversation's on its way.
    "ENUM_NAME_OVERRIDES": {
        "SessionStatusEnum": "audio.states.SessionStatus",
        "CallStatusEnum": "calls.serializers.CALL_STATES",
        "ConversationStatusEnum": "calls.intake_serializers.CONVERSATION_STATES",
        "DubbingStatusEnum": "metrics.api.dubbing.DUBBING_STATES",
        "VerdictStateEnum": "audio.states.VerdictState",
        "CardVerdictStateEnum": "crm.board.VERDICT_STATES",
        "AlertKindEnum": "metrics.models.AlertKind",
        "RetentionKindEnum": "crm.models.RetentionKind",
        "AlertStateEnum": "metrics.models.AlertState",
        "AlertUnitEnum": "metrics.alerts.kinds.Unit",
        "AlertResolutionEnum": "metrics.models.Resolution",
        "AlertEventEnum": "metrics.models.AlertEvent",
        "DestinationKindEnum": "metrics.models.DestinationKind",
        "DeliveryStateEnum": "metrics.models.DeliveryState",
        "DeliveryErrorEnum": "metrics.models.DeliveryError",
        "SubjectKindEnum": "crm.models.SubjectKind",
        "HoldKindEnum": "crm.models.HoldKind",
        "ErasureStateEnum": "crm.models.ErasureState",
    },
}
# So often one person, or one program, may search, fetch files of calls and of the audit log, and get tickets.
EARSHOT_SEARCHES_PER_MINUTE = environment.integer("EARSHOT_SEARCHES_PER_MINUTE", 240, least=1)
EARSHOT_EXPORTS_PER_MINUTE = environment.integer("EARSHOT_EXPORTS_PER_MINUTE", 120, least=1)
EARSHOT_TICKETS_PER_MINUTE = environment.integer("EARSHOT_TICKETS_PER_MINUTE", 3000, least=1)
# A body larger than this is turned away at the gate, before Django spools it to disk. It leaves room for the
# form fields around a chunk of the largest size.
EARSHOT_LARGEST_BODY_BYTES = environment.integer("EARSHOT_LARGEST_BODY_BYTES", 10 * 2**20 + 64 * 2**10)
# The headers of a request take so long at most, from the opening of the connection or the first byte on.
EARSHOT_HEADERS_SECONDS = environment.integer("EARSHOT_HEADERS_SECONDS", 20, least=1)
# A body that pauses for longer, or takes longer in all, is given up. The slowest line that a full chunk gets
# through in time has some 300 kbit/s; a usual chunk of 240 KB gets through with 7.
EARSHOT_BODY_PAUSE_SECONDS = environment.integer("EARSHOT_BODY_PAUSE_SECONDS", 20)
EARSHOT_BODY_SECONDS = environment.integer("EARSHOT_BODY_SECONDS", 300)
# So many requests that change something does each web process work on at once: fewer than it has connections to the
# database. The others wait in line, so long at most.
EARSHOT_CHANGES_AT_ONCE = environment.integer("EARSHOT_CHANGES_AT_ONCE", 16, least=1)
EARSHOT_LINE_SECONDS = environment.integer("EARSHOT_LINE_SECONDS", 20, least=1)
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
# So many sockets one person, or one program, may have open with each web server's process.
EARSHOT_SOCKETS_PER_PERSON = environment.integer("EARSHOT_SOCKETS_PER_PERSON", 500, least=1)

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

# --- Privacy ---
# How often erasures that were left are taken up again, and the ledger is held against what every store has obeyed.
EARSHOT_ERASURE_SECONDS = environment.integer("EARSHOT_ERASURE_SECONDS", 60, least=1)
# A worker that erases says so often that it lives; one that has not for this long is taken for dead.
EARSHOT_ERASURE_LEASE_SECONDS = environment.integer("EARSHOT_ERASURE_LEASE_SECONDS", 60, least=3)
# Somebody else sees to Redis' files, and it is not told to write them anew after somebody was erased.
EARSHOT_REDIS_NO_REWRITE = environment.boolean("EARSHOT_REDIS_NO_REWRITE")

# --- Hearing ---
# How far those who hear stand back for whoever wants the processor at the same time. The launcher alone heeds it.
EARSHOT_WORKER_NICENESS = environment.integer("EARSHOT_WORKER_NICENESS", 10)
# Which engine writes down what is said; auto is Whisper where its model is there.
EARSHOT_TRANSCRIBER = environment.choice("EARSHOT_TRANSCRIBER", ["auto", "pocketsphinx", "faster-whisper", "http"])
EARSHOT_WHISPER_MODEL = environment.path("EARSHOT_WHISPER_MODEL", EARSHOT_DATA / "models" / "whisper")
EARSHOT_WHISPER_THREADS = environment.integer("EARSHOT_WHISPER_THREADS", 1)
EARSHOT_TRANSCRIBER_URL = environment.text("EARSHOT_TRANSCRIBER_URL", "")
EARSHOT_TRANSCRIBER_KEY = environment.text("EARSHOT_TRANSCRIBER_KEY", "")
EARSHOT_TRANSCRIBER_MODEL = environment.text("EARSHOT_TRANSCRIBER_MODEL", "whisper-1")

# --- Calls ---
# So many segments one document holds; of longer calls the older ones move into documents of their own.
EARSHOT_BUCKET_SEGMENTS = environment.integer("EARSHOT_BUCKET_SEGMENTS", 400)

# How often the counters by status are compared with the calls.
EARSHOT_RECONCILE_SECONDS = environment.integer("EARSHOT_RECONCILE_SECONDS", 3600)
# So often calls that came are given their contact.
EARSHOT_MATCH_SECONDS = environment.integer("EARSHOT_MATCH_SECONDS", 5)

# --- Search ---
# What makes vectors of what is said, so that it is found by its meaning; none leaves it at words.
EARSHOT_EMBEDDER = environment.choice("EARSHOT_EMBEDDER", ["minilm", "ollama", "none"])
EARSHOT_OLLAMA_URL = environment.text("EARSHOT_OLLAMA_URL", "http://127.0.0.1:11434")
EARSHOT_OLLAMA_EMBED_MODEL = environment.text("EARSHOT_OLLAMA_EMBED_MODEL", "nomic-embed-text")
# Vectors that each process remembers.
EARSHOT_EMBEDDING_CACHE = environment.integer("EARSHOT_EMBEDDING_CACHE", 1000)
# So many texts are embedded at once, and so long may a server take for them.
EARSHOT_EMBEDDING_BATCH = environment.integer("EARSHOT_EMBEDDING_BATCH", 32)
EARSHOT_EMBEDDING_SECONDS = environment.integer("EARSHOT_EMBEDDING_SECONDS", 20)
# Calls that changed are looked for so often, should the message that says so be lost; so many are taken at once, and
# after so long a task makes room for others and sends itself again.
EARSHOT_INDEX_SECONDS = environment.integer("EARSHOT_INDEX_SECONDS", 5)
EARSHOT_INDEX_BATCH = environment.integer("EARSHOT_INDEX_BATCH", 20)
EARSHOT_INDEX_WORK_SECONDS = environment.integer("EARSHOT_INDEX_WORK_SECONDS", 2)
# A call whose indexing began this long ago and did not end is indexed by another worker.
EARSHOT_INDEX_CLAIM_SECONDS = environment.integer("EARSHOT_INDEX_CLAIM_SECONDS", 60)
# A search waits so long for the embedder and then answers by words alone.
EARSHOT_SEARCH_PATIENCE_SECONDS = environment.integer("EARSHOT_SEARCH_PATIENCE_SECONDS", 2)
# Up to so many vectors are compared one by one, which misses none; of more, an index finds those nearest.
EARSHOT_SEARCH_COMPARED = environment.integer("EARSHOT_SEARCH_COMPARED", 5000)
# The cosine, in percent, from which texts count as alike; 0 is what is right for the model.
EARSHOT_SEARCH_SIMILARITY_PERCENT = environment.integer("EARSHOT_SEARCH_SIMILARITY_PERCENT", 0)

# --- Intake of conversations ---
# How many make a batch, how many batches are stored at a time, how many may wait, and how long one waits at most.
_BATCH, _CONCURRENCY, _MOST_QUEUED, _AGE = {
    "default": (10, 3, 1000, 30),
    "throughput": (20, 5, 5000, 30),
    "latency": (5, 2, 1000, 5),
}[environment.choice("EARSHOT_INTAKE_PROFILE", ["default", "throughput", "latency"])]
EARSHOT_INTAKE_BATCH = environment.integer("EARSHOT_INTAKE_BATCH", _BATCH, least=1)
EARSHOT_INTAKE_CONCURRENCY = environment.integer("EARSHOT_INTAKE_CONCURRENCY", _CONCURRENCY, least=1)
EARSHOT_INTAKE_MOST_QUEUED = environment.integer("EARSHOT_INTAKE_MOST_QUEUED", _MOST_QUEUED, least=1)
EARSHOT_INTAKE_AGE_SECONDS = environment.integer("EARSHOT_INTAKE_AGE_SECONDS", _AGE, least=0)
# How many bytes they may be together; dead letters may be as many besides.
EARSHOT_INTAKE_MOST_BYTES = environment.integer("EARSHOT_INTAKE_MOST_BYTES", 256 * 2**20, least=1)
EARSHOT_INTAKE_LOOK_SECONDS = environment.integer("EARSHOT_INTAKE_LOOK_SECONDS", 5, least=1)
# What a consumer holds goes to another when it has not said for so long, as it does at every look, that it lives.
EARSHOT_INTAKE_CLAIM_SECONDS = environment.integer(
    "EARSHOT_INTAKE_CLAIM_SECONDS", 60, least=2 * EARSHOT_INTAKE_LOOK_SECONDS
)
# The launcher gives a process three seconds to end.
EARSHOT_INTAKE_FLUSH_SECONDS = environment.integer("EARSHOT_INTAKE_FLUSH_SECONDS", 2, least=0)
EARSHOT_INTAKE_MOST_ATTEMPTS = environment.integer("EARSHOT_INTAKE_MOST_ATTEMPTS", 4, least=1)
EARSHOT_INTAKE_MOST_DEAD = environment.integer("EARSHOT_INTAKE_MOST_DEAD", 1000, least=1)
# From when on its health is a warning, and critical.
EARSHOT_INTAKE_WARNING_PERCENT = environment.integer("EARSHOT_INTAKE_WARNING_PERCENT", 70)
EARSHOT_INTAKE_CRITICAL_PERCENT = environment.integer("EARSHOT_INTAKE_CRITICAL_PERCENT", 90)
EARSHOT_INTAKE_WARNING_OLDEST_SECONDS = environment.integer("EARSHOT_INTAKE_WARNING_OLDEST_SECONDS", 120)
EARSHOT_INTAKE_CRITICAL_OLDEST_SECONDS = environment.integer("EARSHOT_INTAKE_CRITICAL_OLDEST_SECONDS", 600)
EARSHOT_INTAKE_WARNING_DEAD = environment.integer("EARSHOT_INTAKE_WARNING_DEAD", 1, least=1)
EARSHOT_INTAKE_CRITICAL_DEAD = environment.integer("EARSHOT_INTAKE_CRITICAL_DEAD", 100, least=1)

# --- Metrics ---
# Hours and days of figures live so long in MongoDB.
EARSHOT_METRICS_HOURS_DAYS = environment.integer("EARSHOT_METRICS_HOURS_DAYS", 90, least=10)
# So long days are kept in the archive.
EARSHOT_METRICS_ARCHIVE_YEARS = environment.integer("EARSHOT_METRICS_ARCHIVE_YEARS", 7, least=1)
# The class that the store keeps them in; empty is its default. It has to be one from which they can be read at once.
EARSHOT_ARCHIVE_STORAGE_CLASS = environment.text("EARSHOT_ARCHIVE_STORAGE_CLASS", "")
# Opens /metrics to who sends it, from wherever; without it, to this machine alone.
EARSHOT_METRICS_TOKEN = environment.text("EARSHOT_METRICS_TOKEN", "")
# So often it is told how much waits, and how large the stores are.
EARSHOT_GAUGES_SECONDS = environment.integer("EARSHOT_GAUGES_SECONDS", 15)
EARSHOT_SIZES_SECONDS = environment.integer("EARSHOT_SIZES_SECONDS", 60)
# So long Redis keeps the sums of an hour that could not be filled into MongoDB.
EARSHOT_METRICS_CATCH_UP_DAYS = environment.integer("EARSHOT_METRICS_CATCH_UP_DAYS", 8)
# So many groups (channel, session, user, platform and pipeline together) one company may have in an hour.
EARSHOT_METRICS_MOST_GROUPS = environment.integer("EARSHOT_METRICS_MOST_GROUPS", 20_000, least=1)

# --- Alerts ---
# So often figures are compared with the rules, and what waits to be sent is looked for.
EARSHOT_ALERTS_SECONDS = environment.integer("EARSHOT_ALERTS_SECONDS", 30, least=1)
EARSHOT_DELIVERIES_SECONDS = environment.integer("EARSHOT_DELIVERIES_SECONDS", 5, least=1)
# Whether a company's admin may have this server ask machines of its own network, itself among them.
EARSHOT_WEBHOOKS_TO_PRIVATE = environment.boolean("EARSHOT_WEBHOOKS_TO_PRIVATE")
# Without a mail server no mail is sent, and pages say so.
EARSHOT_EMAIL_URL = environment.text("EARSHOT_EMAIL_URL", "")
_MAIL = environment.mail_server("EARSHOT_EMAIL_URL")
EMAIL_HOST, EMAIL_PORT = _MAIL.host, _MAIL.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _MAIL.user, _MAIL.password
EMAIL_USE_SSL, EMAIL_USE_TLS = _MAIL.security == "tls", _MAIL.security == "starttls"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = environment.text(
    "EARSHOT_EMAIL_FROM", f"Earshot <earshot@{urlsplit(EARSHOT_URL).hostname or 'localhost'}>"
)

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
