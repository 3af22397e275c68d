"""The database out and back: what it is made of, its documents, and that they are of one moment."""

from datetime import UTC, datetime

import pytest
from bson import decode, encode
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from metrics import mongo_dumps


@pytest.fixture
def databases(settings):
    """Two empty ones on the tests' server, of which `use` says which is Earshot's."""
    there = settings.EARSHOT_MONGODB_URL
    address, _, options = there.partition("?")
    server, _, path = address.rpartition("/")

    def use(name):
        settings.EARSHOT_MONGODB_URL = f"{server}/{path}_{name}?{options}"
        return client[f"{path}_{name}"]

    with MongoClient(there) as client:
        yield use
        for name in ("one", "other"):
            client.drop_database(f"{path}_{name}")


def filled(database):
    database.create_collection("people", validator={"name": {"$type": "string"}})
    database.people.create_index("name", unique=True, name="by_name")
    database.people.insert_many([{"name": f"person {number}", "at": number} for number in range(1200)])
    life = {"timeField": "at", "metaField": "of", "granularity": "minutes"}
    database.create_collection("rows", timeseries=life, expireAfterSeconds=10 * 86400)
    now = datetime.now(UTC)
    database.rows.insert_many([{"at": now, "of": {"tenant": one % 3}, "value": one} for one in range(100)])
    database.create_collection("nothing")


def by_id(documents):
    """As plain values: in which order a row's fields come is for a time series to say, and for each bucket anew."""
    return {one["_id"]: decode(one.raw) for one in documents}


def taken():
    with mongo_dumps.at_one_moment() as moment:
        return (
            mongo_dumps.described_in(mongo_dumps.as_text(moment.collections)),
            {one["name"]: list(moment.batches(one["name"])) for one in moment.collections},
        )


def test_what_is_put_back_is_what_was_there_in_every_kind_of_collection(databases):
    filled(databases("one"))
    described, batches = taken()
    assert {one["name"] for one in described} == {"people", "rows", "nothing"}
    assert sum(map(mongo_dumps.count_in, batches["people"])) == 1200

    there = databases("other")
    assert mongo_dumps.is_empty()
    for one in described:
        documents = mongo_dumps.documents_in(batches[one["name"]])
        assert mongo_dumps.put_back(one, documents) == sum(map(mongo_dumps.count_in, batches[one["name"]]))
    assert not mongo_dumps.is_empty()
    again, batches_again = taken()
    assert again == described
    for name in ("people", "rows"):
        before, after = (by_id(mongo_dumps.documents_in(some[name])) for some in (batches, batches_again))
        assert before == after
    assert there.rows.count_documents({"of.tenant": 1}) == 33
    assert there.people.index_information()["by_name"]["unique"]

    mongo_dumps.empty()
    assert mongo_dumps.is_empty()


def test_a_collection_that_was_half_put_back_is_made_anew(databases):
    filled(databases("one"))
    described, batches = taken()
    (people,) = (one for one in described if one["name"] == "people")
    there = databases("other")
    for _ in range(2):
        mongo_dumps.put_back(people, mongo_dumps.documents_in(batches["people"]))
    assert there.people.count_documents({}) == 1200


def test_what_is_written_while_it_is_read_is_not_in_it(databases):
    there = databases("one")
    filled(there)
    with mongo_dumps.at_one_moment() as moment:
        there.people.delete_many({"at": {"$lt": 600}})
        there.people.insert_one({"name": "later"})
        there.rows.insert_one({"at": datetime.now(UTC), "of": {}})
        batches = {one["name"]: list(moment.batches(one["name"])) for one in moment.collections}
    assert sum(map(mongo_dumps.count_in, batches["people"])) == 1200
    assert sum(map(mongo_dumps.count_in, batches["rows"])) == 100


def test_documents_are_read_from_pieces_of_any_size_and_one_that_is_cut_off_is_told():
    documents = [encode({"number": number, "text": "a" * number}) for number in range(50)]
    whole = b"".join(documents)
    for size in (1, 7, 1000, len(whole)):
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
        assert [one.raw for one in mongo_dumps.documents_in(pieces)] == documents
    assert mongo_dumps.count_in(whole) == 50
    with pytest.raises(ValueError, match="cut off"):
        list(mongo_dumps.documents_in([whole[:-1]]))
    with pytest.raises(ValueError, match="no BSON"):
        list(mongo_dumps.documents_in([b"\0" * 8]))
    assert list(mongo_dumps.documents_in([])) == []
    assert isinstance(next(mongo_dumps.documents_in([whole])), RawBSONDocument)
