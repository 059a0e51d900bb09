"""Boards on a terminal, by rich."""

from __future__ import annotations

from typing import TYPE_CHECKING

from i2ibench.boards.layout import LEGEND, Mark, Text, lay_out
from i2ibench.boards.table import Board

if TYPE_CHECKING:
    from rich.console import Group
    from rich.text import Text as RichText

STYLES = {Mark.PLAIN: "", Mark.BEST: "bold green", Mark.SECOND: "underline", Mark.REFERENCE: "italic"}


def table(board: Board) -> Group:
    """`board` with its footnotes, to be printed by a rich console."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text as RichText

    layout = lay_out(board)
    grid = Table(title=RichText(layout.title), title_justify="left")
    for index, title in enumerate(layout.header):
        grid.add_column(RichText(title), justify="left" if index == 0 else "right")
    for row in layout.rows:
        grid.add_row(*map(_cell, row))
    notes = [f"{number}. {text}" for number, text in enumerate(layout.footnotes, start=1)]
    notes += [f"- {text}" for text in layout.remarks]
    legend = f"Bold: best of a column; underlined: second. {LEGEND}"
    return Group(grid, *(RichText(text.replace("`", ""), style="dim") for text in [*notes, legend]))


def _cell(cell: Text) -> RichText:
    from rich.text import Text as RichText

    text = RichText(cell.text, style=STYLES[cell.mark])
    if cell.footnotes:
        text.append(f" [{','.join(map(str, cell.footnotes))}]", style="dim not bold not underline")
    return text
