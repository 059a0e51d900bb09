"""The photo style: light, cast shadows, haze and a camera over a painted canvas."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from i2ibench.data.worlds import ground, lamps, materials, night, rain, shadows, snow
from i2ibench.data.worlds.canvas import SAMPLES, Canvas, Material
from i2ibench.data.worlds.conditions import PLAIN, Look
from i2ibench.data.worlds.noise import Floats, Stream, hash_uniform, lookup
from i2ibench.data.worlds.sampling import gather
from i2ibench.data.worlds.scene import Scene
from i2ibench.data.worlds.shade import F, Samples, Shade

_SHADERS: dict[Material, Callable[[Samples, Scene], Shade]] = {
    Material.ROAD: ground.road,
    Material.PAVING: ground.paving,
    Material.GRASS: ground.grass,
    Material.FACADE: materials.facade,
    Material.WALL: materials.wall,
    Material.FENCE: materials.fence,
    Material.LEAVES: materials.leaves,
    Material.PAINT: materials.paint,
}
_SKY = 0  # the first surface painted
_GROUND = (Material.ROAD, Material.PAVING, Material.GRASS)


def photograph(scene: Scene, canvas: Canvas, look: Look = PLAIN) -> NDArray[np.uint8]:
    """The scene as a camera sees it: uint8 `[H, W, 3]`."""
    return _develop(_radiance(scene, canvas, look), scene, look)


def _radiance(scene: Scene, canvas: Canvas, look: Look) -> Floats:
    """Linear light of every sample, `[3, h, w]`."""
    sun = scene.light.sun
    facing = np.array(
        [max(0.0, s.normal[0] * sun[0] + s.normal[1] * sun[1] + s.normal[2] * sun[2]) for s in canvas.surfaces],
        np.float32,
    )
    sunlight, openness = shadows.cast(scene, canvas)
    sunlight, openness = sunlight.ravel(), openness.ravel()
    lights = lamps.lamps(scene) if look.night else None

    radiance = np.empty((3, canvas.surface.size), np.float32)
    sun_colour, ambient = scene.light.sun_colour, scene.light.ambient
    open_sky = np.flatnonzero(canvas.surface == _SKY)
    radiance[:, open_sky] = (night.sky if look.night else _sky)(scene, canvas, open_sky)
    for gathered in gather(scene, canvas):
        material, where, samples = gathered
        colour, relief = _SHADERS[material](samples, scene)
        if look.snow:
            colour = snow.cover(colour, scene, canvas, gathered, look.snow)
        direct = facing[samples.surface] * shadows.behind_buildings(scene, samples.x, samples.y, samples.z)
        if relief is not None:
            direct = direct * relief
        if material in _GROUND:
            direct, indirect = direct * sunlight[where], openness[where]
        else:
            indirect = F(0.72) + F(0.28) * np.clip(samples.y * F(0.25), F(0), F(1))
        veil = _haze(samples.depth, scene)
        thrown = lamps.irradiance(lights, scene, canvas, gathered) if lights else None
        given = lamps.emission(lights, scene, canvas, gathered) if lights else None
        for channel in range(3):
            lit = colour[channel] * (F(ambient[channel]) * indirect + F(sun_colour[channel]) * direct)
            if thrown is not None:
                lit += colour[channel] * thrown[channel]
            if given is not None:
                lit += given[channel]
            radiance[channel, where] = lit + (F(scene.light.horizon[channel]) - lit) * veil
    radiance = radiance.reshape(3, *canvas.surface.shape)
    return rain.mirror(radiance, scene, canvas, look.mirror) if look.mirror else radiance


def _haze(depth: Floats, scene: Scene) -> Floats:
    """The share of light from air instead of things: 1 - 1 / (1 + t + t^2 / 2), near 1 - exp(-t)."""
    thickness = depth * F(scene.light.haze)
    veil: Floats = F(1) - F(1) / (F(1) + thickness + thickness * thickness * F(0.5))
    return veil


def _sky(scene: Scene, canvas: Canvas, where: NDArray[np.intp]) -> Floats:
    """A gradient with clouds on a plane above and a glow around the sun."""
    columns = canvas.surface.shape[1]
    up = -canvas.y[where // columns]
    x = canvas.x[where % columns]
    light, rng = scene.light, Stream(scene.key, 21)
    height = np.clip(up * F(1.7), F(0), F(1))
    rise = height * (F(2) - height)
    far = F(1) / (np.maximum(up, F(0)) + F(0.11))
    offset = F(rng.uniform(0, 512))
    u, v = x * far * F(26) + offset, far * F(34) + offset
    mass = lookup("cloud", u, v) + F(0.35) * lookup("leaf", u * F(1.7), v * F(1.7))
    cover = np.clip((mass + F(light.cloud_cover * 1.3 - 0.62)) * F(3.2), F(0), F(1))
    thick = np.clip((mass + F(light.cloud_cover - 0.75)) * F(2), F(0), F(1))
    sun = light.sun
    glow = np.zeros_like(up)
    if sun[2] > 0.1:
        focal = scene.camera.focal
        dx, dy = x - F(sun[0] / sun[2] * focal), up - F(sun[1] / sun[2] * focal)
        glow = F(1) / (F(1) + (dx * dx + dy * dy) * F(9))
    sky = np.empty((3, where.size), np.float32)
    for channel in range(3):
        horizon, zenith = light.horizon[channel], light.zenith[channel]
        clear = F(horizon) + F(zenith - horizon) * rise
        clear = clear + glow * F(0.35 * light.sun_colour[channel])
        white = F(0.42 * light.sun_colour[channel] + 0.55 * light.ambient[channel]) + F(0.12)
        cloud = white * (F(1) - F(0.42) * thick)
        sky[channel] = clear + (cloud - clear) * cover * np.clip(up * F(9) + F(0.25), F(0), F(1))
    return sky


def _develop(radiance: Floats, scene: Scene, look: Look) -> NDArray[np.uint8]:
    """Average samples into pixels, expose, compress highlights, add noise of the sensor, and quantise."""
    _, rows, columns = radiance.shape
    rng = Stream(scene.key, 22)
    total = radiance[:, 0::SAMPLES, 0::SAMPLES].copy()
    for down in range(SAMPLES):
        for across in range(SAMPLES):
            if down or across:
                total += radiance[:, down::SAMPLES, across::SAMPLES]
    linear = total * F(1 / (SAMPLES * SAMPLES))
    if look.night:
        linear = night.bloom(night.adapt(linear))
    if look.rain:
        linear = rain.streaks(linear, scene, look.rain)
    if look.flakes:
        linear = rain.flakes(linear, scene, look.flakes)
    height, width = rows // SAMPLES, columns // SAMPLES
    exposure = rng.uniform(0.95, 1.3)
    warm = rng.uniform(-0.06, 0.06)
    balance = np.array([exposure * (1 + warm), exposure, exposure * (1 - warm)], np.float32)[:, None, None]
    across = (np.arange(width, dtype=np.float32) + F(0.5)) * F(2 / width) - F(1)
    down = (np.arange(height, dtype=np.float32) + F(0.5)) * F(2 / height) - F(1)
    vignette = F(1) - F(0.11) * ((across * across)[None, :] + (down * down)[:, None])
    linear = linear * balance * vignette
    tone = linear * (F(1) + linear * F(0.22)) / (F(0.82) + linear * F(0.55))
    picture = np.sqrt(np.clip(tone, F(0), F(1)))
    pixel = np.arange(height * width, dtype=np.int64).reshape(height, width)
    channel = np.arange(3, dtype=np.int64)[:, None, None]
    key = (scene.frame or 0) << 56 | scene.key >> 8
    noise = hash_uniform(key, pixel[None], channel) + hash_uniform(key, pixel[None], channel + 3) - F(1)
    picture = picture + noise * F(rng.uniform(0.008, 0.024) * (2.2 if look.night else 1.0))
    levels = np.clip(picture * F(255) + F(0.5), F(0), F(255.5)).astype(np.uint8)
    return np.ascontiguousarray(levels.transpose(1, 2, 0))
