"""Which recordings are somebody's, and whom the recordings name."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Q

from audio.models import AudioSession
from audio.states import ENDED
from metrics import person_keys


@dataclass(frozen=True, slots=True)
class FoundSession:
    """`is_live`: it has not ended, as far as its recorder has said."""

    session_id: str
    call_id: str
    channels: int
    is_live: bool


def find(tenant_id: int, *, user_id: int | None = None, call_ids: Collection[str] = ()) -> list[FoundSession]:
    """A company's recordings that the user made, and those of the calls; each once."""
    theirs = Q(call_id__in=list(call_ids))
    if user_id is not None:
        theirs |= Q(user_id=user_id)
    found = AudioSession.objects.filter(theirs, tenant=tenant_id).order_by("pk")
    return [
        FoundSession(str(session_id), call_id, channels, is_live=status not in ENDED)
        for session_id, call_id, channels, status in found.values_list("pk", "call_id", "channels", "status")
    ]


def candidates(tenant_id: int) -> set[str]:
    """The person keys of everybody whom a company's recordings name."""
    made = AudioSession.objects.filter(tenant=tenant_id, user__isnull=False)
    return {person_keys.of_user(user_id) for user_id in made.order_by().values_list("user_id", flat=True).distinct()}
