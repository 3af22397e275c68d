"""Every admin page, on one site that shows a tenant's staff only what is the tenant's."""

from crm.admin import people, recordings

__all__ = ["people", "recordings"]
