"""Every page of the admin, knocked at by everybody: a new one is covered the moment it is registered."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from audio.models import AnalysisJob, AudioChunk, AudioSession, SuspicionRule
from calls.models import CallStatus
from crm import tokens
from crm.admin.scoping import ForSuperusers, TenantScoped
from crm.models import Contact, ErasureRequest, LegalHold, PersonExport, RetentionRun, Tenant, Token, User
from crm.roles import CAPABILITIES, Role, grants
from metrics.models import Alert, AlertDelivery, AlertRule
from tests.builders import make_alert, make_contact, make_erasure, make_hold, make_session, make_user

# The pages that open to a company's admin; those of what is not here do not.
LOOKED_AT = "list change"
OF_PRIVACY = [ErasureRequest, LegalHold, PersonExport, RetentionRun]
OF_A_COMPANY = {
    AudioSession: LOOKED_AT,
    AudioChunk: LOOKED_AT,
    AnalysisJob: LOOKED_AT,
    User: LOOKED_AT,
    Tenant: LOOKED_AT,
    Token: LOOKED_AT,
    Contact: "list add change delete",
    SuspicionRule: "list add change delete",
    CallStatus: "list add change delete",
    **dict.fromkeys([AlertRule, Alert, AlertDelivery, *OF_PRIVACY], LOOKED_AT),
}
# What it takes to write those that can be.
WRITES = {Contact: "contacts.write", SuspicionRule: "settings.manage", CallStatus: "settings.manage"}
# Of each of these one is asked something before it goes.
ONE_BY_ONE = {CallStatus}
# Those that open to who runs the site, and has no company whose customers and rules there would be.
OF_THE_SITE = {
    **dict.fromkeys([AudioSession, AudioChunk, AnalysisJob, Token, AlertRule, Alert, AlertDelivery], LOOKED_AT),
    **dict.fromkeys(OF_PRIVACY, LOOKED_AT),
    **dict.fromkeys([User, Tenant], "list add change"),
    **dict.fromkeys([PeriodicTask, CrontabSchedule], "list add change delete"),
    # Schedules use the one here, and would go with it.
    IntervalSchedule: "list add change",
    **dict.fromkeys([Contact, SuspicionRule, CallStatus], ""),
}
# What is done to rows that are chosen in a list, and the capability that it takes.
ACTIONS = {
    AudioSession: {
        "analyse_again": "recordings.retry",
        "complete_now": "recordings.write",
        "verify_objects": "admin.use",
    },
    AudioChunk: {"analyse_again": "recordings.retry", "verify_objects": "admin.use"},
    Token: {"revoke": "people.manage"},
}
pytestmark = pytest.mark.filterwarnings("ignore::celery.exceptions.CDeprecationWarning")
EVERYBODY = ["nobody", *Role, "superuser", "admin elsewhere"]
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
KINDS = ["list", "add", "change", "delete", "history"]


def named(model):
    return model._meta.label_lower


@pytest.fixture
def rows(tenant, agent):
    """A row of the company of each kind that the admin shows, or of the site's."""
    session = make_session(agent)
    chunk = AudioChunk.objects.create(
        session=session,
        chunk_index=0,
        start_time_seconds=0,
        end_time_seconds=1,
        duration_seconds=1,
        declared_seconds=1,
        content_type="audio/ogg",
        file_size_bytes=1,
        received_at=session.created_at,
        upload_status="uploaded",
        processing_status="failed",
    )
    tokens.issue(agent, name="ours")
    alert, delivery = make_alert(tenant)
    minute = IntervalSchedule.objects.create(every=77, period="minutes")
    there = [
        session,
        chunk,
        AnalysisJob.objects.create(chunk=chunk, kind="analysis", state="failed", dispatched_at=session.created_at),
        make_contact(tenant, "Quetzalcoatlus"),
        CallStatus.objects.create(tenant=tenant, name="Ours"),
        SuspicionRule.objects.create(tenant=tenant, name="Ours", kind="long_silence", weight=0.1, threshold=20),
        agent,
        tenant,
        Token.objects.get(),
        alert,
        alert.rule,
        delivery,
        make_erasure(tenant),
        make_hold(tenant),
        PersonExport.objects.create(tenant=tenant, kind="external", requested_at=session.created_at),
        RetentionRun.objects.create(
            tenant=tenant, kind="audio", before=session.created_at, removed=1, held=0, at=session.created_at
        ),
        minute,
        CrontabSchedule.objects.create(),
        PeriodicTask.objects.create(name="Sweep", task="audio.sweep_jobs", interval=minute),
    ]
    return {type(row): row for row in there}


def test_there_is_a_row_of_every_kind(rows):
    assert set(rows) == set(MODELS), "tests/config/test_admin_access.py needs a row of the new kind"


def test_every_kind_says_whose_its_rows_are():
    for shown in admin.site._registry.values():
        assert isinstance(shown, TenantScoped) != isinstance(shown, ForSuperusers), shown


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


def answers_about(client, model, row):
    """The status of each page of a kind of rows; that of who is sent to sign in, or may not, where they are sent."""
    page = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    addresses = {"list": page, "add": f"{page}add/"}
    addresses |= {kind: f"{page}{row.pk}/{kind}/" for kind in ("change", "delete", "history")}
    answers = {kind: client.get(address, follow=True) for kind, address in addresses.items()}
    signs_in = {kind for kind, answer in answers.items() if answer.redirect_chain and answer.status_code == 200}
    return {kind: "sign in" if kind in signs_in else answer.status_code for kind, answer in answers.items()}


def expected_of(who, model):
    """The same by the tables above."""
    if who == "nobody":
        return dict.fromkeys(KINDS, "sign in")
    if who in set(Role) and not grants(who, "admin.use"):
        return dict.fromkeys(KINDS, 403)
    allowed = OF_THE_SITE[model] if who == "superuser" else OF_A_COMPANY.get(model, "")
    answers = {kind: 200 if kind in allowed.split() else 403 for kind in KINDS} | {"history": 404}
    if who == "admin elsewhere":
        answers |= {kind: 404 for kind in ("change", "delete") if answers[kind] == 200}
    return answers


@pytest.mark.parametrize("who", EVERYBODY)
@pytest.mark.parametrize("model", MODELS, ids=named)
def test_a_page_of_the_admin_opens_just_as_the_table_says(client, be, rows, model, who):
    be(who)
    assert answers_about(client, model, rows[model]) == expected_of(who, model)


@pytest.mark.parametrize("who", EVERYBODY)
def test_the_admins_other_pages_open_to_whom_its_lists_do(client, be, rows, who):
    be(who)
    gets_in = who in {"superuser", "admin elsewhere"} or (who in set(Role) and grants(who, "admin.use"))
    offers = "autocomplete/?app_label=audio&model_name=audiochunk&field_name=session"
    for page in ("", "crm/", "audio/", "jsi18n/", "password_change/", offers):
        answer = client.get(f"/admin/{page}", follow=True)
        shut_out = answer.status_code == 403 or "/sign-in/" in answer.request["PATH_INFO"]
        assert shut_out != gets_in, page


@pytest.mark.parametrize("model", [model for model in MODELS if model in OF_A_COMPANY], ids=named)
def test_nothing_that_is_sent_from_another_company_changes_a_row(client, be, rows, model):
    be("admin elsewhere")
    row = rows[model]
    page = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    before = model.objects.filter(pk=row.pk).values().get()
    for action in ["delete_selected", *ACTIONS.get(model, {})]:
        client.post(page, {"action": action, "_selected_action": [row.pk], "post": "yes"})
    for kind in ("change", "delete"):
        assert client.post(f"{page}{row.pk}/{kind}/", {"post": "yes", "names": "x"}).status_code in {403, 404}
    assert model.objects.filter(pk=row.pk).values().get() == before
    assert str(row.pk) not in {str(shown.pk) for shown in client.get(page).context["cl"].result_list}


def permissions_of(model, user):
    """What a list allows somebody by itself, also if the site before it let them in."""
    shown = admin.site._registry[model]
    request = RequestFactory().get("/admin/")
    request.user = user
    asked = {"view": shown.has_view_permission, "change": shown.has_change_permission}
    asked |= {"add": shown.has_add_permission, "delete": shown.has_delete_permission}
    asked["module"] = shown.has_module_permission
    return {name for name, has in asked.items() if has(request)} | set(shown.get_actions(request))


@pytest.mark.parametrize("missing", [None, *sorted(CAPABILITIES[Role.ADMIN])])
def test_a_list_asks_for_each_capability_by_itself(tenant, monkeypatch, missing):
    having = CAPABILITIES[Role.ADMIN] - {missing}
    monkeypatch.setitem(CAPABILITIES, Role.ADMIN, having)
    user = make_user(tenant, "admin")
    for model in MODELS:
        expected = set()
        if "admin.use" in having and model in OF_A_COMPANY:
            expected |= {"view", "module"}
            if WRITES.get(model) in having:
                expected |= {"add", "change", "delete"}
                expected |= set() if model in ONE_BY_ONE else {"delete_selected"}
        if model in OF_A_COMPANY:
            expected |= {action for action, capability in ACTIONS.get(model, {}).items() if capability in having}
        assert permissions_of(model, user) == expected, model


@pytest.mark.parametrize("role", [role for role in Role if not grants(role, "admin.use")])
def test_a_list_by_itself_is_closed_to_who_may_not_use_the_admin(tenant, role):
    user = make_user(tenant, role)
    for model in MODELS:
        assert permissions_of(model, user).isdisjoint({"view", "change", "add", "delete", "module"}), model


def test_nobody_is_allowed_anything_by_any_list(db):
    for model in MODELS:
        assert permissions_of(model, AnonymousUser()) == set(), model
