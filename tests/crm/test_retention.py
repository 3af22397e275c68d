"""What is older than a company keeps goes, floor by floor, but for what a legal hold is on."""

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections
from django.utils import timezone

from audio.models import AudioChunk, AudioSession
from calls import store
from calls.errors import UnknownCall
from calls.store import erasing
from calls.store.client import calls
from crm import retention
from crm.audit import acts, sealing
from crm.contacts import Identity
from crm.erasure import holds
from crm.models import AuditEntry, HoldKind, LegalHold, RetentionPolicy, RetentionRun
from metrics import archive, locks
from tests.builders import bearer, make_contact, make_segment, make_session, make_user, put_chunk
from tests.sound import encode, tone

DAY = timedelta(days=1)
ADDRESS = "/api/privacy/retention"
PAGE = "/privacy/retention/"


@pytest.fixture(autouse=True)
def empty_archive(transactional_db):
    """Block numbers begin again with each test's empty database, and so must their anchors."""
    for name in list(archive.names("audit/")):
        archive.erase(name)


@pytest.fixture
def privacy(tenant):
    return make_user(tenant, "privacy")


def recorded(agent, days_ago, **call):
    """A recorded call of so long ago, with sound and something that was said."""
    session = make_session(agent)
    put_chunk(bearer(agent), session, 0, encode(tone(1.0)))
    make_segment(session)
    then = timezone.now() - days_ago * DAY
    AudioSession.objects.filter(pk=session.pk).update(start_time=then, end_time=then, status="completed")
    session.chunks.update(processing_status="completed")
    for chunk in session.chunks.all():
        chunk.jobs.update(state="done")
    store.change(tenant_id=agent.tenant_id, call_id=session.call_id, values={"start_time": then, **call})
    return session


def keep(tenant, **days):
    return retention.change(tenant, {f"{kind}_days": number for kind, number in days.items()})


def has_sound(session):
    session.refresh_from_db()
    return session.sound_removed_at is None


def has_call(session):
    return calls().count_documents({"tenant_id": session.tenant_id, "call_id": session.call_id}) == 1


def report_of(tenant):
    return {row.kind.value: (row.going, row.held) for row in retention.report(tenant.pk)}


def runs():
    return {run.kind: (run.removed, run.held) for run in RetentionRun.objects.all()}


def test_without_a_rule_nothing_goes(tenant, agent):
    old = recorded(agent, 4000)
    assert report_of(tenant) == {"audio": (0, 0), "transcripts": (0, 0), "metrics": (0, 0), "logs": (0, 0)}
    assert retention.apply(tenant.pk)
    assert (has_sound(old), has_call(old), runs()) == (True, True, {})


def test_sound_goes_and_the_transcript_stays(tenant, agent):
    old, young = recorded(agent, 41), recorded(agent, 39)
    keep(tenant, audio=40)
    assert report_of(tenant)["audio"] == (1, 0)
    assert retention.apply(tenant.pk)
    assert (has_sound(old), has_sound(young)) == (False, True)
    told = bearer(agent).get(f"/api/calls/{old.call_id}").json()
    assert [segment["text"] for segment in told["conversation"]] == ["Good morning."]
    assert runs() == {"audio": (1, 0)}


def test_a_call_goes_with_its_sound_and_its_rows(tenant, agent):
    old, young = recorded(agent, 41), recorded(agent, 39)
    keep(tenant, transcripts=40)
    assert report_of(tenant)["transcripts"] == (1, 0)
    assert retention.apply(tenant.pk)
    assert (has_call(old), has_call(young)) == (False, True)
    assert list(AudioSession.objects.values_list("pk", flat=True)) == [young.pk]
    assert set(AudioChunk.objects.values_list("session", flat=True)) == {young.pk}
    assert runs() == {"transcripts": (1, 0)}


def test_the_audit_log_and_figures_go_by_rules_of_their_own(tenant, agent, monkeypatch):
    then = timezone.now() - 50 * DAY
    with monkeypatch.context() as earlier:
        earlier.setattr("crm.audit.acts.timezone.now", lambda: then)
        acts.write("recording.listed", actor=agent, via="api")
        sealing.seal()
    keep(tenant, logs=40, metrics=40)
    assert report_of(tenant)["logs"] == (1, 0)
    assert retention.apply(tenant.pk)
    assert [entry.act for entry in AuditEntry.objects.all()] == ["retention.applied"]
    assert runs() == {"logs": (1, 0), "metrics": (0, 0)}


@pytest.mark.parametrize("held_by", ["user", "contact", "external", "call"])
def test_what_is_held_stays_with_its_sound(tenant, agent, privacy, held_by):
    colleague = make_user(tenant, "agent")
    contact = make_contact(tenant, "Ada", identities=[Identity("web", "ada")])
    held, free = recorded(colleague, 50), recorded(agent, 50)
    if held_by == "contact":
        store.change(tenant_id=tenant.pk, call_id=held.call_id, values={"contact_id": contact.pk})
    if held_by == "external":
        named = {"platform": "web", "external_user_id": "grace"}
        store.change(tenant_id=tenant.pk, call_id=held.call_id, values=named)
    on = {
        "user": {"user_id": colleague.pk},
        "contact": {"contact_id": contact.pk},
        "external": {"platform": "web", "external_user_id": "grace"},
        "call": {"call_id": held.call_id},
    }[held_by]
    holds.place(privacy, HoldKind(held_by), reason="A dispute", **on)
    keep(tenant, audio=30, transcripts=40)
    assert report_of(tenant)["audio"] == (1, 1)
    assert report_of(tenant)["transcripts"] == (1, 1)
    assert retention.apply(tenant.pk)
    assert (has_call(held), has_sound(held)) == (True, True)
    assert not AudioSession.objects.filter(pk=free.pk).exists()
    assert runs() == {"audio": (1, 1), "transcripts": (1, 1)}


@pytest.mark.parametrize("kind", ["audio", "transcripts"])
def test_a_hold_that_is_placed_while_others_go_is_heeded(tenant, agent, privacy, monkeypatch, kind):
    monkeypatch.setattr("audio.retention._AT_ONCE", 1)
    monkeypatch.setattr("calls.retention._AT_ONCE", 1)
    both = [recorded(agent, days) for days in (51, 50)]
    keep(tenant, **{kind: 40})

    def hold(kind, removed):
        for one in both:
            if not LegalHold.objects.exists() and has_call(one) and has_sound(one):
                holds.place(privacy, HoldKind.CALL, call_id=one.call_id, reason="A dispute")

    def has_sound(session):
        return AudioSession.objects.filter(pk=session.pk, sound_removed_at=None).exists()

    assert retention.apply(tenant.pk, progress=hold)
    assert LegalHold.objects.exists()
    assert sum(has_call(one) and has_sound(one) for one in both) == 1


def test_what_was_held_goes_once_the_hold_is_lifted(tenant, agent, privacy):
    held = recorded(agent, 50)
    hold = holds.place(privacy, HoldKind.CALL, call_id=held.call_id, reason="A dispute")
    keep(tenant, transcripts=40)
    retention.apply(tenant.pk)
    assert has_call(held)
    holds.lift(privacy, hold.pk)
    retention.apply(tenant.pk)
    assert not has_call(held)


def test_another_companys_things_stay(tenant, agent, stranger):
    theirs = recorded(stranger, 500)
    keep(tenant, audio=1, transcripts=1, metrics=1, logs=30)
    retention.apply(tenant.pk)
    assert (has_call(theirs), has_sound(theirs)) == (True, True)


@pytest.mark.parametrize("dies_in", ["calls.store.erasing.remove_for_good", "audio.retention.erasing.remove_whole"])
def test_what_a_dead_worker_left_goes_the_next_time(tenant, agent, monkeypatch, dies_in):
    old = recorded(agent, 50)
    keep(tenant, transcripts=40)
    with monkeypatch.context() as dying:
        dying.setattr(dies_in, lambda *args, **options: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            retention.apply(tenant.pk)
    assert has_call(old)
    assert retention.apply(tenant.pk)
    assert not has_call(old)
    assert not AudioSession.objects.exists()


def test_no_sound_is_there_without_its_call(tenant, agent, monkeypatch):
    """By the call alone one knows what of the sound is masked."""
    old = recorded(agent, 50)
    keep(tenant, transcripts=40)
    there = []
    remove = erasing.remove_for_good

    def remove_calls(tenant_id, call_ids):
        there.append(AudioSession.objects.filter(call_id__in=call_ids).exists())
        return remove(tenant_id, call_ids)

    monkeypatch.setattr("calls.store.erasing.remove_for_good", remove_calls)
    assert retention.apply(tenant.pk)
    assert not has_call(old)
    assert there == [False]


def test_a_call_stays_while_who_recorded_it_is_held(tenant, agent, privacy):
    lead = make_user(tenant, "supervisor")
    held = recorded(lead, 50)
    store.change(tenant_id=tenant.pk, call_id=held.call_id, values={"user_id": agent.pk})
    holds.place(privacy, HoldKind.USER, user_id=lead.pk, reason="A dispute")
    keep(tenant, transcripts=40)
    assert report_of(tenant)["transcripts"] == (0, 1)
    assert retention.apply(tenant.pk)
    assert (has_call(held), has_sound(held)) == (True, True)


def test_when_its_time_is_up_the_rest_is_for_another_task(tenant, agent, monkeypatch):
    recorded(agent, 50)
    keep(tenant, audio=40, transcripts=45)
    assert not retention.apply(tenant.pk, seconds=0.0)
    while not retention.apply(tenant.pk, seconds=0.0):
        pass
    assert not AudioSession.objects.exists()


def test_while_one_is_at_it_another_leaves_it_alone(tenant, agent):
    old = recorded(agent, 50)
    keep(tenant, audio=40)

    def apply():
        try:
            return retention.apply(tenant.pk)
        finally:
            connections.close_all()

    with locks.held_alone(f"retention/{tenant.pk}"), ThreadPoolExecutor(1) as another:
        assert another.submit(apply).result(timeout=60)
    assert has_sound(old)
    assert retention.apply(tenant.pk)
    assert not has_sound(old)


def test_beat_sends_a_task_for_each_company_that_has_a_rule(tenant, stranger, monkeypatch):
    sent = []
    monkeypatch.setattr(
        retention.current_app, "send_task", lambda name, args, **options: sent.append((name, args)), raising=False
    )
    keep(tenant, audio=40)
    RetentionPolicy.objects.create(tenant=stranger.tenant)
    assert retention.apply_to_all() == 1
    assert sent == [(retention.APPLY_TASK, [tenant.pk])]


# --- The command ---


def ran(*args):
    said = io.StringIO()
    call_command("apply_retention", *args, stdout=said)
    return said.getvalue()


def test_the_command_says_what_would_go_and_removes_nothing(tenant, agent, capsys):
    old = recorded(agent, 50)
    keep(tenant, audio=40)
    assert "Nothing was removed." in ran("--dry-run", "--company", tenant.name)
    assert "1 recording" in capsys.readouterr().out
    assert has_sound(old)


def test_the_command_removes_what_is_old_enough_and_says_so(tenant, agent):
    old = recorded(agent, 50)
    keep(tenant, audio=40)
    assert ran("--company", tenant.name).strip() == f"{tenant.name}: 1 recording removed."
    assert not has_sound(old)
    assert ran("--company", tenant.name).strip() == f"{tenant.name}: nothing was old enough."


def test_the_command_knows_its_companies():
    with pytest.raises(CommandError, match="no company called"):
        ran("--company", "Nobody")


# --- REST ---


def test_rules_and_what_they_would_remove_are_read(tenant, agent, privacy):
    recorded(agent, 50)
    keep(tenant, audio=40)
    told = bearer(privacy).get(ADDRESS).json()
    assert told["policy"] == {"audio_days": 40, "transcripts_days": None, "metrics_days": None, "logs_days": None}
    (sound, *others) = told["report"]
    assert (sound["kind"], sound["counted"], sound["days"], sound["would_go"]) == ("audio", "recordings", 40, 1)
    assert {row["before"] for row in others} == {None}
    assert told["runs"] == []


def test_other_rules_are_tried_without_being_set(tenant, agent, privacy):
    recorded(agent, 50)
    told = bearer(privacy).get(ADDRESS, {"audio_days": 40}).json()
    assert told["report"][0]["would_go"] == 1
    assert RetentionPolicy.of(tenant.pk).audio_days is None


def test_rules_are_changed_and_replaced(tenant, privacy):
    api = bearer(privacy)
    api.patch(ADDRESS, {"audio_days": 40, "logs_days": 90}, format="json")
    assert api.patch(ADDRESS, {"audio_days": None}, format="json").json()["policy"]["logs_days"] == 90
    assert api.put(ADDRESS, {"transcripts_days": 365}, format="json").json()["policy"] == {
        "audio_days": None,
        "transcripts_days": 365,
        "metrics_days": None,
        "logs_days": None,
    }
    assert [entry.act for entry in AuditEntry.objects.order_by("pk")] == ["retention.changed"] * 3


@pytest.mark.parametrize("days", [0, -1, 40_000, "soon", 1.5])
def test_a_rule_that_cannot_be_is_a_422(privacy, days):
    assert bearer(privacy).patch(ADDRESS, {"audio_days": days}, format="json").status_code == 422


def test_the_audit_log_is_kept_for_a_month_at_least(privacy):
    assert bearer(privacy).patch(ADDRESS, {"logs_days": 29}, format="json").status_code == 422


# --- The pages ---


def test_the_page_shows_a_row_for_each_kind_and_the_last_run(client, tenant, agent, privacy):
    recorded(agent, 50)
    keep(tenant, audio=40)
    client.force_login(privacy)
    page = client.get(PAGE).content.decode()
    assert page.count("retention-what") == 4
    assert "1 recording" in page
    retention.apply(tenant.pk)
    assert "1 gone" in client.get(PAGE).content.decode()


def test_other_rules_are_shown_before_they_hold_and_shorter_ones_ask(client, tenant, agent, privacy):
    recorded(agent, 50)
    keep(tenant, audio=100)
    client.force_login(privacy)
    shown = client.post(f"{PAGE}change/", {"audio_days": "40"})
    page = shown.content.decode()
    assert shown.status_code == 200
    assert "Nothing was changed yet" in page
    assert "1 recording" in page
    assert 'data-confirm="Keep things for less long?"' in page
    assert RetentionPolicy.of(tenant.pk).audio_days == 100
    assert client.post(f"{PAGE}change/", {"audio_days": "40", "seen": "yes"})["Location"] == PAGE
    assert RetentionPolicy.of(tenant.pk).audio_days == 40


def test_longer_rules_do_not_ask(client, tenant, privacy):
    keep(tenant, audio=40)
    client.force_login(privacy)
    page = client.post(f"{PAGE}change/", {"audio_days": ""}).content.decode()
    assert "data-confirm" not in page


def test_a_rule_that_cannot_be_is_said_beside_its_field(client, tenant, privacy):
    client.force_login(privacy)
    page = client.post(f"{PAGE}change/", {"logs_days": "7", "seen": "yes"})
    assert page.status_code == 200
    assert "greater than or equal to 30" in page.content.decode()
    assert RetentionPolicy.of(tenant.pk).logs_days is None


@pytest.mark.parametrize("role", ["agent", "supervisor", "integration"])
def test_it_is_closed_to_who_may_not_manage_it(client, tenant, role):
    client.force_login(make_user(tenant, role))
    assert client.get(PAGE).status_code == 403


def test_a_call_that_has_gone_is_not_found_any_more(tenant, agent):
    old = recorded(agent, 50)
    keep(tenant, transcripts=40)
    retention.apply(tenant.pk)
    assert bearer(agent).get(f"/api/calls/{old.call_id}").json()["error"]["code"] == UnknownCall.code
