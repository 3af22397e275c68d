"""Slow commands are told by their shape, and nothing in it is anybody's."""

import json
from datetime import UTC, datetime

from django.db import connection
from psycopg.sql import SQL, Identifier

from calls import conversations, opening
from calls.store.slow import shape_of
from metrics import timings


def counted(operation):
    timings.flush()
    return next((one.count for one in timings.summary() if one.operation == operation), 0)


def test_a_slow_command_is_logged_and_counted_without_its_values(agent, settings, caplog):
    before = counted("slow.mongodb")
    opening.open_call(user=agent, call_id="very-secret", start_time=datetime.now(UTC), session_id="s")
    settings.EARSHOT_SLOW_MS = 0
    conversations.read_call(agent, "very-secret")
    settings.EARSHOT_SLOW_MS = 100
    told = [record.getMessage() for record in caplog.records if record.name == "earshot.slow"]
    of_reading = [line for line in told if "find calls" in line]
    assert of_reading
    assert "'call_id': '?'" in of_reading[0]
    assert "very-secret" not in json.dumps(told)
    assert counted("slow.mongodb") > before


def test_a_slow_statement_is_told_with_placeholders(agent, settings, caplog):
    settings.EARSHOT_SLOW_MS = 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s", ["very-secret"])
    settings.EARSHOT_SLOW_MS = 100
    told = [record.getMessage() for record in caplog.records if record.name == "earshot.slow"]
    assert any("SELECT %s" in line for line in told)
    assert "very-secret" not in json.dumps(told)


def test_a_slow_statement_that_was_put_together_is_told_as_well(agent, settings, caplog):
    settings.EARSHOT_SLOW_MS = 0
    with connection.cursor() as cursor:
        cursor.execute(SQL("SELECT count(*) FROM {} WHERE id = %s").format(Identifier("crm_user")), [agent.pk])
    settings.EARSHOT_SLOW_MS = 100
    told = [record.getMessage() for record in caplog.records if record.name == "earshot.slow"]
    assert any('SELECT count(*) FROM "crm_user" WHERE id = %s' in line for line in told)


def test_what_is_quick_is_not_told(agent, settings, caplog):
    settings.EARSHOT_SLOW_MS = 60_000
    opening.open_call(user=agent, call_id="quick", start_time=datetime.now(UTC), session_id="s")
    assert not [record for record in caplog.records if record.name == "earshot.slow"]


def test_a_shape_is_bounded_and_has_no_value_at_any_depth():
    command = {
        "update": "calls",
        "updates": [{"q": {"call_id": "secret"}, "u": [{"$set": {"a": {"$literal": {"secret": 1}}}}]}] * 50,
        "lsid": "secret",
    }
    shape = shape_of("update", command)
    assert "secret" not in shape
    assert len(shape) < 500
