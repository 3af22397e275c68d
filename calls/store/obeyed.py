"""Which erasures this database has seen through: one that came back from a backup lacks those that came after it."""

from collections.abc import Collection

from pymongo import UpdateOne

from calls.store.client import collection, reachable

OBEYED = "obeyed_erasures"
# Names that one command takes.
_AT_ONCE = 1000


@reachable()
def mark(names: Collection[str]) -> None:
    """Keep that these were obeyed; again is the same as once."""
    in_order = sorted(names)
    for start in range(0, len(in_order), _AT_ONCE):
        some = in_order[start : start + _AT_ONCE]
        collection(OBEYED).bulk_write(
            [UpdateOne({"_id": name}, {"$set": {}}, upsert=True) for name in some], ordered=False
        )


@reachable()
def marked() -> set[str]:
    return {str(one["_id"]) for one in collection(OBEYED).find({}, {"_id": True})}
