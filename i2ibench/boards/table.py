"""Scores of many runs as tables: one board for each task and resolution, quick results on boards of their own.

Two scores share a column only where name and protocol are the same: a board whose methods follow two protocols is
refused, or asked for apart. Only methods are ranked. `identity`, `real` and `real train` frame them: what doing nothing
scores, what real pictures score, and what a memoriser of the training pictures would.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from i2ibench.boards.columns import CALIBRATION, Column, columns_of
from i2ibench.boards.mixture import mixture
from i2ibench.boards.pool import Pool, canonical, pool
from i2ibench.boards.ranks import Measured, ranks
from i2ibench.errors import BenchError
from i2ibench.protocol import Protocol, Score
from i2ibench.record import Cost, Provenance, Result
from i2ibench.task import Resolution

REFERENCES = ("identity", *CALIBRATION)
"""Methods that are never ranked, in the order in which they close a board."""


@dataclass(frozen=True)
class Cell:
    """One row's score in one column, over the row's seeds."""

    mean: float | None = None
    spread: float | None = None
    """Sample standard deviation over training seeds; None for fewer than two, and where a value is infinite or NaN."""
    standard_error: float | None = None
    """The metric's own, over pictures: of several seeds the root mean square, for their pictures are the same. None
    where some seed has none."""
    seeds: int = 0
    """Seeds that have a number."""
    rank: int | None = None
    """1 for the best methods of the column (`boards.ranks`); None where it takes no part."""
    reasons: tuple[str, ...] = ()
    """Why some seed has no number."""
    protocol: Protocol | None = None
    """The score's own, where it is not the column's (rows of real pictures only)."""

    @property
    def variance(self) -> float | None:
        """Of the mean, over seeds and over pictures, as far as they are known; None where neither is."""
        over_seeds = None if self.spread is None else self.spread**2 / self.seeds
        over_pictures = None if self.standard_error is None else self.standard_error**2
        known = [variance for variance in (over_seeds, over_pictures) if variance is not None]
        return sum(known) if known else None


@dataclass(frozen=True)
class TrainingCost:
    """What training took: means over seeds of time, maxima of space. None where nothing was told or trained."""

    seconds: float | None
    pictures_per_second: float | None
    peak_memory: int | None
    """Bytes."""
    parameters: int | None


@dataclass(frozen=True)
class Row:
    """One method, preset and budget."""

    method: str
    preset: str | None
    budget: str | None
    seeds: tuple[int | None, ...]
    cells: tuple[Cell | None, ...]
    """One a column; None where nothing was scored under the column's protocol."""
    cost: TrainingCost
    provenances: tuple[Provenance, ...]

    @property
    def is_reference(self) -> bool:
        """Whether the row is shown for comparison only."""
        return self.method in REFERENCES

    @property
    def title(self) -> str:
        """The method, with its preset."""
        return f"{self.method} ({self.preset})" if self.preset else self.method


@dataclass(frozen=True)
class Board:
    """A table: methods in the order of the first column that ranks them, then the references."""

    task: str
    resolution: Resolution
    quick: bool
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    mixed: str | None = None
    """Whose protocols differ and in what, where a score stands in several columns."""


def board(results: Sequence[Result], *, apart: bool = False) -> list[Board]:
    """The boards of `results`, a function of what they contain and not of their order.

    Columns stand in the order of the scores of the fullest result. Raises `BenchError` where scores of one name, task
    and resolution follow two protocols, unless they are asked for `apart`, a column each; where two results of one
    method, preset, budget and seed disagree; and where two say otherwise which way a score is better.
    """
    groups: dict[tuple[str, Resolution, bool], list[Pool]] = {}
    for entry_pool in pool(results):
        entry = entry_pool.entry
        groups.setdefault((entry.task, entry.resolution, entry.quick), []).append(entry_pool)
    names = list(dict.fromkeys(score.name for result in canonical(results) for score in result.scores))
    boards = [_board(task, resolution, quick, pools, names) for (task, resolution, quick), pools in groups.items()]
    for one in boards:
        if one.mixed and not apart:
            raise BenchError(
                f"{one.task} at {one.resolution}: {one.mixed}. Such numbers cannot share a column: score them again "
                "under one protocol (i2ibench evaluate RUN --rescore), or show each in a column of its own "
                "(i2ibench board --apart)"
            )
    return boards


def _board(task: str, resolution: Resolution, quick: bool, pools: list[Pool], names: list[str]) -> Board:
    columns = [column for name in names for column in columns_of(name, pools)]
    rows = [_row(entry_pool, columns) for entry_pool in pools]
    for index, column in enumerate(columns):
        if column.ranks:
            rows = _ranked(rows, index, column.higher_is_better)
    protocols: dict[str, list[Protocol]] = {}
    for column in columns:
        if column.protocol is not None:
            protocols.setdefault(column.name, []).append(column.protocol)
    rows = sorted(rows, key=lambda row: _place(row, columns))
    return Board(task, resolution, quick, tuple(columns), tuple(rows), mixture(protocols, pools))


def _row(entry_pool: Pool, columns: Sequence[Column]) -> Row:
    entry = entry_pool.entry
    return Row(
        entry.method,
        entry.preset,
        entry.budget,
        entry_pool.seeds,
        tuple(_cell(entry_pool, column) for column in columns),
        _cost(entry_pool.costs),
        entry_pool.provenances,
    )


def _cell(entry_pool: Pool, column: Column) -> Cell | None:
    scores = entry_pool.scores.get(column.key, {})
    own = None
    if not scores and entry_pool.entry.method in CALIBRATION:
        own = next((guest for guest in column.guests if (column.name, guest.id) in entry_pool.scores), None)
        scores = {} if own is None else entry_pool.scores[column.name, own.id]
    scores = {**entry_pool.scores.get((column.name, None), {}), **scores}
    if not scores:
        return None
    present = [score for score in scores.values() if score.value is not None]
    values = [score.value for score in present if score.value is not None]
    reasons = sorted({score.reason or "no reason given" for score in scores.values() if score.value is None})
    if not values:
        return Cell(reasons=tuple(reasons))
    finite = all(map(math.isfinite, values))
    return Cell(
        mean=statistics.mean(values),
        spread=statistics.stdev(values) if len(values) > 1 and finite else None,
        standard_error=_over_pictures(present),
        seeds=len(values),
        reasons=tuple(reasons),
        protocol=own,
    )


def _over_pictures(scores: Sequence[Score]) -> float | None:
    """The root mean square of the scores' standard errors; None where one has none that is finite."""
    errors = [score.standard_error for score in scores if score.standard_error is not None]
    if len(errors) < len(scores) or not all(map(math.isfinite, errors)):
        return None
    return math.sqrt(statistics.fmean(error**2 for error in errors))


def _cost(costs: Sequence[Cost]) -> TrainingCost:
    seconds = [cost.seconds for cost in costs if cost.seconds > 0]
    speeds = [speed for cost in costs if (speed := cost.pictures_per_second) is not None]
    return TrainingCost(
        seconds=statistics.mean(seconds) if seconds else None,
        pictures_per_second=statistics.mean(speeds) if speeds else None,
        peak_memory=max((cost.peak_memory for cost in costs if cost.peak_memory), default=None),
        parameters=max((cost.parameters for cost in costs), default=None),
    )


def _ranked(rows: Sequence[Row], index: int, higher_is_better: bool) -> list[Row]:
    """`rows` with ranks in one column: methods that have a number for each of their seeds, NaN left out."""
    found = ranks([_contends(row, index) for row in rows], higher_is_better)

    def ranked(row: Row, rank: int | None) -> Row:
        cell = row.cells[index]
        if rank is None or cell is None:
            return row
        return replace(row, cells=(*row.cells[:index], replace(cell, rank=rank), *row.cells[index + 1 :]))

    return [ranked(row, rank) for row, rank in zip(rows, found, strict=True)]


def _contends(row: Row, index: int) -> Measured | None:
    """What `row` is ranked by in a column, if it is."""
    cell = row.cells[index]
    if row.is_reference or cell is None or cell.mean is None or math.isnan(cell.mean):
        return None
    return Measured(cell.mean, cell.variance) if cell.seeds == len(row.seeds) else None


def _place(row: Row, columns: Sequence[Column]) -> tuple[object, ...]:
    """Methods by rank and then by mean, column after column; references last; equals by name."""
    reference = REFERENCES.index(row.method) + 1 if row.is_reference else 0
    standings = [
        (math.inf, 0.0)
        if cell is None or cell.rank is None or cell.mean is None
        else (cell.rank, -cell.mean if column.higher_is_better else cell.mean)
        for cell, column in zip(row.cells, columns, strict=True)
    ]
    return reference, standings, row.method, row.preset or "", row.budget or ""
