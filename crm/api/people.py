from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from crm import people, welcome
from crm.api.asking import NOT_KEPT, given, person_of, tenant_of
from crm.models import User
from crm.pagination import NewestPeopleFirst
from crm.roles import Role
from crm.serializers import (
    AddedPersonSerializer,
    NewPersonSerializer,
    PersonChangesSerializer,
    PersonSerializer,
    SignInLinkSerializer,
    SignOutSerializer,
)


class PersonList(GenericAPIView[User]):
    capabilities: ClassVar = {"GET": "people.read", "POST": "people.manage"}
    audits: ClassVar = {"GET": "person.listed", "POST": "person.added"}
    pagination_class = NewestPeopleFirst
    serializer_class = PersonSerializer
    queryset = User.objects.none()

    @extend_schema(operation_id="list_people", responses=PersonSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The people of your company, the newest first."""
        page = self.paginate_queryset(User.objects.of(person_of(request).tenant_id))
        return self.get_paginated_response(PersonSerializer(page, many=True).data)

    @extend_schema(operation_id="add_person", request=NewPersonSerializer, responses={201: AddedPersonSerializer})
    def post(self, request: Request) -> Response:
        """Add somebody, and get the link by which they choose a password. An integration gets tokens instead."""
        person = people.add(tenant_of(request), **given(NewPersonSerializer(data=request.data)))
        link = None if person.role == Role.INTEGRATION else welcome.link_for(person)
        answer = {**PersonSerializer(person).data, "sign_in_link": link}
        return Response(answer, status=status.HTTP_201_CREATED, headers=NOT_KEPT)


class PersonDetail(APIView):
    capabilities: ClassVar = {"GET": "people.read", "PATCH": "people.manage"}
    audits: ClassVar = {"GET": "person.read", "PATCH": "person.changed"}

    @extend_schema(operation_id="read_person", responses=PersonSerializer)
    def get(self, request: Request, person_id: int) -> Response:
        return Response(PersonSerializer(people.find(person_of(request), person_id)).data)

    @extend_schema(operation_id="change_person", request=PersonChangesSerializer, responses=PersonSerializer)
    def patch(self, request: Request, person_id: int) -> Response:
        """Change what is given. A role or a deactivation holds at once; 409 for the last active admin."""
        person = people.find(person_of(request), person_id)
        changes = given(PersonChangesSerializer(data=request.data))
        return Response(PersonSerializer(people.change(person, **changes)).data)


class PersonSignInLink(APIView):
    capabilities: ClassVar = {"POST": "people.manage"}
    audits: ClassVar = {"POST": "person.link_made"}

    @extend_schema(operation_id="make_sign_in_link", request=None, responses={201: SignInLinkSerializer})
    def post(self, request: Request, person_id: int) -> Response:
        """A new link by which somebody chooses a password, for who is new or has forgotten theirs."""
        link = welcome.link_for(people.find(person_of(request), person_id))
        return Response({"sign_in_link": link}, status=status.HTTP_201_CREATED, headers=NOT_KEPT)


class PersonSignOut(APIView):
    capabilities: ClassVar = {"POST": "people.manage"}
    audits: ClassVar = {"POST": "person.signed_out"}

    @extend_schema(operation_id="sign_person_out", request=SignOutSerializer, responses={204: None})
    def post(self, request: Request, person_id: int) -> Response:
        """End somebody's browser sessions at once, void their sign-in links and, if asked, revoke their tokens."""
        person = people.find(person_of(request), person_id)
        people.sign_out_everywhere(person, revoke_tokens=given(SignOutSerializer(data=request.data))["tokens"])
        return Response(status=status.HTTP_204_NO_CONTENT)
