"""What the builders of all families share: kinds, individuals, limbs, eyes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from i2ibench.data.worlds.creatures.patterns import RGB, ink, plain, step, tint
from i2ibench.data.worlds.creatures.pose import Pose
from i2ibench.data.worlds.creatures.solids import Coat, Solid, Surface, Zone
from i2ibench.data.worlds.creatures.vectors import Axes, Frame, Vector, add, axes_along, between, length
from i2ibench.data.worlds.noise import Floats

F = np.float32
_BROWN, _DARK = ink(0.45, 0.28, 0.12), ink(0.10, 0.08, 0.07)


@dataclass(frozen=True)
class Look:
    """What sets an individual apart from others of its class."""

    key: int
    """For noise."""
    tone: float
    """Light (1) or dark (0)."""
    hue: float
    pattern: float
    build: float
    """Each from 0 to 1."""


@dataclass(frozen=True)
class Kind:
    """A class of animals."""

    name: str
    build: Callable[[Pose, Look], Iterator[Solid]]


@dataclass(frozen=True)
class Eye:
    """Eyes of a class. The radius is a share of half the head's width."""

    radius: float = 0.2
    iris: RGB = _BROWN
    pupil: float = 0.6
    """Of the iris."""
    slit: bool = False
    rim: RGB = _DARK
    white: float = 0.0
    """How much white is seen around the iris."""
    width: float = 1.0


def eyes(pose: Pose, eye: Eye, key: int) -> Iterator[Solid]:
    """Both eyes, at the pose's places."""
    head = pose.head
    radius = eye.radius * head.scale
    for side, place in ((1.0, pose.left_eye), (-1.0, pose.right_eye)):
        out = head.along(side * 0.34, 0.08, 0.92)
        axes = axes_along(head.axes[1], out)
        for grown, sunk, coat, gloss in (
            (1.17, 0.36, _plainly(eye.rim), 0.1),
            (1.0, 0.16, _iris(eye, pose.gaze), 0.9),
        ):
            yield Solid(
                centre=add(place, out, -sunk * radius),
                axes=axes,
                radii=(radius * grown * eye.width, radius * grown, radius * 0.6),
                zone=Zone.HEAD,
                coat=coat,
                frame=head,
                gloss=gloss,
                key=key,
            )


def limb(
    start: Vector,
    end: Vector,
    radius: float,
    zone: Zone,
    coat: Coat,
    share: tuple[float, float] = (0.0, 1.0),
    **finish: float,
) -> Solid:
    """An ellipsoid from one point to another, at which its coat's z has the two values of `share`."""
    along = add(end, start, -1.0)
    reach, axes = length(along), axes_along(along, (0.0, 0.0, 1.0))
    scale = reach / (share[1] - share[0])
    return Solid(
        centre=between(start, end),
        axes=axes,
        radii=(radius, reach * 0.5 + radius * 0.5, radius),
        zone=zone,
        coat=coat,
        frame=Frame(add(start, axes[1], -share[0] * scale), (axes[0], axes[2], axes[1]), scale),
        blend=finish.get("blend", 0.02),
        fuzz=finish.get("fuzz", 0.0),
        fur=finish.get("fur", 0.0),
        gloss=finish.get("gloss", 0.0),
        key=int(finish.get("key", 0)),
    )


def blade(
    root: Vector, tip: Vector, front: Vector, width: float, thickness: float, zone: Zone, coat: Coat, **finish: float
) -> Solid:
    """A flat ellipsoid from root to tip whose face looks along `front`: a feather, fin or flap."""
    along = add(tip, root, -1.0)
    axes: Axes = axes_along(along, front)
    reach = length(along)
    return Solid(
        centre=between(root, tip),
        axes=axes,
        radii=(width, reach * 0.5, thickness),
        zone=zone,
        coat=coat,
        frame=Frame(root, (axes[0], axes[2], axes[1]), reach),
        blend=finish.get("blend", 0.0),
        fuzz=finish.get("fuzz", 0.0),
        fur=finish.get("fur", 0.0),
        gloss=finish.get("gloss", 0.0),
        key=int(finish.get("key", 0)),
    )


def _plainly(colour: RGB) -> Coat:
    return lambda at: plain(at.x, colour)


def _iris(eye: Eye, gaze: tuple[float, float]) -> Coat:
    """An iris with a dark edge, a pupil and the mirrored sky."""

    def coat(at: Surface) -> Floats:
        u, v, _ = at.local
        x, y = u - F(gaze[0]), v - F(gaze[1])
        size = 1.0 - 0.34 * eye.white
        around = np.sqrt(x * x + y * y) * F(1 / size)
        inner = np.sqrt(x * x * F(5.5) + y * y * F(0.72)) if eye.slit else around
        colours = plain(u, eye.iris)
        colours *= F(1.15) - y * F(0.55)
        tint(colours, step(0.72, 0.95, around), eye.rim)
        if eye.white:
            tint(colours, step(0.98, 1.08, around), ink(0.93, 0.92, 0.90))
        tint(colours, step(eye.pupil + 0.07, eye.pupil - 0.07, inner), ink(0.03, 0.03, 0.04))
        glint = (u - F(0.30)) * (u - F(0.30)) + (v - F(0.36)) * (v - F(0.36))
        tint(colours, step(0.075, 0.045, glint), (1.1, 1.1, 1.1))
        second = (u + F(0.30)) * (u + F(0.30)) + (v + F(0.38)) * (v + F(0.38))
        tint(colours, step(0.03, 0.015, second) * F(0.5), (0.8, 0.8, 0.8))
        return colours

    return coat
