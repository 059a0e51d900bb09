"""Time of day, weather and season: what they make of a drawn scene, and what a photo under them needs beyond it.

Street, things and camera stay where they are. Only trees change their outline in winter, in picture and labels alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt
from typing import Literal

from i2ibench.data.worlds.noise import Stream, key_hash
from i2ibench.data.worlds.scene import RGB, Barrier, Label, Light, Scene, Tree

_GREENS: tuple[RGB, ...] = (
    (0.085, 0.19, 0.03), (0.06, 0.15, 0.03), (0.11, 0.21, 0.03), (0.13, 0.20, 0.03), (0.05, 0.13, 0.04),
)  # fmt: skip
_LAWNS: tuple[RGB, ...] = ((0.16, 0.29, 0.05), (0.13, 0.26, 0.045), (0.20, 0.30, 0.06))


@dataclass(frozen=True)
class Condition:
    """What to change of a drawn scene. None leaves it as it was drawn: by day, dry or wet, between seasons."""

    time: Literal["day", "night"] | None = None
    weather: Literal["dry", "rain", "snow"] | None = None
    season: Literal["summer", "winter"] | None = None


@dataclass(frozen=True)
class Look:
    """What the photo style draws beyond the scene; all zero for a scene as it was drawn."""

    night: bool = False
    """Lamps, windows and the moon light the scene."""
    mirror: float = 0.0
    """How clearly wet ground mirrors what stands on it, 0 to 1."""
    rain: float = 0.0
    """Density of falling rain, 0 to 1."""
    flakes: float = 0.0
    """Density of falling snow, 0 to 1."""
    snow: float = 0.0
    """How thickly snow lies, 0 to 1; carriageways are ploughed."""


PLAIN = Look()


def under(scene: Scene, condition: Condition) -> tuple[Scene, Look]:
    """`scene` under `condition`, a pure function of both."""
    look = PLAIN
    if condition.season == "summer":
        scene = _summer(scene)
    elif condition.season == "winter":
        scene, look = _winter(scene, falling=condition.weather)
    if condition.weather == "dry":
        scene, look = replace(scene, light=replace(scene.light, wetness=0.0)), replace(look, mirror=0.0)
    elif condition.weather == "rain":
        scene, look = _rain(scene, look)
    elif condition.weather == "snow":
        scene, look = _snowfall(scene, look)
    if condition.time == "night":
        scene, look = _night(scene, look)
    return scene, look


def _summer(scene: Scene) -> Scene:
    """Lush green under a high sun."""
    rng = Stream(scene.key, 31)
    warm, tone = rng.uniform(-1, 1), rng.uniform(0.95, 1.15)
    light = Light(
        sun=_sun(scene, rng.uniform(1.1, 2.0)),
        sun_colour=_scale((1.50, 1.40 + 0.04 * warm, 1.16 - 0.08 * warm), tone),
        ambient=(0.28, 0.33, 0.42),
        zenith=_scale((0.10, 0.26, 0.62), rng.uniform(0.8, 1.2)),
        horizon=(0.52, 0.68, 0.86),
        cloud_cover=rng.uniform(0.0, 0.55),
        haze=rng.uniform(0.001, 0.004),
        wetness=0.0,
    )
    return replace(
        scene,
        light=light,
        grass=rng.choice(_LAWNS),
        barriers=tuple(_leafy(barrier) for barrier in scene.barriers),
        garden_trees=tuple(replace(tree, colour=_green(tree.key)) for tree in scene.garden_trees),
        street_trees=tuple(replace(tree, colour=_green(tree.key)) for tree in scene.street_trees),
        backdrop=replace(scene.backdrop, colour=_green(scene.backdrop.key)),
    )


def _winter(scene: Scene, falling: str | None) -> tuple[Scene, Look]:
    """Bare trees and lying snow in pale light, perhaps with more snow falling."""
    rng = Stream(scene.key, 32)
    snow, fresh, tone = rng.uniform(0.6, 1.0), rng.chance(0.35), rng.uniform(0.85, 1.05)
    clear = rng.chance(0.45)
    light = Light(
        sun=_sun(scene, rng.uniform(0.28, 0.5)),
        sun_colour=_scale((1.05, 0.92, 0.72), tone) if clear else _scale((0.16, 0.16, 0.16), tone),
        ambient=_scale((0.52, 0.56, 0.66), tone) if clear else _scale((0.80, 0.83, 0.89), tone),
        zenith=_scale((0.30, 0.42, 0.62), tone) if clear else _scale((0.56, 0.60, 0.66), tone),
        horizon=_scale((0.82, 0.80, 0.80), tone) if clear else _scale((0.78, 0.80, 0.83), tone),
        cloud_cover=rng.uniform(0.05, 0.5) if clear else rng.uniform(0.8, 1.0),
        haze=rng.uniform(0.003, 0.007),
        wetness=rng.uniform(0.5, 0.9),
    )
    scene = replace(
        scene,
        light=light,
        grass=(0.25, 0.23, 0.13),
        barriers=tuple(_dulled(barrier) for barrier in scene.barriers),
        garden_trees=tuple(_wintry(tree) for tree in scene.garden_trees),
        street_trees=tuple(_wintry(tree) for tree in scene.street_trees),
        backdrop=replace(scene.backdrop, colour=(0.125, 0.105, 0.09)),
    )
    look = Look(snow=snow, mirror=0.35)
    return _snowfall(scene, look) if fresh and falling is None else (scene, look)


def _rain(scene: Scene, look: Look) -> tuple[Scene, Look]:
    """Overcast, hazy and wet."""
    rng = Stream(scene.key, 33)
    grey = rng.uniform(0.75, 1.0)
    light = replace(
        scene.light,
        sun_colour=_scale((0.05, 0.05, 0.05), grey),
        ambient=_scale((0.56, 0.61, 0.68), grey),
        zenith=_scale((0.32, 0.36, 0.41), grey),
        horizon=_scale((0.50, 0.54, 0.58), grey),
        cloud_cover=rng.uniform(0.9, 1.0),
        haze=rng.uniform(0.008, 0.014),
        wetness=1.0,
    )
    return replace(scene, light=light), replace(look, mirror=1.0, rain=rng.uniform(0.5, 1.0))


def _snowfall(scene: Scene, look: Look) -> tuple[Scene, Look]:
    """Snow in the air and on the ground, under a white sky."""
    rng = Stream(scene.key, 34)
    grey = rng.uniform(0.85, 1.0)
    light = replace(
        scene.light,
        sun_colour=_scale((0.06, 0.06, 0.06), grey),
        ambient=_scale((0.80, 0.83, 0.88), grey),
        zenith=_scale((0.60, 0.63, 0.67), grey),
        horizon=_scale((0.72, 0.74, 0.77), grey),
        cloud_cover=rng.uniform(0.85, 1.0),
        haze=rng.uniform(0.010, 0.018),
        wetness=0.6,
    )
    look = replace(look, flakes=rng.uniform(0.35, 1.0), snow=max(look.snow, rng.uniform(0.5, 0.9)), mirror=0.25)
    return replace(scene, light=light), look


def _night(scene: Scene, look: Look) -> tuple[Scene, Look]:
    """The moon for the sun, and a sky that towns light from below; clouds and falling rain or snow catch more of it."""
    rng = Stream(scene.key, 35)
    thick = scene.light.cloud_cover > 0.75
    moon = rng.uniform(0.5, 1.0) * (0.3 if thick else 1.0)
    glow = rng.uniform(0.7, 1.3) * (1.5 if thick else 1.0)
    tint: RGB = rng.choice(((0.075, 0.060, 0.055), (0.085, 0.058, 0.040), (0.055, 0.062, 0.085)))
    light = replace(
        scene.light,
        sun_colour=_scale((0.055, 0.065, 0.095), moon),
        ambient=_scale((0.060, 0.062, 0.080), rng.uniform(0.85, 1.25)),
        zenith=_scale((0.008, 0.012, 0.028) if not thick else (0.026, 0.024, 0.028), glow),
        horizon=_scale(tint, glow),
        haze=scene.light.haze * 0.7,
    )
    return replace(scene, light=light), replace(look, night=True)


def _sun(scene: Scene, slope: float) -> tuple[float, float, float]:
    """The drawn sun at another height: `slope` is the tangent of its elevation."""
    across, _, along = scene.light.sun
    up = sqrt(across * across + along * along) * slope
    norm = sqrt(across * across + along * along + up * up)
    return across / norm, up / norm, along / norm


def _leafy(barrier: Barrier) -> Barrier:
    return replace(barrier, colour=_green(barrier.key)) if barrier.label is Label.VEGETATION else barrier


def _dulled(barrier: Barrier) -> Barrier:
    """A hedge that keeps its dark leaves over winter."""
    return replace(barrier, colour=(0.055, 0.075, 0.035)) if barrier.label is Label.VEGETATION else barrier


def _wintry(tree: Tree) -> Tree:
    """Bare, but for bushes and one tree in eight, which are evergreen."""
    if not tree.trunk or key_hash(tree.key, 36) % 8 == 0:
        return replace(tree, colour=(0.04, 0.075, 0.035))
    return replace(tree, bare=True)


def _green(key: int) -> RGB:
    rng = Stream(key, 37)
    return _scale(rng.choice(_GREENS), rng.uniform(0.8, 1.3))


def _scale(colour: RGB, factor: float) -> RGB:
    return colour[0] * factor, colour[1] * factor, colour[2] * factor
