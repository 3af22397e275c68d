import pytest

from calls import customers, editing, forgotten, intake, live, opening, queue, store
from calls.errors import StaleVersion
from crm import contacts, matching
from crm.contacts import Identity
from crm.models import MatchDue
from metrics import person_keys
from tests.builders import bearer, make_contact, make_user
from tests.sockets import heard

PHONE, SAME_PHONE = "+49 (40) 1234", "0049 40/1234"


@pytest.fixture
def supervisor(tenant):
    return make_user(tenant, "supervisor")


def make_call(user, **details):
    return opening.create_call(user, details)[0]["call_id"]


def whose(user, call_id):
    """Whose the call is, and by what that is known."""
    call = store.find({"tenant_id": user.tenant_id, "call_id": call_id})
    return call["contact_id"], call.get("contact_match")


def test_a_call_finds_its_contact_by_the_phone_however_it_is_written(supervisor, tenant, stranger):
    ada = make_contact(tenant, "Ada", phones=[PHONE])
    make_contact(stranger.tenant, "Theirs", phones=[PHONE])
    call, other = make_call(supervisor, phone=SAME_PHONE), make_call(supervisor, phone="040 1234")
    matching.match()
    assert whose(supervisor, call) == (ada.pk, "phone")
    assert whose(supervisor, other) == (None, None)


def test_a_contact_finds_the_calls_that_came_before_it(supervisor, tenant):
    by_phone = make_call(supervisor, phone=PHONE)
    by_id = make_call(supervisor, platform="telegram", external_user_id="ada")
    elsewhere = make_call(supervisor, platform="web", external_user_id="ada")
    matching.match()
    ada = make_contact(tenant, "Ada")
    matching.match()
    assert whose(supervisor, by_phone) == (None, None)
    contacts.change(tenant.pk, ada.pk, {"phones": [SAME_PHONE], "identities": [Identity("telegram", "ada")]})
    matching.match()
    assert whose(supervisor, by_phone) == (ada.pk, "phone")
    assert whose(supervisor, by_id) == (ada.pk, "external_id")
    assert whose(supervisor, elsewhere) == (None, None)


def test_an_id_on_a_platform_wins_over_the_phone(supervisor, tenant):
    by_phone = make_contact(tenant, "By phone", phones=[PHONE])
    call = make_call(supervisor, phone=PHONE, platform="telegram", external_user_id="ada")
    matching.match()
    assert whose(supervisor, call) == (by_phone.pk, "phone")
    by_id = make_contact(tenant, "By id", identities=[Identity("telegram", "ada")])
    matching.match()
    assert whose(supervisor, call) == (by_id.pk, "external_id")
    newer = make_call(supervisor, phone=PHONE, platform="telegram", external_user_id="ada")
    matching.match()
    assert whose(supervisor, newer) == (by_id.pk, "external_id")


def test_a_phone_that_several_share_is_nobodys_until_one_is_left(supervisor, tenant):
    early = make_call(supervisor, phone=PHONE)
    ada, byron = (make_contact(tenant, name, phones=[PHONE]) for name in ("Ada", "Byron"))
    matching.match()
    late = make_call(supervisor, phone=PHONE)
    matching.match()
    assert whose(supervisor, early) == whose(supervisor, late) == (None, "several")
    told = bearer(supervisor).get(f"/api/calls/{late}").json()
    assert (told["contact_id"], told["contact_match"], told["phone"]) == (None, "several", PHONE)
    contacts.change(tenant.pk, byron.pk, {"phones": []})
    matching.match()
    assert whose(supervisor, early) == whose(supervisor, late) == (ada.pk, "phone")


def test_a_call_stays_with_whom_it_was_when_the_phone_changes_hands(supervisor, tenant):
    ada = make_contact(tenant, "Ada", phones=[PHONE])
    call = make_call(supervisor, phone=PHONE)
    matching.match()
    contacts.change(tenant.pk, ada.pk, {"phones": []})
    make_contact(tenant, "Byron", phones=[PHONE])
    matching.match()
    assert whose(supervisor, call) == (ada.pk, "phone")


def test_calls_of_a_removed_contact_go_to_the_one_left_with_its_phone_and_else_keep_its_number(supervisor, tenant):
    twin = make_contact(tenant, "Ada", phones=[PHONE, "555 111"])
    shared, own = make_call(supervisor, phone=PHONE), make_call(supervisor, phone="555111")
    matching.match()
    ada = make_contact(tenant, "Ada Lovelace", phones=[PHONE])
    matching.match()
    assert whose(supervisor, shared) == (twin.pk, "phone")
    contacts.remove(tenant.pk, twin.pk)
    matching.match()
    assert whose(supervisor, shared) == (ada.pk, "phone")
    assert whose(supervisor, own) == (twin.pk, "phone")
    assert not MatchDue.objects.exists()


def test_what_a_person_has_chosen_stays(supervisor, tenant):
    ada, byron = make_contact(tenant, "Ada", phones=[PHONE]), make_contact(tenant, "Byron")
    call = make_call(supervisor, phone=PHONE, platform="telegram", external_user_id="ada")
    address = f"/api/crm/calls/{call}/contact"
    chosen = bearer(supervisor).post(address, {"contact_id": byron.pk, "version": 1}, format="json").json()
    assert (chosen["contact_id"], chosen["contact_match"], chosen["version"]) == (byron.pk, "person", 2)
    matching.match()
    contacts.change(tenant.pk, ada.pk, {"identities": [Identity("telegram", "ada")]})
    matching.match()
    assert whose(supervisor, call) == (byron.pk, "person")
    bearer(supervisor).post(address, {"contact_id": None}, format="json")
    matching.match()
    assert whose(supervisor, call) == (None, "person")
    with pytest.raises(StaleVersion):
        customers.choose(supervisor, call, ada.pk, version=1)


def test_only_a_contact_of_ones_own_company_can_be_chosen(supervisor, stranger):
    theirs = make_contact(stranger.tenant, "Theirs")
    call = make_call(supervisor)
    client = bearer(supervisor)
    for wrong, status in ((theirs.pk, 404), (10**15, 404), (0, 422), ("x", 422)):
        answer = client.post(f"/api/crm/calls/{call}/contact", {"contact_id": wrong}, format="json")
        assert answer.status_code == status, wrong
    assert client.post("/api/crm/calls/nowhere/contact", {"contact_id": None}, format="json").status_code == 404
    assert whose(supervisor, call) == (None, None)


def test_a_call_that_gets_another_phone_is_looked_at_again(supervisor, tenant):
    ada, byron = (make_contact(tenant, name, phones=[phone]) for name, phone in (("Ada", PHONE), ("Byron", "555 111")))
    call = make_call(supervisor, phone=PHONE)
    matching.match()
    for phone, contact in (("555111", byron), (PHONE, ada), (None, None)):
        version = store.find({"tenant_id": tenant.pk, "call_id": call})["version"]
        editing.change(supervisor, call, {"phone": phone}, version=version)
        matching.match()
        assert whose(supervisor, call)[0] == (contact and contact.pk)


def test_whoever_was_erased_is_given_no_calls(supervisor, tenant):
    ada = make_contact(tenant, "Ada", phones=[PHONE])
    call = make_call(supervisor, phone=PHONE)
    forgotten.forget(tenant.pk, person_keys.of_contact(ada.pk))
    matching.match()
    assert whose(supervisor, call) == (None, None)


def test_every_way_a_call_comes_takes_the_phone(supervisor, tenant, intake_queue):
    ada = make_contact(tenant, "Ada", phones=[PHONE])
    client = bearer(supervisor)
    session = client.post("/api/audio/sessions", {"call": {"phone": PHONE}}, format="json").json()
    sent = client.post("/api/calls", {"phone": PHONE}, format="json").json()
    said = {"user_id": "5", "platform": "web", "transcript": "User: hello", "phone": PHONE}
    conversation = client.post("/api/conversations", said, format="json").json()
    intake.store_batch(queue.take("test", most=10, age_seconds=0))
    matching.match()
    for call_id in (session["call_id"], sent["call_id"], conversation["id"]):
        assert whose(supervisor, call_id) == (ada.pk, "phone"), call_id
    for address, wrong in (
        ("/api/audio/sessions", {"call": {"phone": "anonymous"}}),
        ("/api/calls", {"phone": "1"}),
        ("/api/conversations", {**said, "phone": "1" * 21}),
    ):
        assert client.post(address, wrong, format="json").status_code == 422


def test_boards_are_told_of_calls_that_got_a_contact_and_of_no_others(supervisor, tenant):
    make_contact(tenant, "Ada", phones=[PHONE])
    call, _ = make_call(supervisor, phone=PHONE), make_call(supervisor, phone="555")
    (message,) = heard(live.group_of(tenant.pk), matching.match)
    assert message["call_ids"] == [call]


def test_the_telephone_is_in_no_log(supervisor, tenant, capsys):
    make_contact(tenant, "Ada", phones=["+49 40 98765"])
    make_contact(tenant, "Ada", phones=["+49 40 98765"])
    make_call(supervisor, phone="+49 40 98765")
    matching.match()
    bearer(supervisor).post("/api/calls", {"phone": "+49 40 98765 x"}, format="json")
    told = capsys.readouterr()
    assert "98765" not in told.out + told.err


def test_indexes_serve_what_matching_asks(supervisor, tenant):
    for _ in range(20):
        make_call(supervisor)
    make_call(supervisor, phone=PHONE)
    for wanted, index in (
        ({"contact_sought": True}, "contact_sought"),
        (
            {"tenant_id": tenant.pk, "phone_key": "+49401234", "contact_match": None},
            "tenant_phone",
        ),
    ):
        assert index in str(store.client.calls().find(wanted).explain()["queryPlanner"]["winningPlan"])
