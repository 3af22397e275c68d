from datetime import UTC, datetime, timedelta, timezone

import pytest

from metrics.errors import BadPersonKey
from metrics.segments import Hour, person_key_of


def test_an_hour_is_that_of_utc_whatever_zone_the_time_was_told_in():
    told = datetime(2026, 3, 1, 2, 40, 5, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert Hour.of(7, told) == Hour(datetime(2026, 2, 28, 21, tzinfo=UTC), 7)


@pytest.mark.parametrize(
    ("user_id", "key"),
    [
        ("user:12", "user:12"),
        ("12", "external:web:12"),
        ("user:012", "external:web:user:012"),
        ("user:٣", "external:web:user:٣"),
        ("user:12\n", "external:web:user:12\n"),
        ("ada@example.com", "external:web:ada@example.com"),
    ],
)
def test_a_person_key_is_a_user_of_ours_and_anything_else_what_a_platform_calls_somebody(user_id, key):
    assert person_key_of("web", user_id) == key


def test_nobody_has_no_key():
    with pytest.raises(BadPersonKey):
        person_key_of("web", "")
