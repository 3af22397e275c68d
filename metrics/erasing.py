"""Who is erased, and what is asked of every store: shapes that all floors share. Pure.

Each floor has modules of the shape `Erasable`, one for each thing that it keeps of people; the desk asks them in an
order that can be read aloud. `erase` again is the same as once, and may have died anywhere before; `search` looks for
the same by other means than `erase` found it by, so that one mistake does not hide behind itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from metrics import person_keys


class Share(StrEnum):
    """What of a call or a recording is somebody's: all of it, or one side where one knows who speaks."""

    WHOLE = "whole"
    AGENT = "agent"
    CLIENT = "client"


class Identity(NamedTuple):
    """What somebody is called on a platform."""

    platform: str
    external_user_id: str


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody of one company: everything they go by, and what is theirs.

    `calls` and `sessions` map ids to what of each is theirs, as it was found before anything was erased: whoever goes
    on after a crash, and whoever looks again, still knows what there was. `phone_keys` are phones as they are compared,
    `emails` in lower case; only those that nobody else in the company has.
    """

    tenant_id: int
    user_id: int | None = None
    contact_id: int | None = None
    identities: tuple[Identity, ...] = ()
    phone_keys: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    calls: Mapping[str, Share] = field(default_factory=dict)
    sessions: Mapping[str, Share] = field(default_factory=dict)

    @property
    def person_keys(self) -> tuple[str, ...]:
        """How the keyring and the registers of the forgotten name them."""
        keys = [] if self.user_id is None else [person_keys.of_user(self.user_id)]
        keys += [] if self.contact_id is None else [person_keys.of_contact(self.contact_id)]
        return (*keys, *(person_keys.of_external(*identity) for identity in self.identities))

    def calls_of(self, *shares: Share) -> list[str]:
        """The ids of the calls of which that is theirs, in order."""
        return sorted(call_id for call_id, share in self.calls.items() if share in shares)

    def sessions_of(self, *shares: Share) -> list[str]:
        return sorted(session_id for session_id, share in self.sessions.items() if share in shares)


# Told how many more are done.
Progress = Callable[[int], None]


def untold(_: int) -> None:
    """For who does not ask for progress."""


class Erasable(Protocol):
    """One thing that a floor keeps of people, as a module has it: three functions.

    Each raises the floor's Retryable… error while its store is away.
    """

    def count(self, subject: Subject, /) -> int:
        """How many of theirs there are now, by the way in which `erase` finds them. Changes nothing."""

    def erase(self, subject: Subject, /, *, progress: Progress = untold) -> int:
        """Remove them. How many there were."""

    def search(self, subject: Subject, /) -> int:
        """How many there are, looked for in another way; 0 when they are gone."""
