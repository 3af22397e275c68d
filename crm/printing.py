"""Where commands print their tables."""

import sys

from rich.console import Console
from rich.table import Table

# Wider than any row; a table takes no more than it needs.
_WIDTH = 400


def console() -> Console:
    """As wide as the terminal; what is read by a program or kept in a file is never cut."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)


def table(*columns: str, numbers_from: int) -> Table:
    """Numbers stand to the right; in a narrow terminal what has no room goes on in the next line."""
    made = Table(*columns)
    for place, column in enumerate(made.columns):
        column.overflow = "fold"
        if place >= numbers_from:
            column.justify = "right"
            column.no_wrap = True
    return made
