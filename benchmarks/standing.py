"""What it costs to ask how a conversation stands that has been stored."""

import http.client
import itertools
from collections.abc import Mapping
from functools import partial
from typing import Any

import orjson

from benchmarks import empty_view
from benchmarks.layouts import OneDocument
from benchmarks.measuring import Variant, alternate
from benchmarks.rows import Row
from benchmarks.scales import Run
from calls import intake

# Whose standing is asked for, one after another.
_ASKED_ABOUT = 1000


def over_http(run: Run, tenant_id: int, headers: Mapping[str, str], line: http.client.HTTPConnection) -> Row:
    what = "how a stored conversation stands, over HTTP"
    ids = itertools.cycle(_some_stored(tenant_id))

    def ask(method: str, address: str, conversation_id: str) -> Any:
        line.request(method, address.format(conversation_id), b"{}" if method == "POST" else None, dict(headers))
        return orjson.loads(line.getresponse().read())

    taken = alternate(
        {
            "standing": Variant(
                partial(ask, "GET", "/api/conversations/{}"),
                partial(next, ids),
                lambda given, told: told == {"id": given, "status": "stored"},
            ),
            "call": Variant(
                partial(ask, "GET", "/api/calls/{}"), partial(next, ids), lambda given, told: told["call_id"] == given
            ),
            "empty": Variant(
                partial(ask, "POST", f"/{empty_view.ADDRESS}"), partial(next, ids), lambda _, told: "id" in told
            ),
        },
        repetitions=run.scale.pick(tiny=2, small=50, usual=300),
        step=run.telling(what),
    )
    return Row(
        what,
        "ms",
        taken["standing"],
        taken["call"],
        taken["empty"],
        baseline_is="the call that it has become, read over HTTP",
        floor_is="a view that does nothing but know who asks",
        note="one connection",
    )


def in_process(run: Run, tenant_id: int) -> Row:
    what, ids, bare = "how a stored conversation stands, in process", _some_stored(tenant_id), OneDocument()
    following = itertools.cycle(ids)

    def looked_up(conversation_id: str) -> Any:
        wanted = {"tenant_id": tenant_id, "call_id": conversation_id, "deleted": 0}
        return bare.calls.find_one(wanted, {"call_id": True, "_id": False})

    taken = alternate(
        {
            "standing": Variant(
                partial(intake.standing, tenant_id),
                partial(next, following),
                lambda given, told: told["status"] == "stored" and told["id"] == given,
            ),
            "whole": Variant(
                partial(bare.read, tenant_id), partial(next, following), lambda given, told: told["call_id"] == given
            ),
            "bare": Variant(looked_up, partial(next, following), lambda given, told: told["call_id"] == given),
        },
        repetitions=run.scale.pick(tiny=2, small=100, usual=1000),
        step=run.telling(what),
    )
    return Row(
        what,
        "ms",
        taken["standing"],
        taken["whole"],
        taken["bare"],
        baseline_is="the call that it has become, read whole by the driver",
        floor_is="one find of its id by the index",
        note="the queue is asked first, so that none is between the two",
    )


def _some_stored(tenant_id: int) -> list[str]:
    """Ids of conversations of which nothing waits any more."""
    found = OneDocument().calls.find({"tenant_id": tenant_id}, {"call_id": True}).limit(_ASKED_ABOUT)
    return [call["call_id"] for call in found]
