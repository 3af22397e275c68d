"""The settings of a company: one row per company in each app that obeys some, all shown on one page.

A policy is a model with `tenant` as its primary key and defaults that hold where there is no row. What is listed here
appears on the page and over REST by itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models, transaction

from audio.models import HearingPolicy, RecordingPolicy
from calls.models import RedactionPolicy
from crm import people, tokens
from crm.models import AccessPolicy, PrivacyPolicy, Tenant


@dataclass(frozen=True, slots=True)
class Group:
    """Fields that stand together on the page."""

    title: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """`after` is called in the same transaction once a company's row has been written."""

    name: str
    title: str
    about: str
    model: type[models.Model]
    groups: tuple[Group, ...]
    after: Callable[[Tenant], None] | None = None

    @property
    def fields(self) -> list[str]:
        return [field for group in self.groups for field in group.fields]


POLICIES = (
    Policy(
        name="access",
        title="Access",
        about="How long people and programs get in for.",
        model=AccessPolicy,
        groups=(
            Group("Signing in", ("sign_in_hours",)),
            Group("Tokens", ("longest_token_days", "agents_may_make_tokens")),
        ),
        after=tokens.shorten,
    ),
    Policy(
        name="recording",
        title="Recording",
        about="What has to be said before a call is recorded, and where else the recorder may be used.",
        model=RecordingPolicy,
        groups=(Group("Consent", ("consent_required", "consent_wording")), Group("Embedding", ("allowed_origins",))),
    ),
    Policy(
        name="hearing",
        title="Hearing",
        about="What is made of what is heard. The rules for what deserves a second look are in the admin.",
        model=HearingPolicy,
        groups=(Group("Emotion", ("emotion_sides",)), Group("Speakers", ("expected_speakers",))),
    ),
    Policy(
        name="redaction",
        title="Redaction",
        about="What is masked in every transcript, wherever it comes from, before anybody reads or finds it.",
        model=RedactionPolicy,
        groups=(
            Group(
                "Masked",
                ("redact_cards", "redact_accounts", "redact_emails", "redact_phones", "redact_spoken_digits"),
            ),
            Group("What is masked", ("keep_originals",)),
        ),
    ),
    Policy(
        name="privacy",
        title="Privacy",
        about="How somebody is erased, and for how long an export of a person can be fetched.",
        model=PrivacyPolicy,
        groups=(
            Group("Before an erasure begins", ("four_eyes", "waiting_hours")),
            Group("Deadline", ("deadline_days", "remind_days")),
            Group("Exports", ("export_days",)),
        ),
    ),
)


def read(tenant: Tenant, policy: Policy) -> Any:
    """The company's row, or one with the defaults that is not stored."""
    row = policy.model._default_manager.filter(pk=tenant.pk).first()
    return row or policy.model(tenant=tenant)


def read_all(tenant: Tenant) -> dict[str, Any]:
    """`{"company": tenant, name of the policy: its row}`."""
    return {"company": tenant, **{policy.name: read(tenant, policy) for policy in POLICIES}}


def write(tenant: Tenant, changes: Mapping[str, Mapping[str, Any]]) -> Tenant:
    """Store what is given, in the shape of `read_all`, all or nothing; what is not given stays.

    They hold from the next request on, and for sockets within EARSHOT_RIGHTS_SECONDS: a whole company is not told one
    by one. The values have been validated. Raises CompanyNameTaken.
    """
    with transaction.atomic():
        tenant = Tenant.objects.select_for_update().get(pk=tenant.pk)
        if "name" in changes.get("company", {}):
            people.rename_tenant(tenant, changes["company"]["name"])
        for policy in POLICIES:
            if policy.name not in changes:
                continue
            row = read(tenant, policy)
            for field in policy.fields:
                if field in changes[policy.name]:
                    setattr(row, field, changes[policy.name][field])
            row.save()
            if policy.after:
                policy.after(tenant)
    return tenant
