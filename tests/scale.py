"""How large the tests are: reduced, or full with `make test-full`. Nothing else differs between the two."""

import os

SCALE = os.environ.get("EARSHOT_TEST_SCALE") or "reduced"


def scaled(reduced, full):
    """The one of the two that this run is for."""
    return {"reduced": reduced, "full": full}[SCALE]
