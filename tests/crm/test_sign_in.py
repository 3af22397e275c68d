import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from crm import sign_in
from crm.models import AccessPolicy, SignInFailures, User
from tests.builders import make_user

PASSWORD = "a-long-enough-pass-phrase"
WRONG = "some-other-pass-phrase"


@pytest.fixture(autouse=True)
def quick_hashing(settings):
    """Attempts by the dozen; what is tested is their count, not the hash."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def person(tenant):
    person = make_user(tenant, "agent")
    person.set_password(PASSWORD)
    person.save()
    return person


def attempt(client, username, password=WRONG, *, address="198.51.100.7"):
    return client.post("/sign-in/", {"username": username, "password": password}, REMOTE_ADDR=address)


def fail(client, username, times, **origin):
    for _ in range(times):
        assert attempt(client, username, **origin).status_code == 200


def is_signed_in(client):
    return client.get("/profile/").status_code == 200


def test_the_right_password_signs_in(client, person):
    assert attempt(client, person.username, PASSWORD).status_code == 302
    assert is_signed_in(client)


def test_after_five_failures_even_the_right_password_has_to_wait(client, person):
    fail(client, person.username, 5)
    response = attempt(client, person.username, PASSWORD)
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 900
    assert "Try again in 15 minutes" in response.content.decode()
    assert not is_signed_in(client)


def test_a_name_that_does_not_exist_is_answered_in_the_same_way(client, person):
    pages = {}
    for username in (person.username, "x" * len(person.username)):
        answers = [attempt(client, username) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        pages[username] = [
            [str(error) for error in answer.context["form"].non_field_errors()] for answer in (answers[0], answers[5])
        ]
    first, second = pages.values()
    assert first == second


def test_a_stranger_elsewhere_locks_nobody_out(client, person):
    fail(client, person.username, 5, address="203.0.113.9")
    assert attempt(client, person.username, address="203.0.113.9").status_code == 429
    assert attempt(client, person.username, PASSWORD).status_code == 302


def test_one_address_cannot_try_many_names(client, db, settings):
    settings.EARSHOT_SIGN_IN_FAILURES_PER_ADDRESS = 8
    for number in range(8):
        fail(client, f"name-{number}", 1)
    assert attempt(client, "yet-another").status_code == 429
    assert attempt(client, "yet-another", address="203.0.113.9").status_code == 200


def test_refused_attempts_do_not_eat_up_the_address(client, person, settings):
    settings.EARSHOT_SIGN_IN_FAILURES_PER_ADDRESS = 8
    fail(client, "a-forgetful-colleague", 5)
    for _ in range(10):
        assert attempt(client, "a-forgetful-colleague").status_code == 429
    assert attempt(client, person.username, PASSWORD).status_code == 302


def test_ones_own_sign_in_does_not_clear_an_address_of_its_guesses(client, person, settings):
    settings.EARSHOT_SIGN_IN_FAILURES_PER_ADDRESS = 4
    fail(client, "somebody-else", 3)
    assert attempt(client, person.username, PASSWORD).status_code == 302
    client.logout()
    fail(client, "somebody-else", 1)
    assert attempt(client, person.username, PASSWORD).status_code == 429


def test_addresses_of_one_ipv6_network_count_together(client, person):
    for number in range(5):
        fail(client, person.username, 1, address=f"2001:db8:0:1::{number}")
    assert attempt(client, person.username, address="2001:db8:0:1:ffff::1").status_code == 429
    assert attempt(client, person.username, address="2001:db8:0:2::1").status_code == 200


def test_a_success_begins_the_count_anew(client, person):
    fail(client, person.username, 4)
    assert attempt(client, person.username, PASSWORD).status_code == 302
    client.logout()
    fail(client, person.username, 5)


def test_the_count_ends_with_its_window(client, person):
    fail(client, person.username, 5)
    SignInFailures.objects.update(began_at=timezone.now() - timedelta(minutes=15))
    assert attempt(client, person.username, PASSWORD).status_code == 302


def test_twenty_guesses_at_once_are_no_better_than_one_after_another(client, person):
    statuses = []
    barrier = threading.Barrier(20)

    def guess():
        try:
            barrier.wait()
            statuses.append(attempt(type(client)(), person.username).status_code)
        finally:
            connection.close()

    guesses = [threading.Thread(target=guess) for _ in range(20)]
    for thread in guesses:
        thread.start()
    for thread in guesses:
        thread.join()
    assert sorted(statuses) == [200] * 5 + [429] * 15


def test_the_present_password_cannot_be_guessed_on_the_profile_either(client, person):
    client.force_login(person)
    passwords = {"new_password1": "another-pass-phrase", "new_password2": "another-pass-phrase"}
    for _ in range(6):
        response = client.post("/profile/password/", {"password": "wrong", **passwords})
    assert "too many attempts" in response.content.decode()
    response = client.post("/profile/password/", {"password": PASSWORD, **passwords})
    assert User.objects.get(pk=person.pk).check_password(PASSWORD)


def test_what_is_kept_names_nobody_and_is_swept(client, person):
    attempt(client, person.username)
    kept = str(list(SignInFailures.objects.values_list()))
    assert person.username not in kept
    assert "198.51.100.7" not in kept
    sign_in.sweep()
    assert SignInFailures.objects.count() == 2
    SignInFailures.objects.update(began_at=timezone.now() - timedelta(minutes=15))
    sign_in.sweep()
    assert not SignInFailures.objects.exists()


def test_what_is_counted_under_a_name_can_be_erased(client, person):
    fail(client, person.username, 5)
    assert sign_in.forget(person.username) == 1
    assert attempt(client, person.username, PASSWORD).status_code == 302


def test_a_refusal_is_logged_without_a_person(client, person, caplog):
    with caplog.at_level("INFO"):
        for _ in range(6):
            attempt(client, person.username)
    said = [record.getMessage() for record in caplog.records]
    assert any("sign_in_throttled" in line for line in said)
    assert not any(person.username in line or "198.51.100.7" in line for line in said)


def test_the_admin_is_entered_by_the_same_page(client, person):
    fail(client, person.username, 5)
    response = client.get("/admin/", follow=True)
    assert response.redirect_chain[-1][0].startswith("/sign-in/")
    assert attempt(client, person.username, PASSWORD).status_code == 429


@pytest.mark.parametrize("password", ["", "x" * 300, "nul\0l"])
def test_a_password_that_cannot_be_one_is_not_even_counted(client, person, password):
    assert attempt(client, person.username, password).status_code == 200
    assert not SignInFailures.objects.exists()


def test_who_is_inactive_is_not_let_in_and_not_told_so(client, person):
    User.objects.update(is_active=False)
    response = attempt(client, person.username, PASSWORD)
    assert "correct username and password" in response.content.decode()


def test_a_browser_is_signed_out_once_it_was_not_used_for_as_long_as_the_company_says(client, person):
    AccessPolicy.objects.create(tenant=person.tenant, sign_in_hours=2)
    attempt(client, person.username, PASSWORD)
    left_unused(client, hours=1)
    assert is_signed_in(client)
    left_unused(client, hours=3)
    assert not is_signed_in(client)


def test_a_shorter_limit_holds_for_browsers_that_are_signed_in_already(client, person):
    attempt(client, person.username, PASSWORD)
    left_unused(client, hours=3)
    assert is_signed_in(client)
    left_unused(client, hours=3)
    AccessPolicy.objects.create(tenant=person.tenant, sign_in_hours=2)
    assert not is_signed_in(client)


def left_unused(client, *, hours):
    session = client.session
    session["used_at"] -= hours * 3600
    session.save()


def test_use_is_noted_once_a_minute_and_not_at_every_request(client, person, django_assert_num_queries):
    attempt(client, person.username, PASSWORD)
    # The session; the person with their company and its rules.
    with django_assert_num_queries(2):
        assert client.get("/api/tokens/1").status_code == 405
    used_at = client.session["used_at"]
    left_unused(client, hours=1)
    is_signed_in(client)
    assert client.session["used_at"] >= used_at
