"""Synthetic conversations with who speaks when and what is said; `make_conversations` says how they were made."""

from pathlib import Path

DIRECTORY = Path(__file__).parent
