"""Other mammals: fox, rabbit, bears, raccoon, koala."""

from __future__ import annotations

import numpy as np

from i2ibench.data.worlds.creatures.anatomy import Eye, Look
from i2ibench.data.worlds.creatures.mammal import Ear, Mammal, mammal
from i2ibench.data.worlds.creatures.patterns import ink, mixed, plain, step, stripes, tint
from i2ibench.data.worlds.creatures.solids import Coat, Surface, Zone
from i2ibench.data.worlds.noise import Floats

F = np.float32
BLACK, WHITE = ink(0.11, 0.10, 0.10), ink(0.96, 0.95, 0.92)


def _fox(look: Look) -> Coat:
    red = mixed(ink(0.88, 0.46, 0.18), ink(0.76, 0.34, 0.13), look.tone)

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, red)
        if at.zone is Zone.HEAD:
            tint(colours, step(-0.02, -0.16, at.y - np.abs(at.x) * F(0.16)), WHITE)
        elif at.zone is Zone.MUZZLE:
            tint(colours, step(-0.16, -0.26, at.y), WHITE)
        elif at.zone is Zone.RUFF:
            tint(colours, np.ones_like(at.x), WHITE)
        elif at.zone is Zone.BODY:
            tint(colours, np.maximum(step(-0.35, -0.6, at.y), step(0.7, 1.0, at.z) * step(0.3, 0.0, at.y)), WHITE)
        elif at.zone is Zone.LEG:
            tint(colours, step(0.2, 0.5, at.z), BLACK)
        elif at.zone is Zone.TAIL:
            tint(colours, step(0.68, 0.80, at.z), WHITE)
        elif at.zone is Zone.EAR:
            tint(colours, np.maximum(step(0.6, 0.9, at.y), step(0.1, -0.2, at.local[2])), BLACK)
        return colours

    return coat


def _rabbit(look: Look) -> Coat:
    base = (ink(0.66, 0.54, 0.42), ink(0.62, 0.61, 0.60), ink(0.94, 0.92, 0.89), ink(0.86, 0.72, 0.54))[
        int(look.hue * 4)
    ]

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, base)
        if at.zone is Zone.TAIL:
            tint(colours, np.ones_like(at.x), WHITE)
        elif at.zone is Zone.MUZZLE:
            tint(colours, step(0.0, -0.3, at.y) * F(0.8), WHITE)
        elif at.zone is Zone.BODY:
            tint(colours, np.maximum(step(-0.2, -0.6, at.y), step(0.8, 1.0, at.z)) * F(0.8), WHITE)
        elif at.zone is Zone.LEG:
            tint(colours, step(0.5, 1.0, at.z) * F(0.5), WHITE)
        return colours

    return coat


def _bear(look: Look) -> Coat:
    base = mixed(ink(0.50, 0.32, 0.18), ink(0.30, 0.20, 0.14), look.tone)

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, base)
        if at.zone is Zone.MUZZLE:
            tint(colours, np.full_like(at.x, 0.75), ink(0.74, 0.58, 0.40))
        elif at.zone is Zone.LEG:
            colours *= F(0.8)
        return colours

    return coat


def _panda(look: Look) -> Coat:
    white = mixed(WHITE, ink(0.90, 0.87, 0.80), look.tone)

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, white)
        if at.zone is Zone.HEAD:
            x = np.abs(at.x) - F(0.50)
            y = at.y - F(0.06) + x * F(0.7)
            tint(colours, step(1.15, 0.85, x * x * F(12) + y * y * F(7.5)) * step(0.1, 0.3, at.z), BLACK)
        elif at.zone in (Zone.LEG, Zone.EAR):
            tint(colours, np.ones_like(at.x), BLACK)
        elif at.zone is Zone.BODY:
            band = at.z + at.y * F(0.2)
            tint(colours, step(0.10, 0.22, band) * step(1.02, 0.9, band), BLACK)
        return colours

    return coat


def _raccoon(look: Look) -> Coat:
    grey = mixed(ink(0.58, 0.55, 0.51), ink(0.44, 0.41, 0.38), look.tone)

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, grey)
        if at.zone in (Zone.HEAD, Zone.MUZZLE):
            across = np.abs(at.x)
            pale = np.maximum(
                step(0.10, 0.03, np.abs(at.y - F(0.42) + across * F(0.22)) - F(0.04)), step(-0.12, -0.26, at.y)
            )
            tint(colours, pale * step(0.1, 0.3, at.z), WHITE)
            slant = at.y - F(0.10) + (across - F(0.4)) * F(0.45)
            tint(colours, step(0.24, 0.17, np.abs(slant)) * step(0.1, 0.2, across) * step(0.1, 0.3, at.z), BLACK)
            tint(colours, step(0.09, 0.05, across) * step(-0.25, -0.1, at.y) * F(0.7), BLACK)
        elif at.zone is Zone.RUFF:
            tint(colours, np.full_like(at.x, 0.8), WHITE)
        elif at.zone is Zone.LEG:
            tint(colours, step(0.2, 0.6, at.z) * F(0.8), BLACK)
        elif at.zone is Zone.TAIL:
            tint(colours, stripes(at.z * F(4.5), at.x * F(0), 0.5), BLACK)
        elif at.zone is Zone.EAR:
            tint(colours, step(0.55, 0.8, at.y), WHITE)
        return colours

    return coat


def _koala(look: Look) -> Coat:
    grey = mixed(ink(0.66, 0.66, 0.68), ink(0.54, 0.52, 0.52), look.tone)

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, grey)
        if at.zone is Zone.MUZZLE:
            tint(colours, step(-0.3, -0.5, at.y) * F(0.8), WHITE)
        elif at.zone is Zone.BODY:
            tint(colours, np.maximum(step(-0.3, -0.6, at.y), step(0.75, 1.0, at.z)) * F(0.85), WHITE)
        return colours

    return coat


_ROUND = Ear("round", (0.68, 0.62, -0.05), (0.6, 1.0, 0.0), 0.48, 0.34, None)
_DARK_EYE = Eye(0.15, ink(0.20, 0.12, 0.07), 0.65)

FURRY = (
    mammal(
        "fox",
        Mammal(
            skull=(0.98, 0.86, 0.90),
            cheek=0.46,
            muzzle=(0.26, 0.20, 0.58),
            nose=(0.14, BLACK),
            eye=Eye(0.17, ink(0.80, 0.52, 0.14), 0.5, True),
            girth=0.94,
            limb=0.22,
            tail=(1.6, 0.24, 0.26),
            fluff=0.14,
            ruff=0.8,
            ear=Ear(
                root=(0.56, 0.50, 0.0), towards=(0.36, 1.0, 0.05), length=0.98, width=0.44, inside=ink(0.92, 0.86, 0.80)
            ),
        ),
        _fox,
    ),
    mammal(
        "rabbit",
        Mammal(
            skull=(0.90, 0.90, 0.92),
            cheek=0.48,
            muzzle=(0.30, 0.24, 0.16),
            nose=(0.10, ink(0.84, 0.56, 0.56)),
            eye=Eye(0.21, ink(0.24, 0.14, 0.09), 0.75),
            girth=1.10,
            limb=0.28,
            tail=(0.30, 0.30, 0.34),
            fluff=0.13,
            ear=Ear("round", (0.40, 0.60, -0.1), (0.50, 1.0, -0.1), 1.14, 0.25, ink(0.90, 0.70, 0.68)),
        ),
        _rabbit,
    ),
    mammal(
        "bear",
        Mammal(
            skull=(1.04, 0.92, 0.94),
            cheek=0.52,
            muzzle=(0.40, 0.30, 0.40),
            nose=(0.20, BLACK),
            eye=_DARK_EYE,
            ear=_ROUND,
            girth=1.25,
            limb=0.40,
            tail=(0.25, 0.22, 0.20),
            fluff=0.17,
            ruff=0.3,
        ),
        _bear,
    ),
    mammal(
        "panda",
        Mammal(
            skull=(1.10, 0.94, 0.94),
            cheek=0.58,
            muzzle=(0.38, 0.28, 0.24),
            nose=(0.17, BLACK),
            eye=_DARK_EYE,
            ear=_ROUND,
            girth=1.28,
            limb=0.42,
            tail=(0.25, 0.22, 0.20),
            fluff=0.14,
        ),
        _panda,
    ),
    mammal(
        "raccoon",
        Mammal(
            skull=(1.02, 0.86, 0.90),
            cheek=0.48,
            muzzle=(0.27, 0.21, 0.46),
            nose=(0.15, BLACK),
            eye=_DARK_EYE,
            girth=1.1,
            limb=0.25,
            tail=(1.6, 0.24, 0.22),
            fluff=0.17,
            ruff=0.8,
            ear=Ear("round", (0.64, 0.56, 0.0), (0.5, 1.0, 0.0), 0.62, 0.30, ink(0.50, 0.44, 0.42)),
        ),
        _raccoon,
    ),
    mammal(
        "koala",
        Mammal(
            skull=(1.02, 0.90, 0.90),
            cheek=0.46,
            muzzle=(0.26, 0.24, 0.06),
            nose=(0.22, ink(0.14, 0.13, 0.14)),
            long_nose=True,
            eye=Eye(0.15, ink(0.36, 0.22, 0.12), 0.6),
            girth=1.15,
            limb=0.34,
            tail=(0.2, 0.2, 0.2),
            fluff=0.18,
            ear=Ear("round", (0.92, 0.40, -0.05), (1.0, 0.42, 0.0), 0.72, 0.52, ink(0.88, 0.80, 0.80)),
        ),
        _koala,
    ),
)
