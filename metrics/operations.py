"""Which operations are timed, in plain words: for the API, the dashboard, the alerts and the documentation.

An operation is a fixed dotted name. Those of a family end in a name that the code gives: a route, a stage, a task.
"""

import re
from collections.abc import Mapping

KNOWN: Mapping[str, str] = {
    "alerts.send_mail": "Sending a mail about an alert",
    "alerts.send_webhook": "Sending a webhook about an alert",
    "calls.list": "Listing calls, a page of them",
    "calls.read_board": "Reading the board's columns from MongoDB",
    "calls.read_call": "Reading a call with its conversation from MongoDB",
    "calls.read_cards": "Reading some of the board's cards from MongoDB",
    "calls.read_column": "Reading more of one of the board's columns from MongoDB",
    "calls.store_segments": "Taking what was heard in a chunk into its call",
    "calls.upsert_segments": "Taking segments that were sent into a call",
    "hop.analysed_to_transcribed": "From a chunk's sound being analysed until its words are written down",
    "hop.captured_to_announced": "From a chunk being recorded until all that it tells is announced",
    "hop.captured_to_received": "From a chunk being recorded until its upload begins",
    "hop.received_to_stored": "From the beginning of a chunk's upload until it is acknowledged",
    "hop.stored_to_analysed": "From a chunk being stored until its sound is analysed",
    "hop.transcribed_to_announced": "From a chunk's words being written down until all that it tells is announced",
    "intake.queue_conversation": "Putting a conversation into the queue",
    "intake.store_batch": "Storing the conversations of a batch as calls, in one insert",
    "intake.wait": "From a conversation being queued until it is stored",
    "jobs.dispatch": "Telling the workers of a job",
    "live.announce": "Announcing an event of a recording",
    "metrics.archive_day": "Putting a day of a company's figures into the archive, and holding it against MongoDB",
    "metrics.fill_hour": "Filling an hour of a company's figures into MongoDB",
    "metrics.roll_day": "Adding up a day of a company's figures",
    "metrics.write_segments": "Counting a batch of segments in Redis",
    "mongodb.read": "A question to MongoDB, one command",
    "mongodb.write": "A change in MongoDB, one command",
    "postgresql.lock": "Waiting for a lock of PostgreSQL's that work takes turns by",
    "postgresql.read": "A question to PostgreSQL, one statement",
    "postgresql.write": "A change in PostgreSQL, one statement",
    "recordings.read_overview": "Reading all recordings that go on",
    "recordings.read_waveform": "Reading the waveform of a recording",
    "requests.line": "Waiting in line, of a request that changes something and has come whole",
    "search": "A search, by words and by meaning",
    "search.embed": "Making vectors of a batch of segments",
    "search.embed_query": "Making the vector of what was typed",
    "search.index_call": "Writing a call into the index",
    "slow.mongodb": "Commands to MongoDB that took longer than EARSHOT_SLOW_MS",
    "slow.postgresql": "Statements to PostgreSQL that took longer than EARSHOT_SLOW_MS",
    "stage.decode": "Decoding the sound of a chunk",
    "stage.emotion": "Estimating emotions in a chunk",
    "stage.fingerprint": "Comparing a chunk's sound with what came before, for repetition",
    "stage.prosody": "Measuring pitch, loudness and pace in a chunk",
    "stage.speakers": "Telling the speakers of a chunk apart",
    "stage.suspicion": "Looking a chunk through by the rules for a second look",
    "stage.transcoding": "Making Opus of a chunk that came in another format",
    "stage.transcription": "Writing down what is said in a chunk",
    "stage.voice_activity": "Finding where somebody speaks in a chunk",
    "upload.inspect": "Looking at the bytes of a chunk",
    "upload.store": "Putting a chunk into the object store",
}
# Prefix → what those that begin so are; the rest of the name is filled in.
FAMILIES: Mapping[str, str] = {
    "gate": "Requests refused before they were read: {rest}",
    "http": "Requests to the address called {rest}, from the first byte to the last",
    "task": "The task {rest} of the workers",
}
_REST = re.compile(r"[A-Za-z0-9_.:-]{1,100}\Z")


def words_of(operation: str) -> str:
    """What the operation is, in plain words; empty for one that nobody has described."""
    if operation in KNOWN:
        return KNOWN[operation]
    family, _, rest = operation.partition(".")
    return FAMILIES[family].format(rest=rest) if family in FAMILIES and _REST.match(rest) else ""
