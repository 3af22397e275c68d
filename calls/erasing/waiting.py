"""Conversations of somebody that wait to become calls, and those that were given up.

Those that a customer had, by what a platform calls them or by a phone that is theirs alone, go whole. Who of ours sent
one is the agent in it: their lines go, and it names them no more, unless it is not known who says what in it or
nothing else is said; then it goes whole as well. By its id it is among the calls that are theirs before it is one: so
it cannot become one any more, and is known again in what came back from a backup.

What a consumer holds is taken from its hands: what it has read already it does not store, because whoever stores asks
whether the people are forgotten.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, cast

import orjson

from calls import queue_erasing, transcript_lines
from calls.erasing import addresses
from calls.errors import BadTranscript
from calls.opening import SIDES
from calls.phone_numbers import phone_key
from calls.queue import DeadLetter, Entry, Queued, dead_bodies, discard
from metrics.erasing import Identity, Progress, Share, Subject, untold

# Somebody may put a dead letter back into the queue, or a consumer give up an entry, behind whoever looks.
_LOOKS = 3
_NOTHING = Queued(user_id="", platform="", transcript="", summary="", metadata={}, sent_by=None)


def count(subject: Subject) -> int:
    """Conversations that are theirs, waiting or given up. Raises IntakeAway."""
    entries = queue_erasing.waiting(subject.tenant_id)
    waiting = sum(_is_theirs(subject, entry.conversation_id, entry.read()) for entry in entries)
    return waiting + sum(_is_given_up_of(subject, one) for one in queue_erasing.given_up(subject.tenant_id))


def erase(subject: Subject, *, progress: Progress = untold) -> int:
    erased = 0
    for _ in range(_LOOKS):
        done = _erase_waiting(subject) + _erase_given_up(subject)
        if not done:
            break
        progress(done)
        erased += done
    # Again after whoever died before it.
    queue_erasing.compact()
    return erased


def search(subject: Subject) -> int:
    """By the bytes of what they go by, as they stand in all that Redis holds.

    What only stands in the metadata of somebody else's conversation goes with that one.
    """
    needles, own = list(_needles(subject)), f"{subject.tenant_id}:"
    bodies = [(one.conversation_id, one.body) for one in queue_erasing.waiting(subject.tenant_id)]
    for field, letter in dead_bodies():
        if field.startswith(own):
            bodies.append((field.removeprefix(own), str(orjson.loads(letter).get("body", "")).encode()))
    return sum(_names(subject, conversation_id, body, needles) for conversation_id, body in bodies)


def people(tenant_id: int) -> tuple[set[int], set[Identity]]:
    """Who of ours sent what waits or was given up, and whose it is."""
    senders: set[int] = set()
    identities: set[Identity] = set()
    for _, conversation in _all_of(tenant_id):
        if conversation.get("sent_by") is not None:
            senders.add(int(conversation["sent_by"] or 0))
        if conversation.get("user_id"):
            identities.add(_identity(conversation))
    return senders, identities


def of_client(subject: Subject) -> list[str]:
    """The ids of the conversations that a customer had. Raises IntakeAway."""
    if not (subject.identities or subject.phone_keys):
        return []
    every = _all_of(subject.tenant_id)
    return [conversation_id for conversation_id, conversation in every if _is_client(subject, conversation)]


def ids(tenant_id: int) -> set[str]:
    """Of everything that waits or was given up. Raises IntakeAway."""
    return {conversation_id for conversation_id, _ in _all_of(tenant_id)}


def _all_of(tenant_id: int) -> Iterator[tuple[str, Queued]]:
    yield from ((entry.conversation_id, entry.read()) for entry in queue_erasing.waiting(tenant_id))
    yield from ((letter["conversation_id"], _queued(letter)) for letter in queue_erasing.given_up(tenant_id))


def _erase_waiting(subject: Subject) -> int:
    dropped: list[Entry] = []
    rewritten = 0
    for entry in list(queue_erasing.waiting(subject.tenant_id)):
        conversation = entry.read()
        if _is_theirs(subject, entry.conversation_id, conversation):
            left = _left(subject, entry.conversation_id, conversation, entry.queued_at)
            if left is None:
                dropped.append(entry)
            else:
                rewritten += queue_erasing.rewrite(entry, left)
    return rewritten + queue_erasing.drop(dropped)


def _erase_given_up(subject: Subject) -> int:
    erased = 0
    for letter in queue_erasing.given_up(subject.tenant_id):
        if _is_given_up_of(subject, letter):
            conversation = _queued(letter)
            left = _left(subject, letter["conversation_id"], conversation, letter["queued_at"])
            if left is None:
                erased += discard(subject.tenant_id, letter["conversation_id"])
            else:
                erased += queue_erasing.rewrite_dead(letter, left)
    return erased


def _is_theirs(subject: Subject, conversation_id: str, conversation: Queued) -> bool:
    return _goes_whole(subject, conversation_id, conversation) or _is_sender(subject, conversation)


def _goes_whole(subject: Subject, conversation_id: str, conversation: Queued) -> bool:
    return subject.calls.get(conversation_id) == Share.WHOLE or _is_client(subject, conversation)


def _is_sender(subject: Subject, conversation: Queued) -> bool:
    return subject.user_id is not None and conversation.get("sent_by") == subject.user_id


def _is_client(subject: Subject, conversation: Queued) -> bool:
    if _identity(conversation) in subject.identities:
        return True
    phone = conversation.get("phone")
    return bool(phone) and phone_key(str(phone)) in subject.phone_keys


def _left(subject: Subject, conversation_id: str, conversation: Queued, queued_at: datetime) -> Queued | None:
    """What stays of a conversation that is theirs; None when nothing does."""
    if _goes_whole(subject, conversation_id, conversation):
        return None
    try:
        told = transcript_lines.read(conversation["transcript"])
    except BadTranscript:
        return None
    said = [segment for segment in told.segments if segment["speaker"] != "agent"]
    if not said or any(segment["speaker"] not in SIDES for segment in said):
        return None
    lines: list[dict[str, Any]] = [
        {
            "role": segment["speaker"],
            "content": addresses.masked_in(segment["text"], subject.emails),
            # Those that are estimated are so again.
            **({} if told.times_estimated else {name: segment[name] for name in ("start_time", "end_time")}),
        }
        for segment in said
    ]
    return {
        **conversation,
        "sent_by": None,
        "transcript": lines,
        "summary": addresses.masked_in(conversation["summary"], subject.emails),
        "metadata": addresses.masked_in(conversation["metadata"], subject.emails),
        "queued_at": conversation.get("queued_at") or queued_at.isoformat(),
    }


def _is_given_up_of(subject: Subject, letter: DeadLetter) -> bool:
    """Of one that cannot be read, by its bytes."""
    conversation_id = letter["conversation_id"]
    if _read(letter["body"]) is None and subject.calls.get(conversation_id) != Share.WHOLE:
        return _has_any(letter["body"].encode(), list(_needles(subject)))
    return _is_theirs(subject, conversation_id, _queued(letter))


def _queued(letter: DeadLetter) -> Queued:
    """What cannot be read says nothing."""
    return _read(letter["body"]) or _NOTHING


def _read(body: str | bytes) -> Queued | None:
    try:
        told: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return cast("Queued", {**_NOTHING, **told}) if isinstance(told, Mapping) else None


def _identity(conversation: Queued) -> Identity:
    return Identity(str(conversation.get("platform", "")), str(conversation.get("user_id", "")))


def _needles(subject: Subject) -> Iterator[tuple[bytes, ...]]:
    """What stands together in a body that is theirs."""
    for platform, external_user_id in subject.identities:
        named = b'"user_id":' + orjson.dumps(external_user_id)
        yield named, b'"platform":' + orjson.dumps(platform)
    if subject.user_id is not None:
        # A number goes on with digits, or ends.
        yield (f'"sent_by":{subject.user_id},'.encode(),)
        yield (f'"sent_by":{subject.user_id}}}'.encode(),)


def _names(subject: Subject, conversation_id: str, body: bytes, needles: list[tuple[bytes, ...]]) -> bool:
    if subject.calls.get(conversation_id) == Share.WHOLE:
        return True
    if not _has_any(body, needles):
        return False
    conversation = _read(body)
    return conversation is None or _is_theirs(subject, conversation_id, conversation)


def _has_any(body: bytes, needles: list[tuple[bytes, ...]]) -> bool:
    return any(all(part in body for part in parts) for parts in needles)
