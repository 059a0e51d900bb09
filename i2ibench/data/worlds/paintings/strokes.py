"""Strokes of a brush, laid by the thousand: one in each cell of a grid, jittered, the topmost seen at each sample.

A stroke reaches no farther than the cells beside its own, so each sample asks nine strokes whether they cover it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from i2ibench.data.worlds.noise import Floats, hash_uniform, key_hash, lookup
from i2ibench.data.worlds.paintings.heading import Heading
from i2ibench.data.worlds.paintings.planes import F, texture

_REACH = 1.2
"""Cells from a stroke's middle to its farthest sample, given a jitter of a quarter of a cell."""


@dataclass(frozen=True)
class Brush:
    """What makes one layer of strokes. Lengths are in samples."""

    cell: int
    """Distance between strokes."""
    length: float
    width: float
    corners: float = 0.5
    """Shape: 0 an oval, 1 a rectangle."""
    vary: float = 0.3
    """Share by which length and width differ from stroke to stroke."""
    turn: float = 0.15
    """How far directions differ: the tangent of half the largest angle."""
    bend: float = 0.3
    """How far strokes curve, in half widths."""
    ragged: float = 0.3
    """Roughness of the outline."""
    hairs: float = 6.0
    """Bristle marks across a stroke."""


@dataclass(frozen=True)
class Layer:
    """Strokes as each sample sees them `[h, w]`, and each stroke's own numbers `[N]`."""

    covered: NDArray[np.bool_]
    stroke: NDArray[np.int32]
    """Number of the topmost stroke."""
    along: Floats
    """Place in that stroke from its start, -1, to its end, 1."""
    across: Floats
    """The same from side to side."""
    bristle: Floats
    """Streaks that run along the stroke, about -1 to 1."""
    row: NDArray[np.int32]
    column: NDArray[np.int32]
    """Where each stroke takes its colour."""
    key: int

    def draw(self, n: int) -> Floats:
        """The `n`-th random number in [0, 1) of each stroke."""
        strokes = np.arange(self.row.size, dtype=np.int64)
        return hash_uniform(key_hash(self.key, 50), strokes, np.int64(n) + np.zeros(1, np.int64))

    def sample(self, planes: Floats) -> Floats:
        """`planes` `[..., h, w]` where each stroke takes its colour: `[..., N]`."""
        found: Floats = planes[..., self.row, self.column]
        return found

    def spread(self, numbers: Floats) -> Floats:
        """Numbers of the strokes `[..., N]` to the samples that see them: `[..., h, w]`."""
        found: Floats = numbers[..., self.stroke]
        return found


def lay(
    brush: Brush, heading: Heading, key: int, *, chance: Floats | None = None, girth: Floats | None = None
) -> Layer:
    """A layer of strokes along `heading`.

    `chance` `[h, w]` is the probability that a stroke is set at all (1 where left out), `girth` `[h, w]` what its
    width is multiplied by; strokes thinner than half a sample are not set.
    """
    height, width = heading[0].shape
    cell = brush.cell
    rows, columns = (np.arange(-(-size // cell) + 2, dtype=np.int64) for size in (height, width))

    def draw(n: int) -> Floats:
        return hash_uniform(key_hash(key, n), rows[:, None], columns[None, :])

    y = (rows[:, None].astype(np.float32) - F(0.75) + F(0.5) * draw(1)) * F(cell)
    x = (columns[None, :].astype(np.float32) - F(0.75) + F(0.5) * draw(2)) * F(cell)
    row = np.clip(y, F(0), F(height - 1)).astype(np.int32)
    column = np.clip(x, F(0), F(width - 1)).astype(np.int32)
    cos, sin = _turned(heading[0][row, column], heading[1][row, column], (draw(3) * F(2) - F(1)) * F(brush.turn))
    size = F(1) + (draw(4) * F(2) - F(1)) * F(brush.vary)
    half_length = np.minimum(F(brush.length / 2) * size, F(_REACH * cell))
    half_width = np.minimum(F(brush.width / 2) * (F(1) + (draw(5) * F(2) - F(1)) * F(brush.vary)), F(_REACH * cell))
    if girth is not None:
        half_width = half_width * girth[row, column]
    rank = draw(6) + F(0.001)
    rank[half_width < 0.25] = 0
    half_width = np.maximum(half_width, F(0.25))
    if chance is not None:
        rank[draw(7) >= chance[row, column]] = 0
    bend = (draw(8) * F(2) - F(1)) * F(brush.bend)
    numbers = np.arange(row.size, dtype=np.int32).reshape(row.shape)
    by_cell = (x, y, cos / half_length, sin / half_length, cos / half_width, sin / half_width, bend, rank)
    planes = [plane.repeat(cell, 0).repeat(cell, 1) for plane in by_cell]
    owner = numbers.repeat(cell, 0).repeat(cell, 1)

    ys, xs = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None, :]
    rough = texture("grain", (height, width), key) * F(brush.ragged)
    top = np.zeros((height, width), np.float32)
    stroke = np.zeros((height, width), np.int32)
    along, across = np.zeros_like(top), np.zeros_like(top)
    for down in range(3):
        for right in range(3):
            view = slice(down * cell, down * cell + height), slice(right * cell, right * cell + width)
            sx, sy, cos_l, sin_l, cos_w, sin_w, curve, order = (plane[view] for plane in planes)
            dx, dy = xs - sx, ys - sy
            u = dx * cos_l + dy * sin_l
            uu = u * u
            v = dy * cos_w - dx * sin_w + curve * (uu - F(0.3))
            vv = v * v
            oval, box = uu + vv, np.maximum(uu, vv)
            wins = (oval + (box - oval) * F(brush.corners) + rough < F(1)) & (order > top)
            np.copyto(top, order, where=wins)
            np.copyto(stroke, owner[view], where=wins)
            np.copyto(along, u, where=wins)
            np.copyto(across, v, where=wins)
    hair = across * F(brush.hairs * 2) + (stroke % 512).astype(np.float32) * F(37)
    bristle = lookup("grain", along * F(3) + (stroke // 512 % 64).astype(np.float32) * F(29), hair)
    return Layer(top > 0, stroke, along, across, bristle * F(1.6), row.ravel(), column.ravel(), key)


def _turned(cos: Floats, sin: Floats, tangent: Floats) -> tuple[Floats, Floats]:
    """A direction turned by an angle whose half has `tangent`."""
    square = tangent * tangent
    c, s = (F(1) - square) / (F(1) + square), F(2) * tangent / (F(1) + square)
    return cos * c - sin * s, sin * c + cos * s
