"""The commands about what was heard, and the page on which a company writes its rules."""

import json
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from audio import sessions
from audio.models import AnalysisJob, AudioChunk, SuspicionRule
from audio.states import HEARING
from calls import conversations, opening
from calls.documents import Emotion, Segment
from crm.management.commands import analyse_again, show_emotions, try_suspicion_rules
from crm.models import AuditEntry
from tests.builders import bearer, do_all_jobs, make_session, make_user, put_chunk
from tests.sound import encode, tone

RULES = "/admin/audio/suspicionrule/"
BODY = encode(tone(1.0))


@pytest.fixture
def printed(capsys):
    """Runs a command, and returns what it prints."""

    def run(*arguments):
        capsys.readouterr()
        call_command(*arguments)
        return capsys.readouterr().out

    return run


@pytest.fixture
def heard(agent, session):
    """A recording of one chunk, a tone of one second, in which nobody speaks."""
    put_chunk(bearer(agent), session, 0, BODY)
    sessions.complete(session, total_chunks=1)
    do_all_jobs()
    return session


@pytest.mark.parametrize("command", [analyse_again, show_emotions, try_suspicion_rules])
def test_the_help_of_each_has_an_example(command):
    assert "Example: manage.py" in command.Command.help


# --- Again ---


def test_a_dry_run_says_how_many_it_would_be_and_changes_nothing(printed, heard):
    before = AudioChunk.objects.values().get()
    said = printed("analyse_again", "--session", str(heard.pk), "--dry-run")
    assert said == "1 chunks of 1 recordings. Nothing was changed.\n"
    assert AudioChunk.objects.values().get() == before
    assert not AnalysisJob.objects.unfinished().exists()


def test_chunks_are_sent_to_the_workers_from_a_stage_on(printed, heard):
    before = AudioChunk.objects.get()
    printed("analyse_again", "--session", str(heard.pk), "--stage", "suspicion", "--no-wait")
    assert [job.kind for job in AnalysisJob.objects.unfinished()] == ["interpretation"]
    do_all_jobs(HEARING)
    after = AudioChunk.objects.get()
    assert (after.processing_status, after.analysed_at) == ("completed", before.analysed_at)
    assert after.processed_at > before.processed_at
    (entry,) = AuditEntry.objects.filter(act="recording.analysed_again")
    assert (entry.via, entry.subject) == ("command", f"recording:{heard.pk}")


def test_only_the_recordings_of_some_days_are_meant(printed, heard):
    day = heard.start_time.date().isoformat()
    assert printed("analyse_again", "--from", day, "--dry-run").startswith("1 chunks of 1 recordings")
    assert printed("analyse_again", "--to", day, "--dry-run").startswith("0 chunks of 0 recordings")
    assert printed("analyse_again", "--from", day, "--failed", "--dry-run").startswith("0 chunks")
    other = str(heard.tenant_id + 1000)
    assert printed("analyse_again", "--from", day, "--tenant-id", other, "--dry-run").startswith("0 chunks")


def test_what_is_being_worked_on_is_left_alone(printed, api, session):
    put_chunk(api, session, 0, BODY)
    said = printed("analyse_again", "--session", str(session.pk))
    assert "1 more are being worked on and are left alone. Nothing was changed." in said.replace("\n", " ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Say which: --session, --tenant-id, --from, --to or --failed."),
        (["--chunk", "0"], "--chunk needs --session"),
        (["--session", "00000000-0000-4000-8000-000000000000"], "There is no recording"),
        (["--from", "last week"], "last week is no date: write"),
        (["--to", "2026-02-30"], "2026-02-30 is no date: write"),
    ],
)
def test_what_cannot_be_meant_is_said_in_a_sentence(db, arguments, said):
    with pytest.raises(CommandError, match=said):
        call_command("analyse_again", *arguments)


# --- Emotions ---


def open_call(user, call_id):
    opening.open_call(user=user, call_id=call_id, start_time=datetime.now(UTC), session_id=f"s-{user.tenant_id}")


def test_emotions_are_shown_with_what_was_said_and_by_what(printed, agent):
    open_call(agent, "shown")
    spoken = {"segment_id": "s:0000:000", "start_time": 1.0, "end_time": 3.0}
    said = Segment(**spoken, speaker="client", text="[bold] thank you", confidence=0.9)
    felt = Emotion(**spoken, emotion="positive", score=0.8, method="words", engine="ours", model="plain", version="7")
    whose = {"tenant_id": agent.tenant_id, "call_id": "shown", "parts": ["0000"]}
    conversations.store_segments(**whose, segments=[said], end_time=3.0)
    conversations.store_estimates(**whose, emotions=[felt], flags=None)
    told = printed("show_emotions", "shown", "--tenant-id", str(agent.tenant_id))
    assert "positive" in told
    assert "[bold] thank you" in told
    assert "On the whole: positive 100%." in told
    assert "Estimated by ours 7, plain." in told
    assert AuditEntry.objects.filter(act="call.read", subject="call:shown", via="command").exists()


def test_a_call_without_emotions_says_why_there_are_none(printed, agent):
    open_call(agent, "unfelt")
    assert "No emotion was estimated" in printed("show_emotions", "unfelt", "--tenant-id", str(agent.tenant_id))


def test_a_call_that_is_not_there_or_not_only_one_is_said_in_a_sentence(agent, stranger):
    with pytest.raises(CommandError, match="There is no call none-such"):
        call_command("show_emotions", "none-such")
    for user in (agent, stranger):
        open_call(user, "of-two-companies")
    with pytest.raises(CommandError, match="Several companies have a call of this id"):
        call_command("show_emotions", "of-two-companies")


# --- Rules, tried ---


def test_the_rules_as_they_are_can_be_changed_and_tried(printed, agent, heard, tmp_path):
    whose = ["--tenant-id", str(agent.tenant_id)]
    rules = json.loads(printed("try_suspicion_rules", *whose))
    assert {one["kind"] for one in rules} >= {"long_silence", "listed_phrase"}
    for one in rules:
        if one["kind"] == "long_silence":
            one.update(name="Half a second", threshold=0.5)
    changed, compared = tmp_path / "rules.json", tmp_path / "compared.json"
    changed.write_text(json.dumps(rules))
    before = conversations.read_call(agent, heard.call_id)
    told = printed("try_suspicion_rules", *whose, "--rules", str(changed), "--json", str(compared))
    assert "1 recordings." in told
    found = json.loads(compared.read_text())
    assert found["recordings"] == 1
    assert found["found_by_rule"]["Half a second"] == [0, 1]
    assert found["recordings_with_a_flag"] == [0, 1]
    assert conversations.read_call(agent, heard.call_id) == before


def test_a_flag_that_somebody_called_right_is_found_again_or_is_not(printed, agent, supervisor, tmp_path):
    ours = {"name": "Quiet", "kind": "long_silence", "weight": 0.2, "threshold": 0.5}
    SuspicionRule.objects.create(tenant=agent.tenant, **ours)
    session = make_session(agent)
    put_chunk(bearer(agent), session, 0, BODY)
    do_all_jobs(HEARING)
    (flag,) = conversations.read_call(agent, session.call_id)["suspicion"]["reasons"]
    conversations.review_flag(supervisor, session.call_id, flag["flag_id"], "right")
    rules, compared = tmp_path / "rules.json", tmp_path / "compared.json"
    for threshold, again in [(0.7, 1), (2.0, 0)]:
        rules.write_text(json.dumps([{**ours, "name": "Called otherwise", "threshold": threshold}]))
        printed(
            *("try_suspicion_rules", "--tenant-id", str(agent.tenant_id)),
            *("--rules", str(rules), "--json", str(compared)),
        )
        assert json.loads(compared.read_text())["reviewed_right"] == [1, again]


GOOD = {"name": "One", "kind": "crosstalk", "weight": 0.5, "threshold": 3}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read"),
        ("[]", "is no JSON list of rules"),
        ("{}", "is no JSON list of rules"),
        ('["crosstalk"]', "Rule 1: it has a name, a kind"),
        (json.dumps([GOOD, {**GOOD, "colour": "red"}]), "Rule 2: it has a name, a kind"),
        (json.dumps([{**GOOD, "kind": "lies"}]), "Rule 1: its kind is one of"),
        (json.dumps([{**GOOD, "kind": ["crosstalk"]}]), "Rule 1: its kind is one of"),
        (json.dumps([{**GOOD, "weight": 1.5}]), "Rule 1: its weight is 0 to 1"),
        (json.dumps([{**GOOD, "threshold": float("nan")}]), "its threshold 0 to 3600"),
        (json.dumps([{**GOOD, "weight": True}]), "Rule 1: its weight is 0 to 1"),
        (json.dumps([{**GOOD, "phrases": "gift card"}]), "Rule 1: its phrases are a list"),
    ],
)
def test_rules_that_are_none_are_refused_in_a_sentence(agent, tmp_path, text, said):
    path = tmp_path / "rules.json"
    path.write_text(text)
    with pytest.raises(CommandError, match=said):
        call_command("try_suspicion_rules", "--tenant-id", str(agent.tenant_id), "--rules", str(path))


def test_a_company_or_a_file_that_is_not_there_is_said_in_a_sentence(agent, tmp_path):
    with pytest.raises(CommandError, match="There is no company 999999"):
        call_command("try_suspicion_rules", "--tenant-id", "999999")
    whose = ["--tenant-id", str(agent.tenant_id)]
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("try_suspicion_rules", *whose, "--rules", str(tmp_path / "none.json"))
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps([GOOD]))
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("try_suspicion_rules", *whose, "--rules", str(rules), "--json", str(tmp_path / "no" / "where"))


# --- Rules, in the admin ---

WRITTEN = {"name": "Ours", "kind": "crosstalk", "is_on": "on", "weight": "0.5", "threshold": "3", "phrases": ""}


@pytest.fixture
def desk(client, tenant):
    client.force_login(make_user(tenant, "admin"))
    return client


@pytest.fixture
def theirs(stranger):
    values = {**WRITTEN, "is_on": True, "weight": 0.5, "threshold": 3.0}
    return SuspicionRule.objects.create(tenant=stranger.tenant, **values)


def test_an_admin_writes_changes_and_deletes_the_companys_rules(desk, tenant):
    assert desk.post(f"{RULES}add/", WRITTEN).status_code == 302
    rule = SuspicionRule.objects.get()
    assert (rule.tenant, rule.name, rule.weight) == (tenant, "Ours", 0.5)
    assert desk.post(f"{RULES}{rule.pk}/change/", {**WRITTEN, "weight": "0.2"}).status_code == 302
    rule.refresh_from_db()
    assert (rule.tenant, rule.weight) == (tenant, 0.2)
    assert desk.post(f"{RULES}{rule.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not SuspicionRule.objects.exists()


def test_another_companys_rules_are_not_there(desk, theirs):
    assert desk.get(RULES).status_code == 200
    for page in ("change", "delete"):
        assert desk.post(f"{RULES}{theirs.pk}/{page}/", {**WRITTEN, "post": "yes"}).status_code == 404
        assert desk.get(f"{RULES}{theirs.pk}/{page}/").status_code == 404
    theirs.refresh_from_db()
    assert theirs.name == "Ours"


def test_a_name_that_the_company_has_already_is_an_error_of_the_form(desk, theirs):
    assert desk.post(f"{RULES}add/", WRITTEN).status_code == 302, "another company's name is free"
    again = desk.post(f"{RULES}add/", WRITTEN)
    assert again.status_code == 200
    assert again.context["errors"]
    desk.post(f"{RULES}add/", {**WRITTEN, "name": "Second"})
    second = SuspicionRule.objects.get(name="Second")
    renamed = desk.post(f"{RULES}{second.pk}/change/", WRITTEN)
    assert (renamed.status_code, bool(renamed.context["errors"])) == (200, True)


@pytest.mark.parametrize(
    "wrong", [{"weight": "1.5"}, {"weight": "nan"}, {"threshold": "-1"}, {"kind": "lies"}, {"name": ""}]
)
def test_a_rule_that_is_none_is_an_error_of_the_form(desk, wrong):
    refused = desk.post(f"{RULES}add/", {**WRITTEN, **wrong})
    assert (refused.status_code, bool(refused.context["errors"])) == (200, True)
    assert not SuspicionRule.objects.exists()
