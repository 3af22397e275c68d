"""Which recordings of a subject go whole, and of which a side."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from audio.models import AudioSession
from audio.speakers import SIDES
from audio.states import ErasedSide
from metrics.erasing import Share, Subject

# So many recordings are asked for at a time.
MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Shares:
    """By id: those that go `whole`, also those of which nothing is left by now; and whose side goes of the others."""

    whole: tuple[str, ...]
    sides: Mapping[str, ErasedSide]

    @property
    def every(self) -> list[str]:
        return [*self.whole, *self.sides]

    def of_side(self, side: ErasedSide) -> list[str]:
        return [session_id for session_id, theirs in self.sides.items() if theirs == side]


def of(subject: Subject) -> Shares:
    """What is to go of the subject's recordings, by how these are now.

    One of which only a side is theirs goes whole all the same when it has no channel for each, or when the other side
    has been erased before. An id that has passed to another company's recording is left out.
    """
    ids = sorted(subject.sessions)
    facts: dict[str, tuple[int, str]] = {}
    foreign: set[str] = set()
    for some in batches(ids):
        rows = AudioSession.objects.filter(pk__in=some).order_by()
        for pk, tenant_id, channels, erased in rows.values_list("pk", "tenant_id", "channels", "erased_side"):
            if tenant_id == subject.tenant_id:
                facts[str(pk)] = (channels, erased)
            else:
                foreign.add(str(pk))
    whole, sides = [], {}
    for session_id in ids:
        if session_id in foreign:
            continue
        share, there = subject.sessions[session_id], facts.get(session_id)
        if share is Share.WHOLE or there is None or there[0] != len(SIDES) or there[1] not in ("", share.value):
            whole.append(session_id)
        else:
            sides[session_id] = ErasedSide(share.value)
    return Shares(tuple(whole), sides)


def batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), MOST_AT_ONCE):
        yield ids[start : start + MOST_AT_ONCE]
