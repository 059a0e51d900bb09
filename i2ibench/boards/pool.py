"""Results of several seeds brought together: what may be averaged, and what must not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from i2ibench.boards.tolerance import NUMERICAL_NOISE
from i2ibench.errors import BenchError
from i2ibench.protocol import Protocol, Score
from i2ibench.record import Cost, Provenance, Result
from i2ibench.task import Resolution

ScoreKey = tuple[str, str | None]
"""A score's name and its protocol's id; None for a score that has no protocol because there is no number."""


Seeds = Mapping[int | None, Score]
"""One score of one entry, by seed; None is a result of no stated seed."""


class Entry(NamedTuple):
    """What results share that differ in their seed alone."""

    task: str
    resolution: Resolution
    method: str
    preset: str | None
    budget: str | None
    quick: bool

    @property
    def place(self) -> tuple[object, ...]:
        """A key to sort entries by."""
        return tuple("" if value is None else value for value in self)

    @property
    def title(self) -> str:
        """The method, with its preset."""
        return f"{self.method} ({self.preset})" if self.preset else self.method

    def __str__(self) -> str:
        budget = f" after {self.budget}" if self.budget else ""
        return f"{self.title}{budget} on {self.task} at {self.resolution}{', quick' if self.quick else ''}"


@dataclass(frozen=True)
class Pool:
    """One entry's seeds."""

    entry: Entry
    seeds: tuple[int | None, ...]
    """In order."""
    scores: Mapping[ScoreKey, Seeds]
    """Never empty inside; a seed without the score is left out."""
    costs: tuple[Cost, ...]
    """One a seed that states its cost."""
    provenances: tuple[Provenance, ...]
    """One a seed that states where it was made."""

    def named(self, name: str) -> dict[str | None, Seeds]:
        """The scores of that name, by protocol id."""
        return {protocol_id: scores for (other, protocol_id), scores in self.scores.items() if other == name}


def pool(results: Sequence[Result]) -> list[Pool]:
    """One pool for each entry, in the order of their names; the order of `results` does not matter.

    A seed may come as several results that hold different scores. Raises `BenchError` where one seed has two
    values of one score that differ beyond rounding, for then the two are not of one setting.
    """
    groups: dict[Entry, list[Result]] = {}
    for result in canonical(results):
        groups.setdefault(entry_of(result), []).append(result)
    return [_pool(entry, groups[entry]) for entry in sorted(groups, key=lambda entry: entry.place)]


def canonical(results: Sequence[Result]) -> list[Result]:
    """`results` in an order that is a function of their contents: those with the most scores first."""
    return sorted(results, key=lambda result: (-len(result.scores), repr(result)))


def distinct(results: Sequence[Result]) -> list[Result]:
    """`results` in canonical order, without those whose scores are all held by others of the same entry and seed."""
    kept: list[Result] = []
    known: dict[tuple[Entry, int | None], set[ScoreKey]] = {}
    for result in canonical(results):
        told, keys = known.setdefault((entry_of(result), result.seed), set()), set(map(key_of, result.scores))
        if keys - told:
            kept.append(result)
            told |= keys
    return kept


def entry_of(result: Result) -> Entry:
    """The entry a result belongs to. It is quick if it says so or any of its scores does."""
    quick = result.quick or any(score.protocol is not None and score.protocol.quick for score in result.scores)
    return Entry(result.task, result.resolution, result.method, result.preset, result.budget, quick)


def key_of(score: Score) -> ScoreKey:
    """Where a score belongs: two scores of one key are comparable."""
    return score.name, None if score.protocol is None else score.protocol.id


def protocol_of(scores: Seeds) -> Protocol | None:
    """The protocol that all of one score's seeds share."""
    return next(iter(scores.values())).protocol


def _pool(entry: Entry, results: Sequence[Result]) -> Pool:
    scores: dict[ScoreKey, dict[int | None, Score]] = {}
    for result in results:
        for score in result.scores:
            by_seed = scores.setdefault(key_of(score), {})
            held = by_seed.get(result.seed)
            by_seed[result.seed] = score if held is None else _one_of(held, score, entry, result.seed)
    for (name, protocol), by_seed in list(scores.items()):
        if protocol is None:  # a seed that was n/a first and scored later has its number
            for other, values in scores.items():
                if other[0] == name and other[1] is not None:
                    for seed in [seed for seed in by_seed if seed in values and values[seed].value is not None]:
                        del by_seed[seed]
    costs = {result.seed: result.cost for result in reversed(results) if result.cost is not None}
    provenances = {result.seed: result.provenance for result in reversed(results) if result.provenance is not None}
    return Pool(
        entry,
        tuple(sorted({result.seed for result in results}, key=_seed_place)),
        {
            key: dict(sorted(values.items(), key=lambda item: _seed_place(item[0])))
            for key, values in scores.items()
            if values
        },
        tuple(costs[seed] for seed in sorted(costs, key=_seed_place)),
        tuple(provenances[seed] for seed in sorted(provenances, key=_seed_place)),
    )


def _one_of(held: Score, found: Score, entry: Entry, seed: int | None) -> Score:
    if held.value is None or found.value is None:
        return found if held.value is None and found.value is not None else held
    if not _rounded_alike(held.value, found.value):
        which = "without a seed" if seed is None else f"of seed {seed}"
        raise BenchError(
            f"two results {which} for {entry} disagree: {held.name} is {held.value:g} in one and {found.value:g} in "
            "the other, so they cannot be averaged as seeds: leave one out, or give the other setting a name of its own"
        )
    return held


def _rounded_alike(one: float, other: float) -> bool:
    """Whether two values may be one number that two processors computed."""
    return repr(one) == repr(other) or math.isclose(one, other, rel_tol=NUMERICAL_NOISE)


def _seed_place(seed: int | None) -> int:
    return -1 if seed is None else seed
