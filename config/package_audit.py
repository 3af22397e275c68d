"""`python -m config.package_audit`, for `make audit`: asks whether a package that we use is known to have a hole.

Of the locks, by version and digest, and not of what happens to be installed. It needs a network, so it is no part of
the tests, whose outcome for the same code is not to change because somebody published an advisory. It ends with 0 when
nothing is known, 1 with what is, and 2 when a database of advisories could not be asked: then nothing was found out.

Into images of containers it does not look; it names them, for what does (docs/security.md).
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
# The environment to develop in has all that runs anywhere, and more; the others are what it takes to make one.
PYTHON_LOCKS: Final = ("requirements-dev.lock", "requirements-npm.lock", "bootstrap.lock")
# Where npm's locks are: what a browser is sent, and what uploads are measured beside.
NPM_LOCKS: Final = ("browser", "benchmarks/tus")
# Advisories that do not concern us, each with the reason.
ACCEPTED: Final[Mapping[str, str]] = {}
# What a database takes that is far away; a socket that is dead is noticed sooner.
SECONDS: Final = 300


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A package with a hole that is known. `fixed_in` are versions without it, as far as there are any."""

    package: str
    version: str
    advisory: str
    fixed_in: str

    def __str__(self) -> str:
        cure = f"mended in {self.fixed_in}" if self.fixed_in else "no version without it yet"
        return f"{self.package} {self.version}: {self.advisory} ({cure})"


class NotAsked(Exception):
    """The database did not answer; the message says whose and why."""


def main() -> int:
    found: list[Finding] = []
    missed: list[str] = []
    for name, ask in (("Python packages", python_packages), ("npm's packages", npm_packages)):
        try:
            theirs = sorted(one for one in ask() if one.advisory not in ACCEPTED)
        except NotAsked as away:
            missed.append(f"{name} were not looked at: {away}")
            continue
        print(f"{name}: {len(theirs) or 'nothing'} known")
        found += theirs
    for line in (*map(str, found), *missed):
        print(f"  {line}")
    print(f"Images of containers were not looked into: {', '.join(images())}")
    return 1 if found else 2 if missed else 0


def python_packages() -> list[Finding]:
    with tempfile.TemporaryDirectory() as room:
        answer = Path(room) / "answer.json"
        locks = [word for lock in PYTHON_LOCKS for word in ("--requirement", str(ROOT / lock))]
        how = ("--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json")
        said = _run([sys.executable, "-m", "pip_audit", *locks, *how, "--output", str(answer)], ROOT)
        # It ends with 1 for a finding as for a database that is away, and writes down findings alone.
        if not answer.exists():
            raise NotAsked(_last_line(said))
        packages = json.loads(answer.read_text())["dependencies"]
        # A package that the database does not know is passed over with a clean bill; a mirror of it knows none.
        if unknown := [package["name"] for package in packages if "skip_reason" in package]:
            raise NotAsked(f"the database that was asked does not know {len(unknown)} of {len(packages)} of them.")
        return list(_of_python(packages))


def npm_packages() -> list[Finding]:
    npm = shutil.which("npm")
    if npm is None:
        raise NotAsked("there is no npm on the PATH.")
    return [*{finding for lock in NPM_LOCKS for finding in _asked_of(npm, ROOT / lock)}]


def _asked_of(npm: str, directory: Path) -> Iterable[Finding]:
    try:
        answer = json.loads(_run([npm, "audit", "--package-lock-only", "--json"], directory))
    except ValueError:
        raise NotAsked("npm answered with something else than JSON.") from None
    if "vulnerabilities" not in answer:
        raise NotAsked(str(answer.get("message", "npm said nothing of them."))[:300])
    return _of_npm(answer["vulnerabilities"])


def images() -> list[str]:
    """What docker-compose.yml and the Dockerfile take from others, by tag."""
    named = re.findall(r"^ +image: (\S+)$", (ROOT / "docker-compose.yml").read_text(), re.MULTILINE)
    named += re.findall(r"^FROM (\S+:\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    return sorted({image for image in named if not image.startswith("earshot")})


def _of_python(packages: Iterable[Mapping[str, Any]]) -> Iterable[Finding]:
    for package in packages:
        for hole in package.get("vulns", []):
            yield Finding(package["name"], package["version"], hole["id"], ", ".join(hole["fix_versions"]))


def _of_npm(answer: Mapping[str, Any]) -> Iterable[Finding]:
    for name, package in answer.items():
        for via in package["via"]:
            # A word is another package, which has a row of its own.
            if isinstance(via, Mapping):
                yield Finding(name, package["range"], str(via["url"]).rpartition("/")[2], "")


def _run(command: list[str], directory: Path) -> str:
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise NotAsked(f"no answer within {SECONDS} seconds.") from None
    return done.stdout.strip() or done.stderr.strip()


def _last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if len(line.strip()) > 1]
    return lines[-1][:300] if lines else "it said nothing."


if __name__ == "__main__":
    sys.exit(main())
