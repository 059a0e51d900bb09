"""Styles of opaque paint set in strokes: pointillism, impressionism, expressionism, palette knife, gouache."""

from __future__ import annotations

import numpy as np

from i2ibench.data.worlds.noise import Floats, Stream, key_hash
from i2ibench.data.worlds.paintings.heading import along_edges, edges
from i2ibench.data.worlds.paintings.panel import Panel
from i2ibench.data.worlds.paintings.planes import (
    RGB,
    F,
    blur,
    flatten,
    grey,
    mix,
    saturate,
    smooth_step,
    stretch_tones,
    tint,
    warp,
)
from i2ibench.data.worlds.paintings.strokes import Brush, Layer, lay

_PIGMENTS: tuple[RGB, ...] = (
    (0.97, 0.95, 0.88), (0.98, 0.88, 0.35), (0.95, 0.72, 0.16), (0.93, 0.50, 0.16), (0.84, 0.24, 0.18),
    (0.72, 0.16, 0.34), (0.90, 0.62, 0.60), (0.50, 0.24, 0.50), (0.62, 0.56, 0.78), (0.18, 0.20, 0.50),
    (0.16, 0.38, 0.70), (0.45, 0.66, 0.86), (0.16, 0.52, 0.48), (0.18, 0.42, 0.24), (0.48, 0.66, 0.28),
    (0.78, 0.84, 0.52), (0.46, 0.28, 0.18), (0.14, 0.12, 0.20),
)  # fmt: skip
"""The pure colours of a divisionist's palette, from white to blue-black."""
_DABS = ((13, 10.0, 6, 0.10), (11, 7.5, 3, 0.12), (9, 5.5, 1, 0.10), (7, 4.2, 0, 0.06))
"""Layers of an impressionist's dabs: their distance, width, the blur of what they show, and how colours break."""
_SLABS = ((20, 44.0, 24.0, 5), (16, 32.0, 17.0, 3), (10, 20.0, 9.0, 1), (7, 13.0, 6.0, 0))
"""Layers of a palette knife: distance, length, width, and the blur of what they show."""


def pointillism(photo: Floats, key: int) -> Floats:
    """Dots of pure colours that mix in the eye only, over a toned ground."""
    rng = Stream(key, 1)
    light = stretch_tones(saturate(photo, rng.uniform(1.5, 2.0)), 0.10, 0.97, level=0.3)
    heading = along_edges(light, key, 6, 1.0, (0.0, 0.0))
    panel = Panel(light.shape[1:], rng.choice(((0.90, 0.83, 0.68), (0.86, 0.80, 0.74), (0.80, 0.84, 0.82))), key)
    size = rng.uniform(0.92, 1.12)
    detail = smooth_step(edges(light, 1), 0.06, 0.22)
    light = blur(light, 1)
    for number, (cell, width, share) in enumerate(((7, 11.0, 0.10), (7, 8.5, 0.15), (6, 7.0, 0.13))):
        brush = Brush(
            cell=cell, length=width * size, width=width * size, corners=0.15, vary=0.22, turn=1.0, bend=0.0, ragged=0.18
        )
        layer = lay(brush, heading, key_hash(key, 10, number), chance=None if number < 2 else F(0.2) + detail)
        panel.set(layer, _divided(layer, layer.sample(light), share), body=0.8, streaks=0.02)
    return panel.lit(_sun(rng), 0.30)


def impressionism(photo: Floats, key: int) -> Floats:
    """Short dabs of broken colour along the forms, coarse to fine, with blue in the shadows and thick paint."""
    rng = Stream(key, 2)
    light = stretch_tones(saturate(photo, rng.uniform(1.25, 1.55)), 0.13, 0.97, level=0.3)
    luma = grey(light)
    shadow = tint(rng.choice(((0.20, 0.24, 0.46), (0.28, 0.22, 0.44), (0.16, 0.30, 0.42))), light)
    light = mix(light, shadow + luma * F(0.6), F(0.34) * (F(1) - smooth_step(luma, 0.1, 0.55)))
    warm = rng.uniform(-0.05, 0.07)
    light = light * tint((1 + warm, 1.0, 1 - warm), light)
    heading = along_edges(light, key, 7, 1.6, _lean(rng))
    detail = smooth_step(edges(light, 1), 0.05, 0.22)
    panel = Panel(light.shape[1:], rng.choice(((0.78, 0.70, 0.58), (0.70, 0.68, 0.70), (0.80, 0.74, 0.66))), key, 0.08)
    size = rng.uniform(0.9, 1.15)
    for number, (cell, width, soft, share) in enumerate(_DABS):
        brush = Brush(
            cell=cell, length=cell * 1.9, width=width * size, corners=0.45, vary=0.3, turn=0.22, bend=0.35, ragged=0.35
        )
        chance = (None, None, F(0.4) + F(0.6) * detail, detail)[number]
        layer = lay(brush, heading, key_hash(key, 20, number), chance=chance)
        panel.set(layer, _broken(layer, layer.sample(blur(light, soft)), share), body=1.0, streaks=0.09, dry=0.25)
    return panel.lit(_sun(rng), 0.40, gloss=0.5)


def expressionism(photo: Floats, key: int) -> Floats:
    """Long bold strokes that swirl, colours beyond nature, and dark contours."""
    rng = Stream(key, 3)
    light = stretch_tones(photo, 0.08, 0.94, level=0.4)
    luma = grey(light)
    # A rotation among the channels, the same for the whole picture, takes colours away from nature.
    away = rng.uniform(0.1, 0.3)
    turned = light[[1, 2, 0]] if rng.chance(0.5) else light[[2, 0, 1]]
    light = saturate(mix(light, turned, F(away)), rng.uniform(2.4, 3.2))
    hot = tint(rng.choice(((0.98, 0.70, 0.12), (0.96, 0.42, 0.20), (0.95, 0.80, 0.42))), light)
    cold = tint(rng.choice(((0.08, 0.16, 0.52), (0.05, 0.30, 0.36), (0.30, 0.08, 0.38))), light)
    light = mix(light, hot, F(0.38) * smooth_step(luma, 0.55, 0.95))
    light = mix(light, cold, F(0.55) * (F(1) - smooth_step(luma, 0.05, 0.5)))
    light = np.clip(light, F(0.03), F(0.98))
    heading = along_edges(light, key, 9, 6.0, _lean(rng))
    panel = Panel(light.shape[1:], rng.choice(((0.42, 0.18, 0.12), (0.14, 0.16, 0.30), (0.62, 0.44, 0.14))), key, 0.08)
    size = rng.uniform(0.9, 1.15)
    for number, (cell, width, soft) in enumerate(((18, 12.0, 5), (14, 8.0, 2), (9, 5.5, 0))):
        brush = Brush(
            cell=cell, length=cell * 2.3, width=width * size, corners=0.35, vary=0.3, turn=0.12, bend=0.9, ragged=0.3,
            hairs=5,
        )  # fmt: skip
        chance = None if number < 2 else smooth_step(edges(light, 1), 0.08, 0.25)
        layer = lay(brush, heading, key_hash(key, 30, number), chance=chance)
        panel.set(layer, _broken(layer, layer.sample(blur(light, soft)), 0.15), body=1.4, streaks=0.16, dry=0.2)
    contour = lay(
        Brush(cell=10, length=22, width=4.2, corners=0.2, vary=0.3, turn=0.08, bend=0.4, ragged=0.3),
        along_edges(light, key, 4, 0.0, (0.0, 0.0)), key_hash(key, 31), chance=smooth_step(edges(light, 2), 0.16, 0.34),
    )  # fmt: skip
    ink = mix(contour.sample(light) * F(0.25), contour.sample(np.broadcast_to(cold, light.shape)), F(0.4)) * F(0.6)
    panel.set(contour, ink, body=1.2, streaks=0.1, dry=0.3)
    return panel.lit(_sun(rng), 0.42, gloss=0.5)


def palette_knife(photo: Floats, key: int) -> Floats:
    """Broad slabs of paint drawn with a blade: hard edges, ridges at the sides, two colours not quite mixed."""
    rng = Stream(key, 4)
    light = stretch_tones(saturate(photo, rng.uniform(1.3, 1.8)), 0.07, 0.98, level=0.35)
    heading = along_edges(light, key, 8, 0.8, _lean(rng))
    detail = smooth_step(edges(light, 2), 0.06, 0.25)
    panel = Panel(light.shape[1:], rng.choice(((0.30, 0.26, 0.24), (0.55, 0.48, 0.40), (0.82, 0.78, 0.72))), key)
    size = rng.uniform(0.9, 1.1)
    for number, (cell, length, width, soft) in enumerate(_SLABS):
        brush = Brush(
            cell=cell, length=length * size, width=width * size, corners=1.0, vary=0.3, turn=0.35, bend=0.1,
            ragged=0.14, hairs=3,
        )  # fmt: skip
        chance = (None, F(0.9) - F(0.3) * detail, F(0.12) + F(0.8) * detail, detail)[number]
        layer = lay(brush, heading, key_hash(key, 40, number), chance=chance)
        soft_light = blur(light, soft)
        one = _broken(layer, layer.sample(soft_light), 0.10)
        # The blade drags what lay beside its start into the slab: streaks of a second colour along it.
        other = layer.sample(warp(soft_light, key_hash(key, 41, number), 18.0))
        dragged = smooth_step(layer.bristle + layer.along * F(0.5), 0.1, 0.8) * F(0.55)
        before = panel.colour
        panel.set(layer, one, body=1.0, streaks=0.05)
        mixed = mix(panel.colour, layer.spread(other), dragged)
        panel.colour = np.where(layer.covered, mixed, before)
        ridge = smooth_step(np.maximum(np.abs(layer.across), layer.along), 0.72, 0.98)
        panel.thickness = panel.thickness + np.where(layer.covered, ridge * F(1.6), F(0))
    return panel.lit(_sun(rng), 0.38, gloss=0.8)


def gouache(photo: Floats, key: int) -> Floats:
    """A few flat, matt tones side by side, with the edges of a broad brush."""
    rng = Stream(key, 5)
    light = stretch_tones(saturate(photo, rng.uniform(1.35, 1.8)), 0.1, 0.94, level=0.3)
    flat = warp(flatten(flatten(light, 3), 3), key, 1.5)
    luma = grey(flat)
    steps = rng.integer(4, 5)
    level = np.clip(np.floor(luma * F(steps)), F(0), F(steps - 1))
    target = (level + F(0.6)) / F(steps)
    flat = np.clip(flat * (target / np.maximum(luma, F(0.05))), F(0), F(1))
    # Hues, too, come in steps, as from so many pots.
    flat = np.rint(flat * F(6)) / F(6)
    paper = rng.choice(((0.93, 0.90, 0.82), (0.90, 0.86, 0.80), (0.86, 0.88, 0.86)))
    cast = tint(rng.choice(((1.04, 1.0, 0.90), (0.94, 1.0, 1.05), (1.05, 0.96, 0.95))), flat)
    flat = mix(flat * cast, np.broadcast_to(tint(paper, flat), flat.shape), F(0.10))
    heading = along_edges(light, key, 5, 1.2, _lean(rng))
    detail = smooth_step(edges(light, 1), 0.05, 0.16)
    panel = Panel(flat.shape[1:], paper, key)
    for number, (cell, length, width) in enumerate(((15, 34.0, 17.0), (11, 24.0, 9.0), (7, 14.0, 5.5))):
        brush = Brush(
            cell=cell, length=length, width=width, corners=0.8, vary=0.25, turn=0.08, bend=0.2, ragged=0.25, hairs=5
        )
        layer = lay(brush, heading, key_hash(key, 50, number), chance=None if number < 2 else detail)
        panel.set(layer, layer.sample(flat), body=0.3, streaks=0.06, dry=0.25 if number == 1 else 0.0)
    matt: Floats = panel.lit(_sun(rng), 0.3) + F(0.012) * panel.grain
    return matt


def _broken(layer: Layer, colours: Floats, amount: float) -> Floats:
    """Each stroke's colour moved a little on its own in every channel, and all channels alike."""
    moved = np.stack([layer.draw(n) for n in (11, 12, 13)]) - F(0.5)
    value = (layer.draw(14) - F(0.5)) * F(amount * 0.9)
    broken: Floats = np.clip(colours + moved * F(1.6 * amount) + value, F(0.01), F(1))
    return broken


def _divided(layer: Layer, colours: Floats, amount: float) -> Floats:
    """The pigment nearest to each stroke's colour after a random move, so that neighbours average to it."""
    moved = colours + (np.stack([layer.draw(n) for n in (11, 12, 13)]) - F(0.5)) * F(4 * amount)
    best, found = np.full(moved.shape[1], np.inf, np.float32), np.zeros_like(moved)
    for pigment in _PIGMENTS:
        away = moved - tint(pigment, moved)
        distance = away[0] * away[0] + away[1] * away[1] + away[2] * away[2]
        nearer = distance < best
        np.copyto(best, distance, where=nearer)
        np.copyto(found, np.broadcast_to(tint(pigment, moved), moved.shape), where=nearer)
    return mix(found, colours, F(0.25))


def _sun(rng: Stream) -> tuple[float, float]:
    """Where the light on a picture comes from: above, from the left more often."""
    return (-0.7 if rng.chance(0.7) else 0.7, -0.7)


def _lean(rng: Stream) -> tuple[float, float]:
    """A direction that a painter's hand keeps to, as cosine and sine of twice the angle."""
    return rng.choice(((0.7, 0.7), (0.7, -0.7), (1.0, 0.0), (0.0, 1.0), (0.0, -1.0)))
