"""`explain_queries`: how the databases go about what the desk asks them."""

import io

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from calls import opening, store
from calls.store import explaining
from calls.store.client import calls
from crm import statement_plans
from crm.models import Contact


@pytest.fixture
def company(supervisor, tenant):
    """Three calls, the oldest of them with a visitor."""
    for number in range(3):
        visitor = {} if number else {"external_user_id": "visitor"}
        opening.create_call(supervisor, {"subject": f"Call {number}", **visitor})
    return tenant


def explain(*arguments):
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", said)
        patch.setenv("COLUMNS", "80")
        call_command("explain_queries", *arguments, stdout=said)
    return said.getvalue()


def test_every_query_has_its_plan_its_index_and_what_was_read_for_what_was_returned(company):
    rows = orjson.loads(explain("--tenant-id", str(company.pk), "--json"))
    by_name = {row["query"]: row for row in rows}
    newest = by_name["all calls, newest first"]
    assert newest["indexes"] == ["tenant_newest"]
    assert (newest["read"], newest["returned"]) == (3, 3)
    assert "SORT_MERGE" in by_name["a status, of either type"]["plan"]
    assert by_name["calls by external id"]["indexes"] == ["tenant_external_newest"]
    assert {"contacts by phone", "people by name", "statuses", "search"} <= by_name.keys()
    mongodb = [row for row in rows if row["database"] == "mongodb"]
    assert {"the board", "a column, its next page", "one call"} <= {row["query"] for row in mongodb}
    assert [row["warnings"] for row in mongodb] == [[]] * len(mongodb)
    shown = explain()
    assert "tenant_newest" in shown
    assert "search, 2 of" in shown


def test_what_is_read_from_end_to_end_is_told_and_ends_with_an_error(company):
    calls().drop_indexes()
    try:
        with pytest.raises(CommandError, match="all calls, newest first"):
            explain("--tenant-id", str(company.pk))
    finally:
        store.create()


def test_a_company_that_is_not_there_is_told(db):
    with pytest.raises(CommandError, match="no company 123456"):
        explain("--tenant-id", "123456")


def test_what_is_explained_is_what_is_asked_and_holds_nobodys_values(company):
    [plan] = explaining.explained(lambda: store.find({"tenant_id": company.pk, "call_id": "very-secret"}))
    assert plan.indexes == ("tenant_call_id",)
    assert "very-secret" not in plan.asked
    assert "call_id" in plan.asked


def test_a_long_table_that_is_read_from_end_to_end_is_named(company):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO crm_contact (tenant_id, names, phones, emails, created_at, updated_at) "
            "SELECT %s, '[]', '[]', '[]', now(), now() FROM generate_series(1, 2000)",
            [company.pk],
        )
    [plan] = statement_plans.explained(lambda: list(Contact.objects.filter(names__contains=["nobody"])))
    assert plan.scanned == ("crm_contact",)
    assert plan.rows == 2000
    assert plan.returned == 0
    [along] = statement_plans.explained(lambda: list(Contact.objects.filter(pk=1)))
    assert along.scanned == ()
