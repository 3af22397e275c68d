"""What runs, and with which command lines."""

from pathlib import Path

import pytest
import uvicorn
from django.conf import settings

from audio import protocol
from config.stack.applications import applications
from config.stack.place import Place


def web(tmp_path: Path, **variables: str) -> dict[str, object]:
    """The web server's options, as it reads them itself."""
    [program] = [
        program
        for program in applications(Place(tmp_path), variables, host="127.0.0.1", port=8000)
        if program.name == "web"
    ]
    words = program.command[program.command.index("uvicorn") + 1 :]
    return uvicorn.main.make_context("uvicorn", list(words)).params


@pytest.mark.parametrize("variables", [{}, {"EARSHOT_PROXIES": ""}, {"EARSHOT_PROXIES": " "}])
def test_nobody_is_believed_about_a_clients_address(tmp_path: Path, variables: dict[str, str]) -> None:
    assert web(tmp_path, **variables)["proxy_headers"] is False


def test_a_proxy_that_is_named_is_believed(tmp_path: Path) -> None:
    options = web(tmp_path, EARSHOT_PROXIES="10.0.0.7,10.1.0.0/16")
    assert (options["proxy_headers"], options["forwarded_allow_ips"]) == (True, "10.0.0.7,10.1.0.0/16")


def test_a_frame_much_larger_than_any_of_ours_is_not_even_read(tmp_path: Path) -> None:
    most = web(tmp_path)["ws_max_size"]
    assert isinstance(most, int)
    # Room for one that is a little too large, which is told so and not cut off.
    assert protocol.LARGEST_FRAME_BYTES < most <= 2 * protocol.LARGEST_FRAME_BYTES


def test_headers_are_bounded(tmp_path: Path) -> None:
    assert web(tmp_path)["http"] == "config.connections:BoundedHeaders"


def test_a_process_takes_conversations_in_and_gets_longer_to_end_than_it_takes(tmp_path: Path) -> None:
    [intake] = [
        program
        for program in applications(Place(tmp_path), {}, host="127.0.0.1", port=8000)
        if program.name == "intake"
    ]
    assert intake.command[1:] == ("manage.py", "consume_conversations")
    assert intake.patience > settings.EARSHOT_INTAKE_FLUSH_SECONDS


@pytest.mark.parametrize(("variables", "hears", "beside"), [({}, 10, 5), ({"EARSHOT_WORKER_NICENESS": "0"}, 0, 0)])
def test_who_is_waited_for_has_the_processor_before_those_who_hear(
    tmp_path: Path, variables: dict[str, str], hears: int, beside: int
) -> None:
    programs = applications(Place(tmp_path), variables, host="127.0.0.1", port=8000)
    assert {program.name: program.niceness for program in programs} == {
        "web": 0,
        "beat": 0,
        "analysis": hears,
        "transcription": hears,
        "general": beside,
        "intake": 0,
    }
