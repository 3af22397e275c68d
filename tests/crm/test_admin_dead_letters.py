"""The admin's page of conversations that kept failing."""

import orjson
import pytest

from calls import intake, queue
from crm.admin import dead_letters
from crm.models import AuditEntry, User
from crm.roles import CAPABILITIES, Role, grants
from tests.builders import make_user

PAGE = "/admin/calls/dead-letters/"
SAID = "Quetzalcoatlus"
EVERYBODY = ["nobody", *Role, "superuser", "admin elsewhere"]


@pytest.fixture(autouse=True)
def emptied(intake_queue):
    return intake_queue


@pytest.fixture
def letter(tenant):
    """One of the company's."""
    return make_letter(tenant, "ours")


def make_letter(tenant, conversation_id, transcript=f"User: {SAID}", **error):
    intake.queue_conversation("5", "web", transcript, tenant_id=tenant.pk, conversation_id=conversation_id)
    [entry] = queue.take("test", most=1, age_seconds=0)
    assert queue.bury(entry, **{"code": "not_stored", "error": "WriteError", "attempts": 4} | error)
    return f"{tenant.pk}:{conversation_id}"


@pytest.fixture
def be(client, tenant, stranger):
    """Signs in one of EVERYBODY."""

    def sign_in(who):
        if who == "superuser":
            client.force_login(User.objects.create(username="root", is_superuser=True))
        elif who != "nobody":
            company, role = (stranger.tenant, "admin") if who == "admin elsewhere" else (tenant, who)
            client.force_login(make_user(company, role))

    return sign_in


def acts():
    return [(entry.act, entry.subject) for entry in AuditEntry.objects.order_by("pk") if entry.via == "admin"]


@pytest.mark.parametrize("who", EVERYBODY)
def test_the_page_opens_to_whom_the_admin_does_and_shows_a_company_its_own(client, be, letter, who):
    be(who)
    answer = client.get(PAGE, follow=True)
    if who == "nobody":
        assert answer.request["PATH_INFO"] == "/sign-in/"
    elif who in set(Role) and not grants(who, "admin.use"):
        assert answer.status_code == 403
    else:
        assert answer.status_code == 200
        page = answer.content.decode()
        assert (letter in page) == (who != "admin elsewhere")
        assert SAID not in page
        assert acts() == [("conversation.listed", "")]


@pytest.mark.parametrize("who", [who for who in EVERYBODY if who not in {"admin", "superuser"}])
@pytest.mark.parametrize("action", ["replay", "discard"])
def test_nobody_else_can_do_anything_with_a_letter(client, be, letter, who, action):
    be(who)
    client.post(PAGE, {"action": action, "chosen": [letter], "confirmed": "yes"})
    assert queue.dead_letters(None)[1] == 1
    assert {act for act, _ in acts()} <= {"conversation.listed"}


@pytest.mark.parametrize("who", ["admin", "superuser"])
def test_a_letter_is_replayed(client, be, tenant, letter, who):
    be(who)
    page = client.post(PAGE, {"action": "replay", "chosen": [letter]}, follow=True).content.decode()
    assert "1 put back into the queue." in page
    assert queue.standing(tenant.pk, "ours") == "queued"
    assert ("conversation.replayed", "conversation:ours") in acts()


def test_a_letter_is_discarded_once_somebody_has_said_so_twice(client, be, letter):
    be("admin")
    asked = client.post(PAGE, {"action": "discard", "chosen": [letter]}).content.decode()
    assert "Discard for good" in asked
    assert queue.dead_letters(None)[1] == 1
    client.post(PAGE, {"action": "discard", "chosen": [letter], "confirmed": "yes"})
    assert queue.dead_letters(None)[1] == 0
    assert [act for act, _ in acts() if act != "conversation.listed"] == ["conversation.discarded"]


def test_a_letter_is_found_by_its_id(client, be, tenant, stranger, letter):
    another = make_letter(tenant, "another")
    elsewhere = make_letter(stranger.tenant, "elsewhere")
    be("admin")
    page = client.get(PAGE, {"q": "another"}).content.decode()
    assert another in page
    assert letter not in page
    assert elsewhere not in client.get(PAGE, {"q": "elsewhere"}).content.decode()


def test_older_ones_are_on_further_pages(client, be, tenant, monkeypatch):
    monkeypatch.setattr("crm.admin.dead_letters.PER_PAGE", 2)
    letters = [make_letter(tenant, f"c{number}") for number in range(3)]
    be("admin")
    first, second = (client.get(PAGE, {"p": number}).content.decode() for number in (1, 2))
    assert sum(letter in first for letter in letters) == 2
    assert sum(letter in second for letter in letters) == 1


@pytest.mark.parametrize("query", [{"p": "0"}, {"p": "-1"}, {"p": "9" * 30}, {"p": "x"}, {"q": "\0"}, {"q": "x" * 999}])
def test_garbage_in_the_address_is_no_error(client, be, letter, query):
    be("admin")
    assert client.get(PAGE, query).status_code == 200


@pytest.mark.parametrize("form", [{}, {"action": "drop"}, {"action": ""}])
def test_an_action_that_is_none_is_refused(client, be, letter, form):
    be("admin")
    assert client.post(PAGE, {**form, "chosen": [letter]}).status_code == 403


def test_a_full_queue_is_told_and_the_letter_stays(client, be, tenant, letter, settings):
    settings.EARSHOT_INTAKE_MOST_QUEUED = 1
    intake.queue_conversation("5", "web", "User: hello", tenant_id=tenant.pk)
    be("admin")
    page = client.post(PAGE, {"action": "replay", "chosen": [letter]}, follow=True).content.decode()
    assert "As many conversations wait as may" in page
    assert "0 put back into the queue." in page
    assert queue.dead_letters(None)[1] == 1


def test_the_list_says_what_to_mend(client, be, tenant):
    fields = {"transcript": ["Entry 1 ends before it begins."]}
    make_letter(tenant, "bad", code="bad_transcript", error="BadTranscript", message="See the <fields>.", fields=fields)
    be("admin")
    page = client.get(PAGE).content.decode()
    for told in (
        "bad_transcript (BadTranscript)",
        "See the &lt;fields&gt;.",
        "transcript: Entry 1 ends before it begins.",
    ):
        assert told in page
    assert f'href="{PAGE}bad/"' in page


@pytest.mark.parametrize("who", EVERYBODY)
def test_what_was_sent_is_shown_to_who_runs_the_company_it_was_sent_to_alone(client, be, letter, who):
    be(who)
    answer = client.get(f"{PAGE}ours/", follow=True)
    assert (SAID in answer.content.decode()) == (who == "admin")
    written = [("conversation.dead_letter_read", "conversation:ours")] if who == "admin" else []
    assert acts() == written
    if who == "superuser":
        assert answer.status_code == 403
        assert f'href="{PAGE}ours/"' not in client.get(PAGE).content.decode()
    if who == "admin elsewhere":
        assert answer.status_code == 404


SECRETS = "Agent: Your address?\nUser: joe@example.com\nUser: 4111 1111 1111 1111\nUser: <b>thanks</b>"


@pytest.mark.parametrize("missing", [None, "calls.read_originals", "calls.read_all"])
def test_what_was_sent_is_masked_unless_one_may_read_originals(client, be, tenant, monkeypatch, missing):
    make_letter(tenant, "text", SECRETS)
    pairs = [line.split(": ") for line in SECRETS.splitlines()]
    make_letter(tenant, "list", [{"role": role, "content": said} for role, said in pairs])
    monkeypatch.setitem(CAPABILITIES, Role.ADMIN, CAPABILITIES[Role.ADMIN] - {missing})
    be("admin")
    for name in ("text", "list"):
        answer = client.get(f"{PAGE}{name}/")
        assert answer.status_code == (403 if missing == "calls.read_all" else 200)
        page = answer.content.decode()
        for secret in ("joe@example.com", "4111 1111 1111 1111"):
            assert (secret in page) == (missing is None)
        assert ("&lt;b&gt;thanks" in page) == (missing != "calls.read_all")


def test_of_what_is_long_the_beginning_is_shown(client, be, tenant, monkeypatch):
    make_letter(tenant, "long", "User: " + "joe@example.com " * 10_000 + SAID)
    monkeypatch.setitem(CAPABILITIES, Role.ADMIN, CAPABILITIES[Role.ADMIN] - {"calls.read_originals"})
    be("admin")
    page = client.get(f"{PAGE}long/").content.decode()
    assert "This is how it begins" in page
    assert SAID not in page
    assert "joe" not in page
    assert len(page) < 2 * dead_letters.MOST_SHOWN


@pytest.mark.parametrize("body", [b"{", b'"\xff', b"[" * 900 + b"]" * 900, b'{"transcript": [1, null, {"a": []}]}'])
def test_whatever_lies_there_can_be_looked_at(client, be, tenant, body):
    queue.append(tenant.pk, "broken", body)
    [entry] = queue.take("test", most=1, age_seconds=0)
    assert queue.bury(entry, code="not_stored", error="KeyError", attempts=4)
    be("admin")
    assert client.get(f"{PAGE}broken/").status_code == 200


@pytest.mark.parametrize("name", ["another", "%00", "a:b", "x" * 999])
def test_a_page_of_no_letter_is_not_there(client, be, letter, name):
    be("admin")
    assert client.get(f"{PAGE}{name}/").status_code == 404
    assert client.post(f"{PAGE}ours/").status_code == 405


def test_the_front_page_leads_there(client, be):
    be("admin")
    assert f'href="{PAGE}"' in client.get("/admin/").content.decode()


def test_while_redis_is_away_the_page_says_so(client, be, settings):
    be("admin")
    queue._client.cache_clear()
    queue._script.cache_clear()
    settings.EARSHOT_REDIS_URL, before = "redis://127.0.0.1:9/0", settings.EARSHOT_REDIS_URL
    try:
        answer = client.get(PAGE)
    finally:
        settings.EARSHOT_REDIS_URL = before
        queue._client.cache_clear()
        queue._script.cache_clear()
    assert answer.status_code == 503
    assert "cannot be taken for a moment" in answer.content.decode()


def test_a_letter_that_cannot_be_read_is_there_to_be_looked_at(client, be, tenant):
    queue.append(tenant.pk, "broken", orjson.dumps({}))
    [entry] = queue.take("test", most=1, age_seconds=0)
    queue.bury(entry, code="not_stored", error="KeyError", attempts=4)
    be("admin")
    assert "KeyError" in client.get(PAGE).content.decode()
