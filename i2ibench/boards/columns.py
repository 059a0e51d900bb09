"""The columns of a board: which scores share one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from i2ibench.boards.pool import Pool, ScoreKey, protocol_of
from i2ibench.errors import BenchError
from i2ibench.protocol import Protocol

CALIBRATION = ("real", "real train")
"""Rows of real pictures in the place of outputs (`metrics.ceiling`)."""

PICTURES_SCORED = frozenset(
    {"split", "n", "n_reference", "reference", "reference_hash", "outputs_per_source", "subset_size", "n_training"}
)
"""Protocol fields that say which pictures were scored, not how: rows of real pictures may differ in them.

`n_training`: a classifier of the outputs learns from as many as there are.
"""


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
    """Other protocols that measure the same way, under which rows of real pictures are shown here."""

    @property
    def header(self) -> str:
        """The name and an arrow towards better; the protocol's id where the name alone would not tell.

        Bits per dimension depend so much on the resolution that they are never told without it.
        """
        arrow = "↑" if self.higher_is_better else "↓"
        if self.protocol is None:
            return f"{self.name} {arrow}"
        size = "" if self.protocol.bits is None else f" {self.protocol.resolution}"
        id = "" if self.alone else f" [{self.protocol.id}]"
        return f"{self.name}{size} {arrow}{id}"

    @property
    def key(self) -> ScoreKey:
        """Name and protocol id."""
        return self.name, None if self.protocol is None else self.protocol.id


def columns_of(name: str, pools: Sequence[Pool]) -> list[Column]:
    """The columns of one score, those with the most numbers first.

    Rows of real pictures add one only where they fit in no other.
    """
    protocols: dict[str, Protocol] = {}
    numbers: Counter[str] = Counter()
    guests: dict[str, dict[str, Protocol]] = {}
    ways: set[bool] = set()
    silent: set[str] = set()
    for entry_pool in sorted(pools, key=lambda found: found.entry.method in CALIBRATION):
        named = entry_pool.named(name)
        taken = set(named)  # a column shows one number of a row, so it cannot take in a second protocol's
        for scores in named.values():
            ways |= {score.higher_is_better for score in scores.values()}
            protocol = protocol_of(scores)
            if protocol is None:
                continue
            if entry_pool.entry.method in CALIBRATION and protocol.id not in protocols:
                home = _home(protocol, protocols.values())
                if home is not None and home.id not in taken:
                    taken.add(home.id)
                    guests.setdefault(home.id, {})[protocol.id] = protocol
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
            guests=tuple(guest for guest in guests.get(id, {}).values() if guest.id not in protocols),
        )
        for id in order
    ]


def _home(protocol: Protocol, columns: Collection[Protocol]) -> Protocol | None:
    """The column's protocol under which a real row's score may be shown: the nearest that measures the same way."""
    differing = {column.id: protocol.difference(column).keys() for column in columns}
    fits = [column for column in columns if differing[column.id] <= PICTURES_SCORED]
    return min(fits, key=lambda column: (len(differing[column.id]), column.id), default=None)
