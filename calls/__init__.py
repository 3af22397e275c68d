"""Knows a conversation: one MongoDB document per call, who said what and when.

1. A source opens a call (`conversations.open_call`): audio today, other sources by the same verb.
2. What was heard enters it part by part, by one atomic update that keeps time order and replaces what the same parts
   said before (`conversations.store_segments`), so that twice is the same as once.
3. So does what is estimated and flagged (`conversations.store_estimates`). A reviewer says of a flag whether it is
   right (`conversations.review_flag`), which outlives it.
4. The source ends the call (`conversations.finish_call`).
5. Reading a call with its words is one query (`conversations.read_call`, `GET /api/calls/{call_id}`).

Nothing is opened or taken in about somebody who has been erased (`forgotten.py`); where the two sides are known, only
the words of the one who was are left out.

The shapes are in `documents.py`; `store.py` is the one door to the collection. It does not know where the words
came from, and of the apps imports metrics alone.
"""
