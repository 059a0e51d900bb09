"""Nine kinds of places: what is above their horizon and what their ground is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from i2ibench.data.worlds.creatures.patterns import RGB, cells, ink, mixed, noise, plain, step, tint
from i2ibench.data.worlds.noise import Floats, Stream

F = np.float32


@dataclass(frozen=True)
class View:
    """Pixels of a picture, `[N]`, and the scene they are in."""

    x: Floats
    y: Floats
    """Right and up, in picture heights from the middle."""
    near: Floats
    """Below the horizon: 0 there, 1 at the lower edge; 0 above."""
    far: Floats
    """Above the horizon: height above it."""
    u: Floats
    v: Floats
    """Position on the ground, in steps."""
    rng: Stream
    key: int


Place = Callable[[View], tuple[Floats, Floats]]
"""What shines by itself above the horizon and the reflectance of the ground, each `[3, N]`."""


def _clouds(u: Floats, v: Floats, key: int) -> Floats:
    """Soft noise of three scales, about -1 to 1."""
    mass: Floats = noise(u, v, key) * F(0.6)
    mass += noise(u * F(2.1), v * F(2.1), key + 11) * F(0.3)
    mass += noise(u * F(4.3), v * F(4.3), key + 23) * F(0.2)
    return mass


def _lights(view: View, size: float, share: float) -> Floats:
    """Discs of light out of focus, 0 to 1."""
    distance, number = cells(view.x * F(1 / size), view.y * F(1 / size), view.key + 5)
    discs: Floats = step(0.42, 0.26, distance) * np.where(number < F(share), F(0.35) + number, F(0))
    return discs


def _sky(view: View, zenith: RGB, low: RGB, clouds: float) -> Floats:
    """A gradient with soft clouds."""
    colours = plain(view.x, low)
    tint(colours, step(0.0, 0.6, view.far), zenith)
    mass = _clouds(view.x * F(2.2), view.y * F(4.5), view.key)
    tint(colours, step(0.7 - clouds, 1.2 - clouds, mass) * F(0.75), ink(0.97, 0.97, 0.98))
    return colours


def _ridge(view: View, height: float, rough: float, key: int) -> Floats:
    """1 under a hilly outline above the horizon, softly."""
    outline = F(height) * (F(1) + noise(view.x * F(rough), view.x * F(0), key) * F(0.6))
    outline = outline + noise(view.x * F(rough * 3.7), view.x * F(0), key + 3) * F(height * 0.2)
    return step(0.025, -0.025, view.far - outline)


def _meadow(view: View) -> tuple[Floats, Floats]:
    rng = view.rng
    above = _sky(view, ink(0.36, 0.58, 0.88), ink(0.78, 0.88, 0.96), rng.uniform(0.2, 0.6))
    tone = rng.uniform(0.75, 1.1)
    tint(above, _ridge(view, rng.uniform(0.16, 0.3), 3.0, view.key) * F(0.8), ink(0.42 * tone, 0.56 * tone, 0.50))
    trees = _ridge(view, rng.uniform(0.05, 0.2), 9.0, view.key + 7)
    leaf = plain(view.x, ink(0.22 * tone, 0.38 * tone, 0.18))
    tint(leaf, step(-0.3, 0.8, _clouds(view.x * F(14), view.y * F(14), view.key + 2)), ink(0.48, 0.62, 0.30))
    above += (leaf - above) * trees
    ground = plain(view.x, ink(0.40, 0.60 * tone, 0.22))
    tint(ground, step(-0.5, 0.9, _clouds(view.u, view.v, view.key + 1)), ink(0.66, 0.76, 0.34))
    blades = noise(view.u * F(7), view.v * F(1.2) + view.y * F(9), view.key + 9)
    tint(ground, step(-0.1, 0.9, blades) * F(0.45), ink(0.20, 0.40, 0.14))
    flower = rng.choice((ink(0.98, 0.92, 0.35), ink(0.97, 0.97, 0.97), ink(0.80, 0.50, 0.85), ink(0.95, 0.40, 0.35)))
    distance, number = cells(view.u * F(1.3), view.v * F(1.3), view.key)
    tint(ground, step(0.26, 0.14, distance) * np.where(number < F(rng.uniform(0, 0.4)), F(0.9), F(0)), flower)
    return above, ground


def _forest(view: View) -> tuple[Floats, Floats]:
    rng = view.rng
    deep = rng.uniform(0.8, 1.25)
    above = plain(view.x, ink(0.20 * deep, 0.34 * deep, 0.18 * deep))
    tint(above, step(-0.4, 0.9, _clouds(view.x * F(5), view.y * F(5), view.key)), ink(0.52, 0.66, 0.34))
    tint(above, _lights(view, 0.13, rng.uniform(0.3, 0.7)) * F(0.5), ink(0.86, 0.92, 0.62))
    for layer, (scale, dark) in enumerate(((9.0, 0.34), (4.5, 0.22))):
        trunk = noise(view.x * F(scale) + view.y * F(0.35), view.y * F(0.25), view.key + 31 + layer)
        tint(above, step(0.30, 0.55, trunk) * F(0.8), ink(dark * 1.2, dark, dark * 0.8))
    ground = plain(view.x, mixed(ink(0.42, 0.34, 0.22), ink(0.34, 0.46, 0.22), rng.uniform()))
    tint(ground, step(-0.3, 0.8, _clouds(view.u * F(1.4), view.v * F(1.4), view.key + 4)), ink(0.60, 0.52, 0.30))
    tint(ground, step(0.1, 0.8, noise(view.u * F(4), view.v * F(4), view.key + 6)) * F(0.6), ink(0.24, 0.22, 0.13))
    return above, ground


def _beach(view: View) -> tuple[Floats, Floats]:
    rng = view.rng
    above = _sky(view, ink(0.30, 0.60, 0.90), ink(0.82, 0.92, 0.97), rng.uniform(0.1, 0.6))
    level = rng.uniform(0.06, 0.24)
    sea = plain(view.x, ink(0.16, rng.uniform(0.5, 0.62), 0.68))
    swell = noise(view.x * F(5), view.y * F(42), view.key)
    tint(sea, step(0.0, 0.9, swell) * F(0.5), ink(0.55, 0.82, 0.88))
    tint(sea, step(0.035, 0.0, view.far), ink(0.93, 0.97, 0.98))
    above += (sea - above) * step(level + 0.008, level - 0.008, view.far)
    ground = plain(view.x, ink(0.86, 0.76 + rng.uniform(-0.03, 0.03), 0.58))
    tint(ground, step(-0.4, 0.8, _clouds(view.u, view.v * F(2), view.key + 1)) * F(0.7), ink(0.72, 0.61, 0.44))
    tint(ground, step(0.3, 0.9, noise(view.u * F(5), view.v * F(5), view.key + 2)) * F(0.35), ink(0.55, 0.46, 0.33))
    return above, ground


def _seabed(view: View) -> tuple[Floats, Floats]:
    rng = view.rng
    teal = rng.uniform()
    above = plain(view.x, mixed(ink(0.05, 0.30, 0.50), ink(0.08, 0.42, 0.46), teal))
    tint(above, step(0.0, 0.75, view.far), mixed(ink(0.20, 0.66, 0.88), ink(0.36, 0.80, 0.80), teal))
    shafts = noise(view.x * F(5) - view.y * F(rng.uniform(-3, 3)), view.y * F(0.3), view.key)
    tint(above, step(0.1, 0.9, shafts) * step(-0.1, 0.8, view.far) * F(0.7), ink(0.70, 0.95, 0.98))
    reef = _ridge(view, rng.uniform(0.06, 0.2), 6.0, view.key + 3)
    coral = plain(view.x, ink(0.12, 0.30, 0.40))
    hue = rng.choice((ink(0.72, 0.36, 0.46), ink(0.34, 0.52, 0.36), ink(0.62, 0.46, 0.66)))
    tint(coral, step(0.0, 0.8, _clouds(view.x * F(11), view.y * F(11), view.key + 4)) * F(0.7), hue)
    above += (coral - above) * reef * F(0.9)
    tint(above, _lights(view, 0.09, 0.25) * F(0.35), ink(0.80, 0.97, 0.98))
    ground = plain(view.x, ink(0.52, 0.70, 0.66))
    tint(ground, step(-0.5, 0.8, _clouds(view.u, view.v, view.key + 1)), ink(0.40, 0.56, 0.58))
    net = np.abs(noise(view.u * F(2), view.v * F(2), view.key + 8))
    tint(ground, step(0.16, 0.0, net) * F(0.5), ink(0.86, 0.97, 0.90))
    return above, ground


def _room(view: View) -> tuple[Floats, Floats]:
    rng = view.rng
    wall = rng.choice(
        (
            ink(0.86, 0.80, 0.70),
            ink(0.66, 0.76, 0.74),
            ink(0.80, 0.66, 0.60),
            ink(0.60, 0.66, 0.76),
            ink(0.82, 0.78, 0.54),
        )
    )
    above = plain(view.x, wall)
    if rng.chance(0.5):
        period = rng.uniform(0.07, 0.16)
        band = view.x * F(1 / period)
        tint(above, step(0.22, 0.30, np.abs(band - np.floor(band) - F(0.5))) * F(0.4), mixed(wall, (1, 1, 1), 0.4))
    frame, high = rng.uniform(-0.42, 0.42), rng.uniform(0.24, 0.4)
    half = rng.uniform(0.09, 0.15)
    inside = np.maximum(np.abs(view.x - F(frame)), np.abs(view.y - F(high)) * F(0.8))
    window = rng.chance(0.5)
    tint(above, step(half + 0.035, half + 0.02, inside), ink(0.93, 0.92, 0.90) if window else ink(0.42, 0.30, 0.20))
    scene = plain(view.x, ink(0.74, 0.86, 0.94) if window else ink(0.72, 0.66, 0.52))
    tint(scene, step(-0.2, 0.6, _clouds(view.x * F(9), view.y * F(9), view.key)), ink(0.42, 0.60, 0.44))
    above += (scene - above) * step(half + 0.008, half - 0.008, inside)
    tint(above, step(0.075, 0.06, view.far), ink(0.94, 0.93, 0.90))
    above *= F(0.92) - view.far * F(0.22)
    wood = mixed(ink(0.62, 0.44, 0.28), ink(0.78, 0.64, 0.48), rng.uniform())
    ground = plain(view.x, wood)
    plank = np.floor(view.u * F(0.55))
    tone = noise(plank * F(7.31), plank * F(0), view.key + 1)
    grain = noise(view.u * F(4), view.v * F(0.5), view.key + 2)
    ground *= F(0.9) + tone * F(0.16) + grain * F(0.10)
    gap = np.abs(view.u * F(0.55) - plank - F(0.5))
    tint(ground, step(0.45, 0.49, gap) * F(0.5), mixed(wood, (0, 0, 0), 0.7))
    if rng.chance(0.5):
        rug = rng.choice((ink(0.64, 0.26, 0.24), ink(0.28, 0.38, 0.56), ink(0.78, 0.72, 0.62), ink(0.34, 0.48, 0.40)))
        cloth = plain(view.x, rug)
        ring = step(0.03, 0.015, np.abs(view.near - F(0.42))) + step(0.02, 0.01, np.abs(view.near - F(0.50)))
        tint(cloth, ring * F(0.6), ink(0.90, 0.86, 0.76))
        cloth *= F(1) + noise(view.u * F(9), view.v * F(9), view.key + 3) * F(0.10)
        edge = rng.uniform(0.1, 0.3)
        ground += (cloth - ground) * step(edge, edge + 0.03, view.near)
    return above, ground


def _rocks(view: View) -> tuple[Floats, Floats]:
    rng = view.rng
    above = _sky(view, ink(0.44, 0.58, 0.78), ink(0.86, 0.88, 0.90), rng.uniform(0.2, 0.8))
    for layer, height in enumerate((0.34, 0.2, 0.1)):
        grey = 0.62 - 0.13 * layer
        rock = plain(view.x, ink(grey * 0.96, grey, grey * 1.08))
        slopes = _clouds(view.x * F(7) + view.y * F(5), view.y * F(4) - view.x * F(4), view.key + layer)
        rock *= F(1) + slopes * F(0.28)
        snow = step(0.0, 0.12, view.far - F(height * 0.62) + slopes * F(0.06))
        tint(rock, snow * F(0.8 if layer < 2 else 0.0), ink(0.92, 0.93, 0.95))
        above += (rock - above) * _ridge(view, height * rng.uniform(0.7, 1.2), 3.5 + 2.0 * layer, view.key + 40 + layer)
    warm = rng.uniform()
    ground = plain(view.x, mixed(ink(0.56, 0.56, 0.57), ink(0.66, 0.54, 0.44), warm))
    distance, number = cells(view.u * F(0.9), view.v * F(0.9), view.key + 2)
    ground *= F(0.75) + number * F(0.5)
    tint(ground, step(0.36, 0.6, distance) * F(0.55), ink(0.27, 0.26, 0.26))
    ground *= F(1) + _clouds(view.u * F(3), view.v * F(3), view.key + 6) * F(0.25)
    return above, ground


def _snow(view: View) -> tuple[Floats, Floats]:
    rng = view.rng
    above = _sky(view, mixed(ink(0.50, 0.66, 0.86), ink(0.72, 0.75, 0.80), rng.uniform()), ink(0.90, 0.92, 0.95), 0.3)
    tint(above, _ridge(view, rng.uniform(0.2, 0.34), 2.4, view.key) * F(0.85), ink(0.80, 0.86, 0.93))
    spikes = view.x * F(rng.uniform(9, 15))
    fir = F(1) - np.abs(spikes - np.floor(spikes) - F(0.5)) * F(2)
    tall = (noise(np.floor(spikes) * F(3.17), spikes * F(0), view.key + 2) * F(0.5) + F(0.6)) * F(0.22)
    tint(above, step(-0.05, 0.06, fir * tall - view.far * F(0.8)) * F(0.8), ink(0.26, 0.38, 0.38))
    ground = plain(view.x, ink(0.93, 0.95, 0.98))
    tint(
        ground, step(-0.4, 0.9, _clouds(view.u * F(0.7), view.v * F(1.5), view.key + 1)) * F(0.6), ink(0.72, 0.80, 0.92)
    )
    return above, ground


def _autumn(view: View) -> tuple[Floats, Floats]:
    rng = view.rng
    above = plain(view.x, ink(0.78, 0.52, 0.24))
    tint(above, step(-0.5, 0.7, _clouds(view.x * F(6), view.y * F(6), view.key)), ink(0.93, 0.74, 0.34))
    tint(above, step(0.1, 0.8, _clouds(view.x * F(7), view.y * F(7), view.key + 2)), ink(0.72, 0.30, 0.16))
    trunk = noise(view.x * F(5.5) + view.y * F(0.3), view.y * F(0.2), view.key + 5)
    tint(above, step(0.36, 0.56, trunk) * F(0.85), ink(0.30, 0.22, 0.18))
    tint(above, _lights(view, 0.125, rng.uniform(0.3, 0.6)) * F(0.55), ink(0.99, 0.92, 0.66))
    ground = plain(view.x, ink(0.58, 0.42, 0.24))
    distance, number = cells(view.u * F(1.5), view.v * F(1.5), view.key + 1)
    leaf = step(0.48, 0.32, distance)
    tint(ground, leaf * step(0.35, 0.5, number), ink(0.86, 0.52, 0.18))
    tint(ground, leaf * step(0.7, 0.75, number), ink(0.72, 0.26, 0.14))
    tint(ground, leaf * step(0.2, 0.1, number), ink(0.90, 0.76, 0.32))
    return above, ground


def _savanna(view: View) -> tuple[Floats, Floats]:
    rng = view.rng
    above = _sky(view, ink(0.56, 0.62, 0.78), ink(0.98, rng.uniform(0.76, 0.86), 0.58), 0.15)
    tint(above, _ridge(view, rng.uniform(0.06, 0.14), 2.2, view.key) * F(0.8), ink(0.58, 0.50, 0.48))
    middle, high = rng.uniform(-0.4, 0.4), rng.uniform(0.2, 0.32)
    crown = (view.x - F(middle)) * (view.x - F(middle)) * F(14) + (view.far - F(high)) * (view.far - F(high)) * F(190)
    crown = crown + _clouds(view.x * F(12), view.y * F(12), view.key + 4) * F(0.7)
    tint(above, step(1.6, 0.5, crown) * F(0.9), ink(0.34, 0.37, 0.22))
    trunk = step(0.024, 0.004, np.abs(view.x - F(middle))) * step(high, high - 0.03, view.far)
    tint(above, trunk, ink(0.30, 0.24, 0.18))
    ground = plain(view.x, ink(0.82, 0.66, 0.36))
    tint(ground, step(-0.4, 0.8, _clouds(view.u, view.v, view.key + 1)), ink(0.66, 0.48, 0.25))
    blades = noise(view.u * F(7), view.v * F(1.2) + view.y * F(9), view.key + 9)
    tint(ground, step(0.0, 0.9, blades) * F(0.45), ink(0.93, 0.82, 0.52))
    return above, ground


PLACES: tuple[tuple[Place, RGB, bool], ...] = (
    (_meadow, ink(0.50, 0.60, 0.36), False),
    (_forest, ink(0.42, 0.42, 0.30), False),
    (_beach, ink(0.74, 0.68, 0.58), False),
    (_seabed, ink(0.46, 0.62, 0.62), False),
    (_room, ink(0.64, 0.56, 0.48), True),
    (_rocks, ink(0.56, 0.54, 0.52), False),
    (_snow, ink(0.84, 0.87, 0.92), False),
    (_autumn, ink(0.62, 0.46, 0.32), False),
    (_savanna, ink(0.66, 0.56, 0.40), False),
)
"""Places, the light their ground throws back, and whether they are indoors."""
