"""Boards as GitHub tables: best bold, second underlined, references in italics, footnotes below."""

from __future__ import annotations

import re
from collections.abc import Sequence

from i2ibench.boards.layout import LEGEND, Mark, Text, lay_out
from i2ibench.boards.table import Board

MARKED = {
    Mark.PLAIN: "{}",
    Mark.BEST: "**{}**",
    Mark.SECOND: "<ins>{}</ins>",
    Mark.REFERENCE: "*{}*",
}


def render(boards: Sequence[Board]) -> str:
    """The boards one under the other, ending in a newline; empty for none."""
    if not boards:
        return ""
    legend = f"**Best** and <ins>second</ins> standing of each column: {LEGEND}"
    return "\n\n".join([*map(_board, boards), legend]) + "\n"


def _board(board: Board) -> str:
    layout = lay_out(board)
    lines = [
        f"### {_escaped(layout.title)}",
        "",
        _line(map(_escaped, layout.header)),
        _line(["---"] + ["---:"] * (len(layout.header) - 1)),
        *(_line(map(_cell, row)) for row in layout.rows),
    ]
    if layout.footnotes:
        lines += ["", *(f"{number}. {_escaped(text)}" for number, text in enumerate(layout.footnotes, start=1))]
    if layout.remarks:
        lines += ["", *(f"- {_escaped(text)}" for text in layout.remarks)]
    return "\n".join(lines)


def _cell(cell: Text) -> str:
    notes = f"<sup>{','.join(map(str, cell.footnotes))}</sup>" if cell.footnotes else ""
    return MARKED[cell.mark].format(_escaped(cell.text)) + notes


def _line(cells: Sequence[str] | map[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    """`text` on one line, with nothing left that Markdown would read as more than text but code in backticks."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    special = r"([\\*\[\]<>|`]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))"
    return "".join(
        part.replace("|", r"\|") if index % 2 else re.sub(special, r"\\\1", part) for index, part in enumerate(parts)
    )
