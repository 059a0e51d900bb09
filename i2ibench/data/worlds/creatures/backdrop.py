"""What is behind and under the animal, out of focus, drawn from the scene alone."""

from __future__ import annotations

import numpy as np

from i2ibench.data.worlds.creatures.light import Light, draw_light, openness, sunlight
from i2ibench.data.worlds.creatures.patterns import step
from i2ibench.data.worlds.creatures.places import PLACES, View
from i2ibench.data.worlds.creatures.pose import SLOPE, Pose
from i2ibench.data.worlds.noise import Floats, Stream
from i2ibench.task import Resolution

F = np.float32
SAMPLES = 2
"""Samples along each side of a pixel."""


def backdrop(seed: int, index: int, pose: Pose, resolution: Resolution) -> tuple[Floats, Light]:
    """The linear light of every pixel `[3, H, W]` without the animal, its shadow included, and the scene's light."""
    rng = Stream(seed, index, 2)
    place, bounce, indoors = rng.choice(PLACES)
    light = draw_light(rng, bounce, indoors)
    horizon = rng.uniform(-0.20, 0.06)
    rows, columns = (side * SAMPLES for side in resolution)
    across = (np.arange(columns, dtype=np.float32) + F(0.5)) / F(rows) - F(columns / rows / 2)
    up = F(0.5) - (np.arange(rows, dtype=np.float32) + F(0.5)) / F(rows)
    x, y = (plane.ravel() for plane in np.meshgrid(across, up))
    near = np.clip((F(horizon) - y) * F(1 / (horizon + 0.5)), F(0), F(1))
    away = F(1) / (near + F(0.18))
    view = View(
        x=x,
        y=y,
        near=near,
        far=np.maximum(y - F(horizon), F(0)),
        u=(x + F(rng.uniform(-9, 9))) * away * F(7),
        v=away * F(6),
        rng=rng,
        key=rng.integer(0, 65535),
    )
    above, ground = place(view)
    sun = sunlight(pose, light, x, y, (F(pose.ground) - y) * F(1 / SLOPE), 0.0) * F(max(light.sun[1], 0.25))
    sky = openness(pose, x, y)
    ground_share = step(0.0, 0.08, view.near)
    shone = np.empty_like(ground)
    for channel in range(3):
        lit = ground[channel] * (F(light.sky[channel]) * sky + F(light.direct[channel]) * sun)
        shone[channel] = above[channel] + (lit - above[channel]) * ground_share
    return _soft(shone.reshape(3, rows, columns)), light


def _soft(shone: Floats) -> Floats:
    """Samples `[3, h, w]` to pixels, out of focus: each sample is first mixed with its neighbours.

    They are as far away at every resolution, one pixel of the smallest.
    """
    reach = max(shone.shape[1] // 96, 1)
    for axis in (1, 2):
        count = shone.shape[axis]
        place = np.arange(count)
        before = np.take(shone, np.maximum(place - reach, 0), axis=axis)
        after = np.take(shone, np.minimum(place + reach, count - 1), axis=axis)
        shone = (before + after) * F(0.25) + shone * F(0.5)
    total: Floats = np.zeros_like(shone[:, ::SAMPLES, ::SAMPLES])
    for down in range(SAMPLES):
        for right in range(SAMPLES):
            total += shone[:, down::SAMPLES, right::SAMPLES]
    total *= F(1 / (SAMPLES * SAMPLES))
    return total
