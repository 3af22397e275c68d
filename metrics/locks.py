"""PostgreSQL's advisory locks go by number; this gives each name its own."""

import hashlib


def number_of(name: str) -> int:
    """A number of 64 bits, with a sign; the same for a name in every process."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
