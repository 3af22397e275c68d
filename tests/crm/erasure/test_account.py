"""A colleague's account goes with all that was written down of it, and nobody else's does."""

import pytest
from asgiref.sync import sync_to_async
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from crm import live, sign_in, tokens
from crm.audit import acts, verification
from crm.contacts import Identity
from crm.erasure import account as step
from crm.models import AuditEntry, HoldKind, LegalHold, SignInFailures, Token, User
from metrics import person_keys
from metrics.alerts import lifecycle
from metrics.erasing import Share, Subject
from tests.builders import make_alert, make_contact, make_session, make_user
from tests.sockets import heard, ticket_of, visit

EMAIL = "dana@example.com"


@pytest.fixture
def dana(tenant):
    return make_user(tenant, "agent", email=EMAIL, first_name="Dana Unmistakable")


@pytest.fixture
def colleague(tenant):
    return make_user(tenant, "admin", email="other@example.com")


@pytest.fixture
def them(dana):
    return Subject(dana.tenant_id, user_id=dana.pk, emails=(EMAIL,))


def signed_in(person):
    browser = Client()
    browser.force_login(person)
    return browser


def logged(by, about):
    of_kind = ContentType.objects.get_for_model(about)
    return LogEntry.objects.create(
        user=by, content_type=of_kind, object_id=str(about.pk), object_repr=str(about), action_flag=CHANGE
    )


def failed(person):
    address = sign_in.digest("198.51.100.7")
    SignInFailures.objects.create(
        name_digest=sign_in.digest(person.username), address_digest=address, began_at=timezone.now()
    )


def everything_of(person, other):
    tokens.issue(person, name="their program")
    signed_in(person)
    failed(person)
    logged(person, other)
    logged(other, person)
    logged(other, Token.objects.get(user=person))
    acts.write("person.read", actor=other, subject=f"person:{person.pk}", via="web")
    acts.write("board.read", actor=person, via="web")


def test_nothing_of_a_colleague_is_left_and_others_keep_theirs(dana, colleague, them):
    everything_of(dana, colleague)
    tokens.issue(colleague, name="another program")
    browser = signed_in(colleague)
    failed(colleague)
    found = step.count(them)
    # The account, a token, a session, a throttle, three entries of admin's log, two of the audit log.
    assert found == 9
    told = []
    assert step.erase(them, progress=told.append) == found == sum(told)
    assert (step.count(them), step.search(them), step.erase(them)) == (0, 0, 0)
    assert not User.objects.filter(pk=dana.pk).exists()
    assert Token.objects.get().user == colleague
    assert Session.objects.count() == 1
    assert browser.get("/profile/").status_code == 200
    assert SignInFailures.objects.count() == 1
    assert not LogEntry.objects.exists()


def test_search_finds_what_the_account_leaves_behind(dana, colleague, them):
    everything_of(dana, colleague)
    # The account, its token and session, admin's log twice by it (once about others) and twice about it, two entries.
    assert step.search(them) >= 7
    make_user(dana.tenant, "agent", email="Dana@Example.com")
    step.erase(them)
    assert step.search(them) == 1


def test_the_audit_log_names_them_by_pseudonym_and_its_chain_holds(dana, colleague, them):
    everything_of(dana, colleague)
    step.erase(them)
    entries = AuditEntry.objects.filter(tenant=dana.tenant_id)
    assert entries.unsealed().count() == 0
    assert all(str(dana.pk) != entry.subject.partition(":")[2] for entry in entries)
    assert not entries.filter(actor=person_keys.of_user(dana.pk)).exists()
    chain = str(dana.tenant_id)
    assert [one for one in verification.verify().findings if one.chain == chain] == []


def test_acts_on_what_is_theirs_are_sealed_before_it_goes(dana, colleague):
    session = make_session(dana)
    them = Subject(
        dana.tenant_id, user_id=dana.pk, calls={session.call_id: Share.WHOLE}, sessions={str(session.pk): Share.WHOLE}
    )
    acts.write("recording.played", actor=colleague, subject=f"recording:{session.pk}", via="web")
    acts.write("call.read", actor=colleague, subject=f"call:{session.call_id}", via="web")
    acts.write("recording.played", actor=colleague, subject="recording:another", via="web")
    session.delete()
    assert step.count(them) == 3
    assert step.erase(them) == 3
    assert step.search(them) == 0


def test_acts_on_what_stays_for_the_other_side_are_not_theirs(dana, colleague):
    session = make_session(dana)
    them = Subject(
        dana.tenant_id, user_id=dana.pk, calls={session.call_id: Share.AGENT}, sessions={str(session.pk): Share.AGENT}
    )
    acts.write("call.read", actor=colleague, subject=f"call:{session.call_id}", via="web")
    LegalHold.objects.create(
        tenant=dana.tenant, kind=HoldKind.CALL, call_id=session.call_id, reason="Theirs", lifted_at=timezone.now()
    )
    session.delete()
    step.erase(them)
    assert (step.count(them), step.search(them), LegalHold.objects.count()) == (0, 0, 1)


def test_an_account_stays_while_a_recording_is_still_theirs(dana, them):
    session = make_session(dana)
    tokens.issue(dana, name="program")
    step.erase(them)
    assert (step.count(them), User.objects.filter(pk=dana.pk).exists()) == (1, True)
    session.delete()
    assert step.erase(them) == 1
    assert step.search(them) == 0


def test_who_works_at_another_company_is_nobody_here(stranger, them):
    elsewhere = Subject(them.tenant_id, user_id=stranger.pk)
    assert (step.count(elsewhere), step.erase(elsewhere)) == (0, 0)
    assert User.objects.filter(pk=stranger.pk).exists()


def test_whoever_watches_is_told_that_their_rights_have_changed(dana, them):
    assert heard(live.group_of(dana.pk), lambda: step.erase(them)) == [{"type": "rights.changed"}]


def test_an_open_socket_is_closed(dana, them):
    async def story(socket):
        await sync_to_async(step.erase)(them)
        while (answer := await socket.receive_output(timeout=20))["type"] != "websocket.close":
            pass
        return answer["code"]

    assert visit(f"/ws/board?ticket={ticket_of(dana)}", story) == 4401


def test_what_they_saw_to_and_asked_for_stays_and_names_nobody(dana, colleague, them):
    alert, _ = make_alert(dana.tenant)
    lifecycle.acknowledge(dana, alert.pk)
    held = LegalHold.objects.create(
        tenant=dana.tenant, kind=HoldKind.CALL, call_id="c-1", reason="A dispute", placed_by=dana
    )
    step.erase(them)
    alert.refresh_from_db()
    held.refresh_from_db()
    assert (alert.acknowledged_by, held.placed_by, held.reason) == (None, None, "A dispute")


def test_holds_on_them_that_are_over_go_and_standing_ones_stay(dana, them):
    of_dana = {"tenant": dana.tenant, "kind": HoldKind.USER, "user_id": dana.pk, "reason": "Dana's dispute"}
    LegalHold.objects.create(**of_dana, lifted_at=timezone.now())
    standing = LegalHold.objects.create(**of_dana)
    assert step.count(them) == 2
    step.erase(them)
    assert list(LegalHold.objects.all()) == [standing]


def test_every_reference_to_a_user_of_ours_is_seen_to():
    found = {
        f"{one.related_model._meta.app_label}.{one.related_model.__name__}.{one.field.name}"
        for one in step.references()
    }
    assert found == set(step.REFERENCES)


def test_candidates_are_everybody_whom_the_desk_names_in_a_company(tenant, dana, stranger):
    contact = make_contact(tenant, "Noa", identities=[Identity("web", "noa")])
    assert step.candidates(tenant.pk) == {f"user:{dana.pk}", f"contact:{contact.pk}", "external:web:noa"}
    assert step.candidates(stranger.tenant_id) == {f"user:{stranger.pk}"}


def test_a_customer_has_no_account(tenant):
    nobody = Subject(tenant.pk, contact_id=3)
    assert (step.count(nobody), step.erase(nobody), step.search(nobody)) == (0, 0, 0)
