"""What a watcher of the board has not been told yet, and the frames that tell it. Pure; nothing here knows a socket.

Frames are JSON objects: `ready`, `cards`, `columns`, `reload`, `pong`, `error` (docs/board.md).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from crm.board import Card, Total

# Of more cards at once, fetching the board again is less work for everybody.
MOST_CARDS: Final = 200
# So many are remembered until they are told; a watcher may see few of a company's.
MOST_WAITING: Final = 1000
# A board's address has a dozen at most.
MOST_PARAMETERS: Final = 50


@dataclass(frozen=True, slots=True)
class Address:
    """What a socket is opened for: the board, with the same `query` as over HTTP, or one call."""

    query: dict[str, str]
    call_id: str | None


def address_of(query_string: bytes) -> Address:
    """Raises ValueError for one with too many parameters. How one gets in is no part of it."""
    text = query_string.decode("latin-1")
    query = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_PARAMETERS))
    query.pop("ticket", None)
    call_id = query.pop("call", "") or None
    return Address(query if call_id is None else {}, call_id)


class News:
    """Has changed since the watcher was last told: some calls, or too many of them, or the statuses."""

    def __init__(self) -> None:
        self._call_ids: dict[str, None] = {}
        self.is_much = False
        self.has_statuses = False

    def __bool__(self) -> bool:
        return bool(self._call_ids) or self.is_much or self.has_statuses

    @property
    def call_ids(self) -> list[str]:
        return list(self._call_ids)

    def add(self, call_ids: Iterable[str]) -> None:
        if not self.is_much:
            self._call_ids.update(dict.fromkeys(call_ids))
            if len(self._call_ids) > MOST_WAITING:
                self.add_much()

    def add_much(self) -> None:
        self.is_much = True
        self._call_ids.clear()


def cards_frame(call_ids: Iterable[str], cards: Sequence[Card], totals: Sequence[Total]) -> str:
    """Of calls that have changed: those that are shown, those that are not any more, and how many there are by now."""
    shown = {card["call_id"] for card in cards}
    gone = [call_id for call_id in call_ids if call_id not in shown]
    return encode("cards", cards=cards, gone=gone, totals=totals)


def encode(kind: str, **content: Any) -> str:
    return orjson.dumps({"type": kind, **content}, option=orjson.OPT_UTC_Z).decode()
