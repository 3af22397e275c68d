"""Who is forgotten, in PostgreSQL itself."""

import threading
from datetime import UTC, datetime

import pytest
from django.db import connection, transaction
from django.utils import timezone

import audio.forgotten
import calls.forgotten
import crm.forgotten
import metrics.forgotten
from metrics import keyring
from metrics.errors import BadPersonKey, RetryableMetricsError
from metrics.models import Forgotten
from metrics.registers import Entry, Register
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("transactional_db")
APPS = [metrics.forgotten, calls.forgotten, audio.forgotten, crm.forgotten]


@pytest.fixture
def register():
    return Register("tests")


@pytest.mark.parametrize("app", APPS)
def test_each_app_has_a_register_of_its_own(app):
    app.forget(1, "user:1")
    app.forget(1, "user:1")
    assert app.is_forgotten(1, "user:1")
    assert Forgotten.objects.count() == 1
    assert not any(other.is_forgotten(1, "user:1") for other in APPS if other is not app)


def test_somebody_is_forgotten_in_their_own_company_only(register):
    register.forget(1, "user:1")
    register.forget(None, "user:2")
    register.forget(None, "user:2")
    people = ["user:1", "user:2", "contact:1"]
    assert [register.among(tenant, people) for tenant in (1, 2, None)] == [{"user:1"}, frozenset(), {"user:2"}]
    assert Forgotten.objects.count() == 2


def test_what_the_ledger_says_is_obeyed_and_the_first_time_stays(register):
    entry = Entry(1, keyring.digest(1, "user:1"), datetime(2026, 1, 31, tzinfo=UTC))
    register.forget_digests([entry, Entry(2, keyring.digest(2, "user:1"), timezone.now())])
    register.forget_digests([entry])
    register.forget(1, "user:1")
    assert register.is_forgotten(1, "user:1")
    assert register.is_forgotten(2, "user:1")
    assert Forgotten.objects.get(tenant_id=1).at == entry.at


def test_the_table_holds_no_id(register):
    register.forget(1, "external:web:Dana")
    row = Forgotten.objects.values().get()
    assert "Dana" not in str(row)
    assert row["digest"] == keyring.digest(1, "external:web:Dana")


def test_what_names_nobody_is_refused(register):
    with pytest.raises(BadPersonKey):
        register.is_forgotten(1, "Dana")


@pytest.mark.usefixtures("archive_away")
def test_while_nobody_is_forgotten_the_archive_is_not_needed(register):
    assert not register.is_forgotten(1, "user:1")


def test_who_is_forgotten_cannot_be_told_by_a_process_that_never_reached_the_archive(register, request):
    register.forget(1, "user:1")
    request.getfixturevalue("archive_away")
    assert not register.is_forgotten(2, "user:1")
    with pytest.raises(RetryableMetricsError):
        register.is_forgotten(1, "user:1")


def test_a_process_that_reached_the_archive_once_needs_it_no_more(register, request):
    register.forget(1, "user:1")
    root = keyring._cache.root
    request.getfixturevalue("archive_away")
    keyring._cache.root = root
    assert register.is_forgotten(1, "user:1")
    assert not register.is_forgotten(1, "user:2")


def test_who_writes_is_done_before_somebody_is_forgotten(register):
    def forget():
        register.forget(1, "user:1")
        connection.close()

    forgetting = threading.Thread(target=forget)
    with transaction.atomic():
        assert not register.is_forgotten(1, "user:1")
        forgetting.start()
        wait_until(somebody_waits_for_a_lock, what="the forgetting to wait")
        assert not register.is_forgotten(1, "user:1")
    forgetting.join()
    assert register.is_forgotten(1, "user:1")


def somebody_waits_for_a_lock():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return cursor.fetchone()[0]
