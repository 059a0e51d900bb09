"""Who is where on the ground, and when: journeys, and the room that those already decided leave."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from i2ibench.data.worlds.scene import Heading

RATE = 8
"""Frames a second."""
FRAMES = 16
"""For how many frames journeys are planned."""

_TIMES = np.arange((FRAMES - 1) * 4 + 1) / (RATE * 4)
_WAYS = {Heading.AWAY: (0.0, 1.0), Heading.TOWARD: (0.0, -1.0), Heading.LEFT: (-1.0, 0.0), Heading.RIGHT: (1.0, 0.0)}
_NOWHERE = (1e6, -1e6, 1e6, -1e6)

Range = tuple[float, float]
Footprint = tuple[Range, Range]
"""The X and Z that something takes up on the ground."""


@dataclass(frozen=True)
class Journey:
    """A way along a straight line, with a uniform change of speed, until it stands."""

    heading: Heading
    speed: float = 0.0
    """Metres a second."""
    change: float = 0.0
    """Metres a second squared."""
    start: float = 0.0
    """When it sets off, in seconds."""

    def distance(self, time: float) -> float:
        """Metres covered by `time`."""
        going = max(time - self.start, 0.0)
        if self.change < 0:
            going = min(going, -self.speed / self.change)
        return going * (self.speed + self.change * going / 2)

    def moved(self, time: float) -> tuple[float, float]:
        """Metres covered along X and Z by `time`."""
        x, z = _WAYS[self.heading]
        return x * self.distance(time), z * self.distance(time)


class Occupancy:
    """The ground that is taken, as boxes `[T, 4]` (left, right, near, far) at times four to a frame."""

    def __init__(self, obstacles: Iterable[Footprint]) -> None:
        self._boxes = [_standing(obstacle) for obstacle in obstacles]
        self._lines: list[NDArray[np.float64]] = []

    def stop_line(self, x: Range, z: Range, opens: float) -> None:
        """Let no driver onto this strip before the time `opens`."""
        box = _standing((x, z))
        box[opens <= _TIMES] = _NOWHERE
        self._lines.append(box)

    def first(
        self, footprint: Footprint, wishes: Iterable[Journey], gap: float = 0.0, *, drives: bool = False
    ) -> Journey | None:
        """Take the first of `wishes` that touches nothing taken, with `gap` metres to spare along its way."""
        for journey in wishes:
            box = _moving(footprint, journey)
            along = _WAYS[journey.heading]
            spared = box + np.array([-abs(along[0]), abs(along[0]), -abs(along[1]), abs(along[1])]) * gap
            if not _touches(spared, self._boxes) and not (drives and _touches(box, self._lines)):
                self._boxes.append(box)
                return journey
        return None


def _standing(footprint: Footprint) -> NDArray[np.float64]:
    return np.tile(np.array([*footprint[0], *footprint[1]], np.float64), (len(_TIMES), 1))


def _moving(footprint: Footprint, journey: Journey) -> NDArray[np.float64]:
    moved = np.array([journey.moved(float(time)) for time in _TIMES])
    box: NDArray[np.float64] = _standing(footprint) + np.repeat(moved, 2, axis=1)
    return box


def _touches(box: NDArray[np.float64], others: list[NDArray[np.float64]]) -> bool:
    return any(
        bool(
            (
                (box[:, 0] < other[:, 1]) & (other[:, 0] < box[:, 1])
                & (box[:, 2] < other[:, 3]) & (other[:, 2] < box[:, 3])
            ).any()
        )
        for other in others
    )  # fmt: skip
