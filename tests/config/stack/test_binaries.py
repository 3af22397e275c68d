"""Which program serves. The programs are real: small scripts that tell a version."""

from pathlib import Path

import pytest

from config.stack import mongodb, objects, postgresql, redis
from config.stack.binaries import Binary, Kind, Named, in_package, resolve
from config.stack.screen import Failure


def program(directory: Path, name: str, says: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / name
    file.write_text(f"#!/bin/sh\n{says}\n")
    file.chmod(0o755)
    return file


def postgres(directory: Path, version: str, *, pgvector: bool) -> Path:
    shared = directory / "share"
    (shared / "extension").mkdir(parents=True)
    if pgvector:
        (shared / "extension" / "vector.control").touch()
    program(directory / "bin", "pg_config", f"echo {shared}")
    return program(directory / "bin", "postgres", f"echo 'postgres (PostgreSQL) {version} (Somewhere {version}-1)'")


def nothing(kind: Kind) -> list[Path]:
    return []


def test_a_url_in_the_environment_comes_before_any_program(tmp_path: Path) -> None:
    found = program(tmp_path, "redis-server", "echo 'Redis server v=7.2.4'")
    environment = {"PATH": str(tmp_path), "EARSHOT_REDIS_URL": "redis://elsewhere/0"}
    assert resolve(redis.DURABLE, environment, packaged=lambda kind: [found]) == Named("redis://elsewhere/0")


def test_a_fit_program_on_the_path_comes_before_the_package(tmp_path: Path) -> None:
    ours = program(tmp_path / "package", "redis-server", "echo 'Redis server v=6.2.14'")
    theirs = program(tmp_path / "path", "redis-server", "echo 'Redis server v=7.2.4 sha=00000000:0'")
    found = resolve(redis.DURABLE, {"PATH": str(theirs.parent)}, packaged=lambda kind: [ours])
    assert found == Binary(theirs, "7.2.4", f"at {theirs}")


def test_a_postgresql_without_pgvector_is_passed_over_and_the_reason_told(tmp_path: Path) -> None:
    bare = postgres(tmp_path / "bare", "15.18", pgvector=False)
    ours = postgres(tmp_path / "ours", "18.4", pgvector=True)
    found = resolve(postgresql.KIND, {"PATH": str(bare.parent)}, packaged=lambda kind: [ours])
    assert isinstance(found, Binary)
    assert (found.path, found.major) == (ours, 18)
    assert found.source == f"from the Python package; passed over: {bare} is 15.18 without pgvector"


def test_the_postgresql_that_made_the_data_comes_before_a_newer_one(tmp_path: Path) -> None:
    newer = postgres(tmp_path / "newer", "18.4", pgvector=True)
    older = postgres(tmp_path / "older", "16.2", pgvector=True)
    environment = {"PATH": str(tmp_path / "nothing")}

    def chosen(made_by: int | None) -> Named | Binary:
        return resolve(postgresql.KIND, environment, packaged=lambda kind: [newer, older], made_by=made_by)

    assert chosen(16) == Binary(
        older, "16.2", f"from the Python package; passed over: {newer} is 18.4 and the data of 16"
    )
    assert [found.path for found in map(chosen, (None, 18, 15)) if isinstance(found, Binary)] == [newer] * 3


def test_a_second_postgresql_on_the_path_serves_when_the_first_is_unfit(tmp_path: Path) -> None:
    bare = postgres(tmp_path / "bare", "15.18", pgvector=False)
    fit = postgres(tmp_path / "fit", "16.2", pgvector=True)
    found = resolve(postgresql.KIND, {"PATH": f"{bare.parent}:{fit.parent}"}, packaged=nothing)
    assert isinstance(found, Binary)
    assert found.path == fit


def test_a_link_on_the_path_is_judged_by_what_lies_beside_its_target(tmp_path: Path) -> None:
    bare = postgres(tmp_path / "bare", "15.18", pgvector=False)
    link = tmp_path / "links" / "postgres"
    link.parent.mkdir()
    link.symlink_to(bare)
    with pytest.raises(Failure, match="without pgvector"):
        resolve(postgresql.KIND, {"PATH": str(link.parent)}, packaged=nothing)


@pytest.mark.parametrize(
    ("kind", "says", "reason"),
    [
        (postgresql.KIND, "echo 'postgres (PostgreSQL) 13.9'", "is only 13.9"),
        (redis.DURABLE, "echo 'Redis server v=6.0.16 sha=0'", "is only 6.0.16"),
        (mongodb.KIND, "echo 'db version v5.0.9'", "is only 5.0.9"),
        (objects.KIND, "echo 'rclone v1.53.3-DEV'", "is only 1.53.3"),
        (
            mongodb.KIND,
            "echo 'libcurl.so.4 is missing' >&2; exit 127",
            "does not run .libcurl.so.4 is missing",
        ),
    ],
)
def test_an_unfit_program_is_refused_with_its_reason_and_a_cure(
    tmp_path: Path, kind: Kind, says: str, reason: str
) -> None:
    program(tmp_path, kind.program, says)
    with pytest.raises(Failure, match=reason) as refused:
        resolve(kind, {"PATH": str(tmp_path)}, packaged=nothing)
    assert "install" in str(refused.value)
    assert kind.variable in str(refused.value)


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("echo 'libcurl.so.4: cannot open shared object file' >&2; exit 127", "libcurl.so.4: cannot open"),
        ("kill -ILL $$", "an instruction that this processor does not have"),
    ],
)
def test_nobody_is_told_to_install_the_package_that_is_there_and_does_not_run(
    tmp_path: Path, says: str, reason: str
) -> None:
    ours = program(tmp_path, "mongod", says)
    with pytest.raises(Failure, match=reason) as refused:
        resolve(mongodb.KIND, {"PATH": ""}, packaged=lambda kind: [ours])
    told = str(refused.value)
    assert "pip install" not in told
    assert all(need in told for need in ("libcurl4", "libssl3", "AVX", mongodb.KIND.variable))


@pytest.mark.parametrize("kind", [postgresql.KIND, mongodb.KIND, redis.DURABLE, redis.CACHE, objects.KIND])
def test_every_server_comes_as_a_python_package(kind: Kind) -> None:
    found = resolve(kind, {"PATH": ""}, packaged=in_package)
    assert isinstance(found, Binary)
    assert found.source == "from the Python package"
