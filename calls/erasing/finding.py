"""Which calls are somebody's, and which side of each."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from calls.opening import SIDES
from calls.store import legacy_erasing, people
from metrics.erasing import Identity, Share


@dataclass(frozen=True, slots=True)
class FoundCall:
    """A call that is somebody's.

    `side`: the agent's when it was found by a colleague's id, the client's by any other, whole by both. `sides_known`:
    all who speak in it are agent or client, by its source. `other_side_is_gone`: nobody else said anything in it, and
    nobody knows who that would have been.
    """

    call_id: str
    session_id: str | None
    side: Share
    sides_known: bool
    other_side_is_gone: bool


def find(
    tenant_id: int,
    *,
    user_id: int | None = None,
    contact_id: int | None = None,
    identities: Iterable[Identity] = (),
    phone_keys: Collection[str] = (),
) -> list[FoundCall]:
    """All calls of a person, deleted ones too, in order of their ids. Raises RetryableCallError.

    By a phone, those alone whose contact has not been found: of the others it is known whose they are.
    """
    as_agent = set() if user_id is None else people.of_user(tenant_id, user_id)
    as_client = people.of_client(tenant_id, contact_id=contact_id, identities=identities, phone_keys=phone_keys)
    ids = sorted(as_agent | as_client)
    old: dict[str, set[str]] = {}
    for one in legacy_erasing.rows_of(tenant_id, ids):
        old.setdefault(one.call_id, set()).add(one.side)
    found = []
    for party in people.parties(tenant_id, ids):
        is_agent, is_client = party.call_id in as_agent, party.call_id in as_client
        speakers = party.speakers | old.get(party.call_id, set())
        is_whole = is_agent and is_client
        other = "client" if is_agent else "agent"
        knows_other = party.is_of_client if is_agent else party.user_id is not None
        found.append(
            FoundCall(
                call_id=party.call_id,
                session_id=party.session_id,
                side=Share.WHOLE if is_whole else Share.AGENT if is_agent else Share.CLIENT,
                sides_known=speakers <= SIDES,
                other_side_is_gone=is_whole or not (knows_other or other in speakers or other in party.of_lines),
            )
        )
    return found
