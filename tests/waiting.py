"""Waiting for a condition instead of for a time."""

import threading
import time


def wait_until(condition, *, timeout=60, what="the condition"):
    """The first truthy answer of `condition`, asked again and again."""
    ends = time.monotonic() + timeout
    between_looks = threading.Event()
    while not (answer := condition()):
        if time.monotonic() > ends:
            raise AssertionError(f"Waited {timeout} s for {what}.")
        between_looks.wait(0.05)
    return answer
