"""A handful of the benchmark's recorders against all that `make run` starts, and whether a loss would be seen."""

import pytest

from benchmarks import recorders
from benchmarks.crowd import inside
from benchmarks.crowd.played import Crowd, play
from benchmarks.crowd.recorder import Times
from benchmarks.crowd.stack import Stack
from benchmarks.measuring import WrongAnswer

# One of each manner, and two who watch.
RECORDERS, CHUNKS = 5, 2
CROWD = Crowd(RECORDERS, Times(ramp=1.0, interval=1.0, chunks=CHUNKS))


@pytest.fixture(scope="module")
def there(stack):
    return Stack(stack.data, stack.url, stack.launcher.pid, stack.environment)


@pytest.fixture(scope="module")
def beside(there):
    with inside.beside(there) as process:
        yield process


@pytest.fixture(scope="module")
def played(there, beside):
    return play(there, beside, CROWD, lambda share: None)


def test_nothing_of_a_crowd_is_lost_or_there_twice(played):
    recorders.refuse_losses(played)

    assert played.acknowledged == RECORDERS * CHUNKS
    assert played.verified == {"right": RECORDERS * CHUNKS}
    assert (played.told["repeated"], played.told["cut_off"]) == (1, 1)
    assert played.told["events"]


def test_its_figures_are_rows(played):
    rows = {row.what: row for row in recorders.rows_of(played)}

    upload, *_ = rows.values()
    assert upload.ours.count == RECORDERS * CHUNKS
    told = {target.says: target.reached for target in upload.targets}
    assert (told["≤ 0 lost"], told["≤ 0 twice"], told["≥ 5 complete"]) == (0, 0, RECORDERS)
    assert rows["processor of the web server for each chunk"].ours.median > 0
    assert rows["chunks analysed while they send"].unit == "/s"
    assert {"web", "analysis", "transcription", "general", "PostgreSQL", "MongoDB", "Redis", "rclone"} <= set(
        played.after.megabytes
    )


def test_a_loss_is_seen(there, beside, played):
    """An object that is away for the moment, and one too many."""
    directory = there.data / "objects"
    told = played.told["recordings"]
    [lost] = directory.glob(f"*/audio/{told[0]['session_id']}/chunk_0001.ogg")
    one_more = lost.with_name("chunk_0007.ogg")
    lost.rename(one_more)
    try:
        found = beside.ask("prove", recordings=told, directory=str(directory))
    finally:
        one_more.rename(lost)

    assert found["lost"] == [f"{told[0]['session_id']}, chunk 1"]
    assert found["twice"] == [f"an object audio/{told[0]['session_id']}/chunk_0007.ogg beside those of the rows"]


def test_what_was_acknowledged_with_other_bytes_is_lost_and_what_was_never_sent_is_too_much(there, beside, played):
    other = {**played.told["recordings"][0], "sent": {"0": "00" * 32}, "acknowledged": {"0": "00" * 32, "9": "00" * 32}}
    found = beside.ask("prove", recordings=[other], directory=str(there.data / "objects"))

    name = other["session_id"]
    assert found["lost"] == [f"{name}, chunk 0", f"{name}, chunk 9"]
    assert found["twice"] == [f"{name}, chunk {index}: a row of what was never sent" for index in (0, 1)]


def test_a_crowd_that_lost_something_fails_the_run(played):
    played.found["lost"].append("session, chunk 3")
    try:
        with pytest.raises(WrongAnswer, match="lost: session, chunk 3"):
            recorders.refuse_losses(played)
    finally:
        played.found["lost"].clear()
