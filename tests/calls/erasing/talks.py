"""Calls with two sides and everything that a call may keep of either, for tests of what is left of them."""

import itertools
from datetime import UTC, datetime

from calls import conversations, customers, editing, indexing, opening, store
from calls.documents import Emotion, Flag, Segment, flag_id_of, segment_id_of
from calls.erasing import find
from calls.store.client import BUCKETS, calls, collection
from metrics.erasing import Identity, Share, Subject

_calls = itertools.count(1)
PLATFORM = "whatsapp"
SECONDS = 3.0


def hold_talk(user, *, client="dana-55", lines=4, speakers=("agent", "client"), number=0, **details):
    """A call in which the speakers say a line each in turn; what each of them says has their name in it."""
    call_id = f"talk-{next(_calls)}-{user.pk}"
    details = {"subject": "A question", "summary": "Dana asks", "metadata": {"ticket": "T-1"}, **details}
    if client:
        details |= {"platform": PLATFORM, "external_user_id": client}
    opening.open_call(
        user=user, call_id=call_id, start_time=datetime.now(UTC), session_id=f"s-{call_id}", details=details
    )
    say(user, call_id, lines=lines, speakers=speakers, number=number)
    return call_id


def say(user, call_id, *, lines=4, speakers=("agent", "client"), number=0, word="said"):
    start = number * 30.0
    segments = [
        Segment(
            segment_id=segment_id_of(call_id, f"{number:04d}", position),
            speaker=speakers[position % len(speakers)],
            text=f"{word} by {speakers[position % len(speakers)]} {number} {position}",
            start_time=start + position * SECONDS,
            end_time=start + position * SECONDS + 2.0,
            confidence=0.9,
            chunk_index=number,
        )
        for position in range(lines)
    ]
    conversations.store_segments(
        tenant_id=user.tenant_id,
        call_id=call_id,
        parts=[f"{number:04d}"],
        segments=segments,
        end_time=start + 30.0,
    )
    return segments


def feel(user, call_id, *, lines=4):
    """Each line is felt somehow, and something is flagged in the first and in the second."""
    emotions = [
        Emotion(
            segment_id=segment_id_of(call_id, "0000", position),
            start_time=position * SECONDS,
            end_time=position * SECONDS + 2.0,
            emotion="joy" if position % 2 else "anger",
            score=0.8,
            method="words",
            engine="test",
            model="test",
            version="1",
        )
        for position in range(lines)
    ]
    flags = [
        Flag(
            flag_id=flag_id_of(call_id, "0000", f"{position:08x}", position * SECONDS + 0.5),
            rule="Words",
            kind="keyword",
            start_time=position * SECONDS + 0.5,
            end_time=position * SECONDS + 1.0,
            weight=0.5,
            evidence=f"“evidence {position}”",
        )
        for position in range(2)
    ]
    conversations.store_estimates(
        tenant_id=user.tenant_id, call_id=call_id, parts=["0000"], emotions=emotions, flags=flags
    )
    return flags


def work(user, call_id):
    """A person corrects a line of each side, calls the client Dana, notes something, and judges a flag."""
    flags = feel(user, call_id)
    for position, side in enumerate(("agent", "client")):
        editing.correct(user, call_id, segment_id_of(call_id, "0000", position), text=f"corrected {side}")
    editing.rename_speaker(user, call_id, name="client", to="Dana")
    editing.note(user, call_id, "Dana is in a hurry")
    conversations.review_flag(user, call_id, flags[0]["flag_id"], "right")


def document_of(user, call_id):
    return calls().find_one({"tenant_id": user.tenant_id, "call_id": call_id})


def documents_of(user, call_id):
    """The call and its buckets, as one text: whatever is left anywhere is in it."""
    of_call = {"tenant_id": user.tenant_id, "call_id": call_id}
    return repr([*calls().find(of_call), *collection(BUCKETS).find(of_call)])


def of_agent(user, **values):
    """Everything of a colleague, as whoever erases them has found it."""
    found = find(user.tenant_id, user_id=user.pk)
    return Subject(tenant_id=user.tenant_id, user_id=user.pk, calls=shares(found), **values)


def of_client(user, client="dana-55", *, contact_id=None, **values):
    identities = (Identity(PLATFORM, client),) if client else ()
    found = find(user.tenant_id, contact_id=contact_id, identities=identities)
    return Subject(
        tenant_id=user.tenant_id, contact_id=contact_id, identities=identities, calls=shares(found), **values
    )


def shares(found):
    return {one.call_id: one.side if one.sides_known and not one.other_side_is_gone else Share.WHOLE for one in found}


def give_to_contact(user, call_id, contact_id):
    version = document_of(user, call_id)["version"]
    customers.choose(user, call_id, contact_id, version=version)


def counters_are_right(tenant_id):
    return [drift for drift in store.reconcile_counters(mend=False) if drift.tenant_id == tenant_id] == []


def index():
    indexing.index_stale()
