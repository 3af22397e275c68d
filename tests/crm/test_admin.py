import re
from datetime import UTC, datetime

import pytest
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from audio.models import AnalysisJob, AudioChunk
from config import schedule as schedules
from config.celery import app
from crm import contacts, tokens
from crm.admin import paging, recordings, words
from crm.contacts import Identity
from crm.models import Contact, Token, User
from tests.builders import bearer, do_all_jobs, make_contact, make_session, make_user, put_chunk
from tests.scale import scaled
from tests.sound import encode, tone

PAGES = ["audiosession", "audiochunk", "analysisjob"]
# What is read to be shown, beside what is counted.
A_PAGE = 50


@pytest.fixture
def admin(tenant):
    return make_user(tenant, "admin")


@pytest.fixture
def chunk(agent):
    put_chunk(bearer(agent), make_session(agent), 0, encode(tone(1.0)))
    do_all_jobs()
    return AudioChunk.objects.get()


@pytest.mark.parametrize("page", PAGES)
def test_an_admin_sees_their_companys_rows(client, admin, chunk, page):
    client.force_login(admin)
    response = client.get(f"/admin/audio/{page}/")
    assert response.status_code == 200
    assert response.context["cl"].result_count > 0
    first = response.context["cl"].queryset.first()
    assert client.get(f"/admin/audio/{page}/{first.pk}/change/").status_code == 200


@pytest.mark.parametrize("page", PAGES)
def test_an_admin_of_another_company_sees_none_of_them(client, stranger, chunk, page):
    other = make_user(stranger.tenant, "admin")
    client.force_login(other)
    assert client.get(f"/admin/audio/{page}/").context["cl"].result_count == 0
    row = {"audiosession": chunk.session_id, "audiochunk": chunk.pk, "analysisjob": AnalysisJob.objects.first().pk}
    assert client.get(f"/admin/audio/{page}/{row[page]}/change/").status_code == 404


@pytest.mark.parametrize("role", ["agent", "supervisor", "privacy", "integration"])
def test_other_roles_do_not_get_in(client, tenant, role):
    assert client.get("/admin/", follow=True).redirect_chain[-1][0].startswith("/sign-in/")
    client.force_login(make_user(tenant, role))
    assert client.get("/admin/", follow=True).status_code == 403


def test_a_companys_admin_looks_at_their_own_people_and_changes_none_here(client, admin, stranger):
    client.force_login(admin)
    for page, own, foreign in (
        ("crm/user", admin, stranger),
        ("crm/tenant", admin.tenant, stranger.tenant),
    ):
        assert {row.pk for row in client.get(f"/admin/{page}/").context["cl"].result_list} == {own.pk}
        assert client.get(f"/admin/{page}/{foreign.pk}/change/").status_code == 404, "there is no such row"
        assert client.get(f"/admin/{page}/add/").status_code == 403
        assert client.post(f"/admin/{page}/{own.pk}/change/", {"name": "x", "username": "x"}).status_code == 403
        assert client.post(f"/admin/{page}/{own.pk}/delete/", {"post": "yes"}).status_code == 403


def test_who_only_looks_sees_no_hash_of_a_password(client, admin):
    admin.set_password("a-long-pass-phrase")
    admin.save()
    client.force_login(admin)
    page = client.get(f"/admin/crm/user/{admin.pk}/change/").content.decode()
    assert admin.username in page
    assert admin.password.rpartition("$")[2] not in page


def test_schedules_are_for_who_runs_the_site(client, admin):
    client.force_login(admin)
    for page in ("periodictask", "intervalschedule"):
        assert client.get(f"/admin/django_celery_beat/{page}/").status_code == 403


def form_of(person):
    """What the page of a person posts; without a tick they are deactivated."""
    return {
        "username": person.username,
        "tenant": person.tenant_id,
        "role": person.role,
        "last_login_0": "",
        "last_login_1": "",
        "date_joined_0": "2026-01-31",
        "date_joined_1": "09:30:00",
    }


def test_somebody_whom_the_site_deactivates_is_out_and_stays_out_of_what_was_open(client, agent, django_user_model):
    root = django_user_model.objects.create(username="root", is_superuser=True, is_staff=True)
    browser = Client()
    browser.force_login(agent)
    client.force_login(root)
    for is_active in ({}, {"is_active": "on"}):
        assert client.post(f"/admin/crm/user/{agent.pk}/change/", {**form_of(agent), **is_active}).status_code == 302
        assert browser.get("/sessions/").status_code == 302
    agent.refresh_from_db()
    assert agent.is_active


def test_a_token_does_not_outlast_its_program_becoming_a_person(client, tenant, django_user_model):
    client.force_login(django_user_model.objects.create(username="root", is_superuser=True, is_staff=True))
    program = make_user(tenant, "integration")
    secret = tokens.issue(program, name="bridge")
    form = {**form_of(program), "is_active": "on"}
    assert client.post(f"/admin/crm/user/{program.pk}/change/", form).status_code == 302
    assert tokens.find(secret)
    client.post(f"/admin/crm/user/{program.pk}/change/", {**form, "role": "supervisor"})
    program.refresh_from_db()
    assert program.role == "supervisor"
    assert tokens.find(secret) is None


def test_a_failed_chunk_is_tried_again_from_the_admin(client, admin, chunk):
    AudioChunk.objects.update(processing_status="failed")
    client.force_login(admin)
    response = client.post(
        "/admin/audio/audiochunk/", {"action": "analyse_again", "_selected_action": [chunk.pk]}, follow=True
    )
    assert "1 sent to the workers again" in response.content.decode()
    chunk.refresh_from_db()
    assert chunk.processing_status == "pending"
    assert chunk.jobs.get(kind="analysis").state == "waiting"


def test_a_superuser_makes_a_user(client, db, tenant):
    client.force_login(User.objects.create(username="root", is_superuser=True))
    response = client.post(
        "/admin/crm/user/add/",
        {
            "username": "newcomer",
            "usable_password": "true",
            "password1": "a-long-enough-pass-phrase",
            "password2": "a-long-enough-pass-phrase",
            "tenant": tenant.pk,
            "role": "agent",
        },
    )
    assert response.status_code == 302
    assert User.objects.get(username="newcomer").tenant == tenant


@pytest.fixture
def root(client, db):
    client.force_login(User.objects.create(username="root", is_superuser=True))
    return client


@pytest.fixture
def desk(client, admin):
    client.force_login(admin)
    return client


@pytest.fixture
def theirs(stranger):
    """An admin of another company."""
    return make_user(stranger.tenant, "admin")


@pytest.mark.parametrize(
    "query",
    [
        "tenant__id__exact=1",
        "tenant__name__startswith=a",
        "user__password__startswith=a",
        "user__tokens__digest__startswith=a",
        "metadata__icontains=a",
        "call_id__regex=a",
        "status__exact=%00",
        "_to_field=s3_base_key",
    ],
)
def test_an_address_asks_about_nothing_but_what_the_page_offers(desk, session, query):
    assert desk.get(f"/admin/audio/audiosession/?{query}").status_code == 400
    assert desk.get(f"/admin/audio/audiochunk/?session__{query}").status_code == 400


@pytest.mark.parametrize("kind", ["change", "history", "delete"])
@pytest.mark.parametrize("page", [*PAGES, "contact", "token"])
def test_no_page_about_a_row_of_another_company_opens(client, theirs, chunk, page, kind):
    rows = {
        "audiosession": ("audio", chunk.session_id),
        "audiochunk": ("audio", chunk.pk),
        "analysisjob": ("audio", AnalysisJob.objects.first().pk),
        "contact": ("crm", make_contact(chunk.session.tenant, "Ada").pk),
        "token": ("crm", Token.objects.first().pk),
    }
    app_label, identity = rows[page]
    client.force_login(theirs)
    assert client.get(f"/admin/{app_label}/{page}/{identity}/{kind}/").status_code in {403, 404}


def test_lists_in_popups_and_by_any_search_or_filter_are_the_companys_own(client, theirs, chunk):
    client.force_login(theirs)
    session, user = chunk.session, chunk.session.user
    for page, query in [
        ("audiosession", "_popup=1"),
        ("audiosession", f"q={session.pk}"),
        ("audiosession", f"q={user.username}"),
        ("audiosession", f"user__id__exact={user.pk}"),
        ("audiochunk", f"q={session.call_id}"),
        ("audiochunk", f"q={chunk.pk}"),
        ("audiochunk", f"session__id__exact={session.pk}"),
        ("analysisjob", f"chunk__id__exact={chunk.pk}"),
        ("analysisjob", f"q={user.username}"),
    ]:
        response = client.get(f"/admin/audio/{page}/?{query}")
        assert (response.status_code, response.context["cl"].result_count) == (200, 0), query


def test_an_action_leaves_the_rows_of_another_company_alone(client, theirs, chunk, agent):
    tokens.issue(agent, name="ours")
    client.force_login(theirs)
    for page, action, identity in [
        ("audio/audiochunk", "analyse_again", chunk.pk),
        ("crm/token", "revoke", Token.objects.filter(user=agent).first().pk),
    ]:
        client.post(f"/admin/{page}/", {"action": action, "_selected_action": [identity]})
    chunk.refresh_from_db()
    assert chunk.processing_status == "completed"
    assert not Token.objects.exclude(revoked_at=None).exists()


def test_what_a_field_offers_while_one_types_is_not_another_companys(client, theirs, chunk):
    client.force_login(theirs)
    offers = "/admin/autocomplete/"
    for label, model, field in [("audio", "audiosession", "user"), ("crm", "user", "tenant")]:
        asked = client.get(offers, {"app_label": label, "model_name": model, "field_name": field})
        offered = {offer["text"] for offer in asked.json()["results"]}
        assert offered <= {str(theirs.tenant), *map(str, User.objects.of(theirs.tenant_id))}
    asked = client.get(offers, {"app_label": "audio", "model_name": "audiochunk", "field_name": "session"})
    assert asked.json()["results"] == []


@pytest.mark.parametrize(
    "term", [lambda chunk: chunk.session_id, lambda chunk: chunk.session.call_id, lambda chunk: chunk.session.user]
)
def test_recordings_chunks_and_jobs_are_found_by_the_recordings_id_and_user(desk, chunk, term):
    typed = getattr(term(chunk), "username", term(chunk))
    for page in PAGES:
        assert desk.get(f"/admin/audio/{page}/", {"q": typed}).context["cl"].result_count > 0, page
        assert desk.get(f"/admin/audio/{page}/", {"q": f"{typed}x"}).context["cl"].result_count == 0, page


def test_sessions_chunks_and_jobs_lead_to_one_another(desk, chunk):
    seen, ahead = set(), [f"/admin/audio/audiosession/{chunk.session_id}/change/"]
    while ahead:
        address = ahead.pop()
        response = desk.get(address)
        assert response.status_code == 200, address
        seen.add(address)
        links = re.findall(r'href="(/admin/audio/[^"]+)"', response.content.decode().replace("&amp;", "&"))
        ahead += {link for link in links if str(chunk.session_id) in link or str(chunk.pk) in link} - seen - set(ahead)
    assert {
        f"/admin/audio/audiochunk/{chunk.pk}/change/",
        f"/admin/audio/analysisjob/?chunk__id__exact={chunk.pk}",
    } < seen


@pytest.fixture
def many(agent, stranger):
    """Many recordings of the company, newer than twelve thousand of another; of each a chunk and a job."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(
            """
            WITH made AS (
                INSERT INTO audio_audiosession (id, tenant_id, user_id, test_session_id, call_id, start_time,
                    total_duration_seconds, chunk_count, status, s3_base_key, channels, metadata, last_activity_at,
                    abandoned_at, verdict_state, erased_side, created_at, updated_at)
                SELECT gen_random_uuid(), tenant, person, 'reference ' || n, tenant || ' ' || n, now(), 30, 1,
                    CASE WHEN n %% 4000 = 0 THEN 'failed' ELSE 'completed' END, '', 1, '{}', now(),
                    CASE WHEN n %% 4000 = 1 THEN now() END,
                    CASE WHEN n %% 4000 = 1 THEN 'incomplete' ELSE 'complete' END, '',
                    now() - age - n * interval '1 second', now()
                FROM (VALUES (%s, %s, %s, interval '0'), (%s, %s, 12000, interval '1 day'))
                    AS who (tenant, person, most, age), generate_series(1, most) n
                RETURNING id, status, abandoned_at, created_at
            ), paused AS (
                INSERT INTO audio_recordinggap (session_id, start_seconds, cause, reason, created_at)
                SELECT id, 30, 'pause', '', now() FROM made WHERE abandoned_at IS NOT NULL
            ), heard AS (
                INSERT INTO audio_audiochunk (id, session_id, chunk_index, start_time_seconds, end_time_seconds,
                    duration_seconds, declared_seconds, starts_declared, is_joined, is_late, s3_key, content_type,
                    codec, file_size_bytes, checksum, stored_checksum, upload_status, claimed_at, processing_status,
                    error, attempts, transcription, analysis_results, received_at, created_at)
                SELECT gen_random_uuid(), id, 0, 0, 30, 30, 30, true, false, abandoned_at IS NOT NULL, '', 'audio/ogg',
                    CASE WHEN abandoned_at IS NULL THEN 'opus' ELSE 'mp3' END, 1, '', '', 'uploaded', now(), status,
                    '', 1, '', '{}', now(), created_at FROM made
                RETURNING id, processing_status
            )
            INSERT INTO audio_analysisjob
                (chunk_id, kind, state, attempts, claimed_by, dispatched_at, error, created_at)
            SELECT id, 'analysis', processing_status, 1, '', now(), '', now() FROM heard
            """,
            [agent.tenant_id, agent.pk, scaled(20_000, 200_000), stranger.tenant_id, stranger.pk],
        )
        cursor.execute("ANALYZE audio_audiosession, audio_audiochunk, audio_analysisjob, audio_recordinggap")
    return stranger


@pytest.fixture
def counted(monkeypatch):
    """How far lists count and search: less here, so that the table is as large beside it as a real one."""
    monkeypatch.setattr(paging, "MOST_COUNTED", 500)
    monkeypatch.setattr(recordings, "MOST_SESSIONS", 10)
    return 500


def test_no_list_reads_more_of_a_large_table_than_it_shows_or_counts(client, many, admin, theirs, counted):
    status = {"audiosession": "status", "audiochunk": "processing_status", "analysisjob": "state"}
    peculiar = {
        "audiosession": ["incomplete", "abandoned", "paused", "late", "failed"],
        "audiochunk": ["late", "codec"],
    }
    for viewer in (admin, theirs):
        client.force_login(viewer)
        for page in PAGES:
            rare = {f"{status[page]}__exact": "failed"}
            peculiarities = [{"peculiarity": value} for value in peculiar.get(page, ())]
            for query in ({}, {"p": 10}, rare, {"q": "reference 77"}, {"q": many.username}, *peculiarities):
                with CaptureQueriesContext(connection) as queries:
                    response = client.get(f"/admin/audio/{page}/", query)
                assert response.status_code == 200
                assert response.context["cl"].result_count > 0 or "q" in query or viewer == theirs, f"{page} {query}"
                assert len(queries) < 12
                if not query:
                    assert "500+" in response.content.decode()
                for asked in queries:
                    if asked["sql"].startswith("SELECT") and "audio_" in asked["sql"]:
                        read = rows_read(asked["sql"])
                        assert read <= 3 * counted + A_PAGE, f"{page} {query}: {asked['sql']}"


def rows_read(sql):
    """The most rows that one step of the plan gave or threw away."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
        ahead = [cursor.fetchone()[0][0]["Plan"]]
    most = 0
    while ahead:
        node = ahead.pop()
        ahead += node.get("Plans", [])
        given = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        most = max(most, given * node["Actual Loops"])
    return most


def test_an_admin_looks_after_customers(desk, tenant):
    typed = {"names": "Ada Lovelace\r\n\r\nCountess ", "phones": "+44 20 1", "emails": "", "identities": "chat 4 2"}
    assert desk.post("/admin/crm/contact/add/", typed).status_code == 302
    ada = contacts.resolve(tenant.pk, "chat", "4 2")
    assert (ada.names, ada.phones) == (["Ada Lovelace", "Countess"], ["+44 20 1"])
    page = desk.get(f"/admin/crm/contact/{ada.pk}/change/").content.decode()
    assert "Ada Lovelace\nCountess" in page
    assert "chat 4 2" in page
    assert desk.post(f"/admin/crm/contact/{ada.pk}/change/", {**typed, "names": "Augusta"}).status_code == 302
    assert desk.get("/admin/crm/contact/", {"q": "augu"}).context["cl"].result_count == 1
    assert desk.get("/admin/crm/contact/", {"q": "ada"}).context["cl"].result_count == 0
    assert desk.post(f"/admin/crm/contact/{ada.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Contact.objects.exists()


TWISTED = {
    "names": ["Ada\nLovelace"],
    "phones": ["555\u20280100"],
    "emails": ["Ada@Example.com"],
    "identities": [Identity("My chat", "42"), Identity("chat", " 4 2 "), Identity("web", "a\tb")],
}


def lists_of(contact):
    contact.refresh_from_db()
    identities = {Identity(one.platform, one.external_user_id) for one in contact.identities.all()}
    return {"names": contact.names, "phones": contact.phones, "emails": contact.emails, "identities": identities}


def as_shown(desk, contact):
    """What a browser sends back of the page of a customer on which nobody has typed anything."""
    form = desk.get(f"/admin/crm/contact/{contact.pk}/change/").context["adminform"].form
    return {field.name: str(field.value()).replace("\n", "\r\n") for field in form}


@pytest.mark.parametrize(
    ("typed", "changed"),
    [
        ({}, {}),
        ({"names": "Countess"}, {"names": ["Countess"]}),
        ({"emails": " new@example.com "}, {"emails": ["new@example.com"]}),
    ],
    ids=["nothing", "the name", "an e-mail"],
)
def test_what_nobody_typed_on_a_customers_page_stays_as_it_is_kept(desk, tenant, typed, changed):
    ada = contacts.create(tenant.pk, **{**TWISTED, "identities": [*TWISTED["identities"], Identity("web", "a\nb")]})
    before = lists_of(ada)
    shown = as_shown(desk, ada)
    assert desk.post(f"/admin/crm/contact/{ada.pk}/change/", {**shown, **typed}).status_code == 302
    assert lists_of(ada) == {**before, **changed}


def test_an_identity_that_is_added_leaves_the_others_as_they_are(desk, tenant):
    ada = contacts.create(tenant.pk, **TWISTED)
    shown = as_shown(desk, ada)
    more = {**shown, "identities": f"{shown['identities']}\r\n web  7 \r\n"}
    assert desk.post(f"/admin/crm/contact/{ada.pk}/change/", more).status_code == 302
    assert lists_of(ada)["identities"] == {*TWISTED["identities"], Identity("web", "7")}


def test_an_id_that_lines_cannot_say_is_not_broken_in_two(desk, tenant):
    ada = make_contact(tenant, "Ada", identities=[Identity("chat", "4\n2 3")])
    shown = as_shown(desk, ada)
    response = desk.post(f"/admin/crm/contact/{ada.pk}/change/", {**shown, "identities": f"{shown['identities']}4"})
    assert "has a line break" in response.content.decode()
    assert lists_of(ada)["identities"] == {Identity("chat", "4\n2 3")}


def test_customers_who_are_chosen_together_are_removed_together(desk, tenant, stranger):
    ours = [make_contact(tenant, name) for name in ("Ada", "Grace")]
    theirs = make_contact(stranger.tenant, "Theirs")
    chosen = [contact.pk for contact in (*ours, theirs)]
    form = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    assert desk.post("/admin/crm/contact/", form).status_code == 302
    assert Contact.objects.get() == theirs


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"phones": "12"}, "is not a phone"),
        ({"emails": "ada"}, "is not an e-mail address"),
        ({"identities": "chat"}, "is not a platform"),
        ({"identities": "my\tchat 42"}, "is not a platform"),
        ({"names": "x\n" * 21}, "At most 20"),
        ({}, "Give at least"),
    ],
)
def test_what_cannot_be_right_of_a_customer_is_said(desk, wrong, said):
    response = desk.post("/admin/crm/contact/add/", wrong)
    assert (response.status_code, said in response.content.decode()) == (200, True)
    assert not Contact.objects.exists()


def test_an_id_of_another_customer_is_refused_in_words(desk, tenant):
    make_contact(tenant, "Ada", identities=[Identity("chat", "42")])
    response = desk.post("/admin/crm/contact/add/", {"names": "Twin", "identities": "chat 42"}, follow=True)
    assert "42 on chat" in response.content.decode()
    assert Contact.objects.count() == 1


@pytest.fixture
def schedule(db):
    minute = IntervalSchedule.objects.create(every=1, period="minutes")
    return PeriodicTask.objects.create(name="Sweep", task="audio.sweep_jobs", interval=minute)


@pytest.mark.filterwarnings("ignore::celery.exceptions.CDeprecationWarning")
def test_a_superuser_edits_disables_and_sends_what_is_scheduled(root, schedule):
    page = "/admin/django_celery_beat/periodictask/"
    hour = IntervalSchedule.objects.create(every=1, period="hours")
    typed = {"name": "Sweep", "task": "audio.sweep_jobs", "interval": hour.pk, "enabled": "on", "description": "Rarely"}
    assert root.post(f"{page}{schedule.pk}/change/", typed).status_code == 302
    schedule.refresh_from_db()
    assert (schedule.interval, schedule.enabled) == (hour, True)
    before = PeriodicTasks.last_change()
    root.post(page, {"action": "disable", "_selected_action": [schedule.pk]})
    schedule.refresh_from_db()
    assert not schedule.enabled
    assert PeriodicTasks.last_change() > before, "beat is told"
    with app.connection_for_read() as broker:
        queued = broker.default_channel._size("storage")
        root.post(page, {"action": "send_now", "_selected_action": [schedule.pk]})
        assert broker.default_channel._size("storage") == queued + 1


@pytest.mark.filterwarnings("ignore::celery.exceptions.CDeprecationWarning")
def test_only_what_a_beat_can_send_is_offered_in_words(root):
    form = root.get("/admin/django_celery_beat/periodictask/add/").context["adminform"].form
    offered = dict(form.fields["task"].choices)
    assert not {"audio.analyse_chunk", "audio.transcribe_chunk"} & set(offered), "these need to be told of what"
    assert offered["crm.seal_audit_log"] == "Seal the audit log"
    assert {default.task for default in schedules.defaults()} <= set(offered)
    assert not set(offered.values()) & set(offered), "each has words"
    assert {"", "analysis", "storage", "privacy", "transcription"} <= set(dict(form.fields["queue"].choices))


@pytest.mark.filterwarnings("ignore::celery.exceptions.CDeprecationWarning")
def test_when_it_ran_last_reads_the_same_in_the_list_and_on_its_own_page(root, schedule):
    page = "/admin/django_celery_beat/periodictask/"
    for ran, said in [(None, "never"), (datetime(2026, 1, 31, 9, 30, tzinfo=UTC), "31 Jan 2026, 09:30:00 UTC")]:
        PeriodicTask.objects.filter(pk=schedule.pk).update(last_run_at=ran)
        for address in (page, f"{page}{schedule.pk}/change/"):
            assert said in root.get(address).content.decode(), address


def test_figures_read_as_on_our_own_pages():
    assert [words.duration(seconds) for seconds in (0, 26.7, 29.9999, 3753)] == ["0:00", "0:26", "0:30", "1:02:33"]
    assert [words.size(count) for count in (1, 240_000, 10_500_000)] == ["under 0.01 MB", "0.24 MB", "10.5 MB"]


@pytest.mark.filterwarnings("ignore::celery.exceptions.CDeprecationWarning")
def test_a_time_that_schedules_use_cannot_be_deleted(root, schedule):
    address = f"/admin/django_celery_beat/intervalschedule/{schedule.interval_id}/delete/"
    assert root.post(address, {"post": "yes"}).status_code == 403
    schedule.delete()
    assert root.post(address, {"post": "yes"}).status_code == 302
    assert not IntervalSchedule.objects.filter(pk=schedule.interval_id).exists()


@pytest.mark.filterwarnings("ignore::celery.exceptions.CDeprecationWarning")
def test_no_page_of_the_admin_has_script_in_it_that_the_browser_would_refuse(root, schedule, chunk):
    addresses = set(re.findall(r'href="(/admin/[a-z_]+/[a-z]+/(?:add/)?)"', root.get("/admin/").content.decode()))
    assert len(addresses) >= 9
    assert any(address.endswith("/add/") for address in addresses)
    for address in addresses:
        response = root.get(address)
        assert response.status_code == 200, address
        scripts = re.findall(r"<script(?![^>]*(?:src=|application/json))[^>]*>", response.content.decode())
        assert scripts == [], address


@pytest.fixture
def site(client, db, django_user_model):
    """A browser of somebody who runs the site."""
    client.force_login(django_user_model.objects.create(username="root", is_superuser=True, is_staff=True))
    return client


def posted(user, **changes):
    """What the page of a person posts with these changes; None is a field that is not sent."""
    form = {**form_of(user), "is_active": "on", **changes}
    return {name: value for name, value in form.items() if value is not None}


def test_somebody_new_needs_a_company(site):
    words = "a-long-pass-phrase"
    form = {"username": "ada", "role": "agent", "usable_password": "true", "password1": words, "password2": words}
    response = site.post("/admin/crm/user/add/", form)
    assert response.status_code == 200
    assert "required" in response.content.decode()


def test_nobody_moves_to_another_company(site, agent, stranger):
    site.post(f"/admin/crm/user/{agent.pk}/change/", posted(agent, tenant=stranger.tenant_id, first_name="Ada"))
    kept = User.objects.get(pk=agent.pk)
    assert (kept.tenant_id, kept.first_name) == (agent.tenant_id, "Ada")


@pytest.mark.parametrize("changes", [{"role": "agent"}, {"is_active": None}])
def test_the_site_leaves_no_company_without_an_admin_either(site, admin, changes):
    response = site.post(f"/admin/crm/user/{admin.pk}/change/", posted(admin, **changes), follow=True)
    assert "last active admin" in response.content.decode()
    assert User.objects.of(admin.tenant_id).admins().exists()


def test_a_program_has_no_password_whoever_gives_it_one(site, tenant):
    program = make_user(tenant, "agent", password=make_password("a-long-pass-phrase"))
    site.post(f"/admin/crm/user/{program.pk}/change/", posted(program, role="integration"))
    assert not User.objects.get(pk=program.pk).has_usable_password()


def test_what_an_address_says_fills_in_no_form_and_breaks_no_search(site):
    assert site.get("/admin/crm/user/add/?tenant=abc").status_code == 200
    offers = {"app_label": "crm", "model_name": "user", "field_name": "tenant", "term": "\0"}
    assert site.get("/admin/autocomplete/", offers).status_code == 200


def test_no_interval_is_longer_than_a_year(site):
    response = site.post("/admin/django_celery_beat/intervalschedule/add/", {"every": 2147483647, "period": "days"})
    assert response.status_code == 200
    assert not IntervalSchedule.objects.filter(every=2147483647).exists()
