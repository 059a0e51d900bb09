"""What water does: ground that mirrors, rain and snow in the air."""

from __future__ import annotations

import numpy as np

from i2ibench.data.worlds.canvas import Canvas, Material
from i2ibench.data.worlds.noise import Floats, Stream, hash_uniform, lookup
from i2ibench.data.worlds.scene import Scene
from i2ibench.data.worlds.shade import F

_REACH = (0.5, 0.75, 0.95, 1.1, 1.35, 1.7)
"""How far above its foot a ripple shows what stands on the ground, as shares of the mirror's own distance."""


def mirror(radiance: Floats, scene: Scene, canvas: Canvas, strength: float) -> Floats:
    """`radiance` `[3, h, w]` with what stands on the ground mirrored in carriageway and paving, streaked by ripples.

    A sample mirrors what is as far above the foot of the nearest thing above it in the picture as it is below.
    """
    rows, columns = canvas.surface.shape
    kinds = np.array([surface.material for surface in canvas.surfaces], np.uint8)[canvas.surface]
    wet = (kinds == Material.ROAD) | (kinds == Material.PAVING)
    ground = wet | (kinds == Material.GRASS)
    at = np.arange(rows, dtype=np.int32)[:, None]
    foot = np.maximum.accumulate(np.where(ground, np.int32(0), at), axis=0)
    row, column = np.nonzero(wet)
    below = (row - foot[row, column]).astype(np.float32)
    x, _, z = canvas.world()
    x, z = x[row, column], z[row, column]
    ripple = lookup("grain", x * F(30), z * F(12))
    shift = (ripple * F(rows * 0.004)).astype(np.int32)
    mirrored = np.zeros((3, row.size), np.float32)
    for number, reach in enumerate(_REACH):
        wobble = F(reach) + F(0.2) * lookup("leaf", x * F(20) + F(number * 77), z * F(9))
        source = np.clip(foot[row, column] - (below * wobble).astype(np.int32), 0, rows - 1)
        across = np.clip(column + shift * (number % 3 - 1), 0, columns - 1)
        for channel in range(3):
            mirrored[channel] += np.minimum(radiance[channel, source, across], F(4)) * F(1 / len(_REACH))
    depth = canvas.depth[row, column]
    grazing = depth / (depth + F(3 * canvas.camera.height))
    puddle = np.clip(lookup("cloud", x * F(16) + F(scene.key & 255), z * F(10)) * F(2.2) + F(0.55), F(0.15), F(1))
    share = F(strength) * (F(0.08) + F(0.72) * grazing * grazing) * puddle
    result: Floats = radiance.copy()
    for channel in range(3):
        dry = radiance[channel, row, column]
        result[channel, row, column] = dry + (mirrored[channel] - dry) * share
    return result


def streaks(linear: Floats, scene: Scene, density: float) -> Floats:
    """Pixels `[3, H, W]` behind falling rain."""
    rng = Stream(scene.key, 43)
    lean = rng.uniform(-0.25, 0.25)
    y, x = _grid(linear)
    veil = np.zeros(linear.shape[1:], np.float32)
    for number, (wide, long, thick, strength) in enumerate(
        ((0.030, 0.34, 0.0022, 0.22), (0.018, 0.22, 0.0016, 0.22), (0.011, 0.14, 0.0012, 0.20))
    ):
        across = (x + y * F(lean) + F(9)) * F(1 / wide)
        column = np.floor(across)
        start = hash_uniform((scene.key & 0xFFFF) + number, column.astype(np.int64), np.ones(1, np.int64))
        along = (y + F(9)) * F(1 / long) + start
        drop = np.floor(along)
        draw = hash_uniform((scene.key & 0xFFFF) + number + 8, column.astype(np.int64), drop.astype(np.int64))
        middle = F(0.3) + F(0.4) * start
        pixel = F(1 / linear.shape[1])
        near = np.clip(
            (F(thick) + pixel * F(0.5) - np.abs(across - column - middle) * F(wide)) / pixel, F(0), F(1)
        ) * min(1.0, thick * 1.6 * linear.shape[1])
        fall = along - drop
        falls = fall * (F(1) - fall) * F(4) * (fall < F(0.85))
        veil = np.maximum(veil, np.where(draw < F(density * 0.55), near * falls * F(strength), F(0)).astype(np.float32))
    bright = [F(0.55 * scene.light.horizon[c] + 0.35 * scene.light.ambient[c] + 0.03) for c in range(3)]
    return np.stack([linear[c] + (bright[c] + linear[c] * F(0.4)) * veil * F(1.6) for c in range(3)])


def flakes(linear: Floats, scene: Scene, density: float) -> Floats:
    """Pixels `[3, H, W]` behind falling snow: large blurred flakes near the camera, small ones far away."""
    rng = Stream(scene.key, 44)
    lean = rng.uniform(-0.6, 0.6)
    y, x = _grid(linear)
    veil = np.zeros(linear.shape[1:], np.float32)
    pixel = 1 / linear.shape[1]
    for number, (cell, radius, strength) in enumerate(((0.21, 0.0085, 0.5), (0.11, 0.005, 0.65), (0.055, 0.003, 0.65))):
        across, down = (x + y * F(lean) + F(9)) * F(1 / cell), (y + F(9)) * F(1 / cell)
        column, row = np.floor(across), np.floor(down)
        at = column.astype(np.int64), row.astype(np.int64)
        key = (scene.key & 0xFFFF) + number * 8
        middle = F(0.2) + F(0.6) * hash_uniform(key, *at), F(0.2) + F(0.6) * hash_uniform(key + 1, *at)
        size = F(radius) * (F(0.6) + F(0.8) * hash_uniform(key + 2, *at))
        dx, dy = (across - column - middle[0]) * F(cell), (down - row - middle[1]) * F(cell)
        distance = np.sqrt(dx * dx + dy * dy)
        soft = np.clip((size + F(0.7 * pixel) - distance) / (size * F(0.6) + F(0.7 * pixel)), F(0), F(1))
        seen = hash_uniform(key + 3, *at) < F(density * 0.7)
        veil = np.maximum(veil, np.where(seen, soft * F(strength), F(0)))
    white = [F(0.75 * scene.light.ambient[c] + 0.35 * scene.light.horizon[c] + 0.02) for c in range(3)]
    return np.stack([linear[c] + (white[c] - linear[c]) * veil for c in range(3)])


def _grid(linear: Floats) -> tuple[Floats, Floats]:
    """Y `[H, 1]` and X `[1, W]` of pixels in picture heights."""
    height, width = linear.shape[1:]
    y = (np.arange(height, dtype=np.float32) + F(0.5)) * F(1 / height)
    x = (np.arange(width, dtype=np.float32) + F(0.5)) * F(1 / height)
    return y[:, None], x[None, :]
