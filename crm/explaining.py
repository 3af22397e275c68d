"""What the desk asks the databases all day, by name, so that it can be seen how they go about it.

Each question runs the very verb that a page or an endpoint runs, so that it cannot differ from what is really asked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from calls import conversations, search, statuses, store
from calls.store.explaining import Plan
from crm import board, contacts
from crm.models import User
from crm.roles import Role

# As many as a page of a list shows.
_LISTED = 100
_WORDS = "refund"


# A page is read with one call more, to see whether there is another page; calls that were deleted are passed over.
_MOST_READ_FOR_ONE = 2
_READ_BESIDE = 100


@dataclass(frozen=True, slots=True)
class Question:
    """Something that is asked, in people's words."""

    name: str
    ask: Callable[[], object]


def questions_of_calls(tenant_id: int) -> list[Question]:
    """What is asked of MongoDB for one company: its board, its lists, its calls. Raises RetryableCallError."""
    newest = store.page_of({"tenant_id": tenant_id}, limit=_LISTED).calls
    # The very newest is the first that a scan from the end comes upon, which says nothing of others.
    call: dict[str, Any] = dict(newest[-1]) if newest else {}
    admin = User(pk=0, tenant_id=tenant_id, role=Role.ADMIN)
    agent = User(pk=call.get("user_id") or 0, tenant_id=tenant_id, role=Role.AGENT)
    status = next((one for one in store.counts(tenant_id) if one and one.isdigit()), "1")
    call_id = call.get("call_id", "")

    older = (call["start_time"], call["id"]) if call else None

    def listed(of: User = admin, before: store.Position | None = None, **filters: Any) -> Callable[[], object]:
        wanted = {**conversations.all_readable_by(of), "$and": [filters]}
        return partial(store.page_of, wanted, limit=_LISTED, before=before)

    everything = board.Filters()
    return [
        Question("the board", partial(board.read, admin, everything, limit=_LISTED)),
        Question("the board, an agent's own", partial(board.read, agent, everything, limit=_LISTED)),
        Question(
            "a column, its next page", partial(board.column, admin, everything, None, cursor=older, limit=_LISTED)
        ),
        Question("cards that changed", partial(board.cards, admin, everything, [call_id])),
        Question("a status, of either type", listed(status_id={"$in": [status, int(status)]})),
        Question("calls without a status", listed(status_id=None)),
        Question("all calls, newest first", listed()),
        Question("all calls, a later page", listed(before=older)),
        Question("an agent's own calls", listed(agent)),
        Question("calls by who took part", listed(user_id=call.get("user_id") or 0)),
        Question("calls by owner", listed(owner_id=call.get("owner_id") or 0)),
        Question("calls by assignee", listed(assigned_to_id=call.get("assigned_to_id") or 1)),
        Question("calls that failed", listed(status="failed")),
        Question("calls by contact", listed(contact_id=call.get("contact_id") or 1)),
        Question("calls by external id", listed(external_user_id=call.get("external_user_id") or "nobody")),
        Question("the call of a recording", listed(session_id=call.get("session_id") or "none")),
        Question("a call by its number", partial(store.find, {"tenant_id": tenant_id, "id": call.get("id", 0)})),
        Question("one call", partial(conversations.read_call_if_any, admin, call_id)),
        Question("the counters", partial(store.counts, tenant_id)),
    ]


def questions_of_people(tenant_id: int) -> list[Question]:
    """What is asked of PostgreSQL for one company: its customers, its people, its statuses, its search."""
    admin = User(pk=0, tenant_id=tenant_id, role=Role.ADMIN)
    found = User.objects.of(tenant_id).order_by("username")

    def contacts_like(text: str) -> Callable[[], object]:
        return lambda: list(contacts.search(tenant_id, text)[:_LISTED])

    return [
        Question("contacts by the start of a name", contacts_like("mar")),
        Question("contacts by phone", contacts_like("+49 30 1234")),
        Question("contacts by e-mail", contacts_like("maria@")),
        Question("people by name", lambda: list(found.matching("an")[:_LISTED])),
        Question("people of the cards", lambda: User.objects.of(tenant_id).in_bulk(list(range(1, _LISTED)))),
        Question("statuses", partial(statuses.of, tenant_id)),
        Question("search", partial(search.search, admin, _WORDS)),
    ]


def faults(plan: Plan) -> list[str]:
    """What is wrong with how a read of calls is gone about, in words; empty when nothing is."""
    found = []
    if plan.scans:
        found.append("read from end to end")
    if plan.sorts:
        found.append("sorted in memory")
    if plan.documents > _MOST_READ_FOR_ONE * plan.returned + _READ_BESIDE:
        found.append(f"{plan.documents} documents are read for {plan.returned}")
    return found
