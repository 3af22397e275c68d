import pytest

from audio.models import AnalysisJob, AudioChunk
from crm.models import User
from tests.builders import bearer, do_all_jobs, make_session, make_user, put_chunk
from tests.sound import encode, tone

PAGES = ["audiosession", "audiochunk", "analysisjob"]


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
    assert client.get(f"/admin/audio/{page}/{row[page]}/change/").status_code == 302


@pytest.mark.parametrize("role", ["agent", "supervisor", "privacy", "integration"])
def test_other_roles_do_not_get_in(client, tenant, role):
    assert client.get("/admin/", follow=True).redirect_chain[-1][0].startswith("/sign-in/")
    client.force_login(make_user(tenant, role))
    assert client.get("/admin/", follow=True).status_code == 403


def test_a_companys_admin_cannot_touch_people_of_the_site(client, admin):
    client.force_login(admin)
    for page in ("crm/user", "crm/tenant", "auth/group"):
        assert client.get(f"/admin/{page}/").status_code == 403


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
