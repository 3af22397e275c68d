"""docs/security.md says by which test each attack is tried again."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = (ROOT / "docs/security.md").read_text().partition("## What was tried")[2].partition("### Packages")[0]


def test_every_test_that_the_table_names_is_there():
    named = set(re.findall(r"`([a-z_/]+/test_[a-z_]+\.py)`", TABLE))
    assert len(named) > 20
    assert not [name for name in named if not (ROOT / name).is_file()]


def test_every_test_of_an_attack_is_in_the_table():
    own = {f"tests/attacks/{file.name}" for file in Path(__file__).parent.glob("test_*.py") if file != Path(__file__)}
    assert not [name for name in own if f"`{name}`" not in TABLE]
