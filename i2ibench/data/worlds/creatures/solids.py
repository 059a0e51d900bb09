"""Solids and the canvas they are drawn on: for each sample the foremost surface, its slope and its colour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from i2ibench.data.worlds.creatures.vectors import Axes, Frame, Vector, add
from i2ibench.data.worlds.noise import Floats, lookup
from i2ibench.task import Resolution

F = np.float32
SAMPLES = 3
"""Samples along each side of a pixel."""
NOWHERE = -9.0
"""Depth of samples that see no animal."""


class Zone(IntEnum):
    """Where on an animal a surface is, for its coat."""

    HEAD = 0
    MUZZLE = 1
    EAR = 2
    BODY = 3
    LEG = 4
    TAIL = 5
    WING = 6
    BEAK = 7
    FIN = 8
    RUFF = 9


@dataclass(frozen=True)
class Surface:
    """Samples of one solid. All arrays are `[N]`."""

    zone: Zone
    x: Floats
    y: Floats
    z: Floats
    """Coordinates in the frame of the coat: head or body, or along a limb."""
    local: tuple[Floats, Floats, Floats]
    """Coordinates in the solid, -1 to 1."""
    key: int
    """What the animal's noise depends on."""


Coat = Callable[[Surface], Floats]
"""Linear reflectance `[3, N]` of a surface."""


@dataclass(frozen=True)
class Solid:
    """An ellipsoid; or a paraboloid that stands on its centre and has its tip at the end of its second axis."""

    centre: Vector
    axes: Axes
    radii: Vector
    zone: Zone
    coat: Coat
    frame: Frame
    """Where the coat's coordinates are taken."""
    pointed: bool = False
    blend: float = 0.0
    """Depth over which it melts into other solids that do."""
    fuzz: float = 0.0
    """How ragged the outline is, as a share of the radius."""
    gloss: float = 0.0
    fur: float = 0.0
    """How strongly the surface is hairy: light at the rim, bumps within."""
    key: int = 0


class Canvas:
    """What each of the samples sees; the planes are flat, rows one after another."""

    def __init__(self, resolution: Resolution) -> None:
        self.rows, self.columns = (side * SAMPLES for side in resolution)
        self.across: Floats = (np.arange(self.columns, dtype=np.float32) + F(0.5)) / F(self.rows) - F(
            self.columns / self.rows / 2
        )
        self.up: Floats = F(0.5) - (np.arange(self.rows, dtype=np.float32) + F(0.5)) / F(self.rows)
        self.depth: Floats = np.full(self.rows * self.columns, NOWHERE, np.float32)
        self.normal: Floats = np.zeros((3, self.depth.size), np.float32)
        self.colour: Floats = np.zeros((3, self.depth.size), np.float32)
        self.finish: Floats = np.zeros((3, self.depth.size), np.float32)
        """Gloss, fur and the depth over which the surface melts."""

    def covered(self) -> NDArray[np.bool_]:
        """Which samples see the animal, `[rows, columns]`."""
        return (self.depth > NOWHERE).reshape(self.rows, self.columns)

    def draw(self, solid: Solid) -> None:
        """Draw a solid where it is in front, or near enough to melt into what is."""
        rows, columns = self._window(solid)
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return
        x = (self.across[columns] - F(solid.centre[0]))[None, :]
        y = (self.up[rows] - F(solid.centre[1]))[:, None]
        fixed = [x * F(axis[0] / r) + y * F(axis[1] / r) for axis, r in zip(solid.axes, solid.radii, strict=True)]
        slant = [axis[2] / r for axis, r in zip(solid.axes, solid.radii, strict=True)]
        squares = (0, 2) if solid.pointed else (0, 1, 2)
        a = 1e-9
        for i in squares:  # not sum(), which newer Pythons round otherwise
            a += slant[i] * slant[i]
        b = fixed[squares[0]] * F(slant[squares[0]])
        c = fixed[squares[0]] * fixed[squares[0]] - F(1)
        for i in squares[1:]:
            b = b + fixed[i] * F(slant[i])
            c = c + fixed[i] * fixed[i]
        if solid.pointed:
            b = b + F(slant[1] / 2)
            c = c + fixed[1]
        if solid.fuzz:
            c = c + F(solid.fuzz) * _ragged(x, y, solid.key)
        found = b * b - F(a) * c
        inside = found > 0
        root = np.sqrt(np.where(inside, found, F(0)))
        z = (root - b) * F(1 / a)
        if solid.pointed:
            inside &= fixed[1] + z * F(slant[1]) >= 0
        row, column = np.nonzero(inside)
        if not row.size:
            return
        z = z[row, column]
        local = [plane[row, column] + z * F(s) for plane, s in zip(fixed, slant, strict=True)]
        z = z + F(solid.centre[2])
        index = (row + rows.start) * self.columns + column + columns.start
        old, soft = self.depth[index], np.minimum(self.finish[2, index], F(solid.blend)) + F(1e-6)
        visible = z > old - soft
        if not visible.all():
            index, z, old, soft = index[visible], z[visible], old[visible], soft[visible]
            local = [plane[visible] for plane in local]
        if index.size:
            self._mix(solid, index, z, old, soft, (local[0], local[1], local[2]))

    def _mix(
        self,
        solid: Solid,
        index: NDArray[np.intp],
        z: Floats,
        old: Floats,
        soft: Floats,
        local: tuple[Floats, Floats, Floats],
    ) -> None:
        """Enter samples of a solid, mixed with what was there by the polynomial smooth maximum of depths."""
        share = np.clip((z - old) / soft * F(0.5) + F(0.5), F(0), F(1))
        slopes = (local[0], np.full_like(z, 0.5), local[2]) if solid.pointed else local
        normal = np.stack(
            [
                sum((slope * F(axis[i] / r) for slope, axis, r in zip(slopes, solid.axes, solid.radii, strict=True)),
                    np.zeros_like(z))
                for i in range(3)
            ]
        )  # fmt: skip
        normal /= np.sqrt(normal[0] * normal[0] + normal[1] * normal[1] + normal[2] * normal[2] + F(1e-12))
        frame, offset = solid.frame, Frame(solid.frame.origin, solid.frame.axes, 1.0)
        x = self.across[index % self.columns] - F(offset.origin[0])
        y = self.up[index // self.columns] - F(offset.origin[1])
        depth = z - F(offset.origin[2])
        placed = [(x * F(axis[0]) + y * F(axis[1]) + depth * F(axis[2])) * F(1 / frame.scale) for axis in frame.axes]
        colour = solid.coat(Surface(solid.zone, placed[0], placed[1], placed[2], local, solid.key))
        finish = np.array([solid.gloss, solid.fur, solid.blend], np.float32)[:, None]
        self.depth[index] = old + (z - old) * share + soft * share * (F(1) - share)
        for planes, new in ((self.normal, normal), (self.colour, colour), (self.finish, finish)):
            before = planes[:, index]
            planes[:, index] = before + (new - before) * share

    def _window(self, solid: Solid) -> tuple[slice, slice]:
        """Rows and columns that the solid can cover."""
        spans = (0, 2) if solid.pointed else (0, 1, 2)
        reach = []
        for i in range(2):
            square = 0.0
            for axis in spans:
                square += (solid.axes[axis][i] * solid.radii[axis]) * (solid.axes[axis][i] * solid.radii[axis])
            half = sqrt(square) * (1.0 + solid.fuzz)
            tip = add(solid.centre, solid.axes[1], solid.radii[1] if solid.pointed else 0.0)[i]
            reach.append((min(solid.centre[i], tip) - half, max(solid.centre[i], tip) + half))
        (left, right), (low, high) = reach
        aspect = self.columns / self.rows
        columns = slice(
            _clip((left + aspect / 2) * self.rows, self.columns), _clip((right + aspect / 2) * self.rows, self.columns)
        )
        return slice(_clip((0.5 - high) * self.rows, self.rows), _clip((0.5 - low) * self.rows, self.rows)), columns


def _clip(position: float, count: int) -> int:
    return min(max(ceil(position - 0.5), 0), count)


def _ragged(x: Floats, y: Floats, key: int) -> Floats:
    """Tufts of a few hundredths of the picture's height, -1 to 1."""
    u, v = x * F(230) + F(key & 255), y * F(230) + F(key >> 8 & 255)
    u, v = np.broadcast_arrays(u, v)
    tufts: Floats = lookup("grain", u, v) * F(1.6)
    return tufts
