"""The tables in `docs/` that a script writes: each stands between two comments that name it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "metrics.md"

Cells = tuple[str, ...]


def read(name: str, page: Path = PAGE) -> list[Cells]:
    """The rows of the table `name`, without its heading."""
    lines = _between(name, page.read_text())[1].strip().splitlines()
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines[2:]]


def write(name: str, heading: Cells, rows: Sequence[Cells], page: Path = PAGE) -> None:
    """Put these rows into the place of the table `name`."""
    rule = tuple("---" for _ in heading)
    lines = [f"| {' | '.join(cells)} |" for cells in (heading, rule, *rows)]
    before, _, after = _between(name, page.read_text())
    page.write_text(f"{before}\n{chr(10).join(lines)}\n{after}")


def _between(name: str, text: str) -> tuple[str, str, str]:
    """What comes before the table, the table, and what comes after it."""
    found = re.fullmatch(rf"(.*<!-- table {name} -->)(.*)(<!-- end of {name} -->.*)", text, re.DOTALL)
    if found is None:
        raise ValueError(f"the page has no place for the table {name!r}: <!-- table {name} --> <!-- end of {name} -->")
    before, table, after = found.groups()
    return before, table, after
