"""Everybody whom Redis names, found without any index: by looking into the groups of every hour."""

from collections.abc import Collection, Iterator
from typing import Final

from metrics.recent import clients, layout

# Redis does nothing else while it looks: so many keys, or groups, take it a millisecond or two.
_KEYS_AT_ONCE: Final = 5000
_GROUPS_AT_ONCE: Final = 1000


def people(tenant_id: int) -> Iterator[tuple[str, str]]:
    """Platform and id of each group's person, over and over. Raises SegmentsAway as the iterator goes on."""
    for packed in _groups(tenant_id):
        group = layout.unpack_group(packed)
        yield group.platform, group.user_id


def search(tenant_id: int, wanted: Collection[tuple[str, str | None]]) -> int:
    """How many groups name one of them, by (id, platform), without a platform on any; one look for all.

    An index of theirs that leads to nobody's groups counts too, as it has their id for a name.
    """
    platforms: dict[str, set[str | None]] = {}
    for user_id, platform in wanted:
        platforms.setdefault(user_id, set()).add(platform)
    spelled = [user_id.encode() for user_id in platforms]
    found, others = 0, set()
    for packed in _groups(tenant_id):
        # Most name none of them, which is told without unpacking.
        if not any(one in packed for one in spelled):
            continue
        group = layout.unpack_group(packed)
        if platforms.get(group.user_id, set()) & {None, group.platform}:
            found += 1
        else:
            others.add(group.user_id)
    if found:
        return found
    alone = [f"{layout.user_prefix(tenant_id)}{user_id}" for user_id in platforms if user_id not in others]
    with clients.answered():
        return clients.patient().exists(*alone) if alone else 0


def _groups(tenant_id: int) -> Iterator[bytes]:
    """Every group of every hour, packed."""
    hour = "[0-9]" * len("YYYYMMDDHH")
    with clients.answered():
        for key in clients.patient().scan_iter(f"{layout.PREFIX}{hour}:{tenant_id}:groups", count=_KEYS_AT_ONCE):
            for field, _ in clients.patient().hscan_iter(key, count=_GROUPS_AT_ONCE):
                # The others are the groups' numbers.
                if not field.isdigit():
                    yield field
