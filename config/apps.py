from django.apps import AppConfig
from django.contrib.staticfiles import apps as staticfiles_apps
from django.db.backends.signals import connection_created

from config import loading


class SwitchboardConfig(AppConfig):
    name = "config"
    verbose_name = "Switchboard"

    def ready(self) -> None:
        # Tasks are declared with shared_task; they find their broker only once our Celery app exists.
        from config import celery, slow_statements  # noqa: F401, PLC0415

        connection_created.connect(slow_statements.watch, dispatch_uid="slow_statements")
        # Of the apps that come after ours, all is loaded by now but what they do when they are ready.
        loading.end()


class ServedFilesConfig(staticfiles_apps.StaticFilesConfig):
    """Leaves out what no page of ours asks for: a browsable API, a second documentation viewer, its other builds."""

    ignore_patterns = [  # noqa: RUF012 - as Django declares it
        *staticfiles_apps.StaticFilesConfig.ignore_patterns,
        "rest_framework",
        "redoc",
        "*es-bundle*",
        "uPlot.cjs.js",
        "uPlot.esm.js",
        "uPlot.iife.js",
        "uPlot.d.ts",
    ]
