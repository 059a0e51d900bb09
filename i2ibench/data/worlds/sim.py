"""The sim style: the same canvas as a driving game of the 2000s would draw it.

Flat saturated colours under small tiled textures, one Lambert light and an ambient one, hard blob shadows, a painted
sky, distance fog. No clouds, cast shadows, lens, exposure or sensor, and one sample a pixel: the one that gives its
label.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from i2ibench.data.worlds.canvas import SAMPLES, Canvas, Material
from i2ibench.data.worlds.materials import windows
from i2ibench.data.worlds.noise import Floats, Stream, hash_uniform
from i2ibench.data.worlds.sampling import gather
from i2ibench.data.worlds.scene import RGB, VEHICLES, Heading, Scene
from i2ibench.data.worlds.shade import F, Samples, blend, column, cover, wave
from i2ibench.data.worlds.stencil import Part

_SKIES: tuple[tuple[RGB, RGB], ...] = (
    ((0.16, 0.42, 0.92), (0.70, 0.88, 1.00)),
    ((0.22, 0.54, 0.94), (0.84, 0.94, 0.98)),
    ((0.30, 0.36, 0.78), (0.98, 0.82, 0.62)),
    ((0.40, 0.60, 0.80), (0.86, 0.90, 0.90)),
)
"""Colours on screen at the zenith and the horizon."""
_TILE = 16
"""Texels along each side of a tiled texture."""


@dataclass(frozen=True)
class _Level:
    """The light of one scene, colours on screen."""

    sun: tuple[float, float, float]
    zenith: RGB
    horizon: RGB


def simulate(scene: Scene, canvas: Canvas) -> NDArray[np.uint8]:
    """The scene as a game draws it: uint8 `[H, W, 3]`."""
    rng = Stream(scene.key, 51)
    zenith, horizon = rng.choice(_SKIES)
    side = 1.0 if rng.chance(0.5) else -1.0
    level = _Level((0.48 * side, 0.768, -0.42), zenith, horizon)
    sun = level.sun
    lambert = [max(0.0, s.normal[0] * sun[0] + s.normal[1] * sun[1] + s.normal[2] * sun[2]) for s in canvas.surfaces]
    light = F(0.62) + F(0.46) * np.array(lambert, np.float32)
    height, width = canvas.resolution
    shadows = _blobs(scene, canvas).ravel()
    picture = np.empty((3, height * width), np.float32)
    picture[:] = _sky(canvas, level)
    for material, where, samples in gather(scene, canvas, centres=True):
        colour = _SHADERS[material](samples, scene)
        lit = light[samples.surface]
        if material in (Material.ROAD, Material.PAVING, Material.GRASS):
            lit = lit * shadows[where]
        fog = np.clip((samples.depth - F(35)) * F(1 / 140), F(0), F(0.55))
        for channel in range(3):
            shown = colour[channel] * lit
            picture[channel, where] = shown + (F(horizon[channel]) - shown) * fog
    levels = np.clip(picture * F(255) + F(0.5), F(0), F(255.5)).astype(np.uint8)
    return np.ascontiguousarray(levels.reshape(3, height, width).transpose(1, 2, 0))


def _sky(canvas: Canvas, level: _Level) -> Floats:
    """A gradient behind everything, `[3, H * W]`."""
    up = np.clip(-canvas.y[SAMPLES // 2 :: SAMPLES] * F(1.9), F(0), F(1))
    rows = np.stack([F(level.horizon[c]) + F(level.zenith[c] - level.horizon[c]) * up for c in range(3)])
    return np.repeat(rows, canvas.resolution.width, axis=1)


def _blobs(scene: Scene, canvas: Canvas) -> Floats:
    """On the ground of every pixel, the share of light that dark discs and boxes under things leave, `[H, W]`."""
    step = slice(SAMPLES // 2, None, SAMPLES)
    x, _, z = (plane[step, step] for plane in canvas.world())
    shade = np.ones(x.shape, np.float32)
    spots: list[tuple[float, float, float, float, bool]] = []
    for actor in scene.actors:
        box = actor.label in VEHICLES
        across = box and actor.heading in (Heading.LEFT, Heading.RIGHT)
        wide, long = (actor.length, actor.width) if across else (actor.width, actor.length)
        spots.append((actor.x, actor.z + long / 2, wide / 2 + 0.15, long / 2 + 0.25, box))
    for tree in (*scene.street_trees, *scene.garden_trees):
        spots.append((tree.x, tree.z, tree.radius[0] * 0.8, tree.radius[0] * 0.8, False))
    for middle_x, middle_z, half, long, box in spots:
        dx, dz = (x - F(middle_x)) * F(1 / half), (z - F(middle_z)) * F(1 / long)
        inside = np.maximum(np.abs(dx), np.abs(dz)) < 1 if box else dx * dx + dz * dz < 1
        np.copyto(shade, F(0.55), where=inside)
    return shade


def _vivid(linear: Floats) -> Floats:
    """Reflectance `[3, N]` as a saturated colour on screen."""
    shown = np.sqrt(np.clip(linear, F(0), F(1)))
    grey = (shown[0] + shown[1] + shown[2]) * F(1 / 3)
    vivid: Floats = np.clip(grey * F(0.92) + F(0.06) + (shown - grey) * F(1.7), F(0), F(1))
    return vivid


def _tiled(samples: Samples, across: Floats, up: Floats, period: float, key: int, contrast: float) -> Floats:
    """A tile of four tones that repeats every `period` metres and fades with distance, as mipmaps do."""
    column_at = np.floor(across * F(_TILE / period)).astype(np.int64) & (_TILE - 1)
    row_at = np.floor(up * F(_TILE / period)).astype(np.int64) & (_TILE - 1)
    tone = np.floor(hash_uniform(key, row_at, column_at) * F(4)) * F(1 / 3) - F(0.5)
    fade = F(1) / (F(1) + samples.depth * F(0.035))
    tones: Floats = F(1) + tone * F(contrast) * fade
    return tones


def _road(samples: Samples, scene: Scene) -> Floats:
    x, z, road = samples.x, samples.z, scene.road
    colour = column((0.42, 0.43, 0.47)) * _tiled(samples, x, z, 2.0, 1, 0.16)
    ones = np.ones_like(x)
    inside = ones > 0
    if road.crossing:
        inside = (z < F(road.crossing[0] - 0.3)) | (z > F(road.crossing[1] + 0.3))
    for number, (at, dashed) in enumerate(road.lines):
        mark = inside & (np.abs(x - F(at)) < F(0.1))
        if dashed:
            mark &= wave(z, 7.5) < 0
        cover(colour, mark, (1.0, 0.80, 0.15) if number == 0 and road.yellow else (0.98, 0.98, 0.98), ones)
    if road.crosswalk is not None:
        near = road.crosswalk
        zebra = (z > F(near)) & (z < F(near + 3)) & (np.abs(wave(x, 1.1)) < F(0.25))
        cover(colour, zebra & (x > F(road.left + 0.2)) & (x < F(road.right - 0.2)), (0.98, 0.98, 0.98), ones)
        stop = (z > F(near - 1.3)) & (z < F(near - 0.9)) & (x > F(-1.6)) & (x < F(1.7))
        cover(colour, stop, (0.98, 0.98, 0.98), ones)
    if road.rails is not None:
        cover(colour, np.abs(np.abs(x - F(road.rails)) - F(0.72)) < F(0.07), (0.72, 0.74, 0.80), ones)
    return colour


def _paving(samples: Samples, scene: Scene) -> Floats:
    x, z = samples.x, samples.z
    checks = (wave(x, 2.0) > 0) ^ (wave(z, 2.0) > 0)
    fade = F(1) / (F(1) + samples.depth * F(0.03))
    colour: Floats = _vivid(column(scene.paving)) * np.where(checks, F(1) + F(0.08) * fade, F(1) - F(0.08) * fade)
    kerb = (np.abs(x - F(scene.road.left)) < F(0.22)) | (np.abs(x - F(scene.road.right)) < F(0.22))
    cover(colour, kerb, (0.84, 0.84, 0.84), np.ones_like(x))
    return colour


def _grass(samples: Samples, scene: Scene) -> Floats:
    green: Floats = column((0.30, 0.68, 0.20)) * _tiled(samples, samples.x, samples.z, 2.0, 2, 0.30)
    return green


def _facade(samples: Samples, scene: Scene) -> Floats:
    n, u, y = samples.numbers, samples.u, samples.y
    w = windows(samples, scene)
    brick = (np.abs(wave(y, 0.6)) > F(0.42)) | (
        np.abs(wave(u + np.where(wave(y, 1.2) > 0, F(0.6), F(0)), 1.2)) > F(0.45)
    )
    fade = F(1) / (F(1) + samples.depth * F(0.03))
    texture = np.where(n[14] == 1, F(1) - F(0.25) * fade * brick, _tiled(samples, u, y, 4.0, 3, 0.07))
    colour: Floats = _vivid(n[0:3]) * texture
    blend(colour, w.hole | ((y > n[15] - F(0.35)) & (y <= n[15])), _vivid(n[3:6]))
    shine = wave(u * F(0.7) + y, 3.0) > F(0.28)
    glass = np.stack([np.where(shine, F(lit), F(dim)) for lit, dim in ((0.62, 0.30), (0.80, 0.46), (0.95, 0.66))])
    blend(colour, w.pane, glass)
    awning = w.shop & (w.fv > F(0.17)) & w.body & (w.chance > F(0.35))
    hue = hash_uniform(7, w.column.astype(np.int64) + 4096, n[18].astype(np.int64))
    for channel in range(3):
        stripe = np.floor(hue * F(8)).astype(np.int64) >> channel & 1
        np.copyto(colour[channel], F(0.25) + F(0.65) * stripe.astype(np.float32), where=awning)
    roof = (y > n[15]) & (n[19] == 0)
    rows = np.where(np.abs(wave(y, 0.7)) > F(0.4), F(0.82), F(1))
    blend(colour, roof, _vivid(n[6:9]) * rows)
    return colour


def _wall(samples: Samples, scene: Scene) -> Floats:
    n, u, y = samples.numbers, samples.u, samples.y
    shift = np.where(wave(y, 0.9) > 0, F(0.45), F(0))
    joint = (np.abs(wave(y, 0.45)) > F(0.44)) | (np.abs(wave(u + shift, 0.9)) > F(0.46))
    fade = F(1) / (F(1) + samples.depth * F(0.03))
    colour: Floats = _vivid(n[0:3]) * np.where(joint & (n[3] != 1), F(1) - F(0.3) * fade, F(1))
    cover(colour, y > n[4] - F(0.14), (0.86, 0.85, 0.82), np.ones_like(u))
    return colour


def _fence(samples: Samples, scene: Scene) -> Floats:
    n, u, y = samples.numbers, samples.u, samples.y
    pitch = np.where(n[3] == 0, F(0.26), np.where(n[3] == 1, F(0.24), F(0.34)))
    share = np.where(n[3] == 0, F(0.62), np.where(n[3] == 1, F(0.42), F(0.92)))
    at = u / pitch
    solid = np.abs(at - np.floor(at) - F(0.5)) * F(2) < share
    woven = (np.abs(wave(u + y, 0.4)) < F(0.13)) | (np.abs(wave(u - y, 0.4)) < F(0.13))
    solid = np.where(n[3] == 2, woven, solid)
    rails = (np.abs(y - n[4] * F(0.22)) < F(0.06)) | (np.abs(y - n[4] * F(0.84)) < F(0.06))
    colour = _vivid(n[0:3])
    cover(colour, ~(solid | rails), (0.22, 0.34, 0.16), np.ones_like(u))
    return colour


def _leaves(samples: Samples, scene: Scene) -> Floats:
    n, y = samples.numbers, samples.y
    u = np.where(n[7] > 0, samples.z, samples.x)
    up = np.clip((y - n[4]) / n[6], F(-1), F(1))
    steps = F(0.92) + F(0.20 / 3) * np.floor(up * F(3))
    colour: Floats = _vivid(n[0:3] * F(1.7)) * _tiled(samples, u, y, 2.4, 4, 0.34) * steps
    return colour


def _paint(samples: Samples, scene: Scene) -> Floats:
    colour = _vivid(samples.palette[:, samples.surface * len(Part) + samples.part])
    glass = samples.part == Part.GLASS
    cover(colour, glass, (0.26, 0.36, 0.50), F(0.8) + F(0.3) * (wave(samples.u + samples.y, 1.6) > F(0.2)))
    return colour


_SHADERS: dict[Material, Callable[[Samples, Scene], Floats]] = {
    Material.ROAD: _road,
    Material.PAVING: _paving,
    Material.GRASS: _grass,
    Material.FACADE: _facade,
    Material.WALL: _wall,
    Material.FENCE: _fence,
    Material.LEAVES: _leaves,
    Material.PAINT: _paint,
}
