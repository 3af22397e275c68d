"""The data directory."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from config.stack.place import (
    DIRECTORIES,
    GIBIBYTE,
    SECRETS,
    Place,
    closed_to,
    port_problem,
    read_pairs,
    write_pairs,
)
from config.stack.screen import Failure


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "data")
    place.make()
    return place


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_all_directories_are_closed_to_others(place: Place) -> None:
    assert {name: mode(place / name) for name in DIRECTORIES} == dict.fromkeys(DIRECTORIES, 0o700)


def test_secrets_are_long_all_different_and_readable_by_the_owner_alone(place: Place) -> None:
    assert {file.name for file in (place / "secrets").iterdir()} == set(SECRETS)
    assert {mode(file) for file in (place / "secrets").iterdir()} == {0o600}
    values = {place.secret(name) for name in SECRETS}
    assert len(values) == len(SECRETS)
    assert min(map(len, values)) >= 32


def test_secrets_stay_when_the_directory_is_made_again(place: Place) -> None:
    before = {name: place.secret(name) for name in SECRETS}
    place.make()
    assert {name: place.secret(name) for name in SECRETS} == before


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Failure, match="file"):
        Place(tmp_path / "file" / "data").make()


def test_pairs_are_read_as_they_were_written_and_closed_to_others(tmp_path: Path) -> None:
    file = tmp_path / "env"
    pairs = {"EARSHOT_MONGODB_URL": "mongodb://a:b@127.0.0.1:1/earshot?authSource=admin&replicaSet=rs0"}
    write_pairs(file, {"OLD": "1"})
    write_pairs(file, pairs)
    assert read_pairs(file) == pairs
    assert file.read_text() == f"EARSHOT_MONGODB_URL={pairs['EARSHOT_MONGODB_URL']}\n"
    assert mode(file) == 0o600


def test_ports_are_all_different_and_remembered(place: Place) -> None:
    first = place.ports(["a", "b", "c"])
    assert len(set(first.values())) == 3
    assert place.ports(["a", "b", "c"]) == first


def test_a_port_that_somebody_took_is_replaced_and_the_others_stay(place: Place) -> None:
    first = place.ports(["a", "b"])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first["a"]))
        taken.listen()
        second = place.ports(["a", "b"])
    assert second["a"] != first["a"]
    assert second["b"] == first["b"]


def test_a_port_to_avoid_is_not_given(place: Place) -> None:
    first = place.ports(["a"])
    assert place.ports(["a"], avoid=frozenset(first.values())) != first


def test_the_port_of_a_server_that_is_not_ours_today_stays_remembered(place: Place) -> None:
    first = place.ports(["a", "b"])
    place.ports(["b"])
    assert place.ports(["a"])["a"] == first["a"]


def test_a_port_in_use_is_a_problem_and_a_free_one_is_not() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert port_problem("127.0.0.1", port) == "Address already in use"
    assert port_problem("127.0.0.1", port) is None


def test_a_second_launcher_is_told_who_holds_the_directory_since_when_and_where(place: Place) -> None:
    with (
        place.locked("http://127.0.0.1:8123"),
        pytest.raises(Failure, match=rf"process {os.getpid()}, since \d{{4}}-.*, at http://127\.0\.0\.1:8123\."),
        place.locked(),
    ):
        pass
    assert not (place / "run" / "holder").exists()


def test_what_a_dead_launcher_said_of_itself_is_not_repeated(place: Place) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    with place.locked():
        write_pairs(place / "run" / "holder", {"process": str(ended.pid), "since": "long ago", "serves": "nothing"})
        with pytest.raises(Failure, match="already runs") as told, place.locked():
            pass
    assert "long ago" not in str(told.value)


def test_data_of_a_newer_version_is_refused_and_of_an_older_one_taken_over(place: Place) -> None:
    place.refuse_older("redis", "6.2.14", "Redis")
    place.remember_version("redis", "6.2.14")
    place.refuse_older("redis", "7.2.4", "Redis")
    place.remember_version("redis", "7.2.4")
    with pytest.raises(Failure, match=r"Redis 7.*6\.2\.14"):
        place.refuse_older("redis", "6.2.14", "Redis")


def test_a_full_disk_is_refused_and_one_that_fills_is_told(place: Place) -> None:
    free = shutil.disk_usage(place.root).free
    more = free + 64 * GIBIBYTE
    assert place.free_space(least=0, comfortable=0) == ""
    assert "are free where" in place.free_space(least=0, comfortable=more)
    with pytest.raises(Failure, match=rf"Only .* GiB are free where {place.root} lies, and Earshot needs .* GiB"):
        place.free_space(least=more, comfortable=more)


def test_the_first_directory_closed_to_a_user_is_found(tmp_path: Path) -> None:
    inner = tmp_path / "closed" / "inner"
    inner.mkdir(parents=True)
    assert closed_to(inner, user=os.getuid(), group=os.getgid()) is None
    inner.parent.chmod(0o600)
    assert closed_to(inner, user=os.getuid(), group=os.getgid()) == inner.parent
    inner.parent.chmod(0o700)
