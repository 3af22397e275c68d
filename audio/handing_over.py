"""The recordings of calls that turn out to be one: each goes with its call."""

from collections.abc import Collection

from audio.models import AudioSession


def with_recording(tenant_id: int, call_ids: Collection[str]) -> set[str]:
    """Those of some calls of a company that have a recording."""
    found = AudioSession.objects.filter(tenant=tenant_id, call_id__in=list(call_ids))
    return set(found.values_list("call_id", flat=True))


def hand_over(tenant_id: int, from_call_id: str, to_call_id: str) -> None:
    """Let the recording of one call be that of another, which has none; again is the same as once."""
    AudioSession.objects.filter(tenant=tenant_id, call_id=from_call_id).update(call_id=to_call_id)
