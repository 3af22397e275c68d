"""What is written down, when, and what happens when it cannot be."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.utils import timezone

from crm import tokens
from crm.audit import sealing
from crm.models import AuditEntry, Contact, Token
from tests.builders import bearer, make_contact, make_session, make_user, put_chunk
from tests.sound import encode, tone


def entries():
    return [(entry.act, entry.actor, entry.subject, entry.via) for entry in AuditEntry.objects.order_by("pk")]


@pytest.fixture
def nothing_can_be_written_down(transactional_db):
    """The audit log's table is full, broken or away, and the rest of the database is not."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE crm_auditentry ADD CONSTRAINT nothing_fits CHECK (id < 0) NOT VALID")
    yield
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE crm_auditentry DROP CONSTRAINT nothing_fits")


def test_who_read_a_recording_is_written_down(agent, session):
    bearer(agent).get(f"/api/audio/sessions/{session.pk}")
    assert entries() == [("recording.read", f"user:{agent.pk}", f"recording:{session.pk}", "api")]


def test_what_is_made_is_named_by_its_new_id(agent):
    made = bearer(agent).post("/api/audio/sessions", {}, format="json").json()
    assert entries() == [("recording.started", f"user:{agent.pk}", f"recording:{made['id']}", "api")]


def test_a_list_is_about_nothing_in_particular(agent, client):
    client.force_login(agent)
    client.get("/sessions/")
    assert entries() == [("recording.listed", f"user:{agent.pk}", "", "page")]


def test_a_chunk_is_no_act_of_its_own(agent, session):
    put_chunk(bearer(agent), session, 0, encode(tone(1.0)))
    assert entries() == []


@pytest.mark.parametrize("status", [401, 404])
def test_what_was_not_done_is_not_written_down(client, stranger, session, status):
    reader = bearer(stranger) if status == 404 else client
    assert reader.get(f"/api/audio/sessions/{session.pk}").status_code == status
    assert entries() == []


def test_signing_in_and_out_are_written_down_and_a_wrong_password_is_not(client, agent):
    agent.set_password("a-long-pass-phrase")
    agent.save()
    client.post("/sign-in/", {"username": agent.username, "password": "wrong"})
    client.post("/sign-in/", {"username": agent.username, "password": "a-long-pass-phrase"})
    client.post("/sign-out/")
    me = f"user:{agent.pk}"
    assert entries() == [("access.signed_in", me, "", "page"), ("access.signed_out", me, "", "page")]


@pytest.fixture
def admin(tenant, client):
    admin = make_user(tenant, "admin")
    client.force_login(admin)
    return admin


def test_what_staff_look_at_in_the_admin_is_written_down(client, admin, session):
    put_chunk(bearer(admin), session, 0, encode(tone(1.0)))
    chunk = session.chunks.get()
    client.get("/admin/audio/audiosession/")
    client.get(f"/admin/audio/audiosession/{session.pk}/change/")
    client.get(f"/admin/audio/audiochunk/{chunk.pk}/change/")
    client.get(f"/admin/audio/analysisjob/{chunk.jobs.first().pk}/change/")
    me, it = f"user:{admin.pk}", f"recording:{session.pk}"
    assert entries() == [("recording.listed", me, "", "admin"), *[("recording.read", me, it, "admin")] * 3]


CUSTOMER = {"names": "Ada Lovelace", "phones": "", "emails": "", "identities": ""}


@pytest.mark.parametrize("popup", [{}, {"_popup": "1"}])
def test_what_staff_change_in_the_admin_is_written_down_however_the_form_was_opened(client, admin, popup):
    client.post("/admin/crm/contact/add/", CUSTOMER | popup)
    contact = Contact.objects.get()
    client.post(f"/admin/crm/contact/{contact.pk}/change/", CUSTOMER | {"phones": "+49 40 1234"} | popup)
    client.post(f"/admin/crm/contact/{contact.pk}/delete/", {"post": "yes"} | popup)
    me, it = f"user:{admin.pk}", f"contact:{contact.pk}"
    assert [entry for entry in entries() if not entry[0].endswith(("listed", "read"))] == [
        ("contact.made", me, it, "admin"),
        ("contact.changed", me, it, "admin"),
        ("contact.removed", me, it, "admin"),
    ]


def test_several_that_are_deleted_or_revoked_at_once_are_an_entry_each(client, admin, agent):
    first, second = make_contact(admin.tenant, "Ada"), make_contact(admin.tenant, "Grace")
    chosen = {"action": "delete_selected", "_selected_action": [first.pk, second.pk], "post": "yes"}
    client.post("/admin/crm/contact/", chosen)
    tokens.issue(agent, name="recorder")
    token = Token.objects.get(user=agent)
    client.post("/admin/crm/token/", {"action": "revoke", "_selected_action": [token.pk]})
    done = {(act, subject) for act, _, subject, _ in entries()}
    assert {
        ("contact.removed", f"contact:{first.pk}"),
        ("contact.removed", f"contact:{second.pk}"),
        ("token.revoked", f"token:{token.pk}"),
    } <= done


def test_what_was_tried_in_the_admin_and_not_done_is_not_written_down(client, admin, stranger):
    theirs = make_contact(stranger.tenant, "Ada")
    client.post(f"/admin/crm/contact/{theirs.pk}/change/", CUSTOMER)
    client.post(f"/admin/crm/contact/{theirs.pk}/delete/", {"post": "yes"})
    client.post("/admin/crm/token/", {"action": "revoke", "_selected_action": []}, follow=False)
    assert {act for act, *_ in entries()} <= {"token.listed"}


def test_the_admin_keeps_no_log_of_its_own_in_which_names_would_stay(client, admin):
    client.post("/admin/crm/contact/add/", CUSTOMER)
    assert not LogEntry.objects.exists()
    contact = Contact.objects.get()
    assert client.get(f"/admin/crm/contact/{contact.pk}/history/").status_code == 404


def test_somebody_who_is_signed_in_and_posts_a_wrong_password_has_not_signed_in(client, agent):
    client.force_login(agent)
    client.post("/sign-in/", {"username": agent.username, "password": "wrong"})
    client.get("/sign-in/")
    assert entries() == []


def test_asking_what_is_allowed_is_not_looking(client, admin, session):
    client.options(f"/sessions/{session.pk}/")
    assert entries() == []


def test_a_completion_that_still_owes_chunks_is_kept_and_so_written_down(agent, session):
    complete = f"/api/audio/sessions/{session.pk}/complete"
    assert bearer(agent).post(complete, {"total_chunks": 2}, format="json").status_code == 409
    assert entries() == [("recording.completed", f"user:{agent.pk}", f"recording:{session.pk}", "api")]


def test_an_entry_belongs_to_the_company_of_who_acted(agent, stranger, session):
    bearer(agent).get(f"/api/audio/sessions/{session.pk}")
    bearer(stranger).get("/api/audio/sessions")
    assert list(AuditEntry.objects.order_by("pk").values_list("tenant_id", flat=True)) == [
        agent.tenant_id,
        stranger.tenant_id,
    ]


@pytest.mark.usefixtures("nothing_can_be_written_down")
def test_what_cannot_be_written_down_is_not_shown(agent, session, client):
    response = bearer(agent).get(f"/api/audio/sessions/{session.pk}")
    assert (response.status_code, response.json()["error"]["code"]) == (503, "database_unavailable")
    assert str(session.pk) not in response.content.decode()
    client.force_login(agent)
    page = client.get(f"/sessions/{session.pk}/")
    assert (page.status_code, page["Retry-After"]) == (503, "5")
    assert str(session.pk) not in page.content.decode()


@pytest.mark.usefixtures("nothing_can_be_written_down")
def test_what_was_changed_stays_changed_also_when_it_cannot_be_written_down(agent):
    assert bearer(agent).post("/api/audio/sessions", {}, format="json").status_code == 201


def test_many_recordings_are_one_entry_each(agent):
    for session in [make_session(agent), make_session(agent)]:
        bearer(agent).get(f"/api/audio/sessions/{session.pk}")
    assert len(entries()) == 2


def test_a_form_that_was_wrong_is_shown_again_and_so_looked_at(client, admin, agent):
    page = f"/settings/people/{agent.pk}/"
    assert client.post(page, {"name": "x", "role": "nonsense"}).status_code == 200
    assert client.post(f"{page}tokens/", {"name": "x", "days": "0"}).status_code == 200
    assert entries() == [("person.read", f"user:{admin.pk}", f"person:{agent.pk}", "page")] * 2


def test_the_question_whether_to_delete_shows_whom_it_is_about(client, admin):
    contact = make_contact(admin.tenant, "Ada")
    client.get(f"/admin/crm/contact/{contact.pk}/delete/")
    client.post("/admin/crm/contact/", {"action": "delete_selected", "_selected_action": [contact.pk]})
    me = f"user:{admin.pk}"
    assert entries() == [("contact.read", me, f"contact:{contact.pk}", "admin"), ("contact.listed", me, "", "admin")]


# --- An act that takes many requests ---


@pytest.fixture
def played(agent, session):
    """Play a part of the recording, as somebody."""
    put_chunk(bearer(agent), session, 0, encode(tone(1.0)))

    def play(user, recording=session):
        answer = bearer(user).get(f"/api/audio/sessions/{recording.pk}/audio", HTTP_RANGE="bytes=1000-1999")
        assert answer.status_code == 206
        return len(entries())

    return play


def test_the_ranges_of_one_playing_are_one_entry(agent, session, played):
    assert [played(agent) for _ in range(5)] == [1] * 5
    assert entries() == [("recording.played", f"user:{agent.pk}", f"recording:{session.pk}", "api")]


def test_they_are_still_when_it_has_been_sealed_meanwhile(agent, session, played):
    played(agent)
    assert sealing.seal() == 1
    assert str(session.pk) not in str(entries())
    assert [played(agent) for _ in range(3)] == [1] * 3


def test_who_plays_on_after_that_is_written_down_anew(agent, played):
    played(agent)
    AuditEntry.objects.update(at=timezone.now() - timedelta(minutes=9))
    assert played(agent) == 1
    AuditEntry.objects.update(at=timezone.now() - timedelta(minutes=11))
    assert [played(agent), played(agent)] == [2, 2]


def test_another_person_and_another_recording_are_other_playings(agent, supervisor, played):
    other = make_session(agent)
    put_chunk(bearer(agent), other, 0, encode(tone(1.0)))
    assert [played(agent), played(supervisor), played(agent, other), played(supervisor, other)] == [1, 2, 3, 4]
    sealing.seal()
    assert [played(agent), played(supervisor, other)] == [4, 4]


def test_reading_is_no_playing(agent, session, played):
    bearer(agent).get(f"/api/audio/sessions/{session.pk}")
    assert played(agent) == 2


def test_while_nobody_can_tell_each_range_is_written_down(agent, played, archive_away):
    assert [played(agent), played(agent)] == [1, 1], "it has not been sealed yet, and so is found"
    AuditEntry.objects.update(actor="", subject="")
    assert [played(agent), played(agent)] == [2, 2]


@pytest.mark.usefixtures("nothing_can_be_written_down")
def test_what_cannot_be_written_down_is_not_played(agent, session):
    put_chunk(bearer(agent), session, 0, encode(tone(1.0)))
    answer = bearer(agent).get(f"/api/audio/sessions/{session.pk}/audio")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database_unavailable")
