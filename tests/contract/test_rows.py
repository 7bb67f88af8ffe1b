"""The table has 62 rows; a test says in its name which one it covers."""

import re
from pathlib import Path


def test_every_row_of_the_table_has_a_test() -> None:
    """A row without a test is a promise that nobody checks."""
    sources = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py")]

    rows = re.findall(r"^def test_row_(\d\d)_\w+\(", "\n".join(sources), re.MULTILINE)

    assert {int(row) for row in rows} == set(range(1, 63))
