"""The tables of docs/archive.md are those of the schemas."""

import re
from pathlib import Path

import pyarrow as pa
import pytest

from metrics.archived.schema import SCHEMAS, description_of

DOCS = Path(__file__).resolve().parents[3] / "docs" / "archive.md"
WORDS = {pa.string(): "text", pa.int32(): "integer", pa.int64(): "integer"}


def words_of(kind):
    if pa.types.is_map(kind):
        return f"map of {words_of(kind.key_type)} to {words_of(kind.item_type)}"
    return "struct" if pa.types.is_struct(kind) else WORDS[kind]


def row_of(field):
    kind = words_of(field.type) + (", or null" if field.nullable else "")
    return f"| `{field.name}` | {kind} | {description_of(field)} |"


@pytest.mark.parametrize("dataset", SCHEMAS)
def test_the_docs_tell_each_column_as_the_schema_does(dataset):
    section = re.search(rf"^## {dataset.capitalize()}\n(.*?)^## ", DOCS.read_text(), re.MULTILINE | re.DOTALL).group(1)
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert rows == [row_of(field) for field in SCHEMAS[dataset]]
