"""Who gets in where: one row for each method of each address, read off the views, pages and sockets themselves."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.permissions import AllowAny
from rest_framework.views import APIView

from config.routing import websocket_urlpatterns
from crm.audit import acts
from crm.roles import Role, grants

# The admin site has a permission of its own for all its pages, `admin.use`.
_ADMIN = "admin/"


@dataclass(frozen=True, slots=True)
class Door:
    """`kind` is api, page, socket or probe; `capability` is None where nobody needs to be signed in.

    `acts` are what may be done there, the usual first.
    """

    kind: str
    method: str
    address: str
    capability: str | None
    acts: tuple[str, ...]

    def opens_to(self, role: Role | None) -> bool:
        """Whether somebody with this role gets in; None is nobody in particular."""
        if self.capability is None:
            return True
        return role is not None and grants(role, self.capability)


def doors() -> list[Door]:
    """Every door but the admin's, in the order of their addresses."""
    found = [door for route, view in _routes(get_resolver().url_patterns, "") for door in _doors_of(route, view)]
    for pattern in websocket_urlpatterns:
        consumer = pattern.callback.consumer_class
        written = acts.all_of_view(consumer, "GET")
        found.append(Door("socket", "WS", f"/{pattern.pattern}", consumer.capability, written))
    return sorted(found, key=lambda door: (door.kind, door.address, door.method))


def _routes(patterns: list[Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        route = f"{prefix}{pattern.pattern}"
        if route.startswith(_ADMIN):
            continue
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield f"/{route}", pattern.callback


def _doors_of(route: str, view: Any) -> list[Door]:
    page = getattr(view, "view_class", None)
    if page is None:
        return [Door("probe", "GET", route, None, ())]
    if not issubclass(page, APIView):
        methods = [method for method in ("GET", "POST") if _answers(page, method)]
        return [Door("page", method, route, page.capability, acts.all_of_view(page, method)) for method in methods]
    if AllowAny in page.permission_classes:
        return [Door("api", "GET", route, None, ())]
    return [
        Door("api", method, route, capability, acts.all_of_view(page, method))
        for method, capability in page.capabilities.items()
    ]


def _answers(page: Any, method: str) -> bool:
    return hasattr(page, method.lower()) and method.lower() in page.http_method_names


def as_markdown() -> str:
    """The table of docs/access.md."""
    head = ["door", "method", "address", "capability", "nobody", *Role, "written down as"]
    rows = [head, ["---"] * len(head)]
    for door in doors():
        marks = ["yes" if door.opens_to(role) else "·" for role in (None, *Role)]
        capability = f"`{door.capability}`" if door.capability else "open"
        written = " or ".join(f"`{act}`" for act in door.acts)
        rows.append([door.kind, door.method, f"`{door.address}`", capability, *marks, written])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"
