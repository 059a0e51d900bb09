"""Styles of pieces set side by side: mosaic and stained glass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from i2ibench.data.worlds.noise import Floats, Stream, hash_uniform, key_hash
from i2ibench.data.worlds.paintings.heading import Heading, along_edges, gradient
from i2ibench.data.worlds.paintings.planes import (
    F,
    blur,
    flatten,
    mix,
    saturate,
    smooth_step,
    stretch_tones,
    texture,
    tint,
)


def mosaic(photo: Floats, key: int) -> Floats:
    """Square stones in rows that follow the forms, with grout between, each tilted a little to the light."""
    rng = Stream(key, 10)
    light = stretch_tones(saturate(photo, rng.uniform(1.4, 1.9)), 0.10, 0.95, level=0.35)
    shape = light.shape[1:]
    heading = along_edges(light, key, 9, 1.2, rng.choice(((1.0, 0.0), (-1.0, 0.0), (0.7, 0.7))))
    pieces = _pieces(heading, rng.integer(11, 13), key_hash(key, 101), jitter=0.55, square=1.0)
    grout = tint(rng.choice(((0.72, 0.68, 0.60), (0.30, 0.28, 0.27), (0.52, 0.48, 0.44))), light)
    stone = pieces.colours(blur(light, 2))
    stone = np.clip(stone + (np.stack([pieces.draw(n) for n in (11, 12, 13)]) - F(0.5)) * F(0.16), F(0.02), F(1))
    tilt = (pieces.draw(14) - F(0.5)) * F(0.34)
    facet = (pieces.draw(15) - F(0.5)) * pieces.right * F(0.03) + (pieces.draw(16) - F(0.5)) * pieces.down * F(0.03)
    glaze = texture("leaf", shape, key_hash(key, 100)) * F(0.10)
    edge = smooth_step(pieces.gap, 0.8, 2.4)
    across, down = gradient(edge)
    bevel = np.clip((across + down) * F(0.22), F(-0.25), F(0.25))
    surface = stone * (F(1) + tilt + facet + glaze + bevel)
    rough: Floats = grout * (F(1) + texture("grain", shape, key) * F(0.16))
    return mix(rough, surface, edge)


def stained_glass(photo: Floats, key: int) -> Floats:
    """Large panes of glowing glass, streaked and uneven, held by dark lead."""
    rng = Stream(key, 11)
    light = stretch_tones(saturate(flatten(photo, 4), rng.uniform(2.0, 2.8)), 0.12, 1.0, level=0.4)
    shape = light.shape[1:]
    heading = along_edges(light, key, 6, 0.6, (0.0, 1.0))
    pieces = _pieces(heading, rng.integer(19, 22), key_hash(key, 112), jitter=0.5, square=0.15)
    glass = pieces.colours(blur(light, 3))
    glass = np.clip(glass + (np.stack([pieces.draw(n) for n in (11, 12, 13)]) - F(0.5)) * F(0.22), F(0.03), F(1))
    streak = texture("leaf", shape, key_hash(key, 110), 0.6) * F(0.30)
    streak = streak + texture("cloud", shape, key_hash(key, 111), 2.0) * F(0.45)
    glow = F(0.80) + F(0.40) * smooth_step(pieces.gap, 1.0, 10.0)
    glass = np.clip(glass * (glow + streak), F(0), F(1))
    glass = mix(glass, glass * glass * F(0.6) + F(0.5) * glass, F(0.5))
    lead = smooth_step(pieces.gap, 1.6, 3.0)
    ridge = F(0.10) + F(0.22) * smooth_step(F(1.8) - pieces.gap, 0.2, 1.6)
    metal = tint((0.9, 0.95, 1.0), light) * ridge * (F(1) + texture("grain", shape, key) * F(0.3))
    return mix(metal, glass, lead)


@dataclass(frozen=True)
class _Pieces:
    """What each sample knows of the piece it lies in `[h, w]`, and where each piece has its site `[N]`."""

    piece: NDArray[np.int32]
    gap: Floats
    """Distance to the site of the next piece less that to the own: 0 on the border, twice the samples beside it."""
    right: Floats
    down: Floats
    """Samples from the site."""
    row: NDArray[np.int32]
    column: NDArray[np.int32]
    key: int

    def draw(self, n: int) -> Floats:
        """The `n`-th random number in [0, 1) of the piece at each sample."""
        return hash_uniform(key_hash(self.key, n), self.piece.astype(np.int64), np.zeros((1, 1), np.int64))

    def colours(self, planes: Floats) -> Floats:
        """`planes` `[3, h, w]` at the site of the piece at each sample."""
        found: Floats = planes[:, self.row, self.column][:, self.piece]
        return found


def _pieces(heading: Heading, cell: int, key: int, *, jitter: float, square: float) -> _Pieces:
    """Voronoi cells of jittered sites, one in each cell of a grid.

    With `square` 1 distance is the larger of those along and across the heading at the site, with 0 it is Euclid's.
    """
    height, width = heading[0].shape
    rows, columns = (np.arange(-(-size // cell) + 2, dtype=np.int64) for size in (height, width))

    def place(n: int) -> Floats:
        draw = hash_uniform(key_hash(key, n), rows[:, None], columns[None, :])
        offset: Floats = (draw - F(0.5)) * F(jitter) - F(0.5)
        return offset

    y = (rows[:, None].astype(np.float32) + place(1)) * F(cell)
    x = (columns[None, :].astype(np.float32) + place(2)) * F(cell)
    row = np.clip(y, F(0), F(height - 1)).astype(np.int32)
    column = np.clip(x, F(0), F(width - 1)).astype(np.int32)
    numbers = np.arange(row.size, dtype=np.int32).reshape(row.shape)
    cos, sin = heading[0][row, column], heading[1][row, column]
    planes = [plane.repeat(cell, 0).repeat(cell, 1) for plane in (x, y, cos, sin)]
    owner = numbers.repeat(cell, 0).repeat(cell, 1)
    ys, xs = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None, :]
    first = np.full((height, width), np.inf, np.float32)
    second = first.copy()
    site = np.zeros((height, width), np.int32)
    right, below = np.zeros_like(first), np.zeros_like(first)
    for down in range(3):
        for across in range(3):
            view = slice(down * cell, down * cell + height), slice(across * cell, across * cell + width)
            sx, sy, c, s = (plane[view] for plane in planes)
            dx, dy = xs - sx, ys - sy
            straight = np.sqrt(dx * dx + dy * dy)
            box = np.maximum(np.abs(dx * c + dy * s), np.abs(dy * c - dx * s))
            distance = straight + (box - straight) * F(square)
            nearer = distance < first
            second = np.minimum(second, np.maximum(first, distance))
            np.copyto(first, distance, where=nearer)
            np.copyto(site, owner[view], where=nearer)
            np.copyto(right, dx, where=nearer)
            np.copyto(below, dy, where=nearer)
    return _Pieces(site, second - first, right, below, row.ravel(), column.ravel(), key)
