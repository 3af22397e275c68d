"""Every admin page, on one site that shows a tenant's staff only what is the tenant's."""

from crm.admin import alerts, calls, contacts, dead_letters, hearing, people, privacy, recordings, schedules, statuses

__all__ = [
    "alerts",
    "calls",
    "contacts",
    "dead_letters",
    "hearing",
    "people",
    "privacy",
    "recordings",
    "schedules",
    "statuses",
]
