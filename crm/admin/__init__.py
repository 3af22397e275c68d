"""Every admin page, on one site that shows a tenant's staff only what is the tenant's."""

from crm.admin import contacts, hearing, people, recordings, schedules

__all__ = ["contacts", "hearing", "people", "recordings", "schedules"]
