"""Shaders of the photo style for the ground: carriageway, sidewalk, grass."""

from __future__ import annotations

import numpy as np

from i2ibench.data.worlds.noise import Floats, hash_uniform, lookup
from i2ibench.data.worlds.scene import Light, Scene
from i2ibench.data.worlds.shade import F, Samples, Shade, column, cover, wave


def road(samples: Samples, scene: Scene) -> Shade:
    """Asphalt with patches, wheel tracks, lane lines, a zebra crossing and tram rails."""
    x, z, layout = samples.x, samples.z, scene.road
    fade = F(1) / (F(1) + samples.depth * F(0.02))
    offset = F(scene.key & 511)
    tone = F(1) + fade * (F(0.45) * lookup("grain", x * F(28) + offset, z * F(28)) + F(0.3) * _broad(x, z, offset, 9))
    patch = lookup("cloud", x * F(22) + offset, z * F(9) + offset)
    tone = tone * np.where(patch > F(0.26), F(0.72), F(1))
    colour = column((scene.asphalt * 0.98, scene.asphalt, scene.asphalt * 1.05)) * tone
    inside = np.ones(x.shape, bool)
    if layout.crossing:
        inside = (z < F(layout.crossing[0] - 0.3)) | (z > F(layout.crossing[1] + 0.3))
    worn = F(0.62) + F(0.5) * lookup("leaf", x * F(40), z * F(40) + offset)
    white = F(0.6) * worn
    for number, (at, dashed) in enumerate(layout.lines):
        mark = inside & (np.abs(x - F(at)) < F(0.085 if dashed else 0.075))
        if dashed:
            mark &= z * F(1 / 7.5) - np.floor(z * F(1 / 7.5)) < F(0.5)
        tint = (1.0, 0.66, 0.12) if number == 0 and layout.yellow else (1.0, 1.0, 0.97)
        cover(colour, mark, tint, white)
    if layout.crosswalk is not None:
        near = layout.crosswalk
        stripes = (z > F(near)) & (z < F(near + 3)) & (np.abs(wave(x, 1.1)) < F(0.25))
        cover(colour, stripes & (x > F(layout.left + 0.2)) & (x < F(layout.right - 0.2)), (1.0, 1.0, 0.97), white)
        stop = (z > F(near - 1.3)) & (z < F(near - 0.9)) & (x > F(-1.6)) & (x < F(1.7))
        cover(colour, stop, (1.0, 1.0, 0.97), white)
    if layout.rails is not None:
        bed = np.abs(x - F(layout.rails)) < F(1.25)
        slabs = bed & (np.abs(wave(z, 1.2)) > F(0.45))
        colour[:, bed] *= F(1.35)
        colour[:, slabs] *= F(0.7)
        rail = np.abs(np.abs(x - F(layout.rails)) - F(0.72)) < F(0.06)
        cover(colour, rail, (0.3, 0.32, 0.36), np.ones_like(white))
    return Shade(_wet(colour, scene.light))


def paving(samples: Samples, scene: Scene) -> Shade:
    """Slabs with joints, each of its own tone, and a pale kerb along the carriageway."""
    x, z = samples.x, samples.z
    size = 0.6 + 0.3 * (scene.key & 1)
    fade = F(1) / (F(1) + samples.depth * F(0.05))
    tile_x, tile_z = np.floor(x * F(1 / size)), np.floor(z * F(1 / size))
    tones = hash_uniform(scene.key & 0xFFFF, tile_x.astype(np.int64), tile_z.astype(np.int64))
    tone = F(1) + fade * ((tones - F(0.5)) * F(0.35) + F(0.3) * lookup("grain", x * F(30), z * F(30)))
    joint = (np.abs(wave(x, size)) > F(0.5 - 0.03 / size)) | (np.abs(wave(z, size)) > F(0.5 - 0.04 / size))
    tone = np.where(joint, tone * (F(1) - F(0.45) * fade), tone) + F(0.2) * _broad(x, z, F(37), 8)
    colour = column(scene.paving) * tone
    kerb = (np.abs(x - F(scene.road.left)) < F(0.22)) | (np.abs(x - F(scene.road.right)) < F(0.22))
    cover(colour, kerb, (0.56, 0.55, 0.52), F(0.9) + F(0.3) * lookup("grain", x * F(20), z * F(20)))
    return Shade(_wet(colour, scene.light))


def grass(samples: Samples, scene: Scene) -> Shade:
    """Grass with bare and dry patches."""
    x, z = samples.x, samples.z
    fade = F(1) / (F(1) + samples.depth * F(0.03))
    blades = lookup("grain", x * F(34), z * F(16))
    patches = lookup("leaf", x * F(11), z * F(11))
    tone = F(1) + fade * (F(0.6) * blades + F(0.25) * patches) + F(0.35) * _broad(x, z, F(91), 10)
    colour = column(scene.grass) * tone
    dry = np.clip(lookup("cloud", x * F(16), z * F(16)) * F(3) - F(0.25), F(0), F(0.75))
    bare = (0.30, 0.235, 0.15)
    for channel in range(3):
        colour[channel] += (F(bare[channel]) * tone - colour[channel]) * dry
    return Shade(colour)


def _broad(x: Floats, z: Floats, offset: np.float32, scale: int) -> Floats:
    return lookup("cloud", x * F(scale) + offset, z * F(scale))


def _wet(colour: Floats, light: Light) -> Floats:
    """Darken wet ground and let it mirror the sky."""
    if light.wetness == 0:
        return colour
    wet = light.wetness
    mirror = column(light.horizon) * F(0.09 * wet)
    mirroring: Floats = colour * F(1 - 0.35 * wet) + mirror
    return mirroring
