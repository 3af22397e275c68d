"""What a process has loaded when it starts."""

import gc


def test_the_collector_goes_on_and_leaves_what_was_loaded_alone():
    assert gc.isenabled()
    assert gc.get_freeze_count() > 100_000
