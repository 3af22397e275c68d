"""What is asked of every store, in order. It reads aloud; nothing else knows the order."""

from dataclasses import dataclass

from crm.models import StoreRow
from metrics.erasing import Erasable


@dataclass(frozen=True, slots=True)
class Step:
    """`store` is one of the names that the product's users rely on, `words` says what of it."""

    store: str
    words: str
    module: Erasable

    def row(self, *, found: int = 0) -> StoreRow:
        return StoreRow(store=self.store, step=self.words, found=found, erased=0, left=None, found_again=None)


STEPS: tuple[Step, ...] = ()
