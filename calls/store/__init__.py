"""The one door to MongoDB: the collections of calls.

* `calls`: a document a call, its conversation inside (`documents.py`).
* `call_buckets`: what calls that are too long for one document have said so far (`buckets.py`).
* `call_counters`: how many calls have each status, kept with every write that changes it (`counters.py`).

Reading is in `reading.py`, `listing.py` and, for a board, in `columns.py`; what sources write in `segments.py` and
`estimates.py`; what people write in `edits.py`. `redacted.py` reads what of a call is masked.
Every function names the company, and asks for it within the query.
"""

from calls.store.client import Size, clock, close, ping, size, version
from calls.store.collections import check, create, create_collections
from calls.store.columns import MOST_COUNTED_IN_COLUMN, Asked, Column, cards_of, column_of, columns_of
from calls.store.counters import Drift, counts, largest_company, reconcile_counters
from calls.store.customers import (
    MOST_COUNTED,
    Found,
    Sought,
    Standing,
    contacts_by_phone,
    give_by_external_id,
    give_by_phone,
    leave_open,
    settle,
    sought,
    standings,
)
from calls.store.edits import (
    Inserted,
    append_note,
    correct,
    edit,
    insert,
    insert_many,
    move,
    move_all,
    remove,
    rename_speaker,
    review_flag,
)
from calls.store.estimates import correct_speakers, replace_estimates
from calls.store.indexes import create_index, drop_superseded, indexes, superseded
from calls.store.indexes import progress as index_progress
from calls.store.listing import Changed, Page, Position, among, changed, head, last_changes, outlines, page_of
from calls.store.reading import (
    about,
    find,
    find_all,
    find_kept,
    highest_number,
    is_there,
    platform_of,
    segments_between,
    segments_of_chunks,
    speakers_in_order,
    words_by_speaker,
)
from calls.store.redacted import masked_in
from calls.store.segments import attach_session, change, finish, replace_segments, upsert_segments

__all__ = [
    "MOST_COUNTED",
    "MOST_COUNTED_IN_COLUMN",
    "Asked",
    "Changed",
    "Column",
    "Drift",
    "Found",
    "Inserted",
    "Page",
    "Position",
    "Size",
    "Sought",
    "Standing",
    "about",
    "among",
    "append_note",
    "attach_session",
    "cards_of",
    "change",
    "changed",
    "check",
    "clock",
    "close",
    "column_of",
    "columns_of",
    "contacts_by_phone",
    "correct",
    "correct_speakers",
    "counts",
    "create",
    "create_collections",
    "create_index",
    "drop_superseded",
    "edit",
    "find",
    "find_all",
    "find_kept",
    "finish",
    "give_by_external_id",
    "give_by_phone",
    "head",
    "highest_number",
    "index_progress",
    "indexes",
    "insert",
    "insert_many",
    "is_there",
    "largest_company",
    "last_changes",
    "leave_open",
    "masked_in",
    "move",
    "move_all",
    "outlines",
    "page_of",
    "ping",
    "platform_of",
    "reconcile_counters",
    "remove",
    "rename_speaker",
    "replace_estimates",
    "replace_segments",
    "review_flag",
    "segments_between",
    "segments_of_chunks",
    "settle",
    "size",
    "sought",
    "speakers_in_order",
    "standings",
    "superseded",
    "upsert_segments",
    "version",
    "words_by_speaker",
]
