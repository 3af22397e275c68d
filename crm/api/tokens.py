from typing import ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from crm import tokens
from crm.api.asking import NOT_KEPT, given, person_of
from crm.models import Token
from crm.serializers import MadeTokenSerializer, NewTokenSerializer, TokenSerializer


class TokenList(GenericAPIView[Token]):
    capabilities: ClassVar = {"GET": "tokens.manage", "POST": "tokens.manage"}
    audits: ClassVar = {"GET": "token.listed", "POST": "token.made"}
    serializer_class = TokenSerializer
    queryset = Token.objects.none()

    @extend_schema(
        operation_id="list_tokens",
        parameters=[OpenApiParameter("user", int, description="An integration's, for who manages people")],
        responses=TokenSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Your tokens, or those of an integration of your company, newest first; never their secrets."""
        owner = tokens.owner_for(person_of(request), _user_asked_for(request))
        page = self.paginate_queryset(Token.objects.filter(user=owner))
        return self.get_paginated_response(TokenSerializer(page, many=True).data)

    @extend_schema(operation_id="make_token", request=NewTokenSerializer, responses={201: MadeTokenSerializer})
    def post(self, request: Request) -> Response:
        """Make a token for yourself or for an integration of your company. Its secret is shown this once."""
        wanted = given(NewTokenSerializer(data=request.data))
        maker = person_of(request)
        owner = tokens.owner_for(maker, wanted.pop("user", None))
        token, secret = tokens.make(maker, owner, **wanted)
        answer = {**TokenSerializer(token).data, "secret": secret}
        return Response(answer, status=status.HTTP_201_CREATED, headers=NOT_KEPT)


class TokenDetail(APIView):
    capabilities: ClassVar = {"DELETE": "tokens.manage"}
    audits: ClassVar = {"DELETE": "token.revoked"}

    @extend_schema(operation_id="revoke_token", responses={204: None})
    def delete(self, request: Request, token_id: int) -> Response:
        """End a token at once; again is the same as once."""
        tokens.revoke(tokens.find_for(person_of(request), token_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _user_asked_for(request: Request) -> int | None:
    asked = request.query_params.get("user")
    if asked is None:
        return None
    if not (asked.isascii() and asked.isdigit() and len(asked) < 19):
        raise ValidationError({"user": ["A person's id."]})
    return int(asked)
