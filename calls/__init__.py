"""Knows a conversation: one MongoDB document per call, who said what and when.

1. A call comes into being (`opening.py`): for a recording, by a program that tells of one, or many at a time with all
   that was said in them.
2. What is said enters it part by part, or segment by segment, by one atomic update that keeps time order and replaces
   what was said there before (`conversations.store_segments`, `.upsert_segments`), so that twice is the same as once.
   What is nobody's business is masked before that (`masking.py`, `redaction/`).
3. So does what is estimated and flagged (`conversations.store_estimates`). A reviewer says of a flag whether it is
   right (`conversations.review_flag`), which outlives it.
4. The source ends the call (`conversations.finish_call`).
5. People work it: they change and correct it (`editing.py`), give it a status (`board.py`, `statuses.py`). Corrections
   are laid over what the source says whenever the call is read (`corrections.py`), so that nothing which is heard later
   can lose them.
6. Reading a call with its words is one query (`conversations.read_call`, `GET /api/calls/{call_id}`), and makes a file
   of it (`export.py`).
7. Who changes a call marks it (`indexing.marked`); workers bring the index in PostgreSQL in step, and have vectors
   made of what is said (`embedding/`). `search.search` finds segments in it by words and by meaning.
8. Whose a call is, the floor above finds out, by what the call names its customer by (`customers.py`).
9. Who changes a call announces it, too (`live.changed`): boards and call pages that are open read it again.

What comes as text, from chat bots and telephony bridges, waits in a queue (`intake.queue_conversation`, `queue.py`)
until a process of its own (`consuming.py`) has read who said what (`transcript_lines.py`) and made calls of it.

What older installations kept elsewhere is read with its call (`store/folding.py`) until it has been moved there
(`migration.py`); what older programs call still works (`legacy.py`).

Nothing is opened or taken in about somebody who has been erased (`forgotten.py`); where the two sides are known, only
the words of the one who was are left out.

The shapes are in `documents.py`; the package `store` is the one door to the collections. It does not know where the
words came from, and of the apps imports metrics alone.
"""
