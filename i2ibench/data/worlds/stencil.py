"""Stencils: the outline of a thing and its parts, drawn once from geometric shapes and then sampled in perspective."""

from __future__ import annotations

from enum import IntEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Points = tuple[tuple[float, float], ...]


class Part(IntEnum):
    """What a texel of a stencil belongs to; a palette gives each part its colour."""

    NONE = 0
    BODY = 1
    SECOND = 2
    THIRD = 3
    GLASS = 4
    TYRE = 5
    METAL = 6
    LAMP = 7
    PLATE = 8
    DARK = 9
    SKIN = 10
    SHOE = 11
    RED = 12
    AMBER = 13
    GREEN = 14
    BLUE = 15
    BARK = 16


class Stencil:
    """Parts on a grid over `width` x `height` metres, row 0 at the ground. Later shapes cover earlier ones."""

    def __init__(self, width: float, height: float, texels: int) -> None:
        """`texels` along the longer side."""
        self.width, self.height = width, height
        self.scale = texels / max(width, height)
        columns, rows = max(1, int(width * self.scale)), max(1, int(height * self.scale))
        self.parts: NDArray[np.uint8] = np.zeros((rows, columns), np.uint8)
        self._x = ((np.arange(columns) + 0.5) / self.scale)[None, :]
        self._y = ((np.arange(rows) + 0.5) / self.scale)[:, None]

    def polygon(self, part: Part, *points: tuple[float, float]) -> Stencil:
        """Fill a simple polygon."""
        inside = np.zeros(self.parts.shape, bool)
        for (x1, y1), (x2, y2) in zip(points, points[1:] + points[:1], strict=True):
            if y1 != y2:
                crosses = (self._y < y1) != (self._y < y2)
                inside ^= crosses & (self._x < (self._y - y1) * ((x2 - x1) / (y2 - y1)) + x1)
        self.parts[inside] = part
        return self

    def box(self, part: Part, left: float, bottom: float, right: float, top: float) -> Stencil:
        """Fill a rectangle."""
        self.parts[(self._x >= left) & (self._x < right) & (self._y >= bottom) & (self._y < top)] = part
        return self

    def disk(self, part: Part, x: float, y: float, radius: float, tall: float = 1.0) -> Stencil:
        """Fill an ellipse, `tall` times as high as wide."""
        across, up = (self._x - x) / radius, (self._y - y) / (radius * tall)
        self.parts[across * across + up * up <= 1] = part
        return self

    def line(self, part: Part, width: float, *points: tuple[float, float]) -> Stencil:
        """Draw a thick line with round ends through `points`."""
        for (x1, y1), (x2, y2) in pairwise(points):
            dx, dy = x2 - x1, y2 - y1
            along = ((self._x - x1) * dx + (self._y - y1) * dy) / (dx * dx + dy * dy)
            along = np.clip(along, 0, 1)
            across, up = self._x - x1 - along * dx, self._y - y1 - along * dy
            self.parts[across * across + up * up <= width * width / 4] = part
        return self

    def wheel(self, x: float, radius: float) -> Stencil:
        """Draw a tyre with its rim, standing on the ground."""
        return self.disk(Part.TYRE, x, radius, radius).disk(Part.METAL, x, radius, radius * 0.58)
