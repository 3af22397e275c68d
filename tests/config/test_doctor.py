"""What the doctor finds on real servers: well, ill, and away."""

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

import pytest
from django.core.cache import cache
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from pymongo import MongoClient

from calls import queue, store
from config import doctor, schedule
from config.doctor import examine
from config.findings import State
from crm.audit import acts, sealing
from crm.models import AuditBlock, AuditEntry
from tests.receivers import MailReceiver
from tests.running import ROOT
from tests.waiting import wait_until


def found(*names):
    """The findings of these checks: (name, state, sentence and cure)."""
    checks = {name: doctor.CHECKS[name] for name in names}
    return [(name, finding.state, f"{finding.said} – {finding.cure}") for name, finding in examine(checks)]


def of_one(name):
    [(_, state, said)] = found(name)
    return state, said


@contextmanager
def calls_in_mongodb(settings):
    with MongoClient(settings.EARSHOT_MONGODB_URL) as client:
        yield client.get_default_database("earshot").calls


def test_every_server_answers_tells_its_version_and_has_what_it_needs(transactional_db):
    schedule.make()  # Emptied with every table after each test.
    queue.create()
    names = ["PostgreSQL", "MongoDB", "Redis", "Cache", "Object store", "Migrations", *doctor.STORES]
    findings = found(*names, "Redis as a store", "Disk")
    assert {state for _, state, _ in findings} == {State.OK}, findings
    assert "version 6" in {name: said for name, _, said in findings}["MongoDB"]


def test_clocks_of_one_machine_agree_and_one_that_is_off_is_told(transactional_db):
    clocks = [name for name in doctor.CHECKS if name.startswith("Clock")]
    assert len(clocks) == 4
    assert {state for _, state, _ in found(*clocks)} == {State.OK}

    def fast():
        return timezone.now() + timedelta(seconds=90)

    [(_, finding)] = examine({"Clock": partial(doctor.check_clock, fast)})
    assert (finding.state, finding.said) == (State.WARNING, "90.0 s from this machine's")


def test_a_mail_server_is_asked_where_there_is_one_and_none_is_needed(settings):
    assert of_one("Mail")[0] == State.OK
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EARSHOT_EMAIL_URL = "smtp://127.0.0.1:1"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    state, said = of_one("Mail")
    assert state == State.WARNING
    assert "EARSHOT_EMAIL_URL" in said
    mailbox = MailReceiver()
    settings.EMAIL_PORT = mailbox.port
    assert of_one("Mail")[0] == State.OK
    mailbox.stop()


def test_the_engines_of_hearing_are_loaded():
    assert [state for _, state, _ in found("Voice activity", "Transcript")] == [State.OK] * 2


@pytest.mark.parametrize("index", ["tenant_call_id", "tenant_number"])
def test_a_missing_index_is_named_with_its_cure(settings, index):
    with calls_in_mongodb(settings) as calls:
        calls.drop_index(index)
    assert of_one("Calls") == (State.ERROR, f"missing: index {index} of calls – manage.py create_stores")
    store.create()
    assert of_one("Calls")[0] == State.OK


def test_an_index_that_lets_doubles_in_is_not_taken_for_ours(settings):
    with calls_in_mongodb(settings) as calls:
        calls.drop_index("tenant_number")
        calls.create_index([("tenant_id", 1), ("id", 1)], name="tenant_number")
        assert "index tenant_number" in of_one("Calls")[1]
        calls.drop_index("tenant_number")
    store.create()


def test_another_validator_is_told(settings):
    with calls_in_mongodb(settings) as calls:
        calls.database.command("collMod", "calls", validator={})
    assert of_one("Calls") == (State.ERROR, "missing: validator of calls – manage.py create_stores")
    store.create()
    assert of_one("Calls")[0] == State.OK


def test_a_migration_that_was_not_applied_is_named(transactional_db):
    recorder = MigrationRecorder(connection)
    app, name = recorder.migration_qs.filter(app="audio").order_by("-pk").values_list("app", "name").first()
    recorder.record_unapplied(app, name)
    try:
        state, said = of_one("Migrations")
    finally:
        recorder.record_applied(app, name)
    assert state == State.ERROR
    assert f"{app}.{name}" in said
    assert of_one("Migrations")[0] == State.OK


def test_queues_that_nobody_works_on_and_a_silent_beat_are_warnings():
    cache.clear()
    state, said = of_one("Workers")
    assert state == State.WARNING, said
    assert "analysis, metrics, notify, privacy, rollup, storage, transcription" in said
    assert of_one("Beat")[0] == State.WARNING
    assert of_one("Queues")[0] == State.OK


def test_an_audit_log_that_is_not_sealed_in_time_is_a_warning(transactional_db):
    assert of_one("Audit log")[0] == State.OK
    acts.write("token.made", actor=None, via="command")
    assert of_one("Audit log")[0] == State.OK
    long_ago = timezone.now() - timedelta(days=1)
    AuditEntry.objects.update(at=long_ago)
    state, said = of_one("Audit log")
    assert state == State.WARNING
    assert "1 entries" in said
    assert "Seal the audit log" in said
    sealing.seal()
    assert of_one("Audit log")[0] == State.OK
    AuditBlock.objects.update(anchored_at=None, sealed_at=long_ago)
    state, said = of_one("Audit log")
    assert state == State.WARNING
    assert "1 blocks" in said


def test_a_check_that_hangs_is_told_and_holds_nobody_up():
    never = threading.Event()
    checks = {"Hanging": never.wait, "Well": lambda: [doctor.ok("fine")]}
    findings = dict(examine(checks, deadline_seconds=0.2))
    never.set()
    assert findings["Hanging"].state == State.ERROR
    assert "no answer" in findings["Hanging"].said
    assert findings["Well"] == doctor.ok("fine")


def test_a_check_that_breaks_is_an_error_of_its_own_in_one_line():
    def breaks():
        raise ValueError("first line\nsecond line")

    [(_, finding)] = examine({"Breaking": breaks})
    assert (finding.state, finding.said) == (State.ERROR, "first line")


SAFE = {
    "EARSHOT_URL": "https://calls.example",
    "EARSHOT_HOST": "127.0.0.1",
    "EARSHOT_DEMO": False,
    "EARSHOT_PROXIES": ["127.0.0.1"],
    "SECRET_KEY": "k" * 64,
    "ALLOWED_HOSTS": ["calls.example", "127.0.0.1"],
    "EARSHOT_MONGODB_URL": "mongodb://a:b@mongo.example/earshot",
    "EARSHOT_REDIS_URL": "redis://:b@redis.example/0",
    "EARSHOT_CACHE_URL": "redis://127.0.0.1:6380/0",
}


@pytest.mark.parametrize(
    ("unsafe", "says"),
    [
        ({}, None),
        ({"EARSHOT_URL": "http://127.0.0.1:8000", "EARSHOT_DEMO": True}, None),
        ({"EARSHOT_URL": "http://calls.example"}, "travel unencrypted"),
        ({"EARSHOT_PROXIES": []}, "no proxy is believed"),
        ({"EARSHOT_HOST": "192.0.2.1", "ALLOWED_HOSTS": ["127.0.0.1", "localhost", "[::1]"]}, "answers to no name"),
        ({"ALLOWED_HOSTS": ["*"]}, "answers to any name"),
        ({"SECRET_KEY": "x"}, "EARSHOT_SECRET_KEY"),
        ({"EARSHOT_DEMO": True}, "shared password"),
        ({"EARSHOT_REDIS_URL": "redis://redis.example/0"}, "EARSHOT_REDIS_URL names a server elsewhere"),
    ],
)
def test_settings_that_suit_one_machine_only_are_warned_about(settings, unsafe, says):
    for name, value in (SAFE | unsafe).items():
        setattr(settings, name, value)
    findings = list(doctor.insecure_settings())
    assert {finding.state for finding in findings} <= {State.WARNING}
    said = [finding.said for finding in findings]
    assert len(said) == (0 if says is None else 1), said
    assert all(says in sentence for sentence in said)


def run_doctor(**environment):
    return subprocess.run(
        [sys.executable, "manage.py", "doctor"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_is_usable_with_servers_down_and_ends_with_1():
    nobody = "127.0.0.1:1"
    ended = run_doctor(EARSHOT_REDIS_URL=f"redis://{nobody}/0", EARSHOT_S3_ENDPOINT=f"http://{nobody}")
    lines = {line.split("  ")[0]: line for line in ended.stdout.splitlines()}
    assert ended.returncode == 1
    assert [line for line in ended.stderr.splitlines() if not line.startswith("{")] == [], "nothing but what is logged"
    assert "error" in lines["Redis"]
    assert "EARSHOT_REDIS_URL" in lines["Redis"]
    assert "error" in lines["Object store"]
    assert " ok " in lines["MongoDB"]
    assert "Traceback" not in ended.stdout


SERVERS = {
    "PostgreSQL": "EARSHOT_DATABASE_URL",
    "MongoDB": "EARSHOT_MONGODB_URL",
    "Redis": "EARSHOT_REDIS_URL",
    "Cache": "EARSHOT_CACHE_URL",
    "Object store": "EARSHOT_S3_ENDPOINT",
}


def test_with_everything_down_each_server_is_told_once_with_its_setting():
    schemes = {"PostgreSQL": "postgresql", "MongoDB": "mongodb", "Object store": "http"}
    away = {name: f"{schemes.get(server, 'redis')}://127.0.0.1:1" for server, name in SERVERS.items()}
    printed = run_doctor(**away).stdout
    lines = {line.split("  ")[0]: line for line in printed.splitlines()}
    for server, setting in SERVERS.items():
        assert any(said in lines[server] for said in ("nothing listens", "nothing answers", "no answer")), lines[server]
        assert setting in lines[server]
    for name, server in doctor.needed_servers().items():
        assert f"skipped  not looked at: {server} is away" in lines[name]
    assert not set("{}<>") & set(printed)


def test_a_wrong_key_of_the_object_store_is_told_as_that_and_once():
    lines = {line.split("  ")[0]: line for line in run_doctor(EARSHOT_S3_SECRET_KEY="wrong").stdout.splitlines()}
    assert "error" in lines["Object store"]
    assert "the store refuses the key – Set EARSHOT_S3_ACCESS_KEY and EARSHOT_S3_SECRET_KEY" in lines["Object store"]
    assert all("skipped" in lines[name] for name in ("Bucket", "Archive", "Clock of the objects"))


def test_a_wrong_key_of_the_archive_alone_is_not_told_as_passing():
    lines = {line.split("  ")[0]: line for line in run_doctor(EARSHOT_ARCHIVE_SECRET_KEY="wrong").stdout.splitlines()}
    assert " ok " in lines["Object store"]
    assert "the store refuses the key – Set EARSHOT_ARCHIVE_ACCESS_KEY" in lines["Archive"]
    assert "for a moment" not in lines["Archive"]


def test_an_address_that_is_nonsense_is_told_once():
    printed = run_doctor(EARSHOT_REDIS_URL="nonsense://elsewhere.example", EARSHOT_URL="nonsense").stdout
    [of_redis] = [line for line in printed.splitlines() if "EARSHOT_REDIS_URL" in line]
    assert "cannot be read as an address" in of_redis
    [of_url] = [line for line in printed.splitlines() if "EARSHOT_URL" in line]
    assert "cannot be read as an address" in of_url


def test_a_variable_that_is_misspelt_is_told_and_one_that_does_not_parse_is_named():
    assert "EARSHOT_LEASE_SECOND is set, and there is no such setting" in run_doctor(EARSHOT_LEASE_SECOND="9").stdout
    ended = run_doctor(EARSHOT_LEASE_SECONDS="nine")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "EARSHOT_LEASE_SECONDS must be a whole number, not 'nine'.\n"


def test_a_stack_that_runs_is_found_well(stack):
    def well():
        ended = stack.manage("doctor")
        # Workers are started last, and take a while on a busy machine.
        return ended.stdout if "warning 0, error 0" in ended.stdout else None

    lines = {
        line.split("  ")[0]: line for line in wait_until(well, timeout=180, what="a clean bill of health").splitlines()
    }
    assert "3 alive: analysis@" in lines["Workers"]
    assert "last seen" in lines["Beat"]
    assert "analysis 0" in lines["Queues"]
