"""Cats, small and big."""

from __future__ import annotations

import numpy as np

from i2ibench.data.worlds.creatures.anatomy import Eye, Look
from i2ibench.data.worlds.creatures.mammal import Ear, Mammal, mammal
from i2ibench.data.worlds.creatures.patterns import cells, ink, mixed, noise, plain, step, stripes, tint
from i2ibench.data.worlds.creatures.solids import Coat, Surface, Zone
from i2ibench.data.worlds.noise import Floats

F = np.float32
PINK = ink(0.80, 0.50, 0.48)
DARK = ink(0.13, 0.10, 0.09)
WHITE = ink(0.95, 0.93, 0.90)
GREEN, AMBER, BLUE = ink(0.60, 0.72, 0.30), ink(0.90, 0.62, 0.18), ink(0.42, 0.66, 0.95)


def _banded(at: Surface, count: float, width: float, wobble: float) -> Floats:
    """The stripes of a cat: rings on tail and legs, bars down the flanks, an M on the brow and bars on the cheeks."""
    if at.zone in (Zone.HEAD, Zone.MUZZLE, Zone.RUFF):
        bend = noise(at.x * F(4), at.y * F(4), at.key) * F(wobble * 0.7)
        brow = stripes(at.x * F(2.9) * (F(1.25) - at.y * F(0.3)), bend, width) * step(0.30, 0.42, at.y)
        low = at.y + np.abs(at.x) * F(0.35)
        cheek = stripes(low * F(3.2), bend, width) * step(0.58, 0.72, np.abs(at.x)) * step(0.42, 0.3, at.y)
        face: Floats = np.maximum(brow, cheek)
        return face
    if at.zone is Zone.BODY:
        bend = noise(at.z * F(2), at.y * F(2.2), at.key) * F(wobble)
        bars: Floats = stripes(at.z * F(count), bend, width) * step(-0.75, -0.35, at.y)
    elif at.zone is Zone.LEG:
        bars = stripes(at.z * F(4.4), noise(at.x * F(3), at.z * F(3), at.key) * F(0.3), width) * step(0.95, 0.85, at.z)
    elif at.zone is Zone.TAIL:
        bars = np.maximum(stripes(at.z * F(5), at.x * F(0), width + 0.06), step(0.86, 0.92, at.z))
    else:
        bars = np.zeros_like(at.x)
    return bars


def _pale_below(colours: Floats, at: Surface, pale: tuple[float, float, float], share: float) -> None:
    """Lighter muzzle, chin, chest, belly and paws."""
    if at.zone is Zone.MUZZLE:
        tint(colours, step(-0.10, -0.24, at.y) * F(share), pale)
    elif at.zone is Zone.BODY:
        front = step(0.75, 1.05, at.z) * step(0.7, 0.3, np.abs(at.x))
        tint(colours, np.maximum(step(-0.35, -0.6, at.y), front) * F(share), pale)
    elif at.zone is Zone.RUFF:
        tint(colours, np.full_like(at.x, 0.8 * share), pale)


def _tabby(look: Look) -> Coat:
    grey, ginger, brown = ink(0.60, 0.57, 0.53), ink(0.88, 0.60, 0.32), ink(0.62, 0.48, 0.34)
    base = mixed(grey, brown, look.tone) if look.hue < 0.65 else mixed(ginger, brown, look.tone * 0.3)
    dark = ink(0.20, 0.17, 0.15) if look.hue < 0.65 else ink(0.62, 0.30, 0.12)

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, base)
        tint(colours, _banded(at, 3.2, 0.34 + 0.1 * look.pattern, 0.55) * F(0.85), dark)
        _pale_below(colours, at, WHITE, 0.9 if look.pattern > 0.4 else 0.5)
        if at.zone is Zone.LEG and look.pattern > 0.6:
            tint(colours, step(0.75, 0.9, at.z), WHITE)
        return colours

    return coat


def _siamese(look: Look) -> Coat:
    cream = mixed(ink(0.93, 0.88, 0.79), ink(0.86, 0.78, 0.66), look.tone)
    point = mixed(ink(0.20, 0.14, 0.11), ink(0.36, 0.33, 0.36), look.hue)

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, cream)
        if at.zone in (Zone.HEAD, Zone.MUZZLE):
            y = at.y + F(0.15)
            mask = at.x * at.x * F(1.9) + y * y * F(1.5)
            tint(colours, step(1.0, 0.35, mask) * step(0.0, 0.3, at.z), point)
        elif at.zone is Zone.EAR:
            tint(colours, np.full_like(at.x, 0.95), point)
        elif at.zone is Zone.LEG:
            tint(colours, step(0.15, 0.9, at.z) * F(0.95), point)
        elif at.zone is Zone.TAIL:
            tint(colours, step(-0.1, 0.4, at.z) * F(0.95), point)
        elif at.zone is Zone.BODY:
            tint(colours, step(0.2, 0.9, at.y) * F(0.35), mixed(cream, point, 0.5))
        return colours

    return coat


def _persian(look: Look) -> Coat:
    base = mixed(ink(0.95, 0.94, 0.92), ink(0.60, 0.62, 0.68), 1.0 if look.hue > 0.7 else 0.25 * look.tone)

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, base)
        cloud = noise(at.x * F(2.2), at.y * F(2.2) + at.z, at.key)
        colours *= F(0.96) + cloud * F(0.08)
        if at.zone is Zone.RUFF:
            tint(colours, np.full_like(at.x, 0.4), ink(0.97, 0.96, 0.95))
        return colours

    return coat


def _tiger(look: Look) -> Coat:
    orange = mixed(ink(0.92, 0.56, 0.20), ink(0.84, 0.46, 0.16), look.tone)

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, orange)
        _pale_below(colours, at, WHITE, 1.0)
        if at.zone is Zone.HEAD:
            brow = (np.abs(at.x) - F(0.42)) * (np.abs(at.x) - F(0.42)) * F(7) + (at.y - F(0.44)) * (at.y - F(0.44)) * F(
                16
            )
            tint(colours, step(1.0, 0.5, brow), WHITE)
            tint(colours, step(-0.2, -0.4, at.y) * step(0.3, 0.5, np.abs(at.x)), WHITE)
        tint(colours, _banded(at, 2.7, 0.40 + 0.08 * look.pattern, 0.75), ink(0.07, 0.06, 0.06))
        if at.zone is Zone.EAR:
            tint(colours, step(0.1, -0.2, at.local[2]), ink(0.07, 0.06, 0.06))
        return colours

    return coat


def _leopard(look: Look) -> Coat:
    gold = mixed(ink(0.90, 0.72, 0.42), ink(0.82, 0.60, 0.32), look.tone)
    black = ink(0.08, 0.06, 0.05)

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, gold)
        _pale_below(colours, at, WHITE, 0.95)
        if at.zone is Zone.BODY:
            distance, number = cells(at.z * F(4.3), at.y * F(4.3) + at.x * F(2.6), at.key)
            ring = step(0.14, 0.22, distance) * step(0.46, 0.38, distance) * step(0.05, 0.2, number)
            tint(colours, step(0.3, 0.2, distance) * F(0.45), ink(0.66, 0.42, 0.18))
            tint(colours, ring, black)
        elif at.zone in (Zone.HEAD, Zone.RUFF):
            distance, _ = cells(at.x * F(6.5), at.y * F(6.5) + at.z * F(2), at.key)
            open_face = np.maximum(step(0.26, 0.42, at.y), step(0.60, 0.74, np.abs(at.x)))
            tint(colours, step(0.40, 0.28, distance) * open_face, black)
        elif at.zone in (Zone.LEG, Zone.TAIL):
            distance, _ = cells(at.local[0] * F(1.3) + at.local[2], at.local[1] * F(2.2), at.key)
            tint(colours, step(0.40, 0.28, distance), black)
        elif at.zone is Zone.EAR:
            tint(colours, step(0.1, -0.2, at.local[2]), black)
        return colours

    return coat


def _lynx(look: Look) -> Coat:
    base = mixed(ink(0.72, 0.63, 0.52), ink(0.64, 0.52, 0.40), look.tone)

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, base)
        _pale_below(colours, at, WHITE, 0.9)
        if at.zone is Zone.RUFF:
            bars = stripes(at.y * F(3.4), np.abs(at.x) * F(1.2), 0.3) * step(0.5, 0.7, np.abs(at.x))
            tint(colours, bars * F(0.85), DARK)
        elif at.zone is Zone.BODY:
            distance, _ = cells(at.z * F(5), at.y * F(5) + at.x * F(3), at.key)
            tint(colours, step(0.32, 0.2, distance) * F(0.7), ink(0.30, 0.22, 0.16))
        elif at.zone is Zone.HEAD:
            tint(colours, _banded(at, 3.0, 0.3, 0.5) * F(0.6), DARK)
        elif at.zone is Zone.TAIL:
            tint(colours, step(0.45, 0.6, at.z), DARK)
        elif at.zone is Zone.EAR:
            tint(colours, step(0.55, 0.85, at.y), DARK)
        return colours

    return coat


_CAT_EAR = Ear(root=(0.56, 0.50, 0.0), towards=(0.42, 1.0, 0.05), length=0.92, width=0.42)
_BIG_EAR = Ear("round", (0.66, 0.58, 0.0), (0.6, 1.0, 0.0), 0.42, 0.30, ink(0.86, 0.80, 0.74))

CATS = (
    mammal("tabby", Mammal(eye=Eye(0.215, GREEN, 0.62, True), nose=(0.11, PINK), ear=_CAT_EAR), _tabby),
    mammal(
        "siamese",
        Mammal(
            skull=(0.94, 0.88, 0.92),
            cheek=0.40,
            muzzle=(0.32, 0.24, 0.2),
            eye=Eye(0.20, BLUE, 0.5, True),
            girth=0.86,
            limb=0.22,
            tail=(1.7, 0.12, 0.08),
            fluff=0.05,
            ear=Ear(
                root=(0.62, 0.42, 0.0), towards=(0.62, 1.0, 0.05), length=0.98, width=0.48, inside=ink(0.62, 0.42, 0.38)
            ),
        ),
        _siamese,
    ),
    mammal(
        "persian",
        Mammal(
            skull=(1.06, 0.94, 0.9),
            cheek=0.58,
            muzzle=(0.36, 0.24, 0.0),
            eye=Eye(0.22, AMBER, 0.6),
            nose=(0.10, PINK),
            girth=1.2,
            limb=0.34,
            tail=(1.3, 0.30, 0.30),
            fluff=0.34,
            ruff=1.0,
            ear=Ear(root=(0.66, 0.50, 0.0), towards=(0.6, 1.0, 0.0), length=0.55, width=0.34),
        ),
        _persian,
    ),
    mammal(
        "tiger",
        Mammal(
            skull=(1.02, 0.92, 0.94),
            cheek=0.52,
            muzzle=(0.44, 0.30, 0.22),
            eye=Eye(0.17, AMBER, 0.45),
            nose=(0.17, PINK),
            ear=_BIG_EAR,
            girth=1.12,
            limb=0.34,
            tail=(1.6, 0.15, 0.12),
            ruff=0.5,
        ),
        _tiger,
    ),
    mammal(
        "leopard",
        Mammal(
            skull=(0.97, 0.90, 0.94),
            cheek=0.46,
            muzzle=(0.42, 0.29, 0.24),
            eye=Eye(0.18, GREEN, 0.45),
            nose=(0.16, PINK),
            ear=_BIG_EAR,
            girth=1.0,
            limb=0.30,
            tail=(1.8, 0.14, 0.12),
            fluff=0.06,
        ),
        _leopard,
    ),
    mammal(
        "lynx",
        Mammal(
            muzzle=(0.38, 0.26, 0.16),
            eye=Eye(0.18, AMBER, 0.45),
            nose=(0.14, PINK),
            girth=1.05,
            limb=0.33,
            tail=(0.55, 0.20, 0.17),
            fluff=0.16,
            ruff=1.1,
            ear=Ear(
                root=(0.60, 0.50, 0.0),
                towards=(0.45, 1.0, 0.0),
                length=0.85,
                width=0.36,
                inside=ink(0.82, 0.76, 0.70),
                tuft=0.5,
            ),
        ),
        _lynx,
    ),
)
