"""A store that came back from a backup forgets again whom it knows anew."""

import io
from importlib import import_module

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.utils import timezone

from calls import forgotten, intake, queue, store
from calls.erasing import obeyed as obeyed_by_mongodb
from calls.erasing import waiting
from calls.errors import CallExists
from calls.store.client import collection
from crm.contacts import Identity
from crm.erasure import ledger, marks, replaying, requests, running, subjects
from crm.models import AuditEntry, Contact, ContactIdentity, ContactKey, ErasureRequest, ObeyedErasure
from metrics.erasing_steps import obeyed as obeyed_by_redis
from metrics.models import Forgotten
from tests.builders import make_contact
from tests.crm.erasure.people import call_of, make_call, make_customer, said


@pytest.fixture(autouse=True)
def nothing_owed(transactional_db):
    """What other tests have left in the ledger is obeyed, as far as this database can."""
    replaying.replay_now()


def erase(officer, contact):
    asked = subjects.asked_of(contact.tenant_id, contact_id=contact.pk)
    request = running.run(requests.ask(officer, asked, reason="").pk)
    assert request.state == "completed", request.error
    return request


def postgres_as_before(rows):
    """PostgreSQL as it was before the erasure: the person's rows are there, all that came of it is not."""
    ErasureRequest.objects.all().delete()
    ObeyedErasure.objects.all().delete()
    Forgotten.objects.all().delete()
    for model, theirs in rows:
        model.objects.bulk_create(theirs)


def rows_of(contact):
    return [
        (Contact, [Contact.objects.get(pk=contact.pk)]),
        (ContactKey, list(contact.keys.all())),
        (ContactIdentity, list(contact.identities.all())),
    ]


def unmark(request):
    """MongoDB as it was before the erasure, as far as it knows what it has obeyed."""
    collection("obeyed_erasures").delete_one({"_id": ledger.name_of(request)})


def test_without_anything_to_do_nothing_is_done(officer, tenant):
    erase(officer, make_contact(tenant, "Dana"))
    assert replaying.replay_now().entries == 0
    assert ErasureRequest.objects.count() == 1


def test_whom_postgresql_knows_again_is_erased_by_a_request_of_the_same_id(tenant, officer, agent):
    dana, _ = make_customer(tenant, agent, ident="dana")
    before = rows_of(dana)
    erased = erase(officer, dana)
    postgres_as_before(before)
    assert Contact.objects.filter(pk=dana.pk).exists()
    replayed = replaying.replay_now()
    assert [(one.pk, one.state, one.is_replay) for one in replayed.requests] == [(erased.pk, "completed", True)]
    assert not Contact.objects.filter(pk=dana.pk).exists()
    assert not ContactIdentity.objects.exists()
    assert ledger.name_of(erased) in marks.everywhere()
    assert all(one.is_forgotten(tenant.pk, "external:chat:dana") for one in running.REGISTERS)
    assert AuditEntry.objects.filter(act="erasure.replayed").count() == 1


def test_whom_mongodb_alone_knows_again_is_erased_there(tenant, officer, agent):
    dana, call_id = make_customer(tenant, agent, ident="dana")
    before = call_of(tenant, call_id)
    erased = erase(officer, dana)
    store.client.calls().replace_one({"tenant_id": tenant.pk, "call_id": call_id}, before)
    unmark(erased)
    (request,) = replaying.replay_now().requests
    assert request.state == "completed"
    assert request.pk != erased.pk
    after = call_of(tenant, call_id)
    assert (after["contact_id"], after["external_user_id"]) == (None, None)
    assert "purple" not in str(after)
    assert ledger.name_of(erased) in obeyed_by_mongodb.marked()


def test_a_call_by_phone_alone_that_mongodb_knows_again_goes(tenant, officer, agent):
    dana = make_contact(tenant, "Dana", phones=["+49 40 998877"])
    call_id = make_call(agent, said("speaker_1", "My tractor is purple."), phone="+49 40 998877")
    before = call_of(tenant, call_id)
    assert before["contact_id"] is None
    erased = erase(officer, dana)
    assert call_of(tenant, call_id) is None
    store.client.calls().insert_one(before)
    unmark(erased)
    (request,) = replaying.replay_now().requests
    assert request.state == "completed"
    assert call_of(tenant, call_id) is None


def test_a_call_that_was_erased_whole_is_not_made_anew_once_postgresql_came_back(tenant, officer, agent):
    dana, call_id = make_customer(tenant, agent, ident="dana")
    store.client.calls().update_one({"call_id": call_id}, {"$set": {"conversation.0.speaker": "speaker_1"}})
    before = rows_of(dana)
    erase(officer, dana)
    postgres_as_before(before)
    assert not forgotten.is_erased_call(tenant.pk, call_id)
    replaying.replay_now()
    with pytest.raises(CallExists):
        make_call(agent, said("client", "My tractor is purple."), call_id=call_id)
    assert call_of(tenant, call_id) is None


def test_a_dead_letter_that_only_a_phone_found_goes_again_when_redis_came_back_alone(
    tenant, officer, agent, intake_queue
):
    dana = make_contact(tenant, "Dana", phones=["+49 40 998877"])

    def send_and_give_up(conversation_id):
        talk = "Agent: Hello\nUser: My tractor is purple."
        who = {"tenant_id": tenant.pk, "sent_by": agent.pk, "phone": "+49 40 998877"}
        intake.queue_conversation("7", "sms", talk, conversation_id=conversation_id, **who)
        (entry,) = queue.take("one", most=1, age_seconds=0)
        queue.bury(entry, code="not_stored", error="ValueError", attempts=4)

    send_and_give_up("gone")
    erased = erase(officer, dana)
    assert waiting.ids(tenant.pk) == set()
    # As Redis was before, without what it had obeyed since.
    send_and_give_up("gone")
    send_and_give_up("later")
    obeyed_by_redis._client().delete("erasures:obeyed")
    (request,) = replaying.replay_now().requests
    assert (request.state, waiting.ids(tenant.pk)) == ("completed", {"later"})
    assert ledger.name_of(erased) in marks.everywhere()


def test_erasures_from_before_calls_had_a_register_fill_it_at_the_next_start(tenant, officer, agent):
    dana, call_id = make_customer(tenant, agent, ident="dana")
    erase(officer, dana)
    Forgotten.objects.filter(scope="calls.erased").delete()
    import_module("crm.migrations.0008_erased_calls").obey_again(apps, None)
    assert list(replaying.replay_now().requests) == []
    assert forgotten.is_erased_call(tenant.pk, call_id)


def test_a_later_call_that_got_the_id_of_an_erased_one_stays(tenant, officer, agent):
    dana, call_id = make_customer(tenant, agent, ident="dana")
    store.client.calls().update_one({"call_id": call_id}, {"$set": {"conversation.0.speaker": "speaker_1"}})
    erased = erase(officer, dana)
    assert call_of(tenant, call_id) is None
    # As it could happen before calls had a register.
    Forgotten.objects.filter(scope="calls.erased").delete()
    make_call(agent, said("client", "I am somebody else."), call_id=call_id, user_id=agent.pk)
    later = call_of(tenant, call_id)
    unmark(erased)
    assert list(replaying.replay_now().requests) == []
    assert call_of(tenant, call_id) == later


def test_a_store_that_lost_its_marks_and_knows_nobody_gets_them_back_without_more(tenant, officer, agent):
    dana, _ = make_customer(tenant, agent, ident="dana")
    erased = erase(officer, dana)
    unmark(erased)
    replayed = replaying.replay_now()
    assert (replayed.entries, list(replayed.requests)) == (1, [])
    assert ledger.name_of(erased) in marks.everywhere()
    assert ErasureRequest.objects.count() == 1


def test_who_was_about_to_be_erased_when_the_backup_was_made_is_erased_by_that_request(tenant, officer, agent):
    dana, _ = make_customer(tenant, agent, ident="dana")
    asked = subjects.asked_of(tenant.pk, contact_id=dana.pk)
    before = rows_of(dana)
    request = requests.ask(officer, asked, reason="")
    as_asked = ErasureRequest.objects.get(pk=request.pk)
    running.run(request.pk)
    postgres_as_before(before)
    as_asked.state = "pending"
    as_asked.approved_at = None
    as_asked.save(force_insert=True)
    (replayed,) = replaying.replay_now().requests
    assert (replayed.pk, replayed.state) == (request.pk, "completed")
    assert ErasureRequest.objects.count() == 1


def test_an_erasure_that_goes_on_is_left_to_itself(tenant, officer):
    request = requests.ask(officer, subjects.asked_of(tenant.pk, platform="chat", external_user_id="x"), reason="")
    running.run(request.pk, seconds=0.0)
    ErasureRequest.objects.update(claimed_at=timezone.now(), state="running")
    assert replaying.replay_now().entries == 0


def test_of_a_company_that_the_backup_does_not_know_nobody_is_looked_for(tenant, officer, stranger):
    erased = erase(officer, make_contact(tenant, "Dana", identities=[Identity("chat", "dana")]))
    ErasureRequest.objects.all().delete()
    ObeyedErasure.objects.all().delete()
    Forgotten.objects.all().delete()
    AuditEntry.objects.all().delete()
    entry = ledger.read([ledger.name_of(erased)])[0]
    assert not Forgotten.objects.filter(tenant_id=tenant.pk).exists()
    assert replaying.replay_now().entries >= 1
    assert set(Forgotten.objects.filter(tenant_id=tenant.pk).values_list("digest", flat=True)) == (
        entry.people | entry.calls.keys()
    )


def test_the_command_says_what_was_obeyed_again(tenant, officer):
    unmark(erase(officer, make_contact(tenant, "Dana")))
    out = io.StringIO()
    call_command("replay_erasures", stdout=out)
    assert out.getvalue().startswith("1 entries of the ledger were obeyed again; 0 found")


def test_without_the_archive_a_start_is_refused(tenant, archive_away):
    with pytest.raises(CommandError, match="doctor"):
        call_command("replay_erasures")


def test_a_mark_that_redis_lost_is_written_again(tenant, officer):
    erased = erase(officer, make_contact(tenant, "Dana"))
    obeyed_by_redis._client().delete("erasures:obeyed")
    assert replaying.replay_now().entries >= 1
    assert ledger.name_of(erased) in obeyed_by_redis.marked()
