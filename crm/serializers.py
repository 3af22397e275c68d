from typing import Any

from django.contrib.auth.validators import UnicodeUsernameValidator
from rest_framework import serializers

from crm.models import Tenant, Token, User
from crm.policies import POLICIES, Policy
from crm.roles import CHOICES


class TicketSerializer(serializers.Serializer[dict[str, str]]):
    ticket = serializers.CharField(read_only=True)


class TokenSerializer(serializers.ModelSerializer[Token]):
    class Meta:
        model = Token
        fields: tuple[str, ...] = (
            "id",
            "user_id",
            "name",
            "hint",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
        )
        read_only_fields: tuple[str, ...] = fields
        extra_kwargs = {"hint": {"help_text": "The secret's last four characters."}}  # noqa: RUF012


class NewTokenSerializer(serializers.Serializer[dict[str, Any]]):
    name = serializers.CharField(max_length=120, help_text="What it is for.")
    days = serializers.IntegerField(
        min_value=1, max_value=3650, required=False, help_text="Its life; 90, or what the company allows, by default."
    )
    user = serializers.IntegerField(
        min_value=1, required=False, help_text="An integration of the company; for who manages people."
    )


class MadeTokenSerializer(TokenSerializer):
    secret = serializers.CharField(read_only=True, help_text="Shown this once, and never again.")

    class Meta(TokenSerializer.Meta):
        fields = (*TokenSerializer.Meta.fields, "secret")
        read_only_fields = fields


class PersonSerializer(serializers.ModelSerializer[User]):
    name = serializers.CharField(read_only=True)

    class Meta:
        model = User
        fields: tuple[str, ...] = ("id", "username", "name", "email", "role", "is_active", "last_login")
        read_only_fields: tuple[str, ...] = fields


class PersonChangesSerializer(serializers.Serializer[dict[str, Any]]):
    name = serializers.CharField(max_length=150, allow_blank=True, required=False)
    email = serializers.EmailField(max_length=254, allow_blank=True, required=False)
    role = serializers.ChoiceField(choices=CHOICES, required=False)
    is_active = serializers.BooleanField(required=False)


class NewPersonSerializer(serializers.Serializer[dict[str, Any]]):
    username = serializers.CharField(max_length=150, validators=[UnicodeUsernameValidator()])
    name = serializers.CharField(max_length=150, allow_blank=True, required=False)
    email = serializers.EmailField(max_length=254, allow_blank=True, required=False)
    role = serializers.ChoiceField(choices=CHOICES)


class SignInLinkSerializer(serializers.Serializer[dict[str, str]]):
    sign_in_link = serializers.URLField(help_text="Good once and for three days; whoever has it chooses the password.")


class AddedPersonSerializer(PersonSerializer):
    sign_in_link = serializers.URLField(
        read_only=True, allow_null=True, help_text="Good once and for three days; null for an integration."
    )

    class Meta(PersonSerializer.Meta):
        fields = (*PersonSerializer.Meta.fields, "sign_in_link")
        read_only_fields = fields


class SignOutSerializer(serializers.Serializer[dict[str, bool]]):
    tokens = serializers.BooleanField(default=False, help_text="Revoke all tokens too.")


class CompanySerializer(serializers.ModelSerializer[Tenant]):
    # Whether another company has this name is found out on writing, which no look before could.
    name = serializers.CharField(max_length=120)

    class Meta:
        model = Tenant
        fields = ("name",)


def _serializer_of(policy: Policy) -> type[serializers.ModelSerializer[Any]]:
    meta = type("Meta", (), {"model": policy.model, "fields": policy.fields})
    return type(f"{policy.model.__name__}Serializer", (serializers.ModelSerializer,), {"Meta": meta})


_SERIALIZERS = {policy.name: _serializer_of(policy) for policy in POLICIES}


class SettingsSerializer(serializers.Serializer[dict[str, Any]]):
    """The company, and each policy under its name."""

    company = CompanySerializer(required=False)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        policies = {name: serializer(required=False) for name, serializer in _SERIALIZERS.items()}
        return {**super().get_fields(), **policies}
