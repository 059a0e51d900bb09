"""Unpaired tasks on the generated streets: from game to photo, from day to night, from summer to winter.

A row is a picture of one domain with its labels, instances and boxes. No scene is in two tasks, splits or domains, and
the scenes of both domains are drawn alike, so that nothing but the look tells them apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from i2ibench.data.rows import Row
from i2ibench.data.worlds.boxes import boxes
from i2ibench.data.worlds.conditions import Condition
from i2ibench.data.worlds.noise import Stream
from i2ibench.data.worlds.streets import AS_DRAWN, SEED, Style, render
from i2ibench.task import Resolution

SOURCES = {"train": range(2000, 3000), "val": range(3000, 3100), "test": range(3100, 3300)}
TARGETS = {"train": range(4000, 5000), "val": range(5000, 5100), "test": range(5100, 5300)}
"""Scenes of the splits, from the task's first scene on."""


@dataclass(frozen=True)
class _Domain:
    """One side of a task. Where `rain` is not 0, that share of the pictures is rainy and the rest dry."""

    name: str
    style: Style = "photo"
    condition: Condition = AS_DRAWN
    rain: float = 0.0


SIM2REAL = _Domain("sim", "sim"), _Domain("photo")
DAY2NIGHT = (
    _Domain("day", condition=Condition(time="day")),
    _Domain("night", condition=Condition(time="night"), rain=0.4),
)
SUMMER2WINTER = (
    _Domain("summer", condition=Condition(season="summer")),
    _Domain("winter", condition=Condition(season="winter")),
)


def sim2real(split: str, resolution: Resolution) -> Iterator[Row]:
    """Pictures of a game, then photos of other streets, as drawn."""
    return _rows(SIM2REAL, 0, split, resolution)


def day2night(split: str, resolution: Resolution) -> Iterator[Row]:
    """Photos by day, as drawn, then photos of other streets by night, two in five of them in rain."""
    return _rows(DAY2NIGHT, 10_000, split, resolution)


def summer2winter(split: str, resolution: Resolution) -> Iterator[Row]:
    """Photos in summer, then photos of other streets under snow."""
    return _rows(SUMMER2WINTER, 20_000, split, resolution)


def _rows(domains: tuple[_Domain, _Domain], first: int, split: str, resolution: Resolution) -> Iterator[Row]:
    """All source rows of `split`, then all target rows."""
    source, target = domains
    for index in SOURCES[split]:
        row = _row(source, first + index, resolution)
        row["source"] = row.pop("target")
        yield row
    for index in TARGETS[split]:
        yield _row(target, first + index, resolution)


def _row(domain: _Domain, index: int, resolution: Resolution) -> Row:
    """A picture of `domain` as `target`, and what is known of it."""
    condition = domain.condition
    if domain.rain:
        weather: Literal["rain", "dry"] = "rain" if Stream(SEED, index, 61).chance(domain.rain) else "dry"
        condition = replace(condition, weather=weather)
    row = render(SEED, index, resolution, style=domain.style, condition=condition)
    return Row(
        name=f"{row['name']}-{domain.name}",
        target=row["target"],
        labels=row["labels"],
        instances=row["instances"],
        boxes=boxes(row["instances"]),
    )
