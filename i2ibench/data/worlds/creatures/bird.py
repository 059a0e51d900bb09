"""Builds birds: trunk, head, wings, tail, legs and beak on the skeleton of a pose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from i2ibench.data.worlds.creatures.anatomy import Eye, Kind, Look, blade, eyes, limb
from i2ibench.data.worlds.creatures.patterns import RGB, ink, noise, plain, step
from i2ibench.data.worlds.creatures.pose import Pose
from i2ibench.data.worlds.creatures.solids import Coat, Solid, Surface, Zone
from i2ibench.data.worlds.creatures.vectors import Frame, Vector, add, between, length, scaled
from i2ibench.data.worlds.noise import Floats

F = np.float32
_HORN = ink(0.50, 0.38, 0.26)


@dataclass(frozen=True)
class Bird:
    """The build of a class, in units of half the head's width and, behind the head, half the trunk's length."""

    skull: Vector = (0.90, 0.88, 0.90)
    beak: tuple[Vector, ...] = ((0.0, -0.22, 0.75), (0.0, -0.30, 1.45))
    """The ridge of the beak from root to tip."""
    thick: tuple[float, float] = (0.17, 0.14)
    """Half the beak's width and height at the root."""
    eye: Eye = field(default_factory=Eye)
    girth: float = 1.0
    tail: tuple[float, float] = (0.9, 0.26)
    """Length and half width."""
    leg: float = 0.055
    tufts: float = 0.0
    feet: RGB = _HORN
    webbed: bool = False
    flippers: bool = False
    fluff: float = 0.05


def bird(name: str, shape: Bird, coat: Callable[[Look], Coat]) -> Kind:
    """A class of birds."""

    def made(pose: Pose, look: Look) -> Iterator[Solid]:
        return build(pose, shape, _feathered(coat(look)), look)

    return Kind(name, made)


def build(pose: Pose, shape: Bird, coat: Coat, look: Look) -> Iterator[Solid]:
    """The solids of a bird."""
    head, body = pose.head, pose.body
    stout = shape.girth * (0.94 + 0.12 * look.build)

    def ball(frame: Frame, centre: Vector, radii: Vector, zone: Zone, blend: float = 0.04) -> Solid:
        s = frame.scale
        return Solid(
            centre=frame.at(*centre), axes=frame.axes, radii=(radii[0] * s, radii[1] * s, radii[2] * s), zone=zone,
            coat=coat, frame=frame, blend=blend, fuzz=shape.fluff, fur=0.7, key=look.key,
        )  # fmt: skip

    yield ball(body, (0.0, 0.0, -0.12), (0.66 * stout, 0.72 * stout, 0.98), Zone.BODY, 0.06)
    yield ball(body, (0.0, -0.10, 0.36), (0.70 * stout, 0.78 * stout, 0.72), Zone.BODY, 0.06)
    neck = limb(
        pose.chest, between(pose.chest, head.origin, 0.7), 0.62 * body.scale, Zone.BODY, coat,
        blend=0.06, fuzz=shape.fluff, fur=0.7, key=look.key,
    )  # fmt: skip
    yield replace(neck, frame=body)
    yield ball(head, (0.0, 0.04, 0.0), shape.skull, Zone.HEAD)
    yield ball(head, (0.0, -0.22, 0.22), (0.74, 0.56, 0.62), Zone.HEAD)
    for side in (1.0, -1.0):
        yield from _wing(pose, shape, side, stout, coat, look)
        yield from _leg(pose, shape, side)
        if shape.tufts:
            root = head.at(side * 0.52, 0.62, 0.1)
            tip = add(root, head.along(side * 0.5, 1.0, 0.0), shape.tufts * head.scale)
            yield blade(root, tip, head.axes[2], 0.15 * head.scale, 0.1 * head.scale, Zone.EAR, coat, fuzz=0.2, fur=0.8)
    yield from _tail(pose, shape, coat, look)
    yield from _beak(pose, shape, coat)
    yield from eyes(pose, shape.eye, look.key)


def _wing(pose: Pose, shape: Bird, side: float, stout: float, coat: Coat, look: Look) -> Iterator[Solid]:
    """Shoulder, coverts and the long feathers."""
    body, s = pose.body, pose.body.scale
    out = body.along(side, 0.25, 0.0)
    finish = {"fur": 0.5, "key": look.key, "fuzz": 0.03}
    if shape.flippers:
        root, tip = body.at(side * 0.62 * stout, 0.22, 0.55), body.at(side * 0.95 * stout, -0.35, -0.25)
        yield replace(blade(root, tip, out, 0.24 * s, 0.10 * s, Zone.WING, coat, **finish), frame=body)
        return
    for root, tip, width, sunk in (
        ((0.50, 0.10, 0.40), (0.44, 0.22, -1.35), 0.26, 0.10),
        ((0.56, 0.08, 0.55), (0.58, 0.06, -0.85), 0.40, 0.16),
        ((0.56, 0.08, 0.70), (0.62, 0.06, -0.20), 0.42, 0.20),
    ):
        start = body.at(side * root[0] * stout, root[1], root[2])
        end = body.at(side * tip[0] * stout, tip[1], tip[2])
        yield replace(blade(start, end, out, width * s, sunk * s, Zone.WING, coat, blend=0.012, **finish), frame=body)


def _leg(pose: Pose, shape: Bird, side: float) -> Iterator[Solid]:
    body, s = pose.body, pose.body.scale
    foot = pose.left_foot if side > 0 else pose.right_foot
    skin: Coat = lambda at: plain(at.x, shape.feet)  # noqa: E731
    ankle = add(foot, (0.0, 0.016, 0.0))
    yield limb(body.at(side * 0.32, -0.45, 0.22), ankle, shape.leg * s * 1.3, Zone.LEG, skin, gloss=0.2)
    for spread in (-0.7, 0.0, 0.7):
        ahead = (pose.facing * 0.30 + spread * 0.55, 0.0, 1.0 - 0.3 * abs(spread))
        toe = pose.floor(foot[0] + ahead[0] * 0.24 * s, foot[2] + ahead[2] * 0.24 * s)
        width = 0.12 if shape.webbed else 0.075
        yield limb(ankle, add(toe, (0.0, 0.008, 0.0)), width * s, Zone.LEG, skin, gloss=0.2, blend=0.004)


def _tail(pose: Pose, shape: Bird, coat: Coat, look: Look) -> Iterator[Solid]:
    """A fan of feathers, raised a little where the pose holds the tail high."""
    body, s = pose.body, pose.body.scale
    reach, width = shape.tail
    held, swing, _ = pose.tail
    for spread in (-0.28, 0.28, 0.0):
        towards = add(scaled(body.axes[2], -1.0), body.axes[1], 0.7 * held - 0.35)
        towards = add(towards, body.axes[0], spread + 0.2 * swing)
        root = add(pose.tail_base, body.axes[2], 0.25 * s)
        tip = add(root, towards, (reach + 0.25) * s)
        tip = (tip[0], max(tip[1], pose.ground - 0.34 * tip[2] + 0.01), tip[2])
        front = add(body.axes[1], body.axes[0], 0.9 * pose.facing)
        yield blade(root, tip, front, width * s, 0.08 * s, Zone.TAIL, coat, blend=0.01, fur=0.4, key=look.key)


def _beak(pose: Pose, shape: Bird, coat: Coat) -> Iterator[Solid]:
    """Ellipsoids along the ridge, thinner from one to the next; the coat's z runs along all of it."""
    head, s = pose.head, pose.head.scale
    wide, high = shape.thick
    points = [head.at(*point) for point in shape.beak]
    count = len(points) - 1
    for number, (start, end) in enumerate(pairwise(points)):
        share = 1.0 - 0.35 * number / max(count, 1)
        solid = blade(
            start, end, head.axes[1], wide * share * s, high * share * s, Zone.BEAK, coat, gloss=0.6, blend=0.02
        )
        if number == count - 1 and count == 1:
            along = add(end, start, -1.0)
            solid = replace(
                solid, centre=start, radii=(wide * s, length(along), high * s),
                pointed=True,
            )  # fmt: skip
        if not solid.pointed:
            solid = replace(solid, radii=(solid.radii[0], solid.radii[1] * 1.35, solid.radii[2]))
        yield replace(solid, frame=head)


def _feathered(coat: Coat) -> Coat:
    """Rows of feathers on wings and tail, down elsewhere."""

    def feathered(at: Surface) -> Floats:
        colours = coat(at)
        if at.zone is Zone.WING:
            row = at.z * F(6.5)
            scallop = (row - np.floor(row)) + np.abs(np.abs(at.y * F(5) - np.floor(at.y * F(5)) - F(0.5)) - F(0.25))
            colours = colours * (F(1.08) - step(0.75, 1.0, scallop) * F(0.34))
        elif at.zone is Zone.TAIL:
            colours = colours * (
                F(0.95) + np.abs(at.local[0]) * F(0.2) - step(0.08, 0.02, np.abs(at.local[0])) * F(0.2)
            )
        elif at.zone in (Zone.HEAD, Zone.BODY, Zone.EAR):
            flake = noise(at.x * F(9) + at.z * F(4), at.y * F(11) + at.z * F(4), at.key)
            colours = colours * (F(1) + flake * F(0.11))
        return colours

    return feathered
