"""`make audit` tells a hole from a database that was not asked; what stands in for npm here says what npm says."""

import json
import re
from pathlib import Path

import pytest

from config import package_audit
from config.package_audit import Finding, NotAsked
from tests.composition import SERVICES, instructions


def tracked(name):
    """Files of this name that are the project's own."""
    found = package_audit.ROOT.glob(f"*/**/{name}")
    own = (one.relative_to(package_audit.ROOT) for one in found)
    return [one for one in own if not {"node_modules", ".venv", "var"} & set(Path(one).parts)]


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """An npm that says what it is told to."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    def says(text):
        (tmp_path / "said").write_text(text)
        program = tmp_path / "npm"
        program.write_text(f'#!/bin/sh\nexec cat "{tmp_path}/said"\n')
        program.chmod(0o755)

    return says


def test_a_hole_in_a_package_of_the_browser_is_told(npm):
    hole = {"url": "https://github.com/advisories/GHSA-xxxx", "title": "A hole", "severity": "high"}
    npm(json.dumps({"vulnerabilities": {"uplot": {"range": "<2", "via": [hole, "another"]}}}))
    (found,) = package_audit.npm_packages()
    assert (found, str(found)) == (
        Finding("uplot", "<2", "GHSA-xxxx", ""),
        "uplot <2: GHSA-xxxx (no version without it yet)",
    )


def test_nothing_known_is_nothing(npm):
    npm('{"vulnerabilities": {}}')
    assert package_audit.npm_packages() == []


@pytest.mark.parametrize("said", ['{"message": "405 Method Not Allowed"}', "not json", ""])
def test_a_database_that_was_not_asked_is_not_a_clean_bill(npm, said):
    npm(said)
    with pytest.raises(NotAsked):
        package_audit.npm_packages()


def test_a_hole_in_a_package_of_python_is_told_with_its_cure():
    packages = [
        {"name": "django", "version": "4.2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["4.2.1", "5.0"]}]},
        {"name": "redis", "version": "5", "vulns": []},
    ]
    assert list(map(str, package_audit._of_python(packages))) == ["django 4.2: PYSEC-1 (mended in 4.2.1, 5.0)"]


def test_every_image_of_others_is_named_as_one_that_was_not_looked_into():
    theirs = {service["image"] for service in SERVICES.values() if not service["image"].startswith("earshot")}
    (python,) = [words.split()[0] for name, words in instructions() if name == "FROM" and ":" in words]
    assert package_audit.images() == sorted(theirs | {python})


def test_what_is_accepted_has_a_reason():
    assert all(len(reason) > 20 for reason in package_audit.ACCEPTED.values())


def test_every_lock_that_there_is_is_looked_into():
    def pins(lock):
        return set(re.findall(r"^(\S+==\S+)", (package_audit.ROOT / lock).read_text(), re.MULTILINE))

    looked_into = set().union(*(pins(lock) for lock in package_audit.PYTHON_LOCKS))
    assert looked_into
    for lock in package_audit.ROOT.glob("*.lock"):
        assert pins(lock.name) <= looked_into, lock.name
    npm = {f"{lock}/package-lock.json" for lock in package_audit.NPM_LOCKS}
    assert {str(one) for one in tracked("package-lock.json")} == npm
