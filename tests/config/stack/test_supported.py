"""Which Pythons and machines are turned away before anything is installed."""

import platform
import sys

import pytest

from config.stack.supported import problem


def test_the_python_and_the_machine_of_these_tests_are_supported() -> None:
    assert problem(sys.version_info[:2], sys.platform, platform.machine(), platform.libc_ver()[0]) is None


@pytest.mark.parametrize(
    ("version", "system", "machine", "libc", "says"),
    [
        ((3, 10), "linux", "x86_64", "glibc", "needs Python 3.11, 3.12 or 3.13"),
        ((3, 14), "linux", "x86_64", "glibc", "needs Python 3.11, 3.12 or 3.13"),
        ((3, 12), "linux", "riscv64", "glibc", "not for linux on riscv64"),
        ((3, 12), "darwin", "x86_64", "", "not for darwin on x86_64"),
        ((3, 12), "linux", "x86_64", "", "with glibc"),
    ],
)
def test_what_no_package_is_built_for_is_said_in_a_sentence(
    version: tuple[int, int], system: str, machine: str, libc: str, says: str
) -> None:
    assert says in (problem(version, system, machine, libc) or "")
