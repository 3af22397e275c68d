"""The archive's columns say what they are, and there is one for everything that is counted."""

import dataclasses

import pytest

from metrics.archived.schema import COUNTERS, DAYS_SCHEMA, PEOPLE_SCHEMA, SCHEMAS, SUMS, description_of
from metrics.totals import Totals


def test_everything_that_is_counted_has_a_column():
    counted = {field.name for field in dataclasses.fields(Totals)}
    assert counted == {*SUMS, *COUNTERS}
    assert counted <= set(DAYS_SCHEMA.names)
    assert set(SUMS) <= set(PEOPLE_SCHEMA.names)


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_every_column_says_what_it_holds(schema):
    assert all(len(description_of(field)) > 10 for field in schema)


def test_no_column_can_hold_a_person_or_a_session():
    names = {*DAYS_SCHEMA.names, *PEOPLE_SCHEMA.names}
    assert not {name for name in names if "user" in name or "session" in name or name.endswith("segment_id")}
