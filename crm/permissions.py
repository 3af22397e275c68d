from typing import Any

from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from crm.models import User


class HasCapability(BasePermission):
    """Lets in who has the capability that the view names for the method: `capabilities = {"GET": "calls.read"}`.

    A view that names none is closed. Superusers run the site but work in no tenant, so tenant-bound views are
    closed to them too.
    """

    message = "Your role does not include this."

    def has_permission(self, request: Request, view: Any) -> bool:
        user: Any = request.user
        if not isinstance(user, User):
            raise NotAuthenticated("Sign in, or send an Authorization: Bearer header.")
        method = "GET" if request.method == "HEAD" else request.method
        if method == "OPTIONS":
            return True
        capability = getattr(view, "capabilities", {}).get(method)
        if capability is None:
            # No such method on this view: the view answers 405 itself.
            return method not in view.allowed_methods
        return user.tenant_id is not None and user.may(capability)
