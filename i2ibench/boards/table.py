"""Scores of many runs as tables: one board for each task and resolution, quick results on boards of their own.

Two scores share a column only where name and protocol are the same, and only methods are ranked. `identity` and
`real` frame them: what doing nothing scores, and what real pictures score.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from i2ibench.boards.pool import Pool, ScoreKey, canonical, pool, protocol_of
from i2ibench.errors import BenchError
from i2ibench.protocol import Protocol
from i2ibench.record import Cost, Provenance, Result
from i2ibench.task import Resolution

REFERENCES = ("identity", "real")
"""Methods that are never ranked, in the order in which they close a board."""

PICTURES_SCORED = frozenset(
    {"split", "n", "n_reference", "reference", "reference_hash", "outputs_per_source", "subset_size"}
)
"""Protocol fields that say which pictures were scored, not how: the row "real" may differ in them from its column."""


@dataclass(frozen=True)
class Column:
    """Scores of one name under one protocol."""

    name: str
    higher_is_better: bool
    protocol: Protocol | None
    """None where no row has a number."""
    alone: bool
    """No other column has this name."""
    ranks: bool = True
    """Whether its numbers may rank methods (`Score.ranks`)."""
    guests: tuple[Protocol, ...] = ()
    """Other protocols that measure the same way, under which the row "real" is shown here."""

    @property
    def header(self) -> str:
        """The name and an arrow towards better; the protocol's id where the name alone would not tell."""
        told = f"{self.name} {'↑' if self.higher_is_better else '↓'}"
        return told if self.alone or self.protocol is None else f"{told} [{self.protocol.id}]"

    @property
    def key(self) -> ScoreKey:
        """Name and protocol id."""
        return self.name, None if self.protocol is None else self.protocol.id


@dataclass(frozen=True)
class Cell:
    """One row's score in one column, over the row's seeds."""

    mean: float | None = None
    spread: float | None = None
    """Sample standard deviation over seeds; None for fewer than two, and where a value is infinite or NaN."""
    standard_error: float | None = None
    """The metric's own, where there is one seed."""
    seeds: int = 0
    """Seeds that have a number."""
    rank: int | None = None
    """1 for the best method of the column, equal values share a rank; None where it takes no part."""
    reasons: tuple[str, ...] = ()
    """Why some seed has no number."""
    protocol: Protocol | None = None
    """The score's own, where it is not the column's (row "real" only)."""


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


def board(results: Sequence[Result]) -> list[Board]:
    """The boards of `results`, a function of what they contain and not of their order.

    Columns stand in the order of the scores of the fullest result. Raises `BenchError` where two results of one
    method, preset, budget and seed disagree, and where two say otherwise which way a score is better.
    """
    groups: dict[tuple[str, Resolution, bool], list[Pool]] = {}
    for entry_pool in pool(results):
        entry = entry_pool.entry
        groups.setdefault((entry.task, entry.resolution, entry.quick), []).append(entry_pool)
    names = list(dict.fromkeys(score.name for result in canonical(results) for score in result.scores))
    return [_board(task, resolution, quick, pools, names) for (task, resolution, quick), pools in groups.items()]


def _board(task: str, resolution: Resolution, quick: bool, pools: list[Pool], names: list[str]) -> Board:
    columns = [column for name in names for column in _columns(name, pools)]
    rows = [_row(entry_pool, columns) for entry_pool in pools]
    for index, column in enumerate(columns):
        if column.ranks:
            rows = _ranked(rows, index, column.higher_is_better)
    return Board(task, resolution, quick, tuple(columns), tuple(sorted(rows, key=_place)))


def _columns(name: str, pools: Sequence[Pool]) -> list[Column]:
    """The columns of one score, those with the most numbers first; "real" adds one only where it fits in no other."""
    protocols: dict[str, Protocol] = {}
    numbers: Counter[str] = Counter()
    guests: dict[str, list[Protocol]] = {}
    ways: set[bool] = set()
    silent: set[str] = set()
    for entry_pool in sorted(pools, key=lambda found: found.entry.method == "real"):
        named = entry_pool.named(name)
        taken = set(named)  # a column shows one number of a row, so it cannot take in a second protocol's
        for scores in named.values():
            ways |= {score.higher_is_better for score in scores.values()}
            protocol = protocol_of(scores)
            if protocol is None:
                continue
            if entry_pool.entry.method == "real" and protocol.id not in protocols:
                home = _home(protocol, protocols.values())
                if home is not None and home.id not in taken:
                    taken.add(home.id)
                    guests.setdefault(home.id, []).append(protocol)
                    continue
            protocols[protocol.id] = protocol
            if not all(score.ranks for score in scores.values()):
                silent.add(protocol.id)
            numbers[protocol.id] += sum(score.value is not None for score in scores.values())
    if len(ways) > 1:
        raise BenchError(
            f"some results say that higher {name} is better and some that lower is: they come from different metrics, "
            "so score them again with one version of i2ibench"
        )
    if not ways:
        return []
    order = sorted(protocols, key=lambda id: (-numbers[id], id))
    if not order:
        return [Column(name, ways == {True}, None, alone=True)]
    return [
        Column(
            name,
            ways == {True},
            protocols[id],
            alone=len(order) == 1,
            ranks=id not in silent,
            guests=tuple(guests.get(id, ())),
        )
        for id in order
    ]


def _home(protocol: Protocol, columns: Collection[Protocol]) -> Protocol | None:
    """The column's protocol under which a real row's score may be shown: the nearest that measures the same way."""
    differing = {column.id: protocol.difference(column).keys() for column in columns}
    fits = [column for column in columns if differing[column.id] <= PICTURES_SCORED]
    return min(fits, key=lambda column: (len(differing[column.id]), column.id), default=None)


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
    if not scores and entry_pool.entry.method == "real":
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
        standard_error=present[0].standard_error if len(present) == 1 else None,
        seeds=len(values),
        reasons=tuple(reasons),
        protocol=own,
    )


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
    sign = 1 if higher_is_better else -1
    standing = [sign * mean for row in rows if (mean := _contends(row, index)) is not None]

    def ranked(row: Row) -> Row:
        mean, cell = _contends(row, index), row.cells[index]
        if mean is None or cell is None:
            return row
        cell = replace(cell, rank=1 + sum(other > sign * mean for other in standing))
        return replace(row, cells=(*row.cells[:index], cell, *row.cells[index + 1 :]))

    return [ranked(row) for row in rows]


def _contends(row: Row, index: int) -> float | None:
    """The mean with which `row` is ranked in a column, if it is."""
    cell = row.cells[index]
    if row.is_reference or cell is None or cell.mean is None or math.isnan(cell.mean):
        return None
    return cell.mean if cell.seeds == len(row.seeds) else None


def _place(row: Row) -> tuple[object, ...]:
    """Methods by their ranks, column after column; references last; equals by name."""
    reference = REFERENCES.index(row.method) + 1 if row.is_reference else 0
    ranks = tuple(math.inf if cell is None or cell.rank is None else cell.rank for cell in row.cells)
    return reference, ranks, row.method, row.preset or "", row.budget or ""
