from typing import Any, ClassVar, cast

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from crm import people, policies, tickets, tokens, welcome
from crm.credentials import Credential
from crm.models import Tenant, Token, User
from crm.pagination import NewestPeopleFirst
from crm.roles import Role
from crm.serializers import (
    AddedPersonSerializer,
    MadeTokenSerializer,
    NewPersonSerializer,
    NewTokenSerializer,
    PersonChangesSerializer,
    PersonSerializer,
    SettingsSerializer,
    SignInLinkSerializer,
    SignOutSerializer,
    TicketSerializer,
    TokenSerializer,
)

# An answer that holds a secret is for whoever asked, and for no store on the way.
_NOT_KEPT = {"Cache-Control": "no-store"}


class Tickets(APIView):
    capabilities: ClassVar = {"POST": "tickets.make"}

    @extend_schema(request=None, responses={201: TicketSerializer})
    def post(self, request: Request) -> Response:
        """A ticket for one WebSocket handshake within 30 seconds."""
        if isinstance(request.auth, Token):
            credential = Credential(token_id=request.auth.pk)
        else:
            credential = Credential(session_key=request.session.session_key)
        return Response({"ticket": tickets.issue(credential)}, status=status.HTTP_201_CREATED)


class TokenList(GenericAPIView[Token]):
    capabilities: ClassVar = {"GET": "tokens.manage", "POST": "tokens.manage"}
    serializer_class = TokenSerializer
    queryset = Token.objects.none()

    @extend_schema(
        operation_id="list_tokens",
        parameters=[OpenApiParameter("user", int, description="An integration's, for who manages people")],
        responses=TokenSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Your tokens, or those of an integration of your company, newest first; never their secrets."""
        owner = tokens.owner_for(_person(request), _user_asked_for(request))
        page = self.paginate_queryset(Token.objects.filter(user=owner))
        return self.get_paginated_response(TokenSerializer(page, many=True).data)

    @extend_schema(operation_id="make_token", request=NewTokenSerializer, responses={201: MadeTokenSerializer})
    def post(self, request: Request) -> Response:
        """Make a token for yourself or for an integration of your company. Its secret is shown this once."""
        given = _given(NewTokenSerializer(data=request.data))
        maker = _person(request)
        owner = tokens.owner_for(maker, given.pop("user", None))
        token, secret = tokens.make(maker, owner, **given)
        answer = {**TokenSerializer(token).data, "secret": secret}
        return Response(answer, status=status.HTTP_201_CREATED, headers=_NOT_KEPT)


class TokenDetail(APIView):
    capabilities: ClassVar = {"DELETE": "tokens.manage"}

    @extend_schema(operation_id="revoke_token", responses={204: None})
    def delete(self, request: Request, token_id: int) -> Response:
        """End a token at once; again is the same as once."""
        tokens.revoke(tokens.find_for(_person(request), token_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class PersonList(GenericAPIView[User]):
    capabilities: ClassVar = {"GET": "people.read", "POST": "people.manage"}
    pagination_class = NewestPeopleFirst
    serializer_class = PersonSerializer
    queryset = User.objects.none()

    @extend_schema(operation_id="list_people", responses=PersonSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The people of your company, the newest first."""
        page = self.paginate_queryset(User.objects.of(_person(request).tenant_id))
        return self.get_paginated_response(PersonSerializer(page, many=True).data)

    @extend_schema(operation_id="add_person", request=NewPersonSerializer, responses={201: AddedPersonSerializer})
    def post(self, request: Request) -> Response:
        """Add somebody, and get the link by which they choose a password. An integration gets tokens instead."""
        person = people.add(_tenant(request), **_given(NewPersonSerializer(data=request.data)))
        link = None if person.role == Role.INTEGRATION else welcome.link_for(person)
        answer = {**PersonSerializer(person).data, "sign_in_link": link}
        return Response(answer, status=status.HTTP_201_CREATED, headers=_NOT_KEPT)


class PersonDetail(APIView):
    capabilities: ClassVar = {"GET": "people.read", "PATCH": "people.manage"}

    @extend_schema(operation_id="read_person", responses=PersonSerializer)
    def get(self, request: Request, person_id: int) -> Response:
        return Response(PersonSerializer(people.find(_person(request), person_id)).data)

    @extend_schema(operation_id="change_person", request=PersonChangesSerializer, responses=PersonSerializer)
    def patch(self, request: Request, person_id: int) -> Response:
        """Change what is given. A role or a deactivation holds at once; 409 for the last active admin."""
        person = people.find(_person(request), person_id)
        changes = _given(PersonChangesSerializer(data=request.data))
        return Response(PersonSerializer(people.change(person, **changes)).data)


class PersonSignInLink(APIView):
    capabilities: ClassVar = {"POST": "people.manage"}

    @extend_schema(operation_id="make_sign_in_link", request=None, responses={201: SignInLinkSerializer})
    def post(self, request: Request, person_id: int) -> Response:
        """A new link by which somebody chooses a password, for who is new or has forgotten theirs."""
        link = welcome.link_for(people.find(_person(request), person_id))
        return Response({"sign_in_link": link}, status=status.HTTP_201_CREATED, headers=_NOT_KEPT)


class PersonSignOut(APIView):
    capabilities: ClassVar = {"POST": "people.manage"}

    @extend_schema(operation_id="sign_person_out", request=SignOutSerializer, responses={204: None})
    def post(self, request: Request, person_id: int) -> Response:
        """End somebody's browser sessions at once, void their sign-in links and, if asked, revoke their tokens."""
        person = people.find(_person(request), person_id)
        people.sign_out_everywhere(person, revoke_tokens=_given(SignOutSerializer(data=request.data))["tokens"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class Settings(APIView):
    capabilities: ClassVar = {"GET": "settings.manage", "PATCH": "settings.manage"}

    @extend_schema(operation_id="read_settings", responses=SettingsSerializer)
    def get(self, request: Request) -> Response:
        """Your company's settings."""
        return Response(SettingsSerializer(policies.read_all(_tenant(request))).data)

    @extend_schema(operation_id="change_settings", request=SettingsSerializer, responses=SettingsSerializer)
    def patch(self, request: Request) -> Response:
        """Change what is given, all or nothing; it holds at once."""
        changes = _given(SettingsSerializer(data=request.data, partial=True))
        return Response(SettingsSerializer(policies.read_all(policies.write(_tenant(request), changes))).data)


def _given(serializer: BaseSerializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _person(request: Request) -> User:
    return cast("User", request.user)


def _tenant(request: Request) -> Tenant:
    # The permission has let in only who works in a company.
    return cast("Tenant", _person(request).tenant)


def _user_asked_for(request: Request) -> int | None:
    given = request.query_params.get("user")
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 19):
        raise ValidationError({"user": ["A person's id."]})
    return int(given)
