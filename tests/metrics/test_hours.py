"""The second tier: what there has to be of it, and that what is written there is what counts."""

import pytest

from metrics import hours, mongo_clients
from metrics.hours.collections import FILLS, HOURS, ROWS
from metrics.mongo_clients import collection


@pytest.fixture(autouse=True, scope="module")
def whole():
    hours.create()
    yield
    hours.create()
    mongo_clients.close()


def test_what_is_missing_is_told_and_made_and_what_is_there_stays():
    assert hours.check() == []
    collection(FILLS).drop_index("tenant_hour")
    collection(HOURS).drop()
    assert hours.check() == [f"index tenant_hour of {FILLS}", f"collection {HOURS}"]
    hours.create()
    hours.create()
    assert hours.check() == []
    hours.ping()


def test_a_collection_in_place_of_the_time_series_is_told():
    collection(ROWS).drop()
    collection(ROWS).insert_one({"timestamp": None})
    try:
        assert any(told.startswith(f"time series {ROWS}") for told in hours.check())
    finally:
        collection(ROWS).drop()
        hours.create()
    assert hours.check() == []


def test_every_collection_gets_the_life_that_is_asked_for(settings):
    def lives():
        (rows,) = collection(ROWS).database.list_collections(filter={"name": ROWS})
        return (
            rows["options"]["expireAfterSeconds"] // 86_400,
            collection(FILLS).index_information()["life"]["expireAfterSeconds"] // 86_400,
        )

    hours.set_life(30)
    assert lives() == (30, 32), "what says which rows count outlives them"
    hours.create()
    assert lives() == (90, 92)
    hours.set_life(120)
    hours.create()
    assert lives() == (120, 122), "what is held until it is archived stays"
    hours.set_life(90)
