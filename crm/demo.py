"""The demo: two companies, five people and a handful of recordings to try Earshot with."""

import os
import secrets
from datetime import timedelta
from pathlib import Path
from typing import cast

from django.utils import timezone

from audio import chunks, opus, sending, sessions, suspicion
from audio.headers import Declared
from audio.manifest import SampleRange
from calls import board, intake, opening, statuses, transcript_lines
from calls.opening import NewCall
from crm import contacts
from crm.contacts import Identity
from crm.models import Tenant, User
from crm.roles import Role

TENANT = "Demo"
OTHER_TENANT = "Other company"
PEOPLE = [
    ("demo-agent", "Dana", "Agent", Role.AGENT, TENANT),
    ("demo-supervisor", "Sam", "Supervisor", Role.SUPERVISOR, TENANT),
    ("demo-admin", "Alex", "Admin", Role.ADMIN, TENANT),
    ("demo-privacy", "Pat", "Privacy", Role.PRIVACY, TENANT),
    ("other-supervisor", "Olga", "Other", Role.SUPERVISOR, OTHER_TENANT),
]


# Customers of the first company: name, phone, what the chat's platform calls them.
CONTACTS = [("Maria Rossi", "+39 06 555 0142", "visitor-1"), ("Jonas Weber", "+49 30 555 0177", "visitor-2")]
# Whose recording, of what, with how many channels, which phone called.
RECORDINGS = [
    ("demo-agent", "Order 1042: the parcel went to the neighbours", 1, "+39 06 555 0142"),
    ("demo-agent", "Question about the last invoice", 2, "+49 30 555 0177"),
    ("demo-supervisor", "A complaint, and a call back", 1, "+44 20 7946 0991"),
    ("other-supervisor", "Another company's call", 1, "+44 20 7946 0018"),
]
SPEECH = Path(__file__).with_name("speech") / "reading.ogg"


# What is on the board of the first company, and what chat bots brought it.
STATUSES = [("New", "#5b7cfa"), ("In progress", "#c98a1b"), ("Waiting for the client", "#8a6fd1"), ("Done", "#3c9a6b")]
CONVERSATIONS = [
    """User: Hello, my order 1042 has not arrived yet.
AI: I am sorry to hear that. When did you order it?
User: Two weeks ago. If it is lost I should like a refund.
AI: I have told the carrier. You will hear from us tomorrow.""",
    """User: I was charged twice for one invoice.
AI: Which card did you pay with?
User: It is 4111 1111 1111 1111.
AI: Thank you. The second charge is on its way back to you.""",
    """User: How do I cancel my subscription?
AI: In your profile, under Plan. Shall I do it for you?
User: Yes please, at the end of the month.""",
]


def create(password_file: Path) -> None:
    """Two tenants and five people with the one password that the file keeps; what is there already stays.

    Whoever is new gets their recordings with them, which wait for the workers to hear them.
    """
    password = _kept_password(password_file)
    newcomers: dict[str, User] = {}
    for username, first_name, last_name, role, tenant_name in PEOPLE:
        tenant, _ = Tenant.objects.get_or_create(name=tenant_name)
        suspicion.make_rules(tenant.pk)
        person, is_new = User.objects.get_or_create(
            username=username,
            defaults={"first_name": first_name, "last_name": last_name, "role": role, "tenant": tenant},
        )
        # Hashing takes a third of a second on purpose, checking as long: once is enough for people that are there.
        if is_new:
            person.set_password(password)
            person.save(update_fields=["password"])
            newcomers[username] = person
    supervisor = newcomers.get("demo-supervisor")
    if supervisor is not None and not statuses.of(cast("int", supervisor.tenant_id)):
        _fill_the_board(supervisor)
    for username, subject, channels, phone in RECORDINGS:
        if username in newcomers:
            _record(newcomers[username], {"subject": subject, "phone": phone}, channels)


def _fill_the_board(supervisor: User) -> None:
    """Statuses, customers, and a few conversations that came as text."""
    tenant_id = cast("int", supervisor.tenant_id)
    for name, phone, visitor in CONTACTS:
        contacts.create(tenant_id, names=[name], phones=[phone], identities=[Identity("web-chat", visitor)])
    columns = [statuses.create(tenant_id, {"name": name, "color": color}) for name, color in STATUSES]
    for number, transcript in enumerate(CONVERSATIONS):
        told = transcript_lines.read(transcript)
        call = NewCall(
            tenant_id=tenant_id,
            call_id=f"demo-conversation-{number + 1}",
            user_id=supervisor.pk,
            platform="web-chat",
            external_user_id=f"visitor-{number + 1}",
            start_time=timezone.now() - timedelta(hours=3 * number + 1),
            type=intake.CONVERSATION_TYPE,
            summary="",
            metadata={},
            segments=told.segments,
            duration=told.segments[-1]["end_time"],
            times_estimated=told.times_estimated,
            names=told.names,
        )
        opening.insert_calls([call])
        board.move(supervisor, call.call_id, status_id=columns[number % len(columns)].pk, version=None)


def _record(person: User, details: dict[str, str], channels: int) -> None:
    """What a recorder does, by the verbs behind its endpoints: start, send each chunk, say how many there were."""
    call = {**details, "platform": "telephone", "direction": "inbound"}
    session, _ = sessions.start(person, channels=channels, call=call)
    total = 0
    for recorded in sending.record(SPEECH, channels=channels):
        samples = SampleRange(recorded.first_sample, recorded.last_sample, opus.SAMPLE_RATE)
        declared = Declared(start_time=recorded.start_seconds, samples=samples)
        chunks.accept(session, index=recorded.index, body=recorded.body, declared=declared)
        total += 1
    sessions.complete(session, total_chunks=total)
    first = next(iter(statuses.of(session.tenant_id)), None)
    if first is not None:
        board.move(person, session.call_id, status_id=first.pk, version=None)


def _kept_password(file: Path) -> str:
    if file.exists():
        return file.read_text().strip()
    password = secrets.token_urlsafe(12)
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as kept:
        kept.write(password + "\n")
    return password
