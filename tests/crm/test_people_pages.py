import re

import pytest

from crm import people, tokens
from crm.models import AccessPolicy, Token, User
from tests.builders import bearer, make_user


@pytest.fixture
def admin(tenant):
    return make_user(tenant, "admin")


@pytest.fixture
def desk(client, admin):
    """The admin's browser."""
    client.force_login(admin)
    return client


def said(response):
    return " ".join(re.sub(r"<[^>]*>", " ", response.content.decode()).split())


def page_of(person, what=""):
    return f"/settings/people/{person.pk}/{what}"


def test_everybody_of_the_company_is_listed_and_nobody_else(desk, agent, stranger):
    listed = said(desk.get("/settings/people/"))
    assert agent.username in listed
    assert stranger.username not in listed


def test_people_are_found_by_every_word_of_name_username_and_e_mail(desk, tenant):
    make_user(tenant, "agent", first_name="Dana", last_name="Scully", email="ds@example.com")
    make_user(tenant, "agent", first_name="Dana", last_name="Barrett")
    for words, found in (("dana", 2), ("scully DANA", 1), ("ds@example", 1), ("mulder", 0), ("%", 0), ("\0", 3)):
        assert desk.get("/settings/people/", {"q": words}).context["page_obj"].paginator.count == found
    assert "Nobody found" in said(desk.get("/settings/people/?q=mulder"))


def test_a_long_list_comes_in_pages(desk, tenant):
    User.objects.bulk_create(User(username=f"person-{number:03}", tenant=tenant) for number in range(60))
    assert "1 to 50 of 61" in said(desk.get("/settings/people/"))
    assert "51 to 61 of 61" in said(desk.get("/settings/people/?page=2"))
    assert desk.get("/settings/people/?page=nonsense").status_code == 200


@pytest.mark.parametrize("what", ["", "link/", "sign-out/", "active/", "tokens/", "tokens/1/revoke/"])
def test_a_person_of_another_company_is_not_there(desk, stranger, what):
    assert desk.get(page_of(stranger, what)).status_code == 404
    assert desk.post(page_of(stranger, what)).status_code == 404
    stranger.refresh_from_db()
    assert stranger.is_active


@pytest.mark.parametrize("role", ["agent", "supervisor", "privacy", "integration"])
def test_the_pages_are_for_who_manages_people(client, tenant, agent, role):
    for address in (
        "/settings/",
        "/settings/people/",
        "/settings/people/new/",
        page_of(agent),
        page_of(agent, "link/"),
    ):
        client.logout()
        assert client.get(address).url.startswith("/sign-in/")
        client.force_login(make_user(tenant, role))
        assert client.get(address).status_code == 403
        assert client.post(address).status_code == 403


def test_a_taken_username_is_said_beside_its_field(desk, agent):
    response = desk.post("/settings/people/new/", {"username": agent.username, "role": "agent"})
    assert response.context["form"].errors == {"username": ["This username is taken."]}


def test_the_last_admin_is_told_why_nothing_was_changed(desk, admin):
    kept = "This is the last active admin"
    assert kept in said(desk.post(page_of(admin), {"role": "agent"}))
    assert kept in said(desk.post(page_of(admin, "active/"), {"is_active": "no"}))
    admin.refresh_from_db()
    assert (admin.role, admin.is_active) == ("admin", True)


def test_a_person_is_changed_deactivated_and_activated(desk, agent):
    desk.post(page_of(agent), {"name": "New Name", "email": "new@example.com", "role": "supervisor"})
    agent.refresh_from_db()
    assert (agent.name, agent.email, agent.role) == ("New Name", "new@example.com", "supervisor")
    assert "Deactivated" in said(desk.post(page_of(agent, "active/"), {"is_active": "no"}, follow=True))
    assert "is deactivated" in said(desk.post(page_of(agent, "link/")))
    assert "Active again" in said(desk.post(page_of(agent, "active/"), {"is_active": "yes"}, follow=True))
    assert "/welcome/" in said(desk.post(page_of(agent, "link/")))


def test_an_answer_with_a_secret_is_kept_nowhere(desk, agent):
    for response in (
        desk.post(page_of(agent, "link/")),
        desk.post("/profile/tokens/", {"name": "export", "days": 1}),
    ):
        assert "no-store" in response["Cache-Control"]


def test_a_programs_tokens_are_made_and_revoked_by_an_admin_and_a_persons_are_not(desk, tenant, agent):
    program = make_user(tenant, "integration")
    secret = re.search(
        r"ear_[\w-]+", said(desk.post(page_of(program, "tokens/"), {"name": "bridge", "days": 7}))
    ).group()
    assert tokens.find(secret).user == program
    desk.post(page_of(program, f"tokens/{Token.objects.get().pk}/revoke/"))
    assert tokens.find(secret) is None
    assert "no integration with this id" in said(desk.post(page_of(agent, "tokens/"), {"name": "x", "days": 7}))
    tokens.issue(agent, name="theirs")
    theirs = Token.objects.get(user=agent)
    assert desk.post(page_of(agent, f"tokens/{theirs.pk}/revoke/")).status_code == 404
    assert Token.objects.get(pk=theirs.pk).is_usable


def test_all_tokens_of_a_program_are_revoked_at_once(desk, tenant):
    program = make_user(tenant, "integration")
    client = bearer(program)
    assert "All tokens are revoked" in said(desk.post(page_of(program, "sign-out/"), {"tokens": "yes"}, follow=True))
    assert client.get("/api/tokens").status_code == 401


def test_an_admin_who_signs_themselves_out_everywhere_is_out(desk, admin):
    assert desk.post(page_of(admin, "sign-out/")).url == "/sign-in/"
    assert desk.get("/settings/").status_code == 302


def test_the_profile_changes_ones_name_and_address(client, agent):
    client.force_login(agent)
    assert "Saved." in said(client.post("/profile/", {"name": "New Name", "email": "new@example.com"}, follow=True))
    agent.refresh_from_db()
    assert (agent.name, agent.email, agent.role) == ("New Name", "new@example.com", "agent")
    assert client.post("/profile/", {"email": "no address"}).context["profile_form"].errors


def test_the_profile_says_what_a_password_has_to_be(client, agent):
    client.force_login(agent)
    page = said(client.get("/profile/"))
    assert "At least 12 characters" in page
    assert "At most 256 characters" in page


def test_a_token_cannot_be_had_on_the_profile_when_the_company_keeps_agents_from_it(client, agent):
    AccessPolicy.objects.create(tenant=agent.tenant, agents_may_make_tokens=False)
    client.force_login(agent)
    assert "does not let agents make tokens" in said(client.get("/profile/"))
    client.post("/profile/tokens/", {"name": "x", "days": 1})
    assert not Token.objects.exists()


def test_a_token_out_of_bounds_is_said_beside_its_field(client, agent):
    client.force_login(agent)
    assert client.post("/profile/tokens/", {"name": "x", "days": 366}).context["token_form"].errors["days"]


def test_who_comes_back_to_where_a_form_went_sees_its_page(desk, agent):
    assert desk.get("/profile/tokens/").url == "/profile/"
    assert desk.get(page_of(agent, "link/")).url == page_of(agent)


def test_a_colleagues_token_cannot_be_revoked_on_ones_own_page(client, agent, supervisor):
    tokens.issue(supervisor, name="theirs")
    client.force_login(agent)
    assert client.post(f"/profile/tokens/{Token.objects.get().pk}/revoke/").status_code == 404
    assert Token.objects.get().is_usable


def test_last_seen_is_the_last_sign_in_or_use_of_a_token(tenant, agent):
    seen = User.objects.of(tenant.pk).with_last_seen()
    assert seen.get(pk=agent.pk).last_seen is None
    bearer(agent).get("/api/tokens")
    assert seen.get(pk=agent.pk).last_seen == Token.objects.get().last_used_at


def test_a_stale_copy_of_a_person_changes_only_what_is_asked(agent):
    stale = User.objects.get(pk=agent.pk)
    people.change(agent, email="new@example.com")
    assert people.change(stale, name="New Name").email == "new@example.com"
