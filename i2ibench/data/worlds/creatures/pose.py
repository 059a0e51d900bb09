"""The pose of an animal, which knows nothing of its class: a skeleton that every class hangs its shapes on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from i2ibench.data.worlds.creatures.vectors import Frame, Vector, add, axes_of, cross, scaled, turn, unit
from i2ibench.data.worlds.noise import Floats, Stream
from i2ibench.task import Resolution

KEYPOINTS = (
    "left eye",
    "right eye",
    "muzzle",
    "head",
    "chest",
    "body",
    "tail base",
    "left foot",
    "right foot",
)
"""The points of `Row.keypoints`; left and right are the animal's own. Head, chest and body are the middles of these
parts; the muzzle is where nose or beak begins; the feet are fore paws, a bird's feet or the tips of a fish's fins."""

SLOPE = 0.34
"""How far up the picture the ground rises for each step away from the viewer: the camera looks down a little."""


@dataclass(frozen=True)
class Pose:
    """Where the animal is and how it holds itself."""

    facing: float
    """1 where the body points right, -1 left."""
    size: float
    head: Frame
    """Axes: the animal's left, its crown, its nose. Scale: half the head's width."""
    body: Frame
    """Axes: across, back, along the spine to the chest. Scale: half the trunk's length."""
    left_eye: Vector
    right_eye: Vector
    muzzle: Vector
    chest: Vector
    tail_base: Vector
    left_foot: Vector
    right_foot: Vector
    tail: tuple[float, float, float]
    """How high the tail is held (0 to 1), how far it swings to the viewer (-1 to 1), how much it curls (0 to 1)."""
    gaze: tuple[float, float]
    """How far the pupils are from the middle of the eyes, in radii, right and up."""
    ground: float
    """Height in the picture of the ground at depth 0."""

    def keypoints(self, resolution: Resolution) -> Floats:
        """The `KEYPOINTS` `[K, 2]`: x to the right and y downwards in pixels from the picture's corner."""
        points = (
            self.left_eye, self.right_eye, self.muzzle, self.head.origin, self.chest, self.body.origin, self.tail_base,
            self.left_foot, self.right_foot,
        )  # fmt: skip
        height, width = resolution
        return np.array([(x * height + width / 2, (0.5 - y) * height) for x, y, _ in points], np.float32)

    def floor(self, x: float, z: float) -> Vector:
        """The point of the ground there."""
        return x, self.ground - SLOPE * z, z


def draw_pose(seed: int, index: int) -> Pose:
    """The pose of scene `index`."""
    rng = Stream(seed, index, 1)
    facing = 1.0 if rng.chance(0.5) else -1.0
    size = rng.uniform(1.02, 1.18)
    ground = rng.uniform(-0.425, -0.39)
    yaw, pitch = rng.uniform(0.10, 0.42), rng.uniform(0.04, 0.30)
    spine = _spine(facing, yaw, pitch)
    across = unit(cross((0.0, 1.0, 0.0), spine))
    back = cross(spine, across)
    middle = (
        facing * rng.uniform(-0.13, -0.05) * size,
        ground + (rng.uniform(0.185, 0.215)) * size,
        0.0,
    )
    body = Frame(middle, (across, back, spine), 0.17 * size)
    chest = body.at(0.0, 0.05, 0.72)
    ahead = (facing * rng.uniform(0.02, 0.07), rng.uniform(0.205, 0.24), rng.uniform(0.08, 0.12))
    turned = rng.uniform(-0.14, 0.28) * facing
    head = Frame(
        add(chest, ahead, size),
        axes_of(turned, rng.uniform(-0.11, 0.07), rng.uniform(-0.13, 0.13)),
        rng.uniform(0.172, 0.186) * size,
    )
    apart = rng.uniform(0.44, 0.50)
    feet = []
    for side in (1.0, -1.0):
        under = add(scaled(across, side * 0.075 * size), spine, rng.uniform(0.045, 0.13) * size)
        feet.append((middle[0] + under[0], middle[2] + under[2]))
    floor = [(x, ground - SLOPE * z, z) for x, z in feet]
    return Pose(
        facing=facing,
        size=size,
        head=head,
        body=body,
        left_eye=head.at(apart, 0.16, 0.80),
        right_eye=head.at(-apart, 0.16, 0.80),
        muzzle=head.at(0.0, -0.24, 0.98),
        chest=chest,
        tail_base=body.at(0.0, 0.10, -0.92),
        left_foot=floor[0],
        right_foot=floor[1],
        tail=(rng.uniform(), rng.uniform(-1, 1), rng.uniform()),
        gaze=(rng.uniform(-0.22, 0.22), rng.uniform(-0.12, 0.12)),
        ground=ground,
    )


def _spine(facing: float, yaw: float, pitch: float) -> Vector:
    """The direction from rump to chest: towards the side, somewhat to the viewer and somewhat up."""
    (cy, sy), (cp, sp) = turn(yaw), turn(pitch)
    return facing * cy * cp, sp, sy * cp
