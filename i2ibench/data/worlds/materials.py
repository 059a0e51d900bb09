"""Shaders of the photo style for what stands upright: facades, walls, fences, leaves and painted things."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from i2ibench.data.worlds.noise import Floats, hash_uniform, lookup
from i2ibench.data.worlds.scene import Scene
from i2ibench.data.worlds.shade import F, Samples, Shade, blend, column, wave
from i2ibench.data.worlds.stencil import Part


class Windows(NamedTuple):
    """Where samples of facades lie in the grid of windows, each field `[N]`."""

    shop: NDArray[np.bool_]
    """On a ground floor of shops."""
    column: Floats
    """Which window from the facade's start."""
    fu: Floats
    """From the window's middle, in widths of a bay."""
    fv: Floats
    """The same, in storeys or heights of the shops."""
    rise: Floats
    """From the storey's floor, in storeys."""
    tall: Floats
    """Height of the window, as a share."""
    chance: Floats
    """A number of the window's own, 0 to 1."""
    body: NDArray[np.bool_]
    hole: NDArray[np.bool_]
    pane: NDArray[np.bool_]
    sill: NDArray[np.bool_]


def windows(samples: Samples, scene: Scene) -> Windows:
    """The grid of windows of facades."""
    n, u, y = samples.numbers, samples.u, samples.y
    storey, bay, wide, tall, shops, eaves = n[9], n[10], n[11], n[12], n[13], n[15]
    start, key = n[16], n[18]
    up = (y - shops) / storey
    floor = np.floor(up)
    across = (u - start) / bay
    window = np.floor(across)
    fu, fv = across - window - F(0.5), up - floor - F(0.52)
    shop = y < shops
    fv = np.where(shop, (y - F(0.25)) / np.maximum(shops, F(1)) - F(0.38), fv)
    wide, tall = np.where(shop, F(0.86), wide), np.where(shop, F(0.66), tall)
    floor = np.where(shop, F(-1), floor)
    chance = hash_uniform(
        scene.key & 0xFFFFFF,
        (window + F(4096)).astype(np.int64) * 64 + floor.astype(np.int64) + 8,
        key.astype(np.int64),
    )
    from_side, from_middle = np.abs(fu) * F(2), np.abs(fv) * F(2)
    body = (y < eaves - F(0.35)) & (y > F(0.2))
    hole = body & (from_side < wide) & (from_middle < tall)
    pane = hole & (from_side < wide - F(0.14)) & (from_middle < tall - F(0.12)) & (np.abs(fu) > F(0.022))
    sill = body & ~shop & (from_side < wide + F(0.1)) & (fv < -tall * F(0.5)) & (fv > -tall * F(0.5) - F(0.06))
    return Windows(shop, window, fu, fv, up - floor, tall, chance, body, hole, pane, sill)


def facade(samples: Samples, scene: Scene) -> Shade:
    """Plaster, brick, panels or glass with rows of windows, perhaps shops below and a tiled roof above."""
    n, u, y = samples.numbers, samples.u, samples.y
    shops, material, eaves, key = n[13], n[14], n[15], n[18]
    shop, window, fu, fv, rise, tall, chance, body, hole, pane, sill = windows(samples, scene)
    fade = F(1) / (F(1) + samples.depth * F(0.012))
    offset = key * F(0.37)
    grain = lookup("grain", u * F(26) + offset, y * F(26))
    stain = lookup("cloud", u * F(18) + offset, y * F(9) + offset)
    tone = F(1) + fade * F(0.22) * grain + F(0.3) * stain
    courses = wave(y, 0.15)
    brick = (np.abs(courses) > F(0.36)) | (np.abs(wave(u + np.where(wave(y, 0.3) > 0, F(0.15), F(0)), 0.3)) > F(0.43))
    tone = np.where((material == 1) & brick, tone * (F(1) + F(0.55) * fade), tone)
    seam = (np.abs(fu) > F(0.485)) | (rise < F(0.03))
    tone = np.where((material == 2) & seam, tone * (F(1) - F(0.4) * fade), tone)
    tone = tone * np.minimum(F(1), F(0.72) + y * F(0.12))
    colour = n[0:3] * tone

    band = ((y > eaves - F(0.35)) & (y <= eaves)) | (~shop & (shops > 0) & (y < shops + F(0.3)))
    blend(colour, band | sill | hole, n[3:6] * (F(0.9) + F(0.2) * grain))
    sky = np.clip((y + F(4)) * F(0.05) + F(0.3) * lookup("cloud", u * F(7) + offset, y * F(14)), F(0.06), F(1))
    horizon, zenith = scene.light.horizon, scene.light.zenith
    dark = F(0.35) + F(0.65) * chance
    glass = np.stack(
        [F(0.018) * dark + F(0.16 * (horizon[c] + zenith[c])) * sky * (F(0.35) + chance) for c in range(3)]
    )
    curtain = (chance > F(0.72)) & (fv > tall * (chance - F(0.9)))
    blend(glass, curtain & ~shop, column((0.42, 0.40, 0.35)) * dark)
    blend(
        glass, shop & (fv < F(0)), column((0.22, 0.15, 0.09)) * (F(0.4) + lookup("leaf", u * F(30), y * F(30) + offset))
    )
    blend(colour, pane, glass)
    awning = shop & (fv > F(0.17)) & body & (chance > F(0.35))
    gaudy = hash_uniform(7, window.astype(np.int64) + 4096, key.astype(np.int64))
    hue = np.stack([F(0.36) * _hump(gaudy, 0.02), F(0.20) * _hump(gaudy, 0.3), F(0.24) * _hump(gaudy, 0.62)]) + F(0.06)
    blend(colour, awning, hue * np.where(wave(u, 0.5) > 0, F(1), F(1.4)))

    tiles = (np.abs(wave(y, 0.32)) > F(0.36)) | (np.abs(wave(u, 0.42)) > F(0.42))
    roof = n[6:9] * (F(1) + F(0.4) * grain * fade - np.where(tiles, F(0.35) * fade, F(0)))
    gabled = (n[19] > 0) & (y > eaves)
    blend(colour, (y > eaves) & ~gabled, roof)
    return Shade(colour, np.where(y > eaves, F(1.15), F(1)))


def wall(samples: Samples, scene: Scene) -> Shade:
    """A garden or retaining wall of brick, concrete or stone under a coping."""
    n, u, y = samples.numbers, samples.u, samples.y
    style, height, key = n[3], n[4], n[5]
    fade = F(1) / (F(1) + samples.depth * F(0.02))
    course = np.where(style == 0, F(0.22), F(0.45))
    row = np.floor(y / course)
    stone = (u + row * F(0.27)) / (course * F(2))
    number = np.floor(stone)
    tones = hash_uniform(11, number.astype(np.int64) + 4096, row.astype(np.int64) + key.astype(np.int64) * 64)
    joint = (np.abs(y / course - row - F(0.5)) > F(0.42)) | (np.abs(stone - number - F(0.5)) > F(0.455))
    panel = np.abs(wave(u, 2.4)) > F(0.48)
    concrete = style == 1
    tone = (
        F(1)
        + fade * F(0.4) * lookup("grain", u * F(26) + key, y * F(26))
        + F(0.35) * lookup("cloud", u * F(20), y * F(20) + key)
    )
    tone = np.where(concrete, tone, tone * (F(0.72) + F(0.6) * tones))
    colour = n[0:3] * np.where(concrete & panel, tone * F(0.5), tone)
    mortar = np.where(style == 0, F(0.36), F(0.16))
    blend(colour, joint & ~concrete, np.stack([mortar, mortar * F(0.97), mortar * F(0.9)]) * np.ones_like(tone))
    blend(colour, y > height - F(0.14), column((0.50, 0.48, 0.45)) * (F(0.8) + F(0.3) * tones))
    damp = np.minimum(F(1), F(0.62) + y * F(0.5))
    return Shade(colour * damp)


def fence(samples: Samples, scene: Scene) -> Shade:
    """Pickets, railings, mesh or boards, with dusk between them."""
    n, u, y = samples.numbers, samples.u, samples.y
    style, height, key = n[3], n[4], n[5]
    pitch = np.where(style == 0, F(0.26), np.where(style == 1, F(0.24), np.where(style == 2, F(0.3), F(0.34))))
    share = np.where(style == 0, F(0.62), np.where(style == 1, F(0.42), np.where(style == 2, F(0.26), F(0.9))))
    at = u / pitch
    slat = np.floor(at)
    solid = np.abs(at - slat - F(0.5)) * F(2) < share
    woven = (np.abs(wave(u + y, 0.3)) < F(0.13)) | (np.abs(wave(u - y, 0.3)) < F(0.13))
    solid = np.where(style == 2, woven, solid)
    rails = (np.abs(y - height * F(0.22)) < F(0.06)) | (np.abs(y - height * F(0.84)) < F(0.06))
    posts = np.abs(wave(u, 2.4)) < F(0.035)
    tones = hash_uniform(13, slat.astype(np.int64) + 4096, key.astype(np.int64))
    tone = F(0.8) + F(0.35) * tones + F(0.35) * lookup("grain", u * F(30), y * F(12) + key)
    colour = n[0:3] * tone
    behind = column((0.035, 0.045, 0.025)) * (F(1) + lookup("leaf", u * F(18), y * F(18)))
    blend(colour, ~(solid | rails | posts), behind)
    blend(colour, rails | posts, n[0:3] * F(0.75) * np.ones_like(tone))
    return Shade(colour)


def leaves(samples: Samples, scene: Scene) -> Shade:
    """Foliage: clumps that face the sun are lighter, hollows are dark."""
    n, y = samples.numbers, samples.y
    u = np.where(n[7] > 0, samples.z, samples.x)
    across, up = (u - n[3]) / n[5], (y - n[4]) / n[6]
    offset = n[3] * F(31)
    clumps = lookup("leaf", u * F(17) + offset, y * F(17))
    fine = lookup("grain", u * F(44), y * F(44) + offset)
    fade = F(1) / (F(1) + samples.depth * F(0.015))
    tone = np.clip(F(1) + F(2.3) * clumps + fade * F(0.9) * fine + F(0.3) * up, F(0.1), F(2.4))
    colour = n[0:3] * tone
    colour[0] *= F(1) + F(0.5) * clumps
    sun = scene.light.sun
    facing = (
        F(0.55) + F(0.55) * (across * F(sun[0]) * np.where(n[7] > 0, F(0), F(1)) + up * F(sun[1])) + F(0.9) * clumps
    )
    return Shade(colour, np.clip(facing, F(0.05), F(1.6)))


def paint(samples: Samples, scene: Scene) -> Shade:
    """Vehicles, figures, signs and poles: a palette's colours, glass that mirrors the sky, some dirt."""
    part = samples.part
    colour = samples.palette[:, samples.surface * len(Part) + part]
    grime = lookup("leaf", samples.u * F(24) + samples.dirt * F(17), samples.y * F(24))
    shade = np.where(part == Part.BODY, F(0.78) + F(0.16) * np.minimum(samples.y, F(2.5)), F(1))
    colour *= shade * (F(1) + F(0.3) * grime)
    glass = part == Part.GLASS
    gleam = np.clip(
        F(0.1) + F(0.16) * samples.y + F(0.35) * lookup("cloud", samples.u * F(40), samples.y * F(70)), F(0), F(0.9)
    )
    light = scene.light
    for channel in range(3):
        colour[channel] += np.where(glass, gleam * F(0.16 * (light.horizon[channel] + light.zenith[channel])), F(0))
    return Shade(colour)


def _hump(value: Floats, centre: float) -> Floats:
    """1 at `centre`, 0 a third of the circle [0, 1) away."""
    distance = np.abs(value - F(centre))
    distance = np.minimum(distance, F(1) - distance)
    hump: Floats = np.maximum(F(1) - distance * F(3), F(0))
    return hump
