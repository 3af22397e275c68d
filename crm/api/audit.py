"""The audit log over REST: its list, the file, and whether it agrees with its seals."""

from datetime import timedelta
from itertools import chain
from typing import Any, ClassVar

from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audio import listening
from crm.api.asking import NOT_KEPT, given, tenant_of
from crm.audit import exporting, reading, verifying, words
from crm.audit.exporting import CONTENT_TYPES, Format
from crm.audit.naming import Names, Told
from crm.audit.reading import Asked
from crm.models import AuditEntry
from crm.pagination import NewestFirst

VERIFICATION_STATES = ("none", "running", "done", "given_up")
_DOORS = sorted(words.DOORS)
_ACTS = {*words.KINDS, *words.all_acts()}


class AskedSerializer(serializers.Serializer[Any]):
    """What of the log is looked for; of several all have to be true."""

    act = serializers.CharField(max_length=64, required=False, help_text="An act, or a kind of acts: its first word.")
    who = serializers.CharField(
        max_length=64, required=False, help_text="`user:{id}`, `command`, or somebody's pseudonym."
    )
    about = serializers.CharField(
        max_length=reading.LONGEST_ABOUT,
        required=False,
        help_text="`{kind}:{id}`, such as `recording:…`, `call:…`, `person:…`, `contact:…`; or with a pseudonym.",
    )
    via = serializers.ChoiceField(choices=_DOORS, required=False)
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False, help_text="Not among those found.")

    def validate_act(self, given: str) -> str:
        if given not in _ACTS:
            raise serializers.ValidationError("There is no such act.")
        return given

    def validate_who(self, given: str) -> str:
        if not reading.is_actor(given):
            raise serializers.ValidationError("`user:` and an id, `command`, or a pseudonym.")
        return given

    def validate_about(self, given: str) -> str:
        if not reading.is_subject(given):
            raise serializers.ValidationError("The word for a kind of thing, a colon, and an id.")
        return given


class ExportAskedSerializer(AskedSerializer):
    format = serializers.ChoiceField(choices=[form.value for form in Format], default=Format.NDJSON.value)


class ToldSerializer(serializers.Serializer[Told]):
    kind = serializers.CharField(help_text="`person`, `contact`, `command`, or the word for a thing.")
    id = serializers.CharField(help_text="Ours; empty where it cannot be told.")
    name = serializers.CharField(help_text="What people call it; empty for a thing.")
    key = serializers.CharField(help_text="What `who` or `about` finds it by.")
    pseudonym = serializers.CharField(help_text="What the sealed entry calls it; empty while it is not sealed.")
    is_erased = serializers.BooleanField()


class EntrySerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    act = serializers.CharField()
    words = serializers.CharField(help_text="What was done, to be read on after a name.")
    via = serializers.ChoiceField(choices=_DOORS)
    actor = ToldSerializer()
    subject = ToldSerializer(allow_null=True)
    block = serializers.IntegerField(allow_null=True, help_text="Null while it is not sealed.")
    position = serializers.IntegerField(allow_null=True)


class VerificationSerializer(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=VERIFICATION_STATES)
    began_at = serializers.DateTimeField(allow_null=True)
    heard_at = serializers.DateTimeField(allow_null=True)
    agrees = serializers.BooleanField(allow_null=True, help_text="Null until it is done.")
    blocks = serializers.IntegerField()
    of_blocks = serializers.IntegerField(help_text="How many there were when it began.")
    entries = serializers.IntegerField()
    unsealed = serializers.IntegerField(help_text="Not sealed yet, so that nothing guards them.")
    emptied = serializers.IntegerField(help_text="Blocks whose entries were older than is kept.")
    findings = serializers.ListField(child=serializers.CharField())
    more_findings = serializers.IntegerField()


class NewestEntriesFirst(NewestFirst):
    ordering = ("-at", "-pk")


class AuditLog(GenericAPIView[AuditEntry]):
    capabilities: ClassVar = {"GET": "audit.read"}
    audits: ClassVar = {"GET": "audit.read"}
    # Who looks through the log turns many pages; that is one reading.
    same_act_for = timedelta(minutes=10)
    pagination_class = NewestEntriesFirst
    serializer_class = EntrySerializer
    queryset = AuditEntry.objects.none()

    @extend_schema(operation_id="list_audit", parameters=[AskedSerializer], responses=EntrySerializer(many=True))
    def get(self, request: Request) -> Response:
        """What was done in your company, newest first: by whom, about what, through which door."""
        tenant_id = tenant_of(request).pk
        page = self.paginate_queryset(reading.find(tenant_id, _asked(AskedSerializer, request)))
        told = reading.told(page or [], Names(tenant_id))
        return self.get_paginated_response(EntrySerializer(told, many=True).data)


class AuditExport(APIView):
    capabilities: ClassVar = {"GET": "audit.read"}
    audits: ClassVar = {"GET": "audit.exported"}
    throttle_scope = "exports"

    @extend_schema(
        operation_id="export_audit",
        parameters=[ExportAskedSerializer],
        responses={
            (200, CONTENT_TYPES[Format.NDJSON]): OpenApiTypes.STR,
            (200, "text/csv"): OpenApiTypes.STR,
        },
    )
    def get(self, request: Request) -> HttpResponseBase:
        """All of it, or what is asked for, in the order in which it was sealed.

        With each entry stand its block, its position there and the block's hash; without a filter a stranger can
        compute each hash again: it is the SHA-256 of the JSON array `[chain, block, sealed_at, previous_hash,
        [[at, act, via, actor, subject], …]]` without spaces.
        """
        wanted = given(ExportAskedSerializer(data=request.query_params))
        form = Format(wanted.pop("format"))
        pieces = exporting.pieces(tenant_of(request).pk, Asked(**wanted), form)
        # The first piece now, while an archive that is out of reach can still be answered for.
        pieces = chain([next(pieces, b"")], [next(pieces, b"")], pieces)
        name = f"audit-{timezone.now():%Y-%m-%d}.{form}"
        return StreamingHttpResponse(
            listening.in_threads(pieces) if isinstance(request._request, ASGIRequest) else pieces,
            content_type=CONTENT_TYPES[form],
            headers={**NOT_KEPT, "Content-Disposition": f'attachment; filename="{name}"'},
        )

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:  # noqa: FBT001, FBT002
        # Whoever accepts a sheet alone is told of a refusal in JSON all the same.
        return super().perform_content_negotiation(request, force=True)


class AuditVerification(APIView):
    capabilities: ClassVar = {"GET": "audit.read", "POST": "audit.read"}
    # How the last one stands tells nothing of anybody.
    audits: ClassVar = {"GET": None, "POST": "audit.verified"}

    @extend_schema(operation_id="read_audit_verification", responses=VerificationSerializer)
    def get(self, request: Request) -> Response:
        """How the last verification of your company's log stands."""
        return Response(_told_standing(verifying.standing(tenant_of(request).pk)))

    @extend_schema(
        operation_id="verify_audit",
        request=None,
        responses={200: VerificationSerializer, 202: VerificationSerializer},
    )
    def post(self, request: Request) -> Response:
        """Compute the chain again and hold it against the archive: 200 with what was found, 202 while it goes on."""
        now = verifying.begin(tenant_of(request).pk)
        code = status.HTTP_202_ACCEPTED if now["state"] == "running" else status.HTTP_200_OK
        return Response(_told_standing(now), status=code)


def _asked(serializer: type[AskedSerializer], request: Request) -> Asked:
    return Asked(**given(serializer(data=request.query_params)))


def _told_standing(now: verifying.Standing | None) -> dict[str, Any]:
    if now is None:
        counts = dict.fromkeys(("blocks", "of_blocks", "entries", "unsealed", "emptied", "more_findings"), 0)
        return {"state": "none", "began_at": None, "heard_at": None, "agrees": None, "findings": [], **counts}
    agrees = not now["findings"] if now["state"] == "done" else None
    return {**{name: value for name, value in now.items() if name not in {"run", "place"}}, "agrees": agrees}
