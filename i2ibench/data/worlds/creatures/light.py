"""The light of a scene, which knows nothing of the animal's class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from i2ibench.data.worlds.creatures.patterns import RGB, ink, mixed, step
from i2ibench.data.worlds.creatures.pose import Pose
from i2ibench.data.worlds.creatures.vectors import Vector, between, unit
from i2ibench.data.worlds.noise import Floats, Stream

F = np.float32


@dataclass(frozen=True)
class Light:
    """Sun, sky and what the ground throws back, as linear colours."""

    sun: Vector
    """Unit vector towards the sun."""
    direct: RGB
    sky: RGB
    bounce: RGB
    exposure: float


def draw_light(rng: Stream, bounce: RGB, indoors: bool) -> Light:
    """Clear, veiled, low or window light."""
    side = 1.0 if rng.chance(0.5) else -1.0
    across, up, front = side * rng.uniform(0.15, 0.95), rng.uniform(0.5, 1.0), rng.uniform(0.15, 0.9)
    kind = "window" if indoors else rng.weighted((("clear", 3.0), ("veiled", 2.0), ("low", 2.0)))
    strength = rng.uniform(0.9, 1.1)
    if kind == "clear":
        direct, sky = ink(1.12, 1.06, 0.97), ink(0.60, 0.66, 0.75)
    elif kind == "veiled":
        direct, sky = ink(0.82, 0.81, 0.80), ink(0.80, 0.82, 0.86)
    elif kind == "low":
        up *= 0.55
        direct, sky = ink(1.24, 1.02, rng.uniform(0.66, 0.8)), ink(0.58, 0.58, 0.70)
    else:
        direct, sky = ink(1.02, 0.98, 0.92), ink(0.72, 0.70, 0.68)
    return Light(
        sun=unit((across, up, front)),
        direct=mixed((0.0, 0.0, 0.0), direct, strength),
        sky=sky,
        bounce=mixed(bounce, (0.3, 0.3, 0.3), 0.3),
        exposure=rng.uniform(0.94, 1.12),
    )


def sunlight(pose: Pose, light: Light, x: Floats, y: Floats, z: Floats, gap: float) -> Floats:
    """The share of the sun that reaches points past head and trunk, both taken as balls, the same for every class.

    Balls are felt from a distance of `gap` of their radius on, so that surfaces on a ball are not in its own shadow.
    """
    share = np.ones(np.broadcast_shapes(x.shape, y.shape, z.shape), np.float32)
    sun = light.sun
    for centre, radius in _balls(pose):
        dx, dy, dz = F(centre[0]) - x, F(centre[1]) - y, F(centre[2]) - z
        towards = dx * F(sun[0]) + dy * F(sun[1]) + dz * F(sun[2])
        beside = (dx * dx + dy * dy + dz * dz - towards * towards) * F(1 / (radius * radius))
        blocked = step(1.35, 0.45, beside) * step(gap * radius, (gap + 0.7) * radius, towards)
        share = share * (F(1) - blocked)
    return share


def openness(pose: Pose, x: Floats, y: Floats) -> Floats:
    """How much of the sky the ground at a place in the picture sees past the animal above it."""
    ground = F(1)
    middle = between(pose.left_foot, pose.right_foot)
    spots = (
        (between(middle, pose.body.origin)[0], pose.ground, 0.17 * pose.size, 0.5),
        (pose.tail_base[0], pose.ground - 0.34 * pose.tail_base[2], 0.12 * pose.size, 0.3),
        (pose.left_foot[0], pose.left_foot[1], 0.055 * pose.size, 0.6),
        (pose.right_foot[0], pose.right_foot[1], 0.055 * pose.size, 0.6),
    )
    share: Floats = np.ones(np.broadcast_shapes(x.shape, y.shape), np.float32)
    for left, height, radius, strength in spots:
        dx, dy = (x - F(left)) * F(1 / radius), (y - F(height)) * F(2.4 / radius)
        share = share * (ground - F(strength) / (F(1) + (dx * dx + dy * dy)))
    return share


def _balls(pose: Pose) -> tuple[tuple[Vector, float], ...]:
    return (
        (pose.head.origin, pose.head.scale),
        (pose.chest, 0.115 * pose.size),
        (pose.body.at(0.0, 0.0, -0.4), 0.12 * pose.size),
    )
