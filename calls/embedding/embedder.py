"""What an embedder is."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """Makes vectors of texts.

    `model` is kept with each vector, for those of two models cannot be compared. `least_similarity` is the cosine from
    which two texts count as saying something alike; below it lies what has nothing to do with one another.
    """

    @property
    def model(self) -> str: ...

    @property
    def dimension(self) -> int:
        """How many numbers its vectors have; a server may have to be asked. Raises EmbedderAway."""
        ...

    @property
    def least_similarity(self) -> float: ...

    def knows(self, text: str) -> bool:
        """Whether there is a word in it that the model makes anything of, as it does not of random letters."""
        ...

    def embed(self, texts: Sequence[str], *, seconds: float) -> Vectors:
        """One row of unit length for each text, float32; within so many seconds where a server is asked.

        Texts are cut to the model's length. Raises EmbedderAway, and BadText when one of them cannot be embedded.
        """
        ...
