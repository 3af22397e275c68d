"""What the terminal shows of the intake."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from calls import intake, queue


@pytest.fixture(autouse=True)
def emptied(intake_queue):
    return intake_queue


def test_the_figures_are_shown_with_the_reasons_of_the_verdict(tenant, capsys, settings):
    settings.EARSHOT_INTAKE_MOST_QUEUED = 2
    intake.queue_conversation("5", "web", "User: hello", tenant_id=tenant.pk)
    intake.queue_conversation("5", "web", "User: hello", tenant_id=tenant.pk)
    call_command("intake_status")
    said = capsys.readouterr().out
    assert "Health: critical" in said
    assert "2 of 2" in said
    assert "fill_percent 100, threshold 90" in said
    assert "consumers 0, threshold 0" in said
    assert "p99" in said


def test_the_same_for_programs_says_by_its_status_when_it_is_critical(tenant):
    queue.see("one")
    output = io.StringIO()
    call_command("intake_status", "--json", stdout=output)
    told = json.loads(output.getvalue())
    assert (told["queued"], told["consumers"], told["health"], told["alerts"]) == (0, 1, "healthy", [])
    queue.leave("one")
    intake.queue_conversation("5", "web", "User: hello", tenant_id=tenant.pk)
    output = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("intake_status", "--json", stdout=output)
    assert ended.value.code == 1
    assert [alert["figure"] for alert in json.loads(output.getvalue())["alerts"]] == ["consumers"]


def test_while_redis_is_away_it_says_so(settings):
    queue._client.cache_clear()
    queue._script.cache_clear()
    settings.EARSHOT_REDIS_URL, before = "redis://127.0.0.1:9/0", settings.EARSHOT_REDIS_URL
    try:
        with pytest.raises(CommandError, match="Is Redis there"):
            call_command("intake_status")
    finally:
        settings.EARSHOT_REDIS_URL = before
        queue._client.cache_clear()
        queue._script.cache_clear()
