"""Whether packages can be had for this Python on this machine, asked before anything is installed.

Run as a script by whatever Python there is, so in words that an old one understands.
"""

import platform
import sys

PYTHONS = ((3, 11), (3, 12), (3, 13))
# As the lock file resolves: for each system, the machines that its packages are built for.
MACHINES = {"linux": ("x86_64", "aarch64"), "darwin": ("arm64",)}


def problem(version: "tuple[int, ...]", system: str, machine: str, libc: str) -> "str | None":
    """One sentence about why it will not do, or None."""
    if version[:2] not in PYTHONS:
        return (
            f"Earshot needs Python 3.11, 3.12 or 3.13, and {sys.executable} is {version[0]}.{version[1]}. "
            "Try: make PYTHON=python3.12 …"
        )
    if machine not in MACHINES.get(system, ()):
        return (
            "Earshot's packages are built for Linux on x86_64 and aarch64 and for macOS on arm64, "
            f"not for {system} on {machine}."
        )
    if system == "linux" and libc != "glibc":
        return "Earshot's packages are built for Linux with glibc, as Debian, Ubuntu and Fedora have it."
    return None


if __name__ == "__main__":
    sys.exit(problem(sys.version_info[:2], sys.platform, platform.machine(), platform.libc_ver()[0]))
