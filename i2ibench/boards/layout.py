"""A board as text, whatever it is shown on: cells with their marks, numbered footnotes, and what the numbers mean."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from i2ibench.boards.columns import Column
from i2ibench.boards.ranks import BEYOND_DOUBT
from i2ibench.boards.table import Board, Cell, Row
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
    "a method stands behind those that are better beyond doubt (by more than "
    f"{BEYOND_DOUBT} standard errors of the difference, over seeds and pictures; by any difference where neither is "
    "known), so ties stand together. Numbers: mean ± standard deviation over training seeds (sampling error: the "
    "standard error over pictures). Not ranked: identity, the sources themselves; real, real val pictures taken for "
    "outputs, the ceiling; real train, training pictures taken for outputs, what a memoriser reaches. A dash: not "
    "told, or not scored under that protocol."
)
"""Follows what says how best and second are marked, and a colon."""


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
        text += f" ± {_error(cell.spread, places)}"
    if cell.standard_error is not None:
        text += f" ({_error(cell.standard_error, places)})"
    return Text(text, mark, noted)


def _error(value: float, places: int) -> str:
    """A spread or error; one that is none at all, as of seeds that change nothing, in one digit."""
    return "0" if value == 0 else number(value, places)


def _mark(row: Row, index: int, board: Board) -> Mark:
    """Best and the standing after it, where there are two methods to compare."""
    if row.is_reference:
        return Mark.REFERENCE
    cells = [other.cells[index] for other in board.rows]
    standing = sorted(cell.rank for cell in cells if cell is not None and cell.rank is not None)
    cell = row.cells[index]
    if len(standing) < 2 or cell is None or cell.rank is None:
        return Mark.PLAIN
    best, *others = dict.fromkeys(standing)
    return Mark.BEST if cell.rank == best else Mark.SECOND if cell.rank in others[:1] else Mark.PLAIN


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
            "other pictures than in the column's protocol: "
            + differences(cell.protocol, column.protocol, "here", "in the column")
        )
    return told


def _footnote(text: str, footnotes: list[str]) -> int:
    if text not in footnotes:
        footnotes.append(text)
    return footnotes.index(text) + 1


def _protocols(board: Board) -> list[str]:
    """One line a protocol, with the columns that follow it; then why a score has several columns."""
    told = []
    by_protocol: dict[str, list[Column]] = {}
    for column in board.columns:
        if column.protocol is not None:
            by_protocol.setdefault(column.protocol.id, []).append(column)
    for protocol_id, columns in by_protocol.items():
        names = ", ".join(f"`{column.name}`" for column in columns)
        assert columns[0].protocol is not None
        told.append(f"{names}: protocol `{protocol_id}`: {protocol_in_words(columns[0].protocol)}.")
    if board.mixed:
        told.append(f"Several columns of one score: {board.mixed}.")
    return told


def _unranked(board: Board) -> list[str]:
    names = ", ".join(dict.fromkeys(f"`{column.name}`" for column in board.columns if not column.ranks))
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
    """Where runs were made, with those made there; of a row that was only partly, how many of its seeds."""
    made: dict[str, list[str]] = {}
    whole = True
    for row in board.rows:
        machines = [_machine(provenance) for provenance in row.provenances]
        for text in sorted({*machines}):
            here, seeds = machines.count(text), len(row.seeds)
            name = _named(row, board)
            made.setdefault(text, []).append(name if here == seeds else f"{name} ({here} of {seeds} seeds)")
            whole = whole and here == seeds
    told = sum(bool(row.provenances) for row in board.rows)
    return [
        f"{'All runs' if whole and len(titles) == told else ', '.join(titles)}: {text}."
        for text, titles in made.items()
    ]


def _named(row: Row, board: Board) -> str:
    """The row's title, with its budget where other rows have that title too."""
    alike = [other for other in board.rows if other.title == row.title]
    return f"{row.title} after {row.budget}" if len(alike) > 1 and row.budget else row.title


def _machine(provenance: Provenance) -> str:
    commit = f" (commit {provenance.commit})" if provenance.commit else ""
    versions = [f"i2ibench {provenance.i2ibench}{commit}", f"Python {provenance.python}"]
    versions += [f"{name} {version}" for name, version in sorted(provenance.libraries.items())]
    return f"{', '.join(versions)}, on {provenance.device}"
