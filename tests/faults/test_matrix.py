"""kill -9 of everything, one after another, while everything goes on: what was acknowledged is there exactly once.

|                      | uploads | hearing | batches | hours | erasures |
| -------------------- | :-----: | :-----: | :-----: | :---: | :------: |
| web server           | x       | x       | x       | x     | x        |
| analysis worker      | x       | x       | x       | x     | x        |
| transcription worker | x       | x       | x       | x     | x        |
| general worker       | x       | x       | x       | x     | x        |
| intake               | x       | x       | x       | x     | x        |
| beat                 | x       | x       | x       | x     | x        |
| Redis                | x       | x       | x       | x     | x        |
| Redis cache          | x       | x       | x       | x     | x        |
| MongoDB              | x       | x       | x       | x     | x        |
| PostgreSQL           | x       | x       | x       | x     | x        |
| object store         | x       | x       | x       | x     | x        |

Every cross is one moment: whoever does the work was stopped while the stores themselves said that it is half done, all
five of them at once, and went on when the victim was dead. From victim to victim that is now soon after the beginning
and now shortly before the end. What is then true of each flow is in `flows.py`. One victim comes right after another:
that each flow can be held in its midst again is how it is known to have recovered.

Beside this, jobs of figures die at each single step (`test_hours.py`, `test_archived.py`), and an erasure whose worker
dies over and over is searched for in the raw bytes of all stores (`tests/journeys/test_erasure.py`).
"""

import pytest

from tests.faults.flows import Batches, Erasures, Hearing, Hours, Uploads
from tests.faults.killing import VICTIMS, kill
from tests.scale import scaled

ROUNDS = scaled(1, 5)


# Eleven times something dies and comes back.
@pytest.mark.timeout(scaled(900, 3600))
@pytest.mark.usefixtures("in_stack", "transactional_db")
def test_whatever_is_killed_in_the_midst_of_everything_all_is_there_once_and_nobody_erased_is_back(stack):
    erasures = Erasures(stack, people=ROUNDS * len(VICTIMS))
    # Those that take longest to be caught come first, so that nobody is held for long.
    flows = [Hearing(stack), erasures, Hours(stack), Batches(stack), Uploads(stack)]
    for victim in [*VICTIMS] * ROUNDS:
        try:
            for flow in flows:
                flow.hold(victim)
            kill(stack, victim)
        finally:
            for flow in flows:
                flow.let_go()
    for flow in flows:
        flow.finish()
    for flow in flows:
        flow.assert_each_is_there_once()
    verified = stack.manage("verify_blobs")
    assert verified.returncode == 0, verified.stdout + verified.stderr
