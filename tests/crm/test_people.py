import threading
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.tokens import default_token_generator
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from crm import people, tokens, welcome
from crm.errors import LastAdmin
from crm.models import User
from crm.roles import Role
from tests.builders import bearer, make_tenant, make_user

PASSWORD = "a-long-enough-pass-phrase"


@pytest.fixture
def admin(tenant):
    return make_user(tenant, "admin")


@pytest.fixture
def by_admin(admin):
    return bearer(admin)


def path_of(link):
    return urlsplit(link).path


def choose(client, link, password=PASSWORD, again=None):
    return client.post(path_of(link), {"new_password1": password, "new_password2": again or password})


def is_signed_in(client):
    return client.get("/profile/").status_code == 200


def test_somebody_new_gets_in_by_a_link_and_a_password_of_their_own(by_admin, client):
    added = by_admin.post("/api/crm/users", {"username": "nova", "name": "Nova Ng", "role": "agent"}, format="json")
    assert added.status_code == 201
    body = added.json()
    assert (body["username"], body["name"], body["role"], body["is_active"]) == ("nova", "Nova Ng", "agent", True)
    assert not User.objects.get(username="nova").has_usable_password()
    assert "nova" in client.get(path_of(body["sign_in_link"])).content.decode()
    assert choose(client, body["sign_in_link"]).status_code == 302
    assert is_signed_in(client)
    assert User.objects.get(username="nova").check_password(PASSWORD)


def test_a_link_is_good_once(tenant, client):
    link = welcome.link_for(make_user(tenant, "agent"))
    choose(client, link)
    client.logout()
    for response in (client.get(path_of(link)), choose(client, link, "another-long-pass-phrase")):
        assert response.status_code == 410
        assert "no longer works" in response.content.decode()
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    "change",
    [
        people.sign_out_everywhere,
        lambda person: people.change(person, is_active=False),
        lambda person: people.change(person, role=Role.INTEGRATION),
        lambda person: person.delete(),
    ],
    ids=["signed out everywhere", "deactivated", "a program now", "gone"],
)
def test_a_link_is_void_once_the_person_is(tenant, client, change):
    make_user(tenant, "admin")
    person = make_user(tenant, "agent")
    link = welcome.link_for(person)
    change(person)
    assert choose(client, link).status_code == 410


def test_a_link_is_good_for_three_days(tenant, client, settings):
    person = make_user(tenant, "agent")
    link = welcome.link_for(person)
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert client.get(path_of(link)).status_code == 410
    assert timedelta(days=3) == welcome.LIFE


@pytest.mark.parametrize("uid", ["x", "MQ", "🦊", "9" * 400])
def test_a_mistyped_link_says_that_it_does_not_work(client, db, uid):
    assert client.get(f"/welcome/{uid}/abc-def/").status_code == 410


def test_another_kind_of_token_is_no_link(tenant, client):
    person = make_user(tenant, "agent")
    real = path_of(welcome.link_for(person))
    forged = "/".join([*real.split("/")[:-2], default_token_generator.make_token(person), ""])
    assert client.get(forged).status_code == 410


@pytest.mark.parametrize("password", ["short", "1qaz2wsx3edc", "nova-nightingale", "x" * 257])
def test_the_rules_for_passwords_hold_for_links(tenant, client, password):
    person = make_user(tenant, "agent", first_name="nova-nightingale")
    response = choose(client, welcome.link_for(person), password)
    assert response.status_code == 200
    assert response.context["form"].errors
    assert not User.objects.get(pk=person.pk).check_password(password)


def test_two_who_follow_one_link_at_once_choose_one_password(tenant):
    link = welcome.link_for(make_user(tenant, "agent"))
    statuses = in_parallel(*[lambda n=n: choose(Client(), link, f"{PASSWORD}-{n}").status_code for n in range(4)])
    assert sorted(statuses) == [302, 410, 410, 410]


def test_a_new_link_is_for_people_who_may_sign_in(by_admin, tenant):
    for person in (make_user(tenant, "integration"), make_user(tenant, "agent", is_active=False)):
        response = by_admin.post(f"/api/crm/users/{person.pk}/sign-in-link")
        assert (response.status_code, response.json()["error"]["code"]) == (409, "cannot_sign_in")
    agent = make_user(tenant, "agent")
    link = by_admin.post(f"/api/crm/users/{agent.pk}/sign-in-link")
    assert link.status_code == 201
    assert "no-store" in link["Cache-Control"]
    assert "/welcome/" in link.json()["sign_in_link"]


def test_a_program_is_added_without_a_link(by_admin):
    added = by_admin.post("/api/crm/users", {"username": "bridge", "role": "integration"}, format="json")
    assert added.json()["sign_in_link"] is None


def test_a_taken_username_is_a_conflict_whoever_has_it(by_admin, stranger):
    response = by_admin.post("/api/crm/users", {"username": stranger.username, "role": "agent"}, format="json")
    assert (response.status_code, response.json()["error"]["code"]) == (409, "username_taken")


@pytest.mark.parametrize(
    "body",
    [
        {"username": "a b", "role": "agent"},
        {"username": "x" * 151, "role": "agent"},
        {"username": "nova", "role": "director"},
        {"username": "nova", "role": "agent", "email": "no address"},
        {"username": "nova", "role": "agent", "name": "x" * 151},
        {"role": "agent"},
    ],
)
def test_somebody_who_cannot_be_is_refused_with_the_field(by_admin, body):
    response = by_admin.post("/api/crm/users", body, format="json")
    assert response.status_code == 422
    assert response.json()["error"]["fields"]
    assert User.objects.count() == 1


def test_who_reads_people_sees_those_of_their_company(tenant, supervisor, stranger):
    colleague = make_user(tenant, "agent", first_name="Dana", email="dana@example.com")
    User.objects.create(username="root", is_superuser=True, tenant=tenant)
    listed = bearer(supervisor).get("/api/crm/users").json()["results"]
    assert [person["id"] for person in listed] == [colleague.pk, supervisor.pk]
    assert listed[0] == {
        "id": colleague.pk,
        "username": colleague.username,
        "name": "Dana",
        "email": "dana@example.com",
        "role": "agent",
        "is_active": True,
        "last_login": None,
    }


def test_a_role_holds_from_the_next_request_on(by_admin, tenant):
    agent = make_user(tenant, "agent")
    client = bearer(agent)
    assert client.get("/api/crm/users").status_code == 403
    changed = by_admin.patch(f"/api/crm/users/{agent.pk}", {"role": "supervisor", "name": "New Name"}, format="json")
    assert (changed.json()["role"], changed.json()["name"]) == ("supervisor", "New Name")
    assert client.get("/api/crm/users").status_code == 200


def test_who_is_deactivated_is_out_of_browsers_and_programs_and_their_sessions_stay_closed(by_admin, agent, client):
    program = bearer(agent)
    client.force_login(agent)
    by_admin.patch(f"/api/crm/users/{agent.pk}", {"is_active": False}, format="json")
    assert not is_signed_in(client)
    assert program.get("/api/tokens").status_code == 401
    by_admin.patch(f"/api/crm/users/{agent.pk}", {"is_active": True}, format="json")
    assert not is_signed_in(client)
    assert program.get("/api/tokens").status_code == 200


def test_a_person_who_becomes_a_program_has_no_password_any_more(by_admin, tenant, client):
    person = make_user(tenant, "agent")
    choose(client, welcome.link_for(person))
    by_admin.patch(f"/api/crm/users/{person.pk}", {"role": "integration"}, format="json")
    assert not is_signed_in(client)
    assert not User.objects.get(pk=person.pk).has_usable_password()


def test_a_token_made_for_a_program_does_not_act_as_the_person_it_becomes(by_admin, tenant):
    program = make_user(tenant, "integration")
    made = by_admin.post("/api/tokens", {"name": "bridge", "user": program.pk}, format="json").json()
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {made['secret']}")
    assert client.get("/api/tokens").status_code == 200
    by_admin.patch(f"/api/crm/users/{program.pk}", {"role": "supervisor"}, format="json")
    assert client.get("/api/tokens").status_code == 401


def test_a_token_of_a_person_is_not_a_programs(by_admin, agent):
    client = bearer(agent)
    for role, status in (("supervisor", 200), ("integration", 401), ("agent", 401)):
        by_admin.patch(f"/api/crm/users/{agent.pk}", {"role": role}, format="json")
        assert client.get("/api/tokens").status_code == status, role


@pytest.mark.parametrize("change", [{"role": "agent"}, {"is_active": False}])
def test_the_last_active_admin_stays(by_admin, admin, tenant, change):
    make_user(tenant, "admin", is_active=False)
    make_user(make_tenant(), "admin")
    response = by_admin.patch(f"/api/crm/users/{admin.pk}", change, format="json")
    assert (response.status_code, response.json()["error"]["code"]) == (409, "last_admin")
    admin.refresh_from_db()
    assert (admin.role, admin.is_active) == ("admin", True)


def test_two_admins_cannot_demote_each_other_at_once(tenant):
    admins = [make_user(tenant, "admin") for _ in range(4)]

    def demote(person):
        try:
            people.change(person, role=Role.AGENT)
            return "demoted"
        except LastAdmin:
            return "kept"

    assert sorted(in_parallel(*[lambda person=person: demote(person) for person in admins])) == ["demoted"] * 3 + [
        "kept"
    ]


def test_a_company_without_an_admin_is_not_asked_for_one_to_change_a_name(tenant, agent):
    assert people.change(agent, name="New Name").name == "New Name"


def test_signing_out_everywhere_ends_every_browser_and_on_request_every_token(by_admin, agent, client):
    browsers = [client, Client()]
    for browser in browsers:
        browser.force_login(agent)
    program = bearer(agent)
    assert by_admin.post(f"/api/crm/users/{agent.pk}/sign-out").status_code == 204
    assert not any(is_signed_in(browser) for browser in browsers)
    assert program.get("/api/tokens").status_code == 200
    by_admin.post(f"/api/crm/users/{agent.pk}/sign-out", {"tokens": True}, format="json")
    assert program.get("/api/tokens").status_code == 401


def test_one_signs_oneself_out_everywhere(agent, client):
    other = Client()
    for browser in (client, other):
        browser.force_login(agent)
    secret = tokens.issue(agent, name="recorder")
    response = client.post("/profile/sign-out-everywhere/", {"tokens": "yes"}, follow=True)
    assert "signed out everywhere" in response.content.decode()
    assert not is_signed_in(client)
    assert not is_signed_in(other)
    assert tokens.find(secret) is None


def test_a_new_password_keeps_this_browser_and_ends_the_others(tenant, client):
    person = make_user(tenant, "agent")
    choose(client, welcome.link_for(person))
    other = Client()
    other.force_login(User.objects.get(pk=person.pk))
    assert is_signed_in(other)
    new = {"password": PASSWORD, "new_password1": "another-pass-phrase", "new_password2": "another-pass-phrase"}
    assert client.post("/profile/password/", new).status_code == 302
    assert is_signed_in(client)
    assert not is_signed_in(other)


def in_parallel(*calls):
    answers = []
    barrier = threading.Barrier(len(calls))

    def do(call):
        try:
            barrier.wait()
            answers.append(call())
        finally:
            connection.close()

    threads = [threading.Thread(target=do, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
