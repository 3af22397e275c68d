"""Of whom and of what nothing may be removed, whatever its age: a shape that all floors' retention takes. Pure."""

from dataclasses import dataclass

from metrics.erasing import Identity


@dataclass(frozen=True, slots=True)
class Held:
    """What a company's legal holds are on. A call is held when it is named, and when anybody in it is."""

    user_ids: frozenset[int] = frozenset()
    contact_ids: frozenset[int] = frozenset()
    identities: frozenset[Identity] = frozenset()
    call_ids: frozenset[str] = frozenset()
