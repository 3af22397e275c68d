"""Pseudonyms and their keys, against the archive itself."""

import itertools
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo

from metrics import archive, keyring, person_keys
from metrics.errors import BadPersonKey, KeyringLost
from metrics.keyring import Named
from metrics.models import RootFingerprint
from tests.scale import scaled

pytestmark = pytest.mark.usefixtures("transactional_db")
_ids = itertools.count(1)
WITH_DATABASE = settings(
    max_examples=scaled(25, 250), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
# Ids that no other test gives: whoever was erased by one is known to the archive as that for good.
TENANTS = st.one_of(st.none(), st.integers(980_001, 980_003))
PEOPLE = st.one_of(
    st.integers(980_001, 980_004).map(person_keys.of_user),
    st.integers(980_001, 980_004).map(person_keys.of_contact),
    st.builds(
        person_keys.of_external, st.sampled_from(["web", "a:b", "%"]), st.sampled_from(["1", "b:1", "é☕", "\0"])
    ),
)
TEXTS = st.one_of(st.none(), st.sampled_from(["session:1", "call:1", "person"]))


@pytest.fixture
def person():
    """Somebody whom the keyring does not know yet."""
    return person_keys.of_external("tests", f"person {next(_ids)}")


def as_another_process():
    """Forgets what this process has read of the keyring."""
    keyring._cache.forget()


@given(asked=st.lists(st.builds(Named, TENANTS, PEOPLE, TEXTS), unique=True, min_size=1, max_size=12))
@WITH_DATABASE
def test_a_pseudonym_is_stable_and_nobody_elses(asked):
    first = keyring.pseudonyms(asked)
    as_another_process()
    assert [keyring.pseudonym(*one) for one in asked] == first
    assert keyring.known_pseudonyms(asked) == first
    assert len(set(first)) == len(asked)
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in first)


@given(keep=st.booleans(), texts=st.lists(TEXTS, min_size=1, max_size=4))
@WITH_DATABASE
def test_a_destroyed_key_names_nothing_again(keep, texts):
    person = person_keys.of_external("tests", f"destroyed {next(_ids)}")
    other = person_keys.of_external("tests", "bystander")
    before = [keyring.pseudonym(1, person, text) for text in texts]
    bystander = keyring.pseudonym(1, other)
    assert keyring.destroy(1, person)
    assert not keyring.destroy(1, person)
    if not keep:
        as_another_process()
    assert keyring.known_pseudonyms([Named(1, person, text) for text in texts]) == [None] * len(texts)
    late = [keyring.pseudonym(1, person, text) for text in texts * 2]
    assert len({*late, *before}) == len(late) + len(set(before))
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in late)
    assert keyring.known_pseudonym(1, other) == bystander


def test_a_key_is_made_when_it_is_first_needed_and_not_before(person):
    assert keyring.known_pseudonym(1, person) is None
    assert keyring.pseudonym(1, person) == keyring.known_pseudonym(1, person)


def test_somebody_never_named_can_be_destroyed_and_gets_no_key_then(person):
    assert not keyring.destroy(1, person)
    keyring.pseudonym(1, person)
    assert keyring.known_pseudonym(1, person) is None


def test_one_persons_key_in_one_company_is_not_theirs_in_another(person):
    keyring.pseudonym(1, person)
    mine, superusers = keyring.pseudonym(2, person), keyring.pseudonym(None, person)
    keyring.destroy(1, person)
    assert (keyring.known_pseudonym(2, person), keyring.known_pseudonym(None, person)) == (mine, superusers)


def test_another_process_gives_up_a_destroyed_key_in_time(person, monkeypatch):
    keyring.pseudonym(1, person)
    name = next(iter(keyring._key_names([Named(1, person)]).values()))
    # As another process does it, of which this one hears nothing.
    archive.replace(name, keyring.TOMBSTONE)
    monkeypatch.setattr(keyring.time, "monotonic", lambda now=keyring.time.monotonic: now() + keyring.CACHE_SECONDS)
    assert keyring.known_pseudonym(1, person) is None


def test_however_many_ask_at_once_a_person_gets_one_key(person):
    together = threading.Barrier(8)

    def ask(one):
        together.wait()
        try:
            return keyring.pseudonym(7, one)
        finally:
            connection.close()

    for one in [f"{person} {number}" for number in range(5)]:
        with ThreadPoolExecutor(8) as threads:
            said = set(threads.map(ask, [one] * 8))
        as_another_process()
        assert said == {keyring.known_pseudonym(7, one)}


def test_two_processes_that_ask_at_once_give_a_person_one_key(person):
    """Each starts Django, says so, and asks when all have."""
    asks = f"""
import django, sys
django.setup()
from metrics import keyring
keyring.create()
print("ready", flush=True)
sys.stdin.readline()
print(keyring.pseudonym(7, {person!r}), flush=True)
"""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "EARSHOT_DATABASE_URL": database_of_tests(),
        # Its log goes where it speaks; of a slow statement it would tell in between.
        "EARSHOT_LOG_LEVEL": "ERROR",
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", asks], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 2
    for process in processes:
        process.stdin.write("now\n")
        process.stdin.flush()
    said = {process.communicate(timeout=60)[0] for process in processes}
    assert said == {keyring.known_pseudonym(7, person) + "\n"}


def database_of_tests():
    parts = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "NAME"}
    return make_conninfo(**{name: connection.settings_dict[ours] for name, ours in parts.items()})


def test_a_thousand_entries_are_named_in_order_and_each_person_has_one_key(person):
    wanted = [Named(1, person_keys.of_user(number % 50 + 1), f"call:{number}") for number in range(1000)]
    named = keyring.pseudonyms(wanted)
    assert named[::97] == [keyring.pseudonym(*one) for one in wanted[::97]]


def test_no_name_in_the_archive_tells_a_person(person):
    keyring.pseudonym(12345, person)
    keyring.destroy(12345, person_keys.of_user(987_654))
    names = list(archive.names("keyring/"))
    assert "keyring/root" in names
    assert all(re.fullmatch(r"keyring/(root|signing|people/[0-9a-f]{64})", name) for name in names)
    assert keyring.digest(12345, person) not in "".join(names)


def test_a_digest_tells_people_and_companies_apart(person):
    digests = {keyring.digest(tenant, one) for tenant in (None, 1, 2) for one in (person, "user:1", "contact:1")}
    assert len(digests) == 9
    as_another_process()
    assert keyring.digest(1, person) in digests


@pytest.mark.parametrize(
    "key", ["", "user:", "user:x", "1", "user:" + "1" * 20, "external::1", "external:web:", "external:web:" + "x" * 600]
)
def test_what_names_no_person_is_refused(key):
    with pytest.raises(BadPersonKey):
        keyring.pseudonym(1, key)


@pytest.mark.parametrize("text", ["", "x" * 600, "\ud800"])
def test_a_thing_without_a_bounded_name_is_refused(person, text):
    with pytest.raises(BadPersonKey):
        keyring.pseudonym(1, person, text)
    assert keyring.known_pseudonym(1, person) is None


def test_a_database_does_not_take_the_root_of_another_archive():
    keyring.create()
    RootFingerprint.objects.update_or_create(pk=1, defaults={"fingerprint": "another"})
    as_another_process()
    with pytest.raises(KeyringLost):
        keyring.digest(1, "user:1")
    RootFingerprint.objects.all().delete()


def test_an_emptied_archive_is_not_given_a_new_root():
    keyring.create()
    root = archive.read(keyring.ROOT)
    as_another_process()
    RootFingerprint.objects.get_or_create(pk=1, defaults={"fingerprint": "as it was"})
    archive.erase(keyring.ROOT)
    try:
        with pytest.raises(KeyringLost):
            keyring.create()
        assert not archive.exists(keyring.ROOT)
    finally:
        archive.write(keyring.ROOT, root)
        RootFingerprint.objects.all().delete()
