"""The demo: two companies, five people and a handful of recordings to try Earshot with."""

import os
import secrets
from pathlib import Path

from audio import chunks, opus, sending, sessions, suspicion
from audio.headers import Declared
from audio.manifest import SampleRange
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


# Whose recording, of what, with how many channels.
RECORDINGS = [
    ("demo-agent", "Order 1042: the parcel went to the neighbours", 1),
    ("demo-agent", "Question about the last invoice", 2),
    ("demo-supervisor", "A complaint, and a call back", 1),
    ("other-supervisor", "Another company's call", 1),
]
SPEECH = Path(__file__).with_name("speech") / "reading.ogg"


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
    for username, subject, channels in RECORDINGS:
        if username in newcomers:
            _record(newcomers[username], subject, channels)


def _record(person: User, subject: str, channels: int) -> None:
    """What a recorder does, by the verbs behind its endpoints: start, send each chunk, say how many there were."""
    session, _ = sessions.start(person, channels=channels, call={"subject": subject, "platform": "file"})
    total = 0
    for recorded in sending.record(SPEECH, channels=channels):
        samples = SampleRange(recorded.first_sample, recorded.last_sample, opus.SAMPLE_RATE)
        declared = Declared(start_time=recorded.start_seconds, samples=samples)
        chunks.accept(session, index=recorded.index, body=recorded.body, declared=declared)
        total += 1
    sessions.complete(session, total_chunks=total)


def _kept_password(file: Path) -> str:
    if file.exists():
        return file.read_text().strip()
    password = secrets.token_urlsafe(12)
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as kept:
        kept.write(password + "\n")
    return password
