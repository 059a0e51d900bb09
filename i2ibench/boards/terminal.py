"""Boards and check reports on a terminal, by rich. A board too wide for one table becomes several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from i2ibench.boards.layout import LEGEND, Layout, Mark, Text, lay_out
from i2ibench.boards.table import Board
from i2ibench.boards.tolerance import GUESSED
from i2ibench.boards.words import decimals, number

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, Group
    from rich.table import Table
    from rich.text import Text as RichText

    from i2ibench.boards.check import Change, Report

STYLES = {Mark.PLAIN: "", Mark.BEST: "bold green", Mark.SECOND: "underline", Mark.REFERENCE: "italic"}
VERDICTS = {"regressed": "bold red", "improved": "green", "not checked": "dim"}

_PADDING = 3
"""Characters that a column takes beside its text: a space on each side and a line."""


def table(board: Board) -> Group:
    """`board` with its footnotes, to be printed by a rich console."""
    from rich.console import Group
    from rich.text import Text as RichText

    layout = lay_out(board)
    notes = [f"{index}. {text}" for index, text in enumerate(layout.footnotes, start=1)]
    notes += [f"- {text}" for text in layout.remarks]
    legend = f"Bold is best and underlined second standing of a column: {LEGEND}"
    return Group(
        RichText(layout.title, style="bold"),
        _Fitted(layout),
        *(RichText(text.replace("`", ""), style="dim") for text in [*notes, legend]),
    )


def changes(report: Report) -> Group:
    """What a check found: a table a run, those with regressions first. Scores that stay n/a are only counted."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text as RichText

    tables: dict[str, Table] = {}
    for change in report.changes:
        if change.verdict.value == "not checked" and change.now is None:
            continue
        if change.run not in tables:
            tables[change.run] = Table()
            for title in ("score", "baseline", "now", "tolerance", "verdict"):
                justify: Literal["left", "right"] = "left" if title in ("score", "verdict") else "right"
                tables[change.run].add_column(title, justify=justify)
        tables[change.run].add_row(*map(RichText, _change(change)), style=VERDICTS.get(change.verdict.value))
    notes = [report.summary]
    if any(change.basis == GUESSED for change in report.changes):
        notes.append(
            f"Scores of one seed without a standard error were judged by {GUESSED}: "
            "more seeds in the baseline judge better."
        )
    parts = [part for run, grid in tables.items() for part in (RichText(run, style="bold"), grid)]
    return Group(*parts, *map(RichText, notes))


@dataclass(frozen=True)
class _Fitted:
    """The rows of a layout in tables no wider than the terminal, each with the rows' titles."""

    layout: Layout

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table]:
        lines = [[_cell(cell) for cell in row] for row in (map(Text, self.layout.header), *self.layout.rows)]
        widths = [max(line[index].cell_len for line in lines) for index in range(len(self.layout.header))]
        for columns in packed(widths, options.max_width):
            yield _table(lines, columns)


def packed(widths: Sequence[int], room: int) -> list[list[int]]:
    """The columns of each table: the first of all in every table, the others in order, as many as `room` holds."""
    title = widths[0] + _PADDING + 1
    tables: list[list[int]] = []
    left = 0
    for index, width in enumerate(widths[1:], start=1):
        if not tables or width + _PADDING > left:
            tables.append([0])
            left = room - title
        tables[-1].append(index)
        left -= width + _PADDING
    return tables


def _table(lines: Sequence[Sequence[RichText]], columns: Sequence[int]) -> Table:
    from rich.table import Table

    grid = Table()
    for index in columns:
        grid.add_column(lines[0][index], justify="left" if index == 0 else "right", overflow="fold")
    for line in lines[1:]:
        grid.add_row(*(line[index] for index in columns))
    return grid


def _cell(cell: Text) -> RichText:
    from rich.text import Text as RichText

    text = RichText(cell.text, style=STYLES[cell.mark])
    if cell.footnotes:
        text.append(f" [{','.join(map(str, cell.footnotes))}]", style="dim not bold not underline")
    return text


def _change(change: Change) -> tuple[str, ...]:
    places = decimals([value for value in (change.baseline, change.now) if value is not None])

    def told(value: float | None, missing: str = "n/a") -> str:
        return missing if value is None else number(value, places)

    return (
        f"{change.name} {'↑' if change.higher_is_better else '↓'}",
        told(change.baseline) + ("" if change.spread is None else f" ± {told(change.spread)}"),
        told(change.now),
        told(change.tolerance, ""),
        change.verdict.value,
    )
