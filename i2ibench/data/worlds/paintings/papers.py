"""Styles that let the paper speak: watercolour, ink wash, woodcut, pastel."""

from __future__ import annotations

import numpy as np

from i2ibench.data.worlds.noise import Floats, Stream, key_hash
from i2ibench.data.worlds.paintings.heading import along_edges, edges
from i2ibench.data.worlds.paintings.panel import Panel
from i2ibench.data.worlds.paintings.planes import (
    F,
    blur,
    flatten,
    grey,
    mix,
    saturate,
    smooth_step,
    stretch_tones,
    texture,
    tint,
    warp,
)
from i2ibench.data.worlds.paintings.strokes import Brush, lay


def watercolour(photo: Floats, key: int) -> Floats:
    """Transparent washes with dark wet edges, pigment that settles in the paper's grain, and blooms."""
    rng = Stream(key, 6)
    light = stretch_tones(saturate(photo, rng.uniform(1.3, 1.7)), 0.18, 1.0, level=0.2)
    shape = light.shape[1:]
    flat = warp(blur(flatten(flatten(light, 3), 3), 1), key, 2.5)
    luma = grey(flat)
    cloud = texture("cloud", shape, key_hash(key, 60), 1.5)
    steps = rng.integer(4, 6)
    position = luma * F(steps) + cloud * F(0.7)
    level = np.floor(position)
    washed = (level + smooth_step(position - level, 0.72, 1.0)) / F(steps) + F(0.14)
    density = F(1) - np.clip(flat * (washed / np.maximum(luma, F(0.08))), F(0), F(1))
    total = grey(density)
    pooled = np.clip(total - blur(total, 3), F(0), F(1)) * F(2.4) + np.clip(total - blur(total, 1), F(0), F(1)) * F(3)
    paper_grain = texture("grain", shape, key_hash(key, 61), 0.6)
    settled = F(1) + cloud * F(0.55) + paper_grain * F(0.30) + texture("leaf", shape, key_hash(key, 62)) * F(0.28)
    density = density * (settled + pooled * F(2.2)) * F(rng.uniform(0.86, 1.0))
    missed = smooth_step(texture("leaf", shape, key_hash(key, 63), 1.3) - total * F(1.4), 0.18, 0.3)
    density = density * (F(1) - F(0.85) * missed)
    paper = tint(rng.choice(((0.985, 0.975, 0.94), (0.97, 0.96, 0.95), (0.98, 0.95, 0.90))), light)
    sheet = paper * (F(1) + paper_grain * F(0.035))
    washed_sheet: Floats = sheet * (F(1) - np.clip(density, F(0), F(0.93)))
    return washed_sheet


def ink_wash(photo: Floats, key: int) -> Floats:
    """Black ink alone, thinned to three greys and bleeding, with brush lines along the outlines."""
    rng = Stream(key, 7)
    light = grey(stretch_tones(photo, 0.0, 1.0, level=0.45))
    shape = light.shape
    fibre = texture("grain", shape, key_hash(key, 70), 0.7)
    paper = tint(rng.choice(((0.95, 0.92, 0.84), (0.93, 0.92, 0.88), (0.91, 0.86, 0.74))), np.zeros((3, *shape)))
    tone = warp(blur(flatten(np.stack([light] * 3), 4)[0], 1), key, 3.0)
    cloud = texture("cloud", shape, key_hash(key, 71), 1.3)
    level = np.zeros(shape, np.float32)
    for threshold, weight, softness in ((0.80, 0.13, 0.12), (0.55, 0.20, 0.06), (0.32, 0.26, 0.05), (0.14, 0.22, 0.05)):
        spot = threshold + rng.uniform(-0.05, 0.05)
        wash = F(1) - smooth_step(tone + cloud * F(0.12), spot - softness, spot + softness)
        rim = np.clip(wash - blur(wash, 3), F(0), F(1))
        level = level + wash * F(weight) * (F(1) + cloud * F(0.7)) + rim * F(weight * 0.9)
    ink = np.clip(level + fibre * level * F(0.25), F(0), F(0.9))
    strength = edges(light, 1)
    for number in range(2):
        lines = lay(
            Brush(cell=8, length=19, width=3.6, corners=0.1, vary=0.5, turn=0.03, bend=0.3, ragged=0.3, hairs=3),
            along_edges(light, key, 3, 0.0, (0.0, 0.0)), key_hash(key, 72, number),
            chance=smooth_step(strength, 0.07, 0.24),
            girth=F(0.5) + F(0.8) * smooth_step(F(1) - light, 0.2, 0.9),
        )  # fmt: skip
        drawn = lines.covered & (lines.bristle > F(-1.0) + (lines.along + F(1)) * F(0.3))
        weight_here = lines.spread(F(0.55) + F(0.4) * lines.draw(9))
        ink = np.maximum(ink, np.where(drawn, weight_here, F(0)))
    ink = np.maximum(ink, blur(ink, 1) * F(0.92))
    black = tint(rng.choice(((0.06, 0.06, 0.08), (0.10, 0.07, 0.05), (0.05, 0.07, 0.11))), np.zeros((3, *shape)))
    return mix(paper * (F(1) + fibre * F(0.05)), np.broadcast_to(black, (3, *shape)), ink)


def woodcut(photo: Floats, key: int) -> Floats:
    """A black key block, cut away along the forms the more the lighter they are, over blocks of two inks."""
    rng = Stream(key, 8)
    light = stretch_tones(photo, 0.0, 1.0, level=0.6)
    luma = grey(light)
    shape = luma.shape
    paper = rng.choice(((0.93, 0.88, 0.76), (0.90, 0.86, 0.78), (0.94, 0.90, 0.84)))
    inks = rng.choice((
        ((0.80, 0.30, 0.16), (0.34, 0.52, 0.56)), ((0.86, 0.60, 0.20), (0.22, 0.40, 0.58)),
        ((0.74, 0.26, 0.22), (0.46, 0.56, 0.34)), ((0.88, 0.66, 0.36), (0.30, 0.52, 0.46)),
    ))  # fmt: skip
    flat = flatten(light, 5)
    flat_luma = grey(flat)
    warm = flat[0] - flat[2]
    sheet = np.zeros((3, *shape), np.float32) + tint(paper, light)
    wood = blur(texture("leaf", shape, key_hash(key, 80), 1.0), 1)
    cold_block = (warm < F(0.02)) & (flat_luma < F(0.93))
    warm_block = (warm >= F(0.02)) & (flat_luma < F(0.93))
    for block, ink in ((warm_block, inks[0]), (cold_block, inks[1])):
        printed = mix(sheet, np.broadcast_to(tint(ink, sheet), sheet.shape), F(0.82) + wood * F(0.25))
        sheet = np.where(block & (wood > F(-0.34)), printed, sheet)
    heading = along_edges(light, key, 8, 1.8, rng.choice(((1.0, 0.0), (0.7, 0.7), (0.7, -0.7))))
    soft = blur(luma, 2)
    cut = np.zeros(shape, bool)
    for number in range(2):
        gouge = lay(
            Brush(cell=10, length=24, width=8.5, corners=0.0, vary=0.18, turn=0.05, bend=0.15, ragged=0.1),
            heading, key_hash(key, 81, number), girth=smooth_step(soft, 0.16, 0.70) * F(1.15),
        )  # fmt: skip
        # Gouges leave a thin wall of wood between each other: their rims are not cut.
        rim = gouge.along * gouge.along + gouge.across * gouge.across
        cut |= gouge.covered & (rim < F((0.86, 0.5)[number]))
    cut = cut | (soft > F(0.86))
    contour = lay(
        Brush(cell=10, length=23, width=4.6, corners=0.3, vary=0.3, turn=0.04, bend=0.2, ragged=0.25),
        along_edges(light, key, 4, 0.0, (0.0, 0.0)), key_hash(key, 82), chance=smooth_step(edges(light, 1), 0.10, 0.25),
    )  # fmt: skip
    black = (~cut | contour.covered) & (wood + texture("grain", shape, key) * F(0.5) > F(-0.62))
    key_ink = np.array((0.09, 0.08, 0.09), np.float32)[:, None, None]
    return np.where(black, key_ink * (F(1) + wood[None] * F(0.4)), sheet)


def pastel(photo: Floats, key: int) -> Floats:
    """Chalk hatched over tinted paper, whose tooth breaks every stroke."""
    rng = Stream(key, 9)
    light = stretch_tones(saturate(photo, rng.uniform(1.4, 1.9)), 0.12, 1.0, level=0.3)
    shape = light.shape[1:]
    tone = rng.choice(
        ((0.36, 0.42, 0.50), (0.52, 0.44, 0.36), (0.42, 0.46, 0.40), (0.50, 0.38, 0.40), (0.24, 0.25, 0.30))
    )
    lean = rng.choice(((0.2, 1.0), (0.2, -1.0), (-0.4, 0.9), (-0.4, -0.9)))
    heading = along_edges(light, key, 8, 5.0, lean)
    panel = Panel(shape, tone, key, 0.10)
    tooth = texture("grain", shape, key_hash(key, 91), 0.55) + F(0.25) * texture("grain", shape, key_hash(key, 92))
    for number, (cell, width, soft, pressure) in enumerate(((12, 7.0, 4, 0.12), (10, 5.0, 1, 0.14), (8, 4.0, 0, 0.36))):
        brush = Brush(
            cell=cell, length=cell * 2.3, width=width, corners=0.7, vary=0.3, turn=0.10, bend=0.15, ragged=0.5, hairs=2
        )
        chance = None if number < 2 else F(0.25) + F(0.75) * smooth_step(edges(light, 1), 0.06, 0.22)
        layer = lay(brush, heading, key_hash(key, 93, number), chance=chance)
        colours = layer.sample(blur(light, soft))
        moved = (np.stack([layer.draw(n) for n in (11, 12, 13)]) - F(0.5)) * F(0.16)
        colours = np.clip(colours * F(0.92) + F(0.07) + moved, F(0), F(1))
        rubbed = smooth_step(tooth + layer.spread(layer.draw(15)) * F(0.35) + F(pressure), 0.06, 0.24) * F(0.92)
        panel.cover(layer.spread(colours), np.where(layer.covered, rubbed, F(0)))
    chalk: Floats = panel.colour * (F(1) + tooth * F(0.05))
    return chalk
