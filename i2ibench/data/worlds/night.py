"""The night sky, and what a lens makes of bright lamps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from i2ibench.data.worlds.canvas import Canvas
from i2ibench.data.worlds.noise import Floats, Stream, hash_uniform, lookup
from i2ibench.data.worlds.scene import Scene
from i2ibench.data.worlds.shade import F


def sky(scene: Scene, canvas: Canvas, where: NDArray[np.intp]) -> Floats:
    """Samples of the sky, `[3, N]`: the glow of a town below, clouds that catch it, stars and perhaps the moon."""
    columns = canvas.surface.shape[1]
    up, x = -canvas.y[where // columns], canvas.x[where % columns]
    light, rng = scene.light, Stream(scene.key, 42)
    rise = np.clip(up * F(1.6), F(0), F(1))
    rise = rise * (F(2) - rise)
    far = F(1) / (np.maximum(up, F(0)) + F(0.14))
    offset = F(rng.uniform(0, 512))
    u, v = x * far * F(26) + offset, far * F(34) + offset
    mass = lookup("cloud", u, v) + F(0.3) * lookup("leaf", u * F(1.7), v * F(1.7))
    cover = np.clip((mass + F(light.cloud_cover * 1.3 - 0.62)) * F(2.4), F(0), F(1))
    cover = cover * np.clip(up * F(6), F(0), F(1))
    cell = F(150)  # stars sit in a grid of 150 cells to a picture height, one cell in 160
    row, column = (up + F(4)) * cell, (x + F(4)) * cell
    at = np.floor(row).astype(np.int64), np.floor(column).astype(np.int64)
    draw = hash_uniform(scene.key & 0xFFFFFF, *at)
    star = np.clip((draw - F(1 - 1 / 160)) * F(160), F(0), F(1)) * np.clip(up * F(5), F(0), F(1))
    stars = star * star * F(0.6)
    moon, shine = np.zeros_like(up), rng.chance(0.4) and light.cloud_cover < 0.75
    moon_x, moon_y = rng.uniform(-0.7, 0.7), rng.uniform(0.22, 0.42)
    radius, phase = rng.uniform(0.018, 0.028), rng.uniform(-1.2, 1.2)
    halo = np.zeros_like(up)
    if shine:
        dx, dy = x - F(moon_x), up - F(moon_y)
        square = dx * dx + dy * dy
        dark = dx - F(radius * phase)
        disk = (square < F(radius * radius)) & (dark * dark + dy * dy > F(radius * radius * 0.9))
        moon, halo = np.where(disk, F(1.6), F(0)), F(0.00035) / (square + F(0.002))
    colours = np.empty((3, where.size), np.float32)
    for channel, (white, yellow) in enumerate(((0.9, 1.0), (0.95, 0.95), (1.0, 0.8))):
        horizon, zenith = light.horizon[channel], light.zenith[channel]
        clear = F(horizon) + F(zenith - horizon) * rise + stars * F(white) + (moon + halo) * F(yellow)
        cloud = F(0.55 * horizon + 0.8 * zenith) * (F(1.2) + F(0.7) * mass) + halo * F(0.6)
        colours[channel] = clear + (cloud - clear) * cover * F(0.94)
    return colours


def bloom(linear: Floats) -> Floats:
    """Pixels `[3, H, W]` with the glare of a lens around those brighter than white."""
    bright = np.minimum(np.maximum(linear - F(0.9), F(0)), F(6))
    weights, glare, step = [0.14, 0.26, 0.34], np.zeros_like(linear), 1
    while weights:  # doubled steps leave no gaps: each finds a neighbourhood that the last has filled
        for axis in (1, 2):
            bright = _spread(bright, step, axis)
        step *= 2
        if step * 64 > linear.shape[1]:
            glare += bright * F(weights.pop())
    return linear + glare


def adapt(linear: Floats) -> Floats:
    """Pixels `[3, H, W]` of which the dark ones lose colour and turn bluish, as night pictures are graded."""
    grey = linear[0] * F(0.25) + linear[1] * F(0.6) + linear[2] * F(0.15)
    share = np.clip(F(0.5) - grey * F(3), F(0), F(0.5))
    return np.stack([linear[c] + (grey * F(tint) - linear[c]) * share for c, tint in enumerate((0.9, 1.0, 1.25))])


def _spread(values: Floats, step: int, axis: int) -> Floats:
    """Binomial blur over two neighbours at `step` along an axis; outside is dark."""
    spread: Floats = values * F(0.5)
    ahead, behind = [slice(None)] * 3, [slice(None)] * 3
    ahead[axis], behind[axis] = slice(step, None), slice(None, -step)
    spread[tuple(behind)] += values[tuple(ahead)] * F(0.25)
    spread[tuple(ahead)] += values[tuple(behind)] * F(0.25)
    return spread
