"""Conversations that come as text, from chat bots and telephony bridges: queued, stored in batches, asked about."""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypedDict

import orjson
import structlog
from django.conf import settings

from calls import intake_health, metadata_rules, opening, phone_numbers, queue, store, transcript_lines
from calls.errors import BadTranscript, UnknownConversation
from calls.intake_health import Alert, Figures, Health, Thresholds
from calls.opening import Inserted, NewCall
from calls.queue import Depths, Entry, Queued
from metrics import counters, gauges, timings
from metrics.timings import Summary

log = structlog.get_logger("earshot.intake")

LONGEST_USER_ID = 255
LONGEST_PLATFORM = 64
LONGEST_SUMMARY = 10_000
CONVERSATION_TYPE = "conversation"
# The id of one stands in addresses, where `stats` is something else.
_CONVERSATION_ID = re.compile(r"(?!stats\Z)[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_PLATFORM = re.compile(r"\S+\Z")
_ENQUEUE, _STORE, _WAIT = "intake.queue_conversation", "intake.store_batch", "intake.wait"


class Standing(TypedDict):
    id: str
    status: Literal["queued", "stored", "failed"]


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of the whole intake, but for `completed`, `failed` and `dead`, which are a company's own if one was asked for."""

    depths: Depths
    most_queued: int
    completed: int
    failed: int
    dead: int
    cache_hits: int
    stored_per_second: float
    timings: Mapping[str, Summary]
    health: Health
    alerts: Sequence[Alert]


def queue_conversation(
    user_id: str,
    platform: str,
    transcript: str | Sequence[Mapping[str, Any]],
    summary: str = "",
    metadata: Mapping[str, Any] | None = None,
    *,
    tenant_id: int,
    sent_by: int | None = None,
    conversation_id: str | None = None,
    phone: str | None = None,
) -> str:
    """Put a conversation into the queue, and nothing else. Returns its id, which becomes that of its call.

    `user_id` is the platform's own for the person and `phone` is theirs, `sent_by` is a user of ours. With a
    `conversation_id` of the caller's it may be sent again: what is known by that id stays as it is. Raises
    BadTranscript, IntakeFull, IntakeAway.
    """
    with timings.measured(_ENQUEUE):
        if conversation_id is not None and not is_id(conversation_id):
            raise _bad("id", "1-64 letters, digits, dots, hyphens and underscores, of which the first is no mark.")
        conversation = Queued(
            user_id=user_id,
            platform=platform,
            transcript=transcript,
            summary=summary,
            metadata=metadata or {},
            sent_by=sent_by,
            phone=phone,
        )
        conversation_id = conversation_id or uuid.uuid4().hex
        queue.append(tenant_id, conversation_id, _encoded(conversation))
    return conversation_id


def is_id(text: str) -> bool:
    return _CONVERSATION_ID.match(text) is not None


def standing(tenant_id: int, conversation_id: str) -> Standing:
    """Whether a conversation is queued, stored or failed. Raises UnknownConversation, RetryableCallError."""
    if not is_id(conversation_id):
        raise UnknownConversation("There is no such conversation.")
    # The queue first: one that leaves it meanwhile is found among the calls, and none is between the two.
    state = queue.standing(tenant_id, conversation_id)
    if state is not None:
        return Standing(id=conversation_id, status=state)
    if not store.is_there({"tenant_id": tenant_id, "call_id": conversation_id}):
        raise UnknownConversation(f"There is no conversation {conversation_id} that you may see.")
    return Standing(id=conversation_id, status="stored")


def store_batch(entries: Sequence[Entry]) -> Inserted:
    """Make calls of conversations, and acknowledge them; what a call of this id is there for already stays as it is.

    Raises RetryableCallError while a store is away, and what else there may be: none of them is acknowledged then.
    """
    with timings.measured(_STORE):
        inserted = opening.insert_calls([_call_of(entry) for entry in entries])
    acknowledged = queue.acknowledge(entries)
    now = datetime.now(UTC)
    for entry in entries:
        timings.record(_WAIT, max((now - entry.queued_at).total_seconds(), 0.0))
    log.info(
        "conversations_stored",
        acknowledged=acknowledged,
        new=len(inserted.new),
        known=len(inserted.known),
        forgotten=len(inserted.forgotten),
    )
    return inserted


def statistics(tenant_id: int | None) -> Statistics:
    """How the intake stands and has fared. Raises IntakeAway, RetryableMetricsError."""
    depths = queue.depths()
    completed, failed = queue.counts(tenant_id)
    health, alerts = intake_health.verdict(_figures(depths), thresholds())
    taken = {summary.operation: summary for summary in timings.summary()}
    return Statistics(
        depths=depths,
        most_queued=settings.EARSHOT_INTAKE_MOST_QUEUED,
        completed=completed,
        failed=failed,
        dead=queue.count_dead(tenant_id),
        cache_hits=counters.value(counters.EMBEDDING_CACHE_HITS) or 0,
        stored_per_second=queue.stored_per_second(),
        timings={
            name: taken.get(operation) or timings.summarise(operation, {})
            for name, operation in (("enqueue", _ENQUEUE), ("store", _STORE), ("wait", _WAIT))
        },
        health=health,
        alerts=alerts,
    )


def thresholds() -> Thresholds:
    return Thresholds(
        warning_fill_percent=settings.EARSHOT_INTAKE_WARNING_PERCENT,
        critical_fill_percent=settings.EARSHOT_INTAKE_CRITICAL_PERCENT,
        warning_oldest_seconds=settings.EARSHOT_INTAKE_WARNING_OLDEST_SECONDS,
        critical_oldest_seconds=settings.EARSHOT_INTAKE_CRITICAL_OLDEST_SECONDS,
        warning_dead=settings.EARSHOT_INTAKE_WARNING_DEAD,
        critical_dead=settings.EARSHOT_INTAKE_CRITICAL_DEAD,
    )


def tell_gauges() -> None:
    """Say how the intake stands to whoever watches the figures. Raises IntakeAway."""
    depths = queue.depths()
    completed, failed = queue.counts(None)
    health, _ = intake_health.verdict(_figures(depths), thresholds())
    told = {
        **asdict(depths),
        "most_queued": settings.EARSHOT_INTAKE_MOST_QUEUED,
        "share": max(
            (depths.queued + depths.processing) / settings.EARSHOT_INTAKE_MOST_QUEUED,
            depths.queued_bytes / settings.EARSHOT_INTAKE_MOST_BYTES,
        ),
        "completed": completed,
        "failed": failed,
        "stored_per_second": queue.stored_per_second(),
    }
    for name, value in told.items():
        gauges.set(f"intake.{name}", value)
    for one in ("healthy", "warning", "critical"):
        gauges.set("intake.health", float(one == health), state=one)


def _figures(depths: Depths) -> Figures:
    return Figures(
        waiting=depths.queued + depths.processing,
        most_queued=settings.EARSHOT_INTAKE_MOST_QUEUED,
        oldest_seconds=depths.oldest_seconds,
        dead=depths.dead,
        most_dead=settings.EARSHOT_INTAKE_MOST_DEAD,
        consumers=depths.consumers,
    )


def _call_of(entry: Entry) -> NewCall:
    conversation = entry.read()
    told = transcript_lines.read(conversation["transcript"])
    segments = told.segments
    first_queued = conversation.get("queued_at")
    return NewCall(
        tenant_id=entry.tenant_id,
        call_id=entry.conversation_id,
        user_id=conversation["sent_by"],
        platform=conversation["platform"],
        external_user_id=conversation["user_id"],
        start_time=datetime.fromisoformat(first_queued) if first_queued else entry.queued_at,
        type=CONVERSATION_TYPE,
        summary=conversation["summary"],
        metadata=conversation["metadata"],
        segments=segments,
        duration=max((segment["end_time"] for segment in segments), default=0.0),
        times_estimated=told.times_estimated,
        names=told.names,
        phone=conversation.get("phone"),
    )


def _encoded(conversation: Queued) -> bytes:
    """The body of an entry; raises BadTranscript for what could not be stored as a call later."""
    user_id, platform, summary = conversation["user_id"], conversation["platform"], conversation["summary"]
    if not isinstance(user_id, str) or not 1 <= len(user_id) <= LONGEST_USER_ID or "\0" in user_id:
        raise _bad("user_id", f"A text of 1-{LONGEST_USER_ID} characters.")
    if not isinstance(platform, str) or not _PLATFORM.match(platform) or len(platform) > LONGEST_PLATFORM:
        raise _bad("platform", f"One word of at most {LONGEST_PLATFORM} characters, without spaces.")
    if not isinstance(summary, str) or len(summary) > LONGEST_SUMMARY or "\0" in summary:
        raise _bad("summary", f"A text of at most {LONGEST_SUMMARY} characters.")
    phone = conversation.get("phone")
    if phone is not None and not (isinstance(phone, str) and phone_numbers.is_phone(phone)):
        raise _bad("phone", "From 3 to 20 digits, spaces and signs between them.")
    if fault := metadata_rules.fault_of(conversation["metadata"]):
        raise _bad("metadata", fault)
    transcript = conversation["transcript"]
    transcript_lines.check(transcript)
    if transcript_lines.is_empty(transcript):
        raise _bad("transcript", "Nothing is said in it.")
    if not isinstance(transcript, str):
        transcript = transcript_lines.plain(transcript)
    try:
        return orjson.dumps({**conversation, "transcript": transcript})
    except (TypeError, ValueError):
        # Half a surrogate pair, for one; which of the texts it is in is not told.
        raise _bad("transcript", "A text in it cannot be written as UTF-8.") from None


def _bad(field: str, what: str) -> BadTranscript:
    return BadTranscript("Some of this conversation cannot be right; see the fields.", fields={field: [what]})
