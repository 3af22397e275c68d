from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from calls.serializers import PhoneField
from crm import contacts
from crm.api.asking import tenant_of
from crm.contacts import Identity
from crm.models import Contact
from crm.models.contacts import ContactQuerySet
from metrics.fields import PlatformField

_LOOKUPS = [
    OpenApiParameter("q", str, description="How a word of a name, an e-mail or a phone starts; or a whole id"),
    OpenApiParameter("platform", str, description="With `external_user_id`"),
    OpenApiParameter("external_user_id", str, description="With `platform`: whom this id means there"),
    OpenApiParameter("phone", str, description="The whole phone, however it is written"),
    OpenApiParameter("email", str, description="The whole e-mail address, in any case"),
]


class IdentitySerializer(serializers.Serializer[Identity]):
    platform = PlatformField()
    external_user_id = serializers.CharField(max_length=255, trim_whitespace=False)


class ContactSerializer(serializers.Serializer[Contact]):
    id = serializers.IntegerField(read_only=True)
    names = serializers.ListField(
        child=serializers.CharField(max_length=255), max_length=contacts.MOST_NAMES, required=False
    )
    phones = serializers.ListField(child=PhoneField(), max_length=contacts.MOST_PHONES, required=False)
    emails = serializers.ListField(
        child=serializers.EmailField(max_length=254), max_length=contacts.MOST_EMAILS, required=False
    )
    identities = IdentitySerializer(  # type: ignore[call-arg]  # The list of them takes the length.
        many=True, max_length=contacts.MOST_IDENTITIES, required=False
    )
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)

    def validate_identities(self, given: list[dict[str, str]]) -> list[Identity]:
        return [Identity(**identity) for identity in given]

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if not self.partial and not any(given.values()):
            raise serializers.ValidationError("Give at least a name, a phone, an e-mail or an identity.")
        return given


class LookupSerializer(serializers.Serializer[dict[str, str]]):
    q = serializers.CharField(max_length=255, required=False)
    platform = PlatformField(required=False)
    external_user_id = serializers.CharField(max_length=255, required=False, trim_whitespace=False)
    phone = serializers.CharField(max_length=64, required=False)
    email = serializers.CharField(max_length=254, required=False)

    def validate(self, given: dict[str, str]) -> dict[str, str]:
        if ("platform" in given) != ("external_user_id" in given):
            raise serializers.ValidationError("`platform` and `external_user_id` go together.")
        return given


class ContactList(GenericAPIView[Contact]):
    capabilities: ClassVar = {"GET": "contacts.read", "POST": "contacts.write"}
    audits: ClassVar = {"GET": "contact.listed", "POST": "contact.made"}
    serializer_class = ContactSerializer
    queryset = Contact.objects.none()

    @extend_schema(operation_id="list_contacts", parameters=_LOOKUPS, responses=ContactSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The company's customers, newest first; of several lookups all have to be true."""
        lookup = LookupSerializer(data=request.query_params)
        lookup.is_valid(raise_exception=True)
        found = _found(tenant_of(request).pk, lookup.validated_data)
        page = self.paginate_queryset(found.prefetch_related("identities")) or []
        return self.get_paginated_response([ContactSerializer(contact).data for contact in page])

    @extend_schema(operation_id="create_contact", request=ContactSerializer, responses={201: ContactSerializer})
    def post(self, request: Request) -> Response:
        """A new customer: 201, or 409 when another one goes by one of the ids."""
        given = ContactSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        contact = contacts.create(tenant_of(request).pk, **given.validated_data)
        return Response(ContactSerializer(contact).data, status=status.HTTP_201_CREATED)


class ContactDetail(APIView):
    capabilities: ClassVar = {"GET": "contacts.read", "PATCH": "contacts.write", "DELETE": "contacts.write"}
    audits: ClassVar = {"GET": "contact.read", "PATCH": "contact.changed", "DELETE": "contact.removed"}

    @extend_schema(responses=ContactSerializer)
    def get(self, request: Request, contact_id: int) -> Response:
        return Response(ContactSerializer(contacts.find(tenant_of(request).pk, contact_id)).data)

    @extend_schema(request=ContactSerializer, responses=ContactSerializer)
    def patch(self, request: Request, contact_id: int) -> Response:
        """Put whole lists in the place of those there; a list that is not given stays."""
        contacts.find(tenant_of(request).pk, contact_id)
        given = ContactSerializer(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        contact = contacts.change(tenant_of(request).pk, contact_id, given.validated_data)
        return Response(ContactSerializer(contact).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, contact_id: int) -> Response:
        contacts.remove(tenant_of(request).pk, contact_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _found(tenant_id: int, lookup: dict[str, str]) -> ContactQuerySet:
    found = contacts.search(tenant_id, lookup["q"]) if "q" in lookup else Contact.objects.of(tenant_id)
    if "external_user_id" in lookup:
        found &= Contact.objects.with_identity(tenant_id, lookup["platform"], lookup["external_user_id"])
    if "phone" in lookup:
        found &= contacts.with_phone(tenant_id, lookup["phone"])
    if "email" in lookup:
        found &= contacts.with_email(tenant_id, lookup["email"])
    return found
