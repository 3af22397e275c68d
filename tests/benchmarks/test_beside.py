import pytest

from benchmarks.beside import beside
from benchmarks.processes import NotRunning

# Serves acts as a benchmark's process does.
SERVING = """
import sys
from benchmarks.beside import serve

def add(one, other):
    print("this is no answer")
    return one + other

def fail():
    raise ValueError("it is broken")

def end():
    sys.exit("it has had enough")

serve({"add": add, "fail": fail, "end": end})
"""


@pytest.fixture
def serving(db):
    with beside(("-c", SERVING)) as process:
        yield process


def test_it_does_what_it_is_told(serving):
    assert serving.do("add", one=2, other=3) == 5
    assert serving.do("add", one="a", other="b") == "ab"


def test_what_fails_there_is_told_here_and_it_goes_on(serving):
    with pytest.raises(NotRunning, match="ValueError: it is broken"):
        serving.do("fail")

    assert serving.do("add", one=1, other=1) == 2


def test_one_that_has_ended_says_why(serving):
    with pytest.raises(NotRunning, match=r"it has ended.*it has had enough"):
        serving.do("end")
