"""Builds fish on the skeleton of a pose: a fish stands on its two lower fins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from i2ibench.data.worlds.creatures.anatomy import Eye, Kind, Look, blade, eyes
from i2ibench.data.worlds.creatures.patterns import RGB, ink, plain, step
from i2ibench.data.worlds.creatures.pose import Pose
from i2ibench.data.worlds.creatures.solids import Coat, Solid, Surface, Zone
from i2ibench.data.worlds.creatures.vectors import Frame, Vector, add, axes_along, length, scaled
from i2ibench.data.worlds.noise import Floats

F = np.float32


@dataclass(frozen=True)
class Fish:
    """The build of a class; heights and widths are relative."""

    tall: float = 1.0
    wide: float = 1.0
    eye: Eye = field(default_factory=lambda: Eye(0.20, ink(0.9, 0.6, 0.2), 0.62, white=0.5, rim=ink(0.30, 0.18, 0.12)))
    tail: tuple[float, float] = (0.95, 0.34)
    """Length and half width of each lobe, in half lengths of the trunk."""
    forked: float = 0.55
    dorsal: float = 0.55
    """Height of the fins on back and belly."""
    spikes: bool = False
    lips: RGB | None = None


def fish(name: str, shape: Fish, coat: Callable[[Look], Coat]) -> Kind:
    """A class of fish."""

    def made(pose: Pose, look: Look) -> Iterator[Solid]:
        return build(pose, shape, _scaly(coat(look)), look)

    return Kind(name, made)


def build(pose: Pose, shape: Fish, coat: Coat, look: Look) -> Iterator[Solid]:
    """The solids of a fish. The coat's frame: x across, y up the back, z from 0 at the tail's root to 1 at the nose."""
    head, body = pose.head, pose.body
    along = add(head.at(0.0, -0.1, 0.3), pose.tail_base, -1.0)
    axes = axes_along(along, body.axes[0])
    trunk = Frame(pose.tail_base, (axes[2], axes[0], axes[1]), length(along))
    if trunk.axes[1][1] < 0:
        trunk = replace(trunk, axes=(axes[2], scaled(axes[0], -1.0), axes[1]))
    tall, wide = shape.tall * (0.95 + 0.1 * look.build), shape.wide

    def ball(centre: Vector, radii: Vector, tilt: Frame = trunk) -> Solid:
        s = tilt.scale
        return Solid(
            centre=tilt.at(*centre), axes=tilt.axes, radii=(radii[0] * s, radii[1] * s, radii[2] * s), zone=Zone.BODY,
            coat=coat, frame=trunk, blend=0.07, gloss=0.55, key=look.key,
        )  # fmt: skip

    yield ball((0.0, -0.02, 0.56), (0.30 * wide, 0.42 * tall, 0.50))
    yield ball((0.0, -0.03, 0.34), (0.22 * wide, 0.34 * tall, 0.40))
    yield ball((0.0, 0.0, 0.10), (0.10, 0.14, 0.26))
    yield replace(ball((0.0, 0.0, 0.0), (0.84 * (0.5 + 0.5 * wide), 0.82, 0.88), head), blend=0.12)
    yield replace(ball((0.0, -0.26, 0.36), (0.62, 0.50, 0.62), head), blend=0.06)
    if shape.spikes:
        yield from _spikes(trunk, tall, wide, coat, look)
    yield from _mouth(pose, shape, look)
    yield from _fins(pose, shape, trunk, tall, wide, coat, look)
    yield from eyes(pose, shape.eye, look.key)


def _mouth(pose: Pose, shape: Fish, look: Look) -> Iterator[Solid]:
    head, s = pose.head, pose.head.scale
    skin = shape.lips or ink(0.92, 0.60, 0.50)
    for height, colour, size in ((-0.27, skin, 0.10), (-0.41, skin, 0.09), (-0.34, ink(0.20, 0.08, 0.08), 0.085)):
        yield Solid(
            centre=head.at(0.0, height, 0.93), axes=head.axes,
            radii=((0.10 + size) * s, size * s, 0.15 * s), zone=Zone.MUZZLE,
            coat=_even(colour), frame=head, gloss=0.5, key=look.key,
        )  # fmt: skip


def _fins(pose: Pose, shape: Fish, trunk: Frame, tall: float, wide: float, coat: Coat, look: Look) -> Iterator[Solid]:
    """Tail fin, back fin, belly fin and the two that it stands on."""
    s = pose.body.scale
    reach, width = shape.tail
    held, swing, _ = pose.tail
    flat = trunk.axes[0]
    for spread in (1.0, -1.0):
        towards = add(scaled(trunk.axes[2], -1.0), trunk.axes[1], spread * shape.forked + 0.35 * held - 0.17)
        towards = add(towards, flat, 0.45 * swing)
        root = add(pose.tail_base, trunk.axes[2], 0.15 * s)
        tip = add(root, towards, (reach + 0.15) * s)
        yield blade(root, tip, flat, width * s, 0.06 * s, Zone.TAIL, coat, key=look.key, blend=0.01, gloss=0.3)
    for start, end, high in ((0.86, 0.62, 0.8), (0.72, 0.42, 1.0), (0.54, 0.20, 0.85)):
        root, tip = (
            trunk.at(0.0, 0.28 * tall, start - 0.1),
            trunk.at(0.0, (0.40 + 0.32 * shape.dorsal * high) * tall, end - 0.16),
        )
        yield blade(root, tip, flat, 0.42 * s, 0.06 * s, Zone.FIN, coat, key=look.key, blend=0.01, gloss=0.3)
    root, tip = trunk.at(0.0, -0.16 * tall, 0.32), trunk.at(0.0, -(0.32 + 0.16 * shape.dorsal) * tall, 0.06)
    yield blade(root, tip, flat, 0.24 * s, 0.06 * s, Zone.FIN, coat, key=look.key, gloss=0.3)
    for side, foot in ((1.0, pose.left_foot), (-1.0, pose.right_foot)):
        root = pose.body.at(side * 0.34 * wide, -0.22, 0.40)
        out = pose.body.along(side, 0.1, 0.5)
        yield blade(
            root, add(foot, (0.0, -0.006, 0.0)), out, 0.30 * s, 0.05 * s, Zone.FIN, coat, key=look.key, gloss=0.3
        )
        shoulder = trunk.at(side * 0.24 * wide, -0.10, 0.58)
        tip = add(shoulder, trunk.along(side * 0.95, -0.35 + 0.5 * held, -0.40), 0.80 * s)
        yield blade(
            shoulder, tip, add(out, trunk.axes[2], 1.2), 0.30 * s, 0.05 * s, Zone.FIN, coat, key=look.key, gloss=0.3
        )


def _spikes(trunk: Frame, tall: float, wide: float, coat: Coat, look: Look) -> Iterator[Solid]:
    """Spines all around the trunk."""
    for ring, z in enumerate((0.22, 0.38, 0.54, 0.70)):
        for number in range(9):
            t = (number + 0.5 * (ring % 2)) / 9.0 * 4.0 - 2.0
            half = t if abs(t) <= 1.0 else (2.0 - abs(t)) * (1.0 if t > 0 else -1.0)
            cosine, sine = (1 - half * half) / (1 + half * half), 2 * half / (1 + half * half)
            if abs(t) > 1.0:
                cosine = -cosine
            away = trunk.along(sine * wide, cosine * tall, 0.0)
            root = add(trunk.at(0.0, -0.03, z), away, 0.26 * trunk.scale)
            axes = axes_along(away, trunk.axes[2])
            size = trunk.scale
            yield Solid(
                root, axes, (0.028 * size, 0.16 * size, 0.028 * size), Zone.EAR, _even(ink(0.92, 0.86, 0.66)), trunk,
                pointed=True, key=look.key,
            )  # fmt: skip


def _even(colour: RGB) -> Coat:
    return lambda at: plain(at.x, colour)


def _scaly(coat: Coat) -> Coat:
    """Scales on the trunk and rays in the fins."""

    def scaly(at: Surface) -> Floats:
        colours = coat(at)
        if at.zone in (Zone.FIN, Zone.TAIL):
            rays = np.abs(at.local[0] * F(4) - np.floor(at.local[0] * F(4)) - F(0.5))
            colours *= F(0.80) + rays * F(0.5) + at.z * F(0.1)
            return colours
        row = at.z * F(15)
        shift = np.floor(row)
        column = at.y * F(13) + (shift - np.floor(shift * F(0.5)) * F(2)) * F(0.5)
        across = column - np.floor(column) - F(0.5)
        edge = (row - shift) + across * across * F(1.6)
        colours *= F(1.05) - step(0.7, 1.0, edge) * step(0.95, 0.6, at.z) * F(0.22)
        return colours

    return scaly
