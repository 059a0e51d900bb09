"""A board as text, whatever it is shown on: cells with their marks, numbered footnotes, and what the numbers mean."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from i2ibench.boards.table import Board, Cell, Column, Row
from i2ibench.boards.words import decimals, differences, number, protocol_in_words
from i2ibench.record import Provenance


class Mark(Enum):
    """How a cell is set apart."""

    PLAIN = "plain"
    BEST = "best"
    SECOND = "second"
    REFERENCE = "reference"


@dataclass(frozen=True)
class Text:
    """A cell: what it says, how it is marked, and the numbers of its footnotes."""

    text: str
    mark: Mark = Mark.PLAIN
    footnotes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Layout:
    """A board, ready to be set in Markdown or on a terminal."""

    title: str
    header: tuple[str, ...]
    """The first is the row's title."""
    rows: tuple[tuple[Text, ...], ...]
    footnotes: tuple[str, ...]
    """Number 1 first."""
    remarks: tuple[str, ...]
    """Protocol of each column, budgets, data and machines."""


LEGEND = (
    "Numbers are means over seeds ± standard deviation over seeds; in brackets, for one seed, the metric's standard "
    "error over pictures. Identity and real are not ranked. A dash: not told, or not scored under that protocol."
)


def lay_out(board: Board) -> Layout:
    """The texts of `board`."""
    footnotes: list[str] = []
    rows = tuple(_row(row, board, footnotes) for row in board.rows)
    return Layout(
        _title(board),
        (
            "method",
            "seeds",
            *(column.header for column in board.columns),
            "budget",
            "training s",
            "pictures/s",
            "peak MiB",
            "parameters",
        ),
        rows,
        tuple(footnotes),
        (*_protocols(board), *_unranked(board), *_budgets(board), *_data(board), *_machines(board)),
    )


def _title(board: Board) -> str:
    pictures = {(c.protocol.n, c.protocol.split) for c in board.columns if c.protocol is not None}
    counted = "".join(f", {n} {split} pictures" for n, split in pictures) if len(pictures) == 1 else ""
    quick = " (quick: a part of the pictures, not to be quoted)" if board.quick else ""
    return f"{board.task} at {board.resolution}{counted}{quick}"


def _row(row: Row, board: Board, footnotes: list[str]) -> tuple[Text, ...]:
    mark = Mark.REFERENCE if row.is_reference else Mark.PLAIN
    seeds = len([seed for seed in row.seeds if seed is not None])
    cost = row.cost
    return (
        Text(row.title, mark),
        Text(str(seeds) if seeds else "-", mark),
        *(_score(row, index, board, footnotes) for index in range(len(board.columns))),
        Text(row.budget or "-", mark),
        Text("-" if cost.seconds is None else f"{cost.seconds:.{0 if cost.seconds >= 100 else 1}f}", mark),
        Text("-" if cost.pictures_per_second is None else f"{cost.pictures_per_second:.1f}", mark),
        Text("-" if cost.peak_memory is None else f"{cost.peak_memory / 2**20:.0f}", mark),
        Text("-" if cost.parameters is None else f"{cost.parameters:,}", mark),
    )


def _score(row: Row, index: int, board: Board, footnotes: list[str]) -> Text:
    cell, column = row.cells[index], board.columns[index]
    mark = _mark(row, index, board)
    if cell is None:
        return Text("-", mark)
    noted = tuple(_footnote(text, footnotes) for text in _explanations(row, cell, column))
    if cell.mean is None:
        return Text("n/a", mark, noted)
    shown = [other.cells[index] for other in board.rows]
    places = decimals([other.mean for other in shown if other is not None and other.mean is not None])
    text = number(cell.mean, places)
    if cell.spread is not None:
        text += f" ± {number(cell.spread, places)}"
    elif cell.standard_error is not None:
        text += f" ({number(cell.standard_error, places)})"
    return Text(text, mark, noted)


def _mark(row: Row, index: int, board: Board) -> Mark:
    """Best and second, where there are two to compare."""
    if row.is_reference:
        return Mark.REFERENCE
    cells = [other.cells[index] for other in board.rows]
    if sum(cell is not None and cell.rank is not None for cell in cells) < 2:
        return Mark.PLAIN
    cell = row.cells[index]
    rank = None if cell is None else cell.rank
    return {1: Mark.BEST, 2: Mark.SECOND}.get(rank or 0, Mark.PLAIN)


def _explanations(row: Row, cell: Cell, column: Column) -> list[str]:
    told = []
    if 0 < cell.seeds < len(row.seeds):
        told.append(
            f"{cell.seeds} of {len(row.seeds)} seeds, so not ranked" + "".join(f"; {why}" for why in cell.reasons)
        )
    else:
        told.extend(cell.reasons)
    if cell.protocol is not None and column.protocol is not None:
        told.append(
            f"under its own protocol `{cell.protocol.id}`, not the column's: "
            + differences(cell.protocol, column.protocol, "here", "in the column")
        )
    return told


def _footnote(text: str, footnotes: list[str]) -> int:
    if text not in footnotes:
        footnotes.append(text)
    return footnotes.index(text) + 1


def _protocols(board: Board) -> list[str]:
    """One line a protocol, with the columns that follow it; then why a name has several columns."""
    told = []
    by_protocol: dict[str, list[Column]] = {}
    for column in board.columns:
        if column.protocol is not None:
            by_protocol.setdefault(column.protocol.id, []).append(column)
    for protocol_id, columns in by_protocol.items():
        names = ", ".join(f"`{column.name}`" for column in columns)
        assert columns[0].protocol is not None
        told.append(f"{names}: protocol `{protocol_id}`: {protocol_in_words(columns[0].protocol)}.")
    for name in dict.fromkeys(column.name for column in board.columns if not column.alone):
        first, *others = (c.protocol for c in board.columns if c.name == name and c.protocol is not None)
        told.extend(
            f"`{name}` stands in several columns because protocols differ: "
            + differences(first, other, f"in `{first.id}`", f"in `{other.id}`")
            + "."
            for other in others
        )
    return told


def _unranked(board: Board) -> list[str]:
    names = ", ".join(f"`{column.name}`" for column in board.columns if not column.ranks)
    return [f"{names}: shown, not ranked: too few pictures for a Fréchet distance."] if names else []


def _budgets(board: Board) -> list[str]:
    budgets = {row.budget for row in board.rows if not row.is_reference}
    return ["Rows differ in budget: compare those of one budget."] if len(budgets) > 1 else []


def _data(board: Board) -> list[str]:
    """A warning where runs saw different pictures."""
    seen: dict[str, set[str]] = {}
    for row in board.rows:
        for provenance in row.provenances:
            for split, fingerprint in provenance.data.items():
                seen.setdefault(split, set()).add(fingerprint)
    return [
        f"Runs differ in the pictures of split {split}: fingerprints {', '.join(sorted(prints))}."
        for split, prints in sorted(seen.items())
        if len(prints) > 1
    ]


def _machines(board: Board) -> list[str]:
    rows: dict[str, list[str]] = {}
    for row in board.rows:
        for text in sorted({_machine(provenance) for provenance in row.provenances}):
            rows.setdefault(text, []).append(row.title)
    told = sum(bool(row.provenances) for row in board.rows)
    return [
        f"{'All runs' if len(rows) == 1 and len(titles) == told else ', '.join(titles)}: {text}."
        for text, titles in rows.items()
    ]


def _machine(provenance: Provenance) -> str:
    commit = f" (commit {provenance.commit})" if provenance.commit else ""
    versions = [f"i2ibench {provenance.i2ibench}{commit}", f"Python {provenance.python}"]
    versions += [f"{name} {version}" for name, version in sorted(provenance.libraries.items())]
    return f"{', '.join(versions)}, on {provenance.device}"
