from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import Count, F, Max
from django.test.utils import CaptureQueriesContext

from crm.models import Token, User
from metrics.models import Forgotten
from metrics.prepared import Prepared, PreparedUpdate
from tests.builders import make_tenant, make_user

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def of_scope():
    return Prepared(
        lambda scope, at: Forgotten.objects.filter(scope=scope, at__gte=at).order_by("digest"), str, datetime
    )


def forget(scope, *digests, at=LONG_AGO):
    Forgotten.objects.bulk_create(Forgotten(scope=scope, tenant_id=1, digest=digest, at=at) for digest in digests)


def test_it_finds_what_the_queryset_finds_whatever_it_is_asked_for(db):
    asked = of_scope()
    forget("a", "1", "2")
    forget("b", "3", at=LONG_AGO + timedelta(days=1))

    assert [one.digest for one in asked("a", LONG_AGO)] == ["1", "2"]
    assert [one.digest for one in asked("b", LONG_AGO)] == ["3"]
    assert asked("a", LONG_AGO + timedelta(days=1)) == []
    assert asked("a", LONG_AGO) == list(Forgotten.objects.filter(scope="a").order_by("digest"))


def test_the_first_is_told_by_itself_and_where_there_is_none_nothing(db):
    asked = of_scope()
    forget("a", "2", "1")

    assert asked.first("a", LONG_AGO).digest == "1"
    assert asked.first("b", LONG_AGO) is None


def test_a_value_is_a_value_whatever_stands_in_it(db):
    asked = of_scope()
    forget("it's; -- %s \"", "1")

    assert [one.digest for one in asked("it's; -- %s \"", LONG_AGO)] == ["1"]
    assert asked("' OR 1 = 1 --", LONG_AGO) == []


def test_who_a_row_belongs_to_comes_with_it_by_the_same_question(db):
    user = make_user(make_tenant(), "agent", name="Ada")
    asked = Prepared(lambda user_id: User.objects.select_related("tenant").filter(pk=user_id, is_active=True), int)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        [found] = asked(user.pk)
        assert (found, found.name, found.tenant.name) == (user, "Ada", user.tenant.name)

    assert len(queries) == 1
    User.objects.update(is_active=False)
    assert asked(user.pk) == []


def test_what_is_added_up_comes_as_rows_of_values(db):
    forget("a", "1", "2")
    counted = Prepared(
        lambda scope: (
            Forgotten.objects.filter(scope=scope).order_by().values("scope").values_list(Count("pk"), Max("digest"))
        ),
        str,
    )

    assert counted("a") == [(2, "2")]
    assert counted("b") == []


def test_a_row_can_be_locked(transactional_db):
    user = make_user(make_tenant(), "agent")
    locked = Prepared(lambda user_id: User.objects.select_for_update(nowait=True).filter(pk=user_id), int)

    def is_free():
        try:
            with transaction.atomic():
                return bool(locked(user.pk))
        except DatabaseError:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as elsewhere:
        with transaction.atomic():
            assert locked(user.pk) == [user]
            assert not elsewhere.submit(is_free).result()
        assert elsewhere.submit(is_free).result()


def test_many_threads_ask_at_once_and_each_gets_its_own(transactional_db):
    asked = of_scope()
    for number in range(20):
        forget(f"scope-{number}", f"digest-{number}")

    def ask(number):
        try:
            return [one.digest for one in asked(f"scope-{number}", LONG_AGO)]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, [*range(20)] * 10))

    assert answers == [[f"digest-{number}"] for number in range(20)] * 10


def test_nothing_is_nobody(db):
    make_user(None, "agent", is_superuser=True)
    of_company = Prepared(lambda tenant_id: User.objects.filter(tenant_id=tenant_id), int)

    assert of_company(None) == []


def test_rows_are_changed_to_what_is_asked_for_and_counted(db):
    forget("a", "1", "2")
    forget("b", "3")
    later = LONG_AGO + timedelta(days=3)
    move = PreparedUpdate(
        lambda scope, tenant_id, at: (Forgotten.objects.filter(scope=scope), {"tenant_id": tenant_id, "at": at}),
        *(str, int, datetime),
    )

    assert move("a", 7, later) == 2
    assert move("c", 7, later) == 0
    assert set(Forgotten.objects.filter(scope="a").values_list("tenant_id", "at")) == {(7, later)}
    assert set(Forgotten.objects.filter(scope="b").values_list("tenant_id", "at")) == {(1, LONG_AGO)}


def test_a_change_may_be_told_by_what_was_there(db):
    user = make_user(make_tenant(), "agent")
    lengthen = PreparedUpdate(lambda pk: (User.objects.filter(pk=pk), {"first_name": F("username")}), int)

    assert lengthen(user.pk) == 1
    user.refresh_from_db()
    assert user.first_name == user.username


def test_a_change_that_is_refused_undoes_its_transaction(db):
    user = make_user(make_tenant(), "agent")
    break_it = PreparedUpdate(lambda pk, role: (User.objects.filter(pk=pk), {"role": role}), int, str)

    with pytest.raises(DatabaseError), transaction.atomic():
        break_it(user.pk, "no such role, and far longer than any role that there is or was or will ever be" * 4)

    user.refresh_from_db()
    assert user.role == "agent"


def test_a_value_for_which_the_statement_has_no_place_is_found_out_at_once(db):
    asked = Prepared(lambda digest, forgotten: Token.objects.filter(digest=digest), str, str)

    with pytest.raises(ValueError, match="no place for value 2"):
        asked("one", "two")
