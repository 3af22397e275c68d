"""The parts in which the words of a recording are kept: each is replaced as a whole, whoever hears it.

`0012` is what chunk 12 says by itself, `0012-` what is said across the boundary before it, `whole` what belongs to no
chunk but to the recording. They are the second word of the ids of segments and flags.
"""

from typing import NamedTuple

WHOLE = "whole"


class Around(NamedTuple):
    """The parts that lie in a chunk: across its beginning, its own, across its end."""

    before: str
    own: str
    after: str


def own(index: int) -> str:
    return f"{index:04d}"


def before(index: int) -> str:
    """Of what lies across the boundary before the chunk of this index."""
    return f"{index:04d}-"


def around(index: int) -> Around:
    return Around(before(index), own(index), before(index + 1))
