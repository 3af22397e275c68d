"""An erasure from the claim to the certificate, cut off wherever it may be."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection, transaction
from django.utils import timezone

from audio.models import AudioSession
from crm import contacts, forgotten
from crm.contacts import Identity
from crm.erasure import certificates, ledger, marks, requests, running, steps, subjects
from crm.errors import UnknownContact
from crm.models import AuditEntry, Contact, ContactIdentity, ErasureRequest, PrivacyPolicy, Token, User
from metrics import archive, dubbing, keyring, recent
from tests.builders import bearer, make_contact, make_measured
from tests.crm.erasure.people import call_of, make_colleague, make_customer
from tests.running import ROOT
from tests.waiting import wait_until


def ask(officer, **named):
    return requests.ask(officer, subjects.asked_of(officer.tenant_id, **named), reason="Asked by letter.")


def complete(request):
    request = running.run(request.pk)
    assert request.state == "completed", (request.error, request.stores)
    return request


def test_a_customer_is_erased_and_the_other_side_stays(tenant, officer, agent):
    dana, call_id = make_customer(tenant, agent, ident="dana")
    other, other_call = make_customer(tenant, agent)
    before = call_of(tenant, other_call)
    request = complete(ask(officer, contact_id=dana.pk))
    assert not Contact.objects.filter(pk=dana.pk).exists()
    assert not ContactIdentity.objects.filter(external_user_id="dana").exists()
    left = call_of(tenant, call_id)
    assert [segment["text"] for segment in left["conversation"]] == ["Good morning, how can I help?"]
    assert (left["contact_id"], left["external_user_id"]) == (None, None)
    assert call_of(tenant, other_call) == before
    assert Contact.objects.filter(pk=other.pk).exists()
    for row in request.stores:
        assert (row["left"], row["found_again"]) == (0, 0), row
        assert row["erased"] == row["found"], row
    assert {row["store"] for row in request.stores} == set(running.STORE_NAMES)


def test_a_colleague_is_erased_with_all_that_was_measured_of_them(tenant, officer):
    kim = make_colleague(tenant)
    other = make_colleague(tenant)
    client = bearer(kim)
    keyring.pseudonym(tenant.pk, f"user:{kim.pk}")
    complete(ask(officer, user_id=kim.pk))
    assert client.get("/api/audio/sessions").status_code == 401
    assert not User.objects.filter(pk=kim.pk).exists()
    assert not Token.objects.filter(user=kim.pk).exists()
    assert list(AudioSession.objects.values_list("user_id", flat=True)) == [other.pk]
    assert dubbing.count_user(tenant.pk, f"user:{kim.pk}") == 0
    assert recent.count_user(tenant.pk, f"user:{kim.pk}") == 0
    assert recent.count_user(tenant.pk, f"user:{other.pk}") == 1
    assert keyring.known_pseudonym(tenant.pk, f"user:{kim.pk}") is None


def test_a_contact_that_an_id_has_become_meanwhile_goes_with_it(tenant, officer):
    request = ask(officer, platform="chat", external_user_id="dana")
    dana = make_contact(tenant, "Dana", emails=["dana@example.org"], identities=[Identity("chat", "dana")])
    complete(request)
    assert not Contact.objects.filter(pk=dana.pk).exists()
    assert forgotten.is_forgotten(tenant.pk, f"contact:{dana.pk}")


def test_of_a_contact_removed_meanwhile_all_goes_that_it_went_by(tenant, officer):
    dana = make_contact(tenant, "Dana", identities=[Identity("web", "dana"), Identity("web", "shared")])
    make_measured(tenant.pk, "dana")
    request = ask(officer, contact_id=dana.pk)
    contacts.remove(tenant.pk, dana.pk)
    other = make_contact(tenant, "Noa", identities=[Identity("web", "shared")])
    complete(request)
    assert recent.count_user(tenant.pk, "dana", platform="web") == 0
    assert forgotten.is_forgotten(tenant.pk, "external:web:dana")
    assert not forgotten.is_forgotten(tenant.pk, "external:web:shared")
    assert ContactIdentity.objects.get().contact == other


def test_an_id_given_to_them_in_the_last_moment_is_forgotten_too(tenant, officer, monkeypatch):
    dana = make_contact(tenant, "Dana")
    request = ask(officer, contact_id=dana.pk)
    forget = running.forget

    def late(subject, *, at):
        if not subject.identities:
            contacts.change(tenant.pk, dana.pk, {"identities": [Identity("chat", "dana")]})
        forget(subject, at=at)

    monkeypatch.setattr(running, "forget", late)
    complete(request)
    assert forgotten.is_forgotten(tenant.pk, "external:chat:dana")


def test_no_other_request_knows_a_name_of_whom_was_erased(tenant, officer, colleague):
    PrivacyPolicy.objects.create(tenant=tenant, four_eyes=True)
    by_id = ask(officer, platform="chat", external_user_id="dana")
    of_another = ask(officer, platform="chat", external_user_id="noa")
    dana = make_contact(tenant, "Dana", identities=[Identity("chat", "dana")])
    complete(requests.approve(colleague, ask(officer, contact_id=dana.pk).pk))
    by_id.refresh_from_db()
    of_another.refresh_from_db()
    assert (by_id.state, by_id.subject, by_id.subject_name, by_id.reason) == ("cancelled", {}, "", "")
    assert (of_another.state, of_another.subject["external_user_id"]) == ("pending", "noa")


def test_what_others_have_that_is_like_theirs_holds_nothing_up(tenant, officer):
    anna = make_contact(tenant, "Anna", phones=["+49 40 1234"], emails=["anna@example.org"])
    joanna = make_contact(tenant, "Joanna", emails=["joanna@example.org"])
    request = ask(officer, contact_id=anna.pk)
    planned = subjects.look(tenant.pk, subjects.asked_by(request))
    # It was not complete at first, and meanwhile her son is written down, who has the same telephone.
    ErasureRequest.objects.update(state="failed", plan={"subject": subjects.as_json(planned)})
    son = make_contact(tenant, "Ben", phones=["+49 40 1234"])
    complete(request)
    assert [*Contact.objects.order_by("pk")] == [joanna, son]


def test_once_complete_the_request_names_nobody(tenant, officer, agent):
    dana, _ = make_customer(tenant, agent, ident="dana")
    request = complete(ask(officer, contact_id=dana.pk))
    assert (request.subject, request.subject_name, request.reason, request.plan) == ({}, "", "", {})
    assert request.ended_at is not None
    assert certificates.certificate_of(request)["request_id"] == str(request.pk)
    last = AuditEntry.objects.order_by("pk").last()
    assert (last.act, last.actor, last.subject) == ("erasure.completed", "", f"erasure:{request.pk}")
    assert ledger.name_of(request) in marks.everywhere()
    assert running.run(request.pk) is None


def test_the_ledger_knows_them_by_nothing_that_tells_who_they_are(tenant, officer, agent):
    dana, call_id = make_customer(tenant, agent, ident="dana")
    request = complete(ask(officer, contact_id=dana.pk))
    content = archive.read(ledger.name_of(request))
    assert not any(word in content.decode() for word in ["dana", "Dana", "chat", call_id])
    (entry,) = ledger.read([ledger.name_of(request)])
    wanted = {keyring.digest(tenant.pk, key) for key in (f"contact:{dana.pk}", "external:chat:dana")}
    assert entry.people == wanted
    assert list(entry.calls) == [ledger.digest_of_call(tenant.pk, call_id)]


def test_nothing_is_written_of_them_any_more(tenant, officer, agent):
    dana, _ = make_customer(tenant, agent, ident="dana")
    complete(ask(officer, contact_id=dana.pk))
    with pytest.raises(UnknownContact):
        contacts.create(tenant.pk, names=["Dana"], identities=[Identity("chat", "dana")])
    assert all(register.is_forgotten(tenant.pk, "external:chat:dana") for register in running.REGISTERS)


def test_the_audit_log_names_them_by_no_id_any_more(tenant, officer, admin):
    dana = make_contact(tenant, "Dana")
    bearer(admin).get(f"/api/crm/contacts/{dana.pk}")
    assert AuditEntry.objects.filter(subject=f"contact:{dana.pk}").exists()
    complete(ask(officer, contact_id=dana.pk))
    assert not AuditEntry.objects.filter(subject=f"contact:{dana.pk}").exists()
    assert AuditEntry.objects.filter(act="contact.read").count() == 1


def test_who_looks_after_privacy_may_erase_themself(tenant, officer, admin):
    request = complete(ask(officer, user_id=officer.pk))
    assert request.requested_by is None


def test_while_a_store_is_away_it_fails_for_now_and_says_which(tenant, officer, settings):
    settings_of = settings.STORAGES["archive"]
    dana = make_contact(tenant, "Dana")
    request = ask(officer, contact_id=dana.pk)
    away = {**settings_of, "OPTIONS": {**settings_of["OPTIONS"], "endpoint_url": "http://127.0.0.1:9"}}
    there = settings.STORAGES
    archive._client.cache_clear()
    keyring._cache.forget()
    settings.STORAGES = {**there, "archive": away}
    failed = running.run(request.pk)
    assert (failed.state, failed.error.split(" did")[0]) == ("failed", "The archive")
    assert Contact.objects.filter(pk=dana.pk).exists()
    archive._client.cache_clear()
    settings.STORAGES = there
    assert running.run_due() == 0
    ErasureRequest.objects.update(ended_at=timezone.now() - running.pause_after(failed.attempts))
    assert running.run_due() == 1
    assert complete(request).error == ""


def test_each_failure_is_left_alone_for_longer():
    pauses = [running.pause_after(attempts) for attempts in range(1, 40)]
    assert pauses[0] == timedelta(minutes=1)
    assert pauses == sorted(pauses)
    assert pauses[-1] == timedelta(hours=6)


def test_what_a_living_worker_holds_is_left_to_it(officer, tenant):
    request = ask(officer, contact_id=make_contact(tenant, "Dana").pk)
    ErasureRequest.objects.update(state="running", claimed_at=timezone.now(), attempts=1)
    assert running.run(request.pk) is None
    assert running.run_due() == 0


def test_what_a_dead_worker_held_is_gone_on_with(officer, tenant, settings):
    request = ask(officer, contact_id=make_contact(tenant, "Dana").pk)
    long_ago = timezone.now() - timedelta(seconds=settings.EARSHOT_ERASURE_LEASE_SECONDS + 1)
    ErasureRequest.objects.update(state="running", claimed_at=long_ago, attempts=1)
    assert running.run_due() == 1
    complete(request)


def test_when_its_time_is_up_the_rest_is_done_by_the_next_task(officer, tenant, agent):
    dana, _ = make_customer(tenant, agent)
    request = ask(officer, contact_id=dana.pk)
    cut_off = running.run(request.pk, seconds=0.0)
    assert (cut_off.state, cut_off.claimed_at) == ("running", None)
    done = complete(request)
    assert all(row["erased"] == row["found"] for row in done.stores)


def test_killed_in_the_middle_it_is_gone_on_with_and_counts_what_was_done(officer, tenant, agent, settings):
    """It comes no further than the contact: somebody else holds its row."""
    dana, _ = make_customer(tenant, agent)
    request = ask(officer, contact_id=dana.pk)
    with transaction.atomic():
        Contact.objects.select_for_update().get(pk=dana.pk)
        process = subprocess.Popen(
            [sys.executable, "manage.py", "erase_contact", str(dana.pk), "--yes"],
            cwd=ROOT,
            env={**os.environ, "EARSHOT_DATABASE_URL": address_of_the_database()},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda: is_at(request, "the contact of a customer"), what="the contact to be next")
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert ErasureRequest.objects.get().state == "running"
    assert forgotten.is_forgotten(tenant.pk, f"contact:{dana.pk}")
    assert running.run(request.pk) is None
    long_ago = timezone.now() - timedelta(seconds=settings.EARSHOT_ERASURE_LEASE_SECONDS + 1)
    ErasureRequest.objects.update(claimed_at=long_ago)
    done = complete(request)
    by_step = {row["step"]: row for row in done.stores}
    assert by_step["calls"]["found"] == by_step["calls"]["erased"] == 1
    assert done.attempts == 2


def is_at(request, step):
    rows = ErasureRequest.objects.get(pk=request.pk).stores
    return bool(rows) and rows[-1]["step"] == step


def address_of_the_database():
    database = urlsplit(os.environ["EARSHOT_DATABASE_URL"])
    return urlunsplit(database._replace(path=f"/{connection.settings_dict['NAME']}"))


def test_the_steps_are_those_of_the_design_in_its_order():
    assert [(step.store, step.module.__name__) for step in steps.STEPS] == [
        ("queue", "audio.erasing.live"),
        ("queue", "calls.erasing.waiting"),
        ("objects", "audio.erasing.sound"),
        ("objects", "crm.person_exports.erasing"),
        ("redis", "audio.erasing.state"),
        ("postgres", "audio.erasing.rows"),
        ("mongodb", "calls.erasing.conversations"),
        ("mongodb", "calls.erasing.mentions"),
        ("postgres", "calls.erasing.search_index"),
        ("redis", "metrics.erasing_steps.recent"),
        ("timeseries", "metrics.erasing_steps.hours"),
        ("dubbing_sessions", "metrics.erasing_steps.dubbing_sessions"),
        ("postgres", "metrics.erasing_steps.alerts"),
        ("postgres", "crm.erasure.account"),
        ("postgres", "crm.erasure.contact"),
        ("redis", "crm.erasure.passes"),
        ("redis", "metrics.erasing_steps.files"),
        ("archive", "metrics.erasing_steps.pseudonyms"),
    ]


def test_every_step_has_the_three_verbs_and_words_of_its_own():
    assert len({(step.store, step.words) for step in steps.STEPS}) == len(steps.STEPS)
    for step in steps.STEPS:
        assert all(callable(getattr(step.module, verb)) for verb in ("count", "erase", "search"))
        assert step.store in running.STORE_NAMES
