"""The geometry pass of the street renderer: which surface, part and depth each sample of a picture sees.

Surfaces are painted far to near. World axes: X right, Y up, Z forward, in metres, from the ground under the camera.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from math import ceil

import numpy as np
from numpy.typing import NDArray

from i2ibench.data.worlds.noise import Floats, lookup
from i2ibench.data.worlds.scene import RGB, Camera, Label
from i2ibench.data.worlds.stencil import Stencil
from i2ibench.task import Resolution

SAMPLES = 3
"""Samples along each side of a pixel; the middle one is the pixel's centre and gives its label."""
FAR = 4000.0
"""Depth of the sky in metres."""


class Material(IntEnum):
    """How a surface is shaded."""

    SKY = 0
    ROAD = 1
    PAVING = 2
    GRASS = 3
    FACADE = 4
    WALL = 5
    FENCE = 6
    LEAVES = 7
    PAINT = 8


@dataclass(frozen=True)
class Surface:
    """One thing that was painted. `numbers` are what its material's shader reads."""

    label: Label
    instance: int
    material: Material
    normal: tuple[float, float, float]
    numbers: tuple[float, ...] = ()
    palette: tuple[RGB, ...] = ()
    """Colours by part, for painted surfaces."""
    identity: int = 0
    """Which face of which thing the surface is: the same in all frames of a sequence."""
    moved: tuple[float, float] = (0.0, 0.0)
    """How far along X and Z the thing has come since its sequence began."""


@dataclass
class Canvas:
    """What each sample sees, `[H * SAMPLES, W * SAMPLES]`. All positions given to its methods are the world's."""

    camera: Camera
    resolution: Resolution
    nearest: bool = False
    """What is nearest hides the rest; else what is painted last does."""
    surfaces: list[Surface] = field(default_factory=list)

    def __post_init__(self) -> None:
        rows, columns = (side * SAMPLES for side in self.resolution)
        self.aspect = columns / rows
        across = (np.arange(columns, dtype=np.float32) + np.float32(0.5)) / np.float32(columns) - np.float32(0.5)
        down = (np.arange(rows, dtype=np.float32) + np.float32(0.5)) / np.float32(rows) - np.float32(0.5)
        self.x: Floats = across * np.float32(self.aspect) - np.float32(self.camera.vanishing_x)
        """Picture X of each column in picture heights, from the vanishing point."""
        self.y: Floats = down - np.float32(self.camera.horizon_y)
        self.surface: NDArray[np.int32] = np.zeros((rows, columns), np.int32)
        self.depth: Floats = np.full((rows, columns), FAR, np.float32)
        """Distance ahead of the camera, along Z."""
        self.part: NDArray[np.uint8] = np.zeros((rows, columns), np.uint8)

    def add(self, surface: Surface) -> int:
        """Enter a surface and return its number."""
        self.surfaces.append(surface)
        return len(self.surfaces) - 1

    def world(self) -> tuple[Floats, Floats, Floats]:
        """World X, Y and Z of every sample."""
        camera, scale = self.camera, self.depth / np.float32(self.camera.focal)
        x = self.x[None, :] * scale + np.float32(camera.x)
        return x, np.float32(camera.height) - self.y[:, None] * scale, self.depth + np.float32(camera.z)

    def ground(self, rows: slice, columns: slice) -> tuple[Floats, Floats]:
        """World X `[rows, columns]` and Z `[rows]` of the ground that these rows, below the horizon, see."""
        depth = self.level_depth(rows)
        across = self.x[columns][None, :] * (depth * np.float32(1 / self.camera.focal))[:, None]
        return across + np.float32(self.camera.x), depth + np.float32(self.camera.z)

    def labels(self) -> NDArray[np.uint8]:
        """Class of every pixel's centre, `[H, W]`."""
        labels: NDArray[np.uint8] = np.array([surface.label for surface in self.surfaces], np.uint8)[self.centres()]
        return labels

    def instances(self) -> NDArray[np.uint16]:
        """Instance at every pixel's centre, `[H, W]`."""
        instances = np.array([surface.instance for surface in self.surfaces], np.uint16)
        found: NDArray[np.uint16] = instances[self.centres()]
        return found

    def centres(self) -> NDArray[np.int32]:
        """Number of the surface at every pixel's centre, `[H, W]`."""
        return self.surface[SAMPLES // 2 :: SAMPLES, SAMPLES // 2 :: SAMPLES]

    def level_depth(self, rows: slice, height: float = 0.0) -> Floats:
        """Depth `[rows]` at which these rows, below the horizon, see a level plane at `height`."""
        depth: Floats = np.float32(self.camera.focal * (self.camera.height - height)) / self.y[rows]
        return depth

    def window(self, x: tuple[float, float], y: tuple[float, float]) -> tuple[slice, slice]:
        """Rows and columns whose samples lie in these picture ranges, counted from the vanishing point."""
        rows, columns = self.surface.shape
        vx, hy = self.camera.vanishing_x, self.camera.horizon_y
        left, right = (ceil(((at + vx) / self.aspect + 0.5) * columns - 0.5) for at in x)
        top, bottom = (ceil((at + hy + 0.5) * rows - 0.5) for at in y)
        across = slice(min(max(left, 0), columns), min(max(right, 0), columns))
        return slice(min(max(top, 0), rows), min(max(bottom, 0), rows)), across

    def ground_window(self, x: tuple[float, float], z: tuple[float, float]) -> tuple[slice, slice]:
        """The window of a rectangle on the ground, cut where it passes under the camera."""
        x, z = self._from_camera(x, z)
        near, far = max(z[0], 0.5), max(z[1], 0.6)
        focal, height = self.camera.focal, self.camera.height
        left, right = min(x[0] * focal / near, x[0] * focal / far), max(x[1] * focal / near, x[1] * focal / far)
        return self.window((left, right), (focal * height / far, focal * height / near))

    def front(
        self,
        number: int,
        z: float,
        x: tuple[float, float],
        y: tuple[float, float],
        stencil: Stencil | None = None,
        *,
        flipped: bool = False,
        share: tuple[float, float] = (0.0, 1.0),
        gable: float = 0.0,
    ) -> None:
        """Paint a rectangle that faces the camera at Z = `z`, if that is ahead.

        A stencil is stretched over x and y, mirrored if `flipped`, and only its `share` from bottom to top is painted.
        The last `gable` metres of its height narrow to a point.
        """
        x, (z, _) = self._from_camera(x, (z, z))
        if z <= 0:
            return
        scale, height = self.camera.focal / z, self.camera.height
        low, high = y[0] + (y[1] - y[0]) * share[0], y[0] + (y[1] - y[0]) * share[1]
        rows, columns = self.window((x[0] * scale, x[1] * scale), ((height - high) * scale, (height - low) * scale))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return
        across = (self.x[columns] * np.float32(1 / scale) - np.float32(x[0])) * np.float32(1 / (x[1] - x[0]))
        up = (np.float32(height - y[0]) - self.y[rows] * np.float32(1 / scale)) * np.float32(1 / (y[1] - y[0]))
        if stencil is not None:
            parts = stencil.parts
            column = _texel(np.float32(1) - across if flipped else across, parts.shape[1])
            part = parts[_texel(up, parts.shape[0])[:, None], column[None, :]]
            self._paint(number, rows, columns, part > 0, np.float32(z), part)
        elif gable:
            slope = (np.float32(1) - np.abs(across * np.float32(2) - np.float32(1))) * np.float32(gable)
            tip = (np.float32(1) - up) * np.float32(y[1] - y[0])
            self._paint(number, rows, columns, tip[:, None] > np.float32(gable) - slope[None, :], np.float32(z))
        else:
            self._paint(number, rows, columns, None, np.float32(z))

    def side(
        self,
        number: int,
        x: float,
        z: tuple[float, float],
        y: tuple[float, float],
        stencil: Stencil | None = None,
        *,
        flipped: bool = False,
    ) -> None:
        """Paint a rectangle along the street at X = `x`. A stencil's left is at the near end unless `flipped`."""
        (x, _), z = self._from_camera((x, x), z)
        near, far = max(z[0], 0.3), z[1]
        if far <= near:
            return
        focal, height = self.camera.focal, self.camera.height
        ends = x * focal / near, x * focal / far
        bottom, top = max((height - y[0]) * focal / near, 0.0), (height - y[1]) * focal
        rows, columns = self.window((min(ends), max(ends)), (min(top / near, top / far), bottom))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return
        depth = np.float32(x * focal) / self.x[columns]
        up = np.float32(height) - self.y[rows][:, None] * (depth * np.float32(1 / focal))[None, :]
        inside = (up >= np.float32(y[0])) & (up < np.float32(y[1]))
        if stencil is None:
            self._paint(number, rows, columns, inside, depth[None, :])
            return
        along = (depth - np.float32(z[0])) * np.float32(1 / (z[1] - z[0]))
        parts = stencil.parts
        column = _texel(np.float32(1) - along if flipped else along, parts.shape[1])
        row = _texel((up - np.float32(y[0])) * np.float32(1 / (y[1] - y[0])), parts.shape[0])
        part = parts[row, column[None, :]]
        self._paint(number, rows, columns, inside & (part > 0), depth[None, :], part)

    def level(self, number: int, y: float, x: tuple[float, float], z: tuple[float, float], part: int) -> None:
        """Paint a horizontal rectangle at height `y`, if the camera is above it."""
        x, z = self._from_camera(x, z)
        if y >= self.camera.height or z[1] <= 0.3:
            return
        z = max(z[0], 0.3), z[1]
        focal, drop = self.camera.focal, self.camera.height - y
        near, far = focal * drop / z[0], focal * drop / z[1]
        reach = [at * focal / depth for at in x for depth in z]
        rows, columns = self.window((min(reach), max(reach)), (far, near))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return
        depth = self.level_depth(rows, y)
        across = self.x[columns][None, :] * (depth * np.float32(1 / focal))[:, None]
        inside = (across >= np.float32(x[0])) & (across < np.float32(x[1]))
        parts = np.full(inside.shape, part, np.uint8)
        self._paint(number, rows, columns, inside, depth[:, None], parts)

    def roof(self, number: int, x: float, z: tuple[float, float], y: tuple[float, float], run: float) -> None:
        """Paint a slope that rises away from the street: height y[0] at X = `x`, y[1] where it is `run` farther out."""
        (x, _), z = self._from_camera((x, x), z)
        focal, height = self.camera.focal, self.camera.height
        out = 1.0 if x > 0 else -1.0
        rise = out * (y[1] - y[0]) / run
        drop = x * rise + height - y[0]
        near = max(z[0], 0.5)
        if drop <= 0 or z[1] <= near:
            return
        across = [at * focal / depth for at in (x, x + out * run) for depth in (near, z[1])]
        down = [(height - at) * focal / depth for at in y for depth in (near, z[1])]
        rows, columns = self.window((min(across), max(across)), (min(down), max(down)))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return
        steep = np.maximum(self.x[columns][None, :] * np.float32(rise) + self.y[rows][:, None], np.float32(1e-6))
        depth = np.float32(drop * focal) / steep
        up = np.float32(height) - self.y[rows][:, None] * (depth * np.float32(1 / focal))
        inside = (depth >= np.float32(near)) & (depth < np.float32(z[1]))
        inside &= (up >= np.float32(y[0])) & (up < np.float32(y[1]))
        self._paint(number, rows, columns, inside, depth)

    def crown(self, number: int, z: float, centre: tuple[float, float], radius: tuple[float, float], key: int) -> None:
        """Paint a tree's crown or a bush, if it is ahead: an ellipse facing the camera with a ragged outline."""
        reach, height = 1.25, self.camera.height
        half = radius[0] * reach
        (left, right), (z, _) = self._from_camera((centre[0] - half, centre[0] + half), (z, z))
        if z <= 0:
            return
        scale = self.camera.focal / z
        low, high = centre[1] - radius[1] * reach, centre[1] + radius[1] * reach
        rows, columns = self.window((left * scale, right * scale), ((height - high) * scale, (height - low) * scale))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return
        world_x = self.x[columns] * np.float32(1 / scale) + np.float32(self.camera.x)
        world_y = np.float32(height) - self.y[rows] * np.float32(1 / scale)
        across = (world_x - np.float32(centre[0])) * np.float32(1 / radius[0])
        up = (world_y - np.float32(centre[1])) * np.float32(1 / radius[1])
        offset = np.float32(key & 1023)
        ragged = lookup(
            "leaf",
            world_x[None, :] * np.float32(14) + offset,
            world_y[:, None] * np.float32(14) + np.float32(key >> 10),
        )
        edge = (across * across)[None, :] + (up * up)[:, None] + ragged * np.float32(0.9)
        inside = (edge < np.float32(1)) & (world_y > 0)[:, None]
        self._paint(number, rows, columns, inside, np.float32(z))

    def _from_camera(
        self, x: tuple[float, float], z: tuple[float, float]
    ) -> tuple[tuple[float, float], tuple[float, float]]:
        camera = self.camera
        return (x[0] - camera.x, x[1] - camera.x), (z[0] - camera.z, z[1] - camera.z)

    def _paint(
        self,
        number: int,
        rows: slice,
        columns: slice,
        inside: NDArray[np.bool_] | None,
        depth: Floats | np.float32,
        part: NDArray[np.uint8] | None = None,
    ) -> None:
        if self.nearest:
            ahead = depth <= self.depth[rows, columns]
            inside = ahead if inside is None else inside & ahead
        if inside is None:
            self.surface[rows, columns] = number
            self.depth[rows, columns] = depth
            return
        np.copyto(self.surface[rows, columns], np.int32(number), where=inside)
        np.copyto(self.depth[rows, columns], depth, where=inside)
        if part is not None:
            np.copyto(self.part[rows, columns], part, where=inside)


def _texel(share: Floats, count: int) -> NDArray[np.int32]:
    """The texel at each share from 0 to 1."""
    found: NDArray[np.int32] = (share * np.float32(count)).astype(np.int32)
    return np.clip(found, 0, count - 1)
