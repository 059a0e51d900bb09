"""Builds mammals: skull, cheeks, muzzle, ears, trunk, legs and tail on the skeleton of a pose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from i2ibench.data.worlds.creatures.anatomy import Eye, Kind, Look, blade, eyes, limb
from i2ibench.data.worlds.creatures.patterns import RGB, ink, noise, plain, step, tint
from i2ibench.data.worlds.creatures.pose import Pose
from i2ibench.data.worlds.creatures.solids import Coat, Solid, Surface, Zone
from i2ibench.data.worlds.creatures.vectors import UPRIGHT, Frame, Vector, add, axes_along, between, scaled
from i2ibench.data.worlds.noise import Floats

F = np.float32
_PINK = ink(0.86, 0.62, 0.58)


@dataclass(frozen=True)
class Ear:
    """An ear, in units of half the head's width; x is outwards."""

    style: str = "pointed"
    """`pointed`, `round` or `hanging`."""
    root: Vector = (0.55, 0.55, 0.05)
    towards: Vector = (0.35, 1.0, 0.0)
    length: float = 0.75
    width: float = 0.36
    inside: RGB | None = _PINK
    tuft: float = 0.0
    """Length of a tuft at the tip."""


@dataclass(frozen=True)
class Mammal:
    """The build of a class, in units of half the head's width and, behind the head, half the trunk's length."""

    skull: Vector = (1.0, 0.90, 0.92)
    cheek: float = 0.48
    muzzle: Vector = (0.36, 0.25, 0.12)
    """Half its width and height, and how far it stands out of the face."""
    nose: tuple[float, RGB] = (0.12, ink(0.12, 0.10, 0.10))
    eye: Eye = field(default_factory=Eye)
    ear: Ear = field(default_factory=Ear)
    girth: float = 1.0
    limb: float = 0.26
    tail: tuple[float, float, float] = (1.5, 0.17, 0.12)
    """Length, and radius at root and tip."""
    curl: float = 0.0
    """How firmly the tail is rolled up over the back."""
    fluff: float = 0.10
    """How ragged the outline is."""
    ruff: float = 0.0
    """Long hair at the cheeks and the throat."""
    topknot: float = 0.0
    """Radius of a ball of hair on the crown."""
    pompon: float = 0.0
    """Radius of a ball of hair at the end of the tail."""
    long_nose: bool = False
    """A nose that is a tall oval."""


def mammal(name: str, shape: Mammal, coat: Callable[[Look], Coat]) -> Kind:
    """A class of mammals."""

    def made(pose: Pose, look: Look) -> Iterator[Solid]:
        return build(pose, shape, coat(look), look)

    return Kind(name, made)


def build(pose: Pose, shape: Mammal, coat: Coat, look: Look) -> Iterator[Solid]:
    """The solids of a mammal."""
    hair = _Hair(_combed(coat), shape.fluff, look.key)
    stout = shape.girth * (0.94 + 0.14 * look.build)
    yield from _trunk(pose, shape, stout, hair)
    yield from _legs(pose, shape, stout, hair)
    yield from _tail(pose, shape, hair)
    yield from _head(pose, shape, hair)
    for side in (1.0, -1.0):
        yield from _ear(pose, shape.ear, side, hair)
    yield from eyes(pose, shape.eye, look.key)


@dataclass(frozen=True)
class _Hair:
    coat: Coat
    fluff: float
    key: int

    def ball(self, frame: Frame, centre: Vector, radii: Vector, zone: Zone, blend: float = 0.03) -> Solid:
        """An ellipsoid along a frame's axes, in its units."""
        s = frame.scale
        return Solid(
            centre=frame.at(*centre), axes=frame.axes, radii=(radii[0] * s, radii[1] * s, radii[2] * s), zone=zone,
            coat=self.coat, frame=frame, blend=blend, fuzz=self.fluff, fur=1.0, key=self.key,
        )  # fmt: skip

    def leg(self, start: Vector, joint: Vector, end: Vector, radius: float) -> Iterator[Solid]:
        """The upper and the lower half of a leg; the coat's z runs from 0 to 1 along both."""
        for ends, share, thick in (((start, joint), (0.0, 0.5), 1.12), ((joint, end), (0.5, 1.0), 0.88)):
            yield limb(*ends, radius * thick, Zone.LEG, self.coat, share, fuzz=self.fluff, fur=1.0, key=self.key)


def _head(pose: Pose, shape: Mammal, hair: _Hair) -> Iterator[Solid]:
    head = pose.head
    yield hair.ball(head, (0.0, 0.06, 0.0), shape.skull, Zone.HEAD)
    wide, high, out = shape.muzzle
    for side in (1.0, -1.0):
        cheek = shape.cheek
        yield hair.ball(head, (side * 0.46, -0.30, 0.34), (cheek, cheek * 0.86, cheek), Zone.HEAD)
        if shape.ruff:
            tuft = 0.62 * shape.ruff
            bush = hair.ball(head, (side * 0.72, -0.42, 0.02), (0.42 + 0.2 * tuft, 0.36 + 0.2 * tuft, 0.5), Zone.RUFF)
            yield replace(bush, fuzz=hair.fluff + 0.25 * shape.ruff)
    yield hair.ball(
        head, (0.0, -0.26 - high * 0.55, 0.60 + out * 0.5), (wide * 0.7, high * 0.7, 0.30 + out * 0.5), Zone.MUZZLE
    )
    yield hair.ball(head, (0.0, -0.12, 0.55 + out * 0.3), (wide * 0.62, high * 0.9, 0.30 + out * 0.6), Zone.MUZZLE)
    for side in (1.0, -1.0):
        yield hair.ball(
            head,
            (side * wide * 0.42, -0.28, 0.66 + out * 0.5),
            (wide * 0.66, high, 0.32 + out * 0.5),
            Zone.MUZZLE,
            0.015,
        )
    if shape.topknot:
        knot = shape.topknot
        yield hair.ball(head, (0.0, 0.80, -0.05), (knot * 1.25, knot, knot * 1.15), Zone.HEAD, 0.01)
    size, colour = shape.nose
    s = head.scale
    tall = 1.7 if shape.long_nose else 0.74
    yield Solid(
        centre=head.at(0.0, -0.26 + high * 0.62, 0.92 + out), axes=head.axes,
        radii=(size * s, size * tall * s, size * 0.8 * s), zone=Zone.MUZZLE, coat=lambda at: plain(at.x, colour),
        frame=head, gloss=0.8, key=hair.key,
    )  # fmt: skip


def _ear(pose: Pose, ear: Ear, side: float, hair: _Hair) -> Iterator[Solid]:
    head, s = pose.head, pose.head.scale
    root = head.at(side * ear.root[0], ear.root[1], ear.root[2])
    towards = head.along(side * ear.towards[0], ear.towards[1], ear.towards[2])
    front = head.along(side * 0.25, 0.0, 1.0)
    axes = axes_along(towards, front)
    finish = {"fuzz": hair.fluff * 0.7, "fur": 1.0, "key": hair.key}
    if ear.style == "hanging":
        tip = add(root, axes[1], ear.length * s)
        yield blade(root, tip, head.along(side * 0.8, 0.0, 0.6), ear.width * s, 0.15 * s, Zone.EAR, hair.coat, **finish)
        return
    if ear.style == "round":
        centre = add(root, axes[1], ear.length * 0.5 * s)
        outer = (ear.width * s, ear.length * 0.62 * s, 0.17 * s)
        frame = Frame(root, axes, ear.length * s)
        yield Solid(centre, axes, outer, Zone.EAR, hair.coat, frame, blend=0.01, fuzz=hair.fluff, fur=1.0, key=hair.key)
        if ear.inside is not None:
            inner = add(add(centre, axes[2], 0.10 * s), axes[1], -0.04 * s)
            small = (outer[0] * 0.62, outer[1] * 0.62, 0.10 * s)
            yield Solid(inner, axes, small, Zone.EAR, _inside(ear.inside), frame, fuzz=0.1, fur=0.5, key=hair.key)
        return
    frame = Frame(root, axes, ear.length * s)
    outer = (ear.width * s, ear.length * s, 0.20 * s)
    yield Solid(root, axes, outer, Zone.EAR, hair.coat, frame, True, 0.008, hair.fluff * 0.7, 0.0, 1.0, hair.key)
    if ear.inside is not None:
        inner = add(add(root, axes[2], 0.10 * s), axes[1], -0.03 * s)
        small = (outer[0] * 0.66, outer[1] * 0.82, 0.16 * s)
        yield Solid(inner, axes, small, Zone.EAR, _inside(ear.inside), frame, True, 0.0, 0.1, 0.0, 0.5, hair.key)
    if ear.tuft:
        tip = add(root, axes[1], ear.length * 0.8 * s)
        dark = _inside(ink(0.08, 0.07, 0.07))
        yield blade(tip, add(tip, axes[1], ear.tuft * s), front, 0.055 * s, 0.04 * s, Zone.EAR, dark, fur=1.0)


def _trunk(pose: Pose, shape: Mammal, stout: float, hair: _Hair) -> Iterator[Solid]:
    body = pose.body
    yield hair.ball(body, (0.0, 0.04, -0.55), (0.62 * stout, 0.66 * stout, 0.50), Zone.BODY, 0.05)
    yield hair.ball(body, (0.0, -0.02, -0.05), (0.62 * stout, 0.68 * stout, 0.80), Zone.BODY, 0.05)
    yield hair.ball(body, (0.0, 0.0, 0.50), (0.64 * stout, 0.72 * stout, 0.58), Zone.BODY, 0.05)
    s = body.scale
    throat = between(pose.chest, pose.head.origin, 0.55)
    neck = limb(
        pose.chest, throat, 0.56 * stout * s, Zone.BODY, hair.coat, fuzz=hair.fluff, fur=1.0, key=hair.key, blend=0.05
    )
    yield replace(neck, frame=body)
    if shape.ruff:
        bib = hair.ball(body, (0.0, 0.05, 0.85), (0.62, 0.72, 0.36 + 0.2 * shape.ruff), Zone.RUFF, 0.05)
        yield replace(bib, fuzz=hair.fluff + 0.12 * shape.ruff)


def _legs(pose: Pose, shape: Mammal, stout: float, hair: _Hair) -> Iterator[Solid]:
    body, s = pose.body, pose.body.scale
    thick = shape.limb * s
    for side, paw in ((-1.0, pose.right_foot), (1.0, pose.left_foot)):
        hip = body.at(side * 0.40 * stout, -0.10, -0.55)
        heel = pose.floor(hip[0] - pose.facing * 0.02, hip[2])
        toes = add(heel, body.axes[2], 0.16 * s)
        toes = pose.floor(toes[0], toes[2])
        knee = add(between(hip, heel, 0.5), body.axes[2], 0.30 * s)
        yield hair.ball(body, (side * 0.42 * stout, -0.18, -0.50), (0.30 * stout, 0.52 * stout, 0.42), Zone.BODY, 0.03)
        thigh, ankle = add(hip, body.axes[1], -0.3 * s), add(heel, UPRIGHT[1], thick * 0.7)
        yield from hair.leg(thigh, knee, ankle, thick)
        yield _paw(toes, thick, pose, hair)
        shoulder = body.at(side * 0.40 * stout, -0.15, 0.52)
        wrist = add(paw, UPRIGHT[1], thick * 0.8)
        elbow = add(between(shoulder, wrist, 0.5), body.axes[2], -0.08 * s)
        yield from hair.leg(shoulder, elbow, wrist, thick)
        yield _paw(paw, thick, pose, hair)


def _paw(place: Vector, thick: float, pose: Pose, hair: _Hair) -> Solid:
    centre = add(place, (pose.facing * 0.25, 0.62, 0.45), thick)
    end = Frame(add(centre, UPRIGHT[2], -1.0), UPRIGHT, 1.0)
    return Solid(
        centre, UPRIGHT, (thick * 1.12, thick * 0.86, thick * 1.2), Zone.LEG, hair.coat, end,
        blend=0.012, fuzz=hair.fluff, fur=1.0, key=hair.key,
    )  # fmt: skip


def _tail(pose: Pose, shape: Mammal, hair: _Hair) -> Iterator[Solid]:
    """Balls along a quadratic curve; the coat's z runs from 0 at the root to 1 at the tip."""
    reach, root, tip = shape.tail
    body, s = pose.body, pose.body.scale
    held, swing, curl = pose.tail
    held, curl = held + (0.9 - held) * shape.curl, curl + (1.0 - curl) * shape.curl
    back, up, across = scaled(body.axes[2], -1.0), UPRIGHT[1], body.axes[0]
    start = add(pose.tail_base, back, -0.1 * s)
    bend = add(add(start, back, (0.75 - 0.45 * shape.curl) * reach * s), up, (0.9 * held - 0.45) * reach * s)
    end = add(add(start, back, (0.75 - 0.65 * curl) * reach * s), up, (1.25 * held - 0.30) * reach * s)
    end = add(end, across, 0.35 * swing * reach * s)
    count = 9
    for number in range(count):
        share = number / (count - 1)
        one, other = between(start, bend, share), between(bend, end, share)
        place = between(one, other, share)
        radius = (root + (tip - root) * share) * s
        if shape.pompon and number == count - 1:
            radius = shape.pompon * s
        low = pose.ground - 0.34 * place[2] + radius
        place = (place[0], max(place[1], low), place[2])
        frame = Frame(add(place, body.axes[2], -share), body.axes, 1.0)
        grown = radius * 1.08
        long = max(grown, 0.085 * reach * s)
        axes = axes_along(add(other, one, -1.0), (0.0, 0.0, 1.0))
        yield Solid(
            place, axes, (grown, long, grown), Zone.TAIL, hair.coat, frame,
            blend=0.02, fuzz=hair.fluff * 1.3, fur=1.0, key=hair.key,
        )  # fmt: skip


def _combed(coat: Coat) -> Coat:
    """Streaks of hair: outwards from the nose on the head, backwards on the trunk, down on the limbs."""

    def combed(at: Surface) -> Floats:
        colours = coat(at)
        if at.zone in (Zone.HEAD, Zone.MUZZLE, Zone.RUFF):
            y = at.y + F(0.2)
            away = F(1) / np.sqrt(at.x * at.x + y * y + F(0.02))
            streak = noise(at.x * away * F(13) + at.x * F(5), y * away * F(13) + y * F(5), at.key)
        elif at.zone is Zone.BODY:
            streak = noise(at.y * F(16) + at.x * F(9), at.z * F(5) + at.y * F(5), at.key)
        else:
            streak = noise(at.local[0] * F(6), at.local[1] * F(2.5), at.key)
        if at.zone is Zone.MUZZLE:
            _mouth(colours, at)
        factor: Floats = F(1) + streak * F(0.13)
        return colours * factor

    return combed


def _mouth(colours: Floats, at: Surface) -> None:
    """The line below the nose and the two bows of the lips."""
    side = np.abs(at.x) - F(0.15)
    bow = np.abs(at.y + F(0.44) - side * side * F(2.6))
    dark = step(0.045, 0.02, bow) * step(0.36, 0.30, np.abs(at.x))
    dark = np.maximum(dark, step(0.035, 0.015, np.abs(at.x)) * step(-0.42, -0.38, at.y) * step(-0.14, -0.2, at.y))
    tint(colours, dark * step(0.4, 0.6, at.z) * F(0.8), ink(0.14, 0.09, 0.08))


def _inside(colour: RGB) -> Coat:
    def coat(at: Surface) -> Floats:
        return plain(at.x, colour)

    return coat
