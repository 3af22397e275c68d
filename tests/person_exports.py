"""Calls that were recorded, and exports of who was in them, asked for, made and read back."""

import io
import json
import zipfile
from types import SimpleNamespace

import numpy as np

from audio import blobs
from audio.models import AudioChunk
from calls import conversations
from calls.documents import Segment, segment_id_of
from crm.erasure import subjects
from crm.person_exports import files, making, requests
from tests.builders import bearer, make_session, put_chunk
from tests.sound import encode, tone

AGENTS_TONE, CLIENTS_TONE = 440.0, 880.0
BY_AGENT = "The secret of the house is walrus."
BY_CLIENT = "I want my money back, says Quetzalcoatlus."


def record(agent, *, channels, external_user_id="42", words=((BY_AGENT, "agent"), (BY_CLIENT, "client")), **details):
    about = {"platform": "chat", "external_user_id": external_user_id, "subject": "A refund", **details}
    session = make_session(agent, channels=channels, call=about)
    sound = [tone(1.0, frequency=AGENTS_TONE), tone(1.0, frequency=CLIENTS_TONE)][:channels]
    body = encode(np.stack(sound) if channels == 2 else sound[0], container="wav")
    assert put_chunk(bearer(agent), session, 0, body, content_type="audio/wav").status_code == 201
    # As if somebody had heard it: nobody says these words in a tone.
    AudioChunk.objects.filter(session=session).update(processing_status="completed")
    segments = [
        Segment(
            segment_id=segment_id_of(str(session.pk), "0000", place),
            speaker=speaker if channels == 2 else f"speaker_{place + 1}",
            text=text,
            start_time=place * 0.5,
            end_time=place * 0.5 + 0.5,
            confidence=0.9,
            chunk_index=0,
        )
        for place, (text, speaker) in enumerate(words)
    ]
    conversations.store_segments(
        tenant_id=session.tenant_id, call_id=session.call_id, parts=["0000"], segments=segments, end_time=1.0
    )
    return session


def ask(officer, *, includes_others=False, **whom):
    return requests.ask(officer, subjects.asked_of(officer.tenant_id, **whom), includes_others=includes_others)


def made(officer, **asked):
    """The archive of an export that was asked for and made: `row`, `files` by name, `manifest`."""
    export = ask(officer, **asked)
    assert making.make(export.pk)
    return opened(export)


def opened(export):
    export.refresh_from_db()
    body = blobs.get(files.key_of(export))
    assert body is not None, export.state
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        entries = {name: archive.read(name) for name in archive.namelist()}
    return SimpleNamespace(row=export, body=body, files=entries, manifest=json.loads(entries["manifest.json"]))


def objects():
    return [one.key for page in blobs.listed(files.ROOT) for one in page]
