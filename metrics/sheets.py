"""What a cell of a sheet may hold: text that comes from elsewhere stays text. Pure."""

from typing import Any, Final

# Programs for sheets take a cell that begins so for a formula, and some of those run commands.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def cell(value: Any) -> Any:
    """The value for a CSV file; a text that would be taken for a formula has an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
