from collections.abc import Iterable
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from crm.api.asking import NOT_KEPT, given, person_of, tenant_of
from crm.api.holds import HoldSerializer
from crm.erasure import certificates, requests, subjects
from crm.errors import UnknownErasure
from crm.models import ErasureRequest, ErasureState, StoreRow, SubjectKind
from crm.models.privacy import LONGEST_REASON
from crm.pagination import NewestFirst
from crm.people import HIGHEST_ID
from crm.privacy_forms import kind_named
from metrics.fields import PlatformField

_STORES = {
    "postgres": {"found": 412, "erased": 412, "left": 0, "found_again": 0},
    "objects": {"found": 96, "erased": 96, "left": 0, "found_again": 0},
}
_STEP = {"store": "objects", "step": "sound", "found": 96, "erased": 96, "left": 0, "found_again": 0}
_ASKED = {
    "id": "5f0c2a34-8d1b-4d3e-9f57-0a4a3b0f7c11",
    "status": "approved",
    "kind": "contact",
    "subject": {"contact_id": 12},
    "subject_name": "Ada Lovelace",
    "reason": "Asked for by mail on 3 March",
    "requested_by": 7,
    "requested_at": "2026-03-03T09:12:44Z",
    "approved_by": None,
    "approved_at": None,
    "waits_until": None,
    "due_at": "2026-04-02T09:12:44Z",
    "started_at": None,
    "ended_at": None,
    "attempts": 0,
    "error": "",
    "is_replay": False,
    "stores": {},
    "steps": [],
}
_EXAMPLES = [
    OpenApiExample("A contact", value={"contact_id": 12, "reason": "Asked for by mail"}, request_only=True),
    OpenApiExample("What would go", value={"user_id": 7, "dry_run": True}, request_only=True),
    OpenApiExample(
        "An id on a platform", value={"platform": "telegram", "external_user_id": "ada_l"}, request_only=True
    ),
    OpenApiExample("Taken", value=_ASKED, response_only=True, status_codes=["202"]),
    OpenApiExample(
        "Nothing was changed",
        value={
            "dry_run": True,
            "kind": "contact",
            "subject": {"contact_id": 12},
            "subject_name": "Ada Lovelace",
            "stores": {"objects": {"found": 96, "erased": 0, "left": None, "found_again": None}},
            "steps": [{"store": "objects", "step": "sound", "found": 96, "erased": 0, "left": None}],
            "holds": [],
        },
        response_only=True,
        status_codes=["200"],
    ),
]
_COMPLETE = OpenApiExample(
    "Complete",
    value={
        **_ASKED,
        "status": "completed",
        "subject": {},
        "subject_name": "",
        "reason": "",
        "started_at": "2026-03-03T09:12:45Z",
        "ended_at": "2026-03-03T09:12:48Z",
        "attempts": 1,
        "stores": _STORES,
        "steps": [_STEP],
    },
    response_only=True,
)


class SubjectSerializer(serializers.Serializer[dict[str, Any]]):
    """Somebody, named in one way: `user_id`, or `contact_id`, or `platform` with `external_user_id`."""

    user_id = serializers.IntegerField(min_value=1, max_value=HIGHEST_ID, required=False)
    contact_id = serializers.IntegerField(min_value=1, max_value=HIGHEST_ID, required=False)
    platform = PlatformField(required=False)
    external_user_id = serializers.CharField(max_length=255, required=False, trim_whitespace=False)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        try:
            kind_named(given)
        except ValueError as wrong:
            raise serializers.ValidationError(str(wrong)) from wrong
        return given


class NewErasureSerializer(SubjectSerializer):
    reason = serializers.CharField(max_length=LONGEST_REASON, required=False, allow_blank=True)
    dry_run = serializers.BooleanField(default=False, help_text="Count what would go, and change nothing.")


class StoreCountsSerializer(serializers.Serializer[dict[str, Any]]):
    """Of one store: `left` and `found_again` are null until it has been counted, and looked for, again."""

    found = serializers.IntegerField()
    erased = serializers.IntegerField()
    left = serializers.IntegerField(allow_null=True)
    found_again = serializers.IntegerField(allow_null=True)


class StepSerializer(StoreCountsSerializer):
    store = serializers.CharField()
    step = serializers.CharField(help_text="What of the store, in plain words.")


class ErasureSerializer(serializers.ModelSerializer[ErasureRequest]):
    status = serializers.ChoiceField(source="state", choices=ErasureState.choices)
    subject = serializers.DictField(help_text="As it was named; empty once it has ended.")
    stores = serializers.SerializerMethodField(help_text="By store.")
    steps = StepSerializer(source="stores", many=True)

    class Meta:
        model = ErasureRequest
        fields: tuple[str, ...] = (
            "id",
            "status",
            "kind",
            "subject",
            "subject_name",
            "reason",
            "requested_by",
            "requested_at",
            "approved_by",
            "approved_at",
            "waits_until",
            "due_at",
            "started_at",
            "ended_at",
            "attempts",
            "error",
            "is_replay",
            "stores",
            "steps",
        )
        read_only_fields: tuple[str, ...] = fields

    @extend_schema_field(serializers.DictField(child=StoreCountsSerializer()))
    def get_stores(self, request: ErasureRequest) -> dict[str, dict[str, int | None]]:
        return by_store(request.stores)


class PreviewSerializer(serializers.Serializer[dict[str, Any]]):
    """What would go. Nothing was changed, and there is no request."""

    dry_run = serializers.BooleanField()
    kind = serializers.ChoiceField(choices=SubjectKind.choices)
    subject = serializers.DictField()
    subject_name = serializers.CharField()
    stores = serializers.DictField(child=StoreCountsSerializer())
    steps = StepSerializer(many=True)
    holds = HoldSerializer(many=True, help_text="The legal holds that stand in its way.")


class CertificateKeySerializer(serializers.Serializer[dict[str, Any]]):
    algorithm = serializers.CharField()
    public_key = serializers.CharField(help_text="32 bytes, as base64.")
    fingerprint = serializers.CharField(help_text="The SHA-256 of those bytes, in hexadecimal digits.")


class _LatestAskedFirst(NewestFirst):
    ordering = ("-requested_at", "-pk")


class _StatusSerializer(serializers.Serializer[dict[str, Any]]):
    status = serializers.ChoiceField(choices=ErasureState.choices, required=False)


class ErasureList(GenericAPIView[ErasureRequest]):
    capabilities: ClassVar = {"GET": "privacy.read", "POST": "privacy.erase"}
    audits: ClassVar = {"GET": "erasure.listed", "POST": ("erasure.requested", "erasure.previewed")}
    pagination_class = _LatestAskedFirst
    serializer_class = ErasureSerializer
    queryset = ErasureRequest.objects.none()

    @extend_schema(
        operation_id="list_erasures",
        parameters=[OpenApiParameter("status", str, enum=ErasureState.values)],
        responses=ErasureSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """The company's requests to erase somebody, those asked for last first."""
        found = ErasureRequest.objects.of(tenant_of(request).pk)
        asked = given(_StatusSerializer(data=request.query_params.dict()))
        if "status" in asked:
            found = found.filter(state=asked["status"])
        page = self.paginate_queryset(found)
        return self.get_paginated_response(ErasureSerializer(page, many=True).data)

    @extend_schema(
        operation_id="request_erasure",
        request=NewErasureSerializer,
        responses={
            202: ErasureSerializer,
            200: OpenApiResponse(PreviewSerializer, description="For a dry run"),
        },
        examples=_EXAMPLES,
    )
    def post(self, request: Request) -> Response:
        """Have somebody erased from every store.

        202: it runs by itself, at once or when it has been approved and has waited. With `dry_run`, 200 with what would
        go; nothing is changed. 422 unless somebody is named in one way exactly, 404 where they are not the company's.
        """
        wanted = given(NewErasureSerializer(data=request.data))
        is_dry_run, reason = wanted.pop("dry_run"), wanted.pop("reason", "")
        person = person_of(request)
        asked = subjects.asked_of(tenant_of(request).pk, **wanted)
        if is_dry_run:
            request._request.act = "erasure.previewed"  # type: ignore[attr-defined]
            return Response(_previewed(requests.preview(tenant_of(request).pk, asked), asked))
        made = requests.ask(person, asked, reason=reason)
        return Response(ErasureSerializer(made).data, status=status.HTTP_202_ACCEPTED)


class _OnErasure(APIView):
    """One request, as it stands after what was asked of it."""

    def answer(self, request: ErasureRequest) -> Response:
        return Response(ErasureSerializer(request).data)


class ErasureDetail(_OnErasure):
    capabilities: ClassVar = {"GET": "privacy.read"}
    audits: ClassVar = {"GET": "erasure.read"}

    @extend_schema(operation_id="read_erasure", responses=ErasureSerializer, examples=[_COMPLETE])
    def get(self, request: Request, request_id: str) -> Response:
        """How far it is, store by store."""
        return self.answer(requests.find(tenant_of(request).pk, request_id))


class ErasureCertificate(APIView):
    capabilities: ClassVar = {"GET": "privacy.read"}
    audits: ClassVar = {"GET": "erasure.certificate_read"}

    @extend_schema(operation_id="read_certificate", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, request_id: str) -> Response:
        """The signed certificate, as `manage.py verify_certificate` takes it; 404 until the erasure is complete."""
        erasure = requests.find(tenant_of(request).pk, request_id)
        document = certificates.certificate_of(erasure)
        if document is None:
            raise UnknownErasure("There is a certificate once the erasure is complete.")
        name = f'attachment; filename="erasure-{erasure.pk}.json"'
        return Response(document, headers={**NOT_KEPT, "Content-Disposition": name})


class CancelErasure(_OnErasure):
    capabilities: ClassVar = {"POST": "privacy.erase"}
    audits: ClassVar = {"POST": "erasure.cancelled"}

    @extend_schema(operation_id="cancel_erasure", request=None, responses=ErasureSerializer)
    def post(self, request: Request, request_id: str) -> Response:
        """Before anything has been erased; 409 afterwards."""
        return self.answer(requests.cancel(person_of(request), request_id))


class ApproveErasure(_OnErasure):
    capabilities: ClassVar = {"POST": "privacy.approve"}
    audits: ClassVar = {"POST": "erasure.approved"}

    @extend_schema(operation_id="approve_erasure", request=None, responses=ErasureSerializer)
    def post(self, request: Request, request_id: str) -> Response:
        """By somebody else than who asked; 409 for who did, and where nobody has to approve any more."""
        return self.answer(requests.approve(person_of(request), request_id))


class RunErasureAgain(_OnErasure):
    capabilities: ClassVar = {"POST": "privacy.erase"}
    audits: ClassVar = {"POST": "erasure.run_again"}

    @extend_schema(operation_id="run_erasure_again", request=None, responses={202: ErasureSerializer})
    def post(self, request: Request, request_id: str) -> Response:
        """One that did not complete; 409 in any other state."""
        answer = self.answer(requests.run_again(person_of(request), request_id))
        answer.status_code = status.HTTP_202_ACCEPTED
        return answer


class CertificateKey(APIView):
    capabilities: ClassVar = {"GET": "privacy.read"}
    audits: ClassVar = None

    @extend_schema(operation_id="read_certificate_key", responses=CertificateKeySerializer)
    def get(self, request: Request) -> Response:
        """The public key by which certificates are verified; the same for every company on this server."""
        key = certificates.public_key()
        answer = {"algorithm": "Ed25519", "public_key": key, "fingerprint": certificates.fingerprint_of(key)}
        return Response(CertificateKeySerializer(answer).data)


def by_store(rows: Iterable[StoreRow]) -> dict[str, dict[str, int | None]]:
    """What the steps did, summed for each store; `left` and `found_again` are None until all of its steps know."""
    stores: dict[str, list[StoreRow]] = {}
    for row in rows:
        stores.setdefault(row["store"], []).append(row)
    return {
        store: {
            "found": sum(row["found"] for row in steps),
            "erased": sum(row["erased"] for row in steps),
            "left": _sum([row["left"] for row in steps]),
            "found_again": _sum([row["found_again"] for row in steps]),
        }
        for store, steps in stores.items()
    }


def _sum(counts: list[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _previewed(preview: requests.Preview, asked: subjects.Asked) -> dict[str, Any]:
    answer = {
        "dry_run": True,
        "kind": asked.kind,
        "subject": asked.named,
        "subject_name": preview.subject_name,
        "stores": by_store(preview.rows),
        "steps": preview.rows,
        "holds": preview.holds,
    }
    return dict(PreviewSerializer(answer).data)
