from django.apps import AppConfig


class SwitchboardConfig(AppConfig):
    name = "config"
    verbose_name = "Switchboard"

    def ready(self) -> None:
        # Tasks are declared with shared_task; they find their broker only once our Celery app exists.
        from config import celery  # noqa: F401, PLC0415
