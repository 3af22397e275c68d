import io
import stat
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from audio.models import AudioSession
from calls import conversations
from crm import demo, tokens
from crm.models import AccessPolicy, Tenant, Token, User
from tests.builders import make_user
from tests.running import free_port

SPEECH = "crm/speech/reading.ogg"


def run(*arguments, **options):
    out = io.StringIO()
    call_command(*arguments, stdout=out, **options)
    return out.getvalue()


def test_issue_token_prints_a_token_and_nothing_else(agent):
    printed = run("issue_token", agent.username)
    assert printed.count("\n") == 1
    assert tokens.find(printed.strip()).user == agent


@pytest.mark.parametrize("days", ["0", "99999"])
def test_issue_token_refuses_a_lifetime_out_of_bounds(agent, days):
    with pytest.raises(CommandError, match="--days"):
        run("issue_token", agent.username, "--days", days)


def test_issue_token_keeps_to_what_the_company_allows(agent):
    AccessPolicy.objects.create(tenant=agent.tenant, longest_token_days=30)
    with pytest.raises(CommandError, match="between 1 and 30"):
        run("issue_token", agent.username, "--days", "31")
    run("issue_token", agent.username)
    assert Token.objects.get().expires_at < timezone.now() + timedelta(days=31)


def test_issue_token_names_a_user_it_does_not_find(db):
    with pytest.raises(CommandError, match="nobody"):
        run("issue_token", "nobody")


def test_create_tenant_makes_a_tenant_with_its_admin(db, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("a-long-enough-pass-phrase\n"))
    assert "Acme" in run("create_tenant", "Acme", "--admin", "alice")
    alice = User.objects.get(username="alice")
    assert (alice.tenant.name, alice.role) == ("Acme", "admin")
    assert alice.check_password("a-long-enough-pass-phrase")


def test_issue_token_makes_none_that_would_open_nothing(db):
    User.objects.create(username="root", is_superuser=True)
    with pytest.raises(CommandError, match="works in no company"):
        run("issue_token", "root")
    assert not Token.objects.exists()


GOOD = "a-long-enough-pass-phrase"


@pytest.mark.parametrize(
    ("arguments", "password", "said"),
    [
        (("Acme", "alice"), "short", "too short"),
        (("Acme", "alice"), "", "no password was given"),
        (("Taken", "alice"), GOOD, "there is a tenant called Taken"),
        ((" ", "alice"), GOOD, "the tenant's name is empty"),
        (("Acme", "taken"), GOOD, "there is a user called taken"),
        (("Acme", ""), GOOD, "the admin's username is empty"),
        (("Acme", "al ice"), GOOD, "valid username"),
        (("A" * 300, "alice"), GOOD, "at most"),
    ],
)
def test_create_tenant_says_what_is_wrong_and_makes_nothing(db, monkeypatch, arguments, password, said):
    User.objects.create(username="taken", role="admin", tenant=Tenant.objects.create(name="Taken"))
    monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
    name, admin = arguments
    with pytest.raises(CommandError, match=f"Nothing was made.*{said}"):
        run("create_tenant", name, "--admin", admin)
    assert (User.objects.count(), Tenant.objects.count()) == (1, 1)


def test_the_demo_is_made_only_where_it_is_wanted(db, settings):
    settings.EARSHOT_DEMO = False
    with pytest.raises(CommandError, match="EARSHOT_DEMO"):
        run("create_demo")


def test_the_demo_twice_is_the_demo_once(db, tmp_path):
    file = tmp_path / "demo-password"
    demo.create(file)
    password = file.read_text().strip()
    demo.create(file)
    assert file.read_text().strip() == password
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert User.objects.count() == 5
    assert User.objects.get(username="demo-agent").check_password(password)
    assert User.objects.get(username="other-supervisor").tenant != User.objects.get(username="demo-agent").tenant


def test_the_demo_has_recordings_in_both_companies_that_wait_for_the_workers(transactional_db, tmp_path):
    for _ in range(2):
        demo.create(tmp_path / "demo-password")
    recorded = AudioSession.objects.all()
    assert {session.tenant.name for session in recorded} == {demo.TENANT, demo.OTHER_TENANT}
    assert len(recorded) == len(demo.RECORDINGS), "made once"
    for session in recorded:
        assert (session.status, session.total_chunks) == ("processing", 1)
        assert session.chunks.get().jobs.get().state == "waiting"
        assert conversations.read_call(session.user, session.call_id)["subject"]


def test_create_stores_may_be_run_again(db):
    assert run("create_stores") == run("create_stores")


def test_send_audio_says_what_is_wrong_with_a_file(agent, tmp_path):
    nonsense = tmp_path / "nonsense.wav"
    nonsense.write_text("Hello")
    for file in (nonsense, tmp_path / "absent.wav"):
        with pytest.raises(CommandError, match=file.name):
            run("send_audio", str(file), user=agent.username)


def test_send_audio_says_whom_it_does_not_know(tenant, tmp_path):
    make_user(tenant, "agent")
    with pytest.raises(CommandError, match="nobody"):
        run("send_audio", SPEECH, user="nobody")


def test_simulate_calls_says_what_is_wrong_with_a_file(agent, tmp_path):
    with pytest.raises(CommandError, match=r"absent\.wav"):
        run("simulate_calls", str(tmp_path / "absent.wav"), user=[agent.username])


def test_simulate_calls_names_who_may_not_record(tenant, agent):
    privacy = make_user(tenant, "privacy")
    with pytest.raises(CommandError, match=f"may record: nobody, {privacy.username}"):
        run("simulate_calls", SPEECH, user=[agent.username, privacy.username, "nobody"])
    assert not Token.objects.exists()


def test_simulate_calls_without_the_demo_says_so(db):
    with pytest.raises(CommandError, match="the demo has not been made"):
        run("simulate_calls", SPEECH)


def test_simulate_calls_says_when_there_is_no_server(db):
    with pytest.raises(CommandError, match="does not answer"):
        run("simulate_calls", SPEECH, url=f"http://127.0.0.1:{free_port()}", token="any")


@pytest.mark.parametrize("wrong", [{"num_calls": 0}, {"chunk_seconds": 0}, {"chunk_seconds": 121}])
def test_simulate_calls_refuses_numbers_out_of_bounds(db, wrong):
    with pytest.raises(CommandError, match=f"--{next(iter(wrong)).replace('_', '-')} must be"):
        run("simulate_calls", SPEECH, **wrong)
