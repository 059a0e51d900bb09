"""Dogs."""

from __future__ import annotations

import numpy as np

from i2ibench.data.worlds.creatures.anatomy import Eye, Look
from i2ibench.data.worlds.creatures.mammal import Ear, Mammal, mammal
from i2ibench.data.worlds.creatures.patterns import cells, ink, mixed, noise, plain, step, tint
from i2ibench.data.worlds.creatures.solids import Coat, Surface, Zone
from i2ibench.data.worlds.noise import Floats

F = np.float32
BLACK, WHITE = ink(0.11, 0.10, 0.10), ink(0.95, 0.94, 0.91)
BROWN, BLUE = ink(0.38, 0.22, 0.10), ink(0.32, 0.60, 0.95)


def _husky(look: Look) -> Coat:
    dark = mixed(ink(0.20, 0.21, 0.23), ink(0.48, 0.48, 0.50), look.tone)
    if look.hue > 0.75:
        dark = ink(0.58, 0.36, 0.22)

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, dark)
        if at.zone is Zone.HEAD:
            edge = noise(at.x * F(5), at.y * F(5), at.key) * F(0.06)
            x, y = np.abs(at.x) - F(0.36), at.y - F(0.50)
            spots = x * x * F(15) + y * y * F(36)
            face = np.maximum(step(0.10, -0.02, at.y - np.abs(at.x) * F(0.30) + edge), step(1.0, 0.6, spots))
            tint(colours, face * step(0.05, 0.25, at.z), WHITE)
        elif at.zone in (Zone.MUZZLE, Zone.RUFF):
            tint(colours, step(0.20, 0.10, at.y) if at.zone is Zone.MUZZLE else np.full_like(at.x, 0.9), WHITE)
        elif at.zone is Zone.BODY:
            front = step(0.55, 0.85, at.z) * step(0.35, 0.1, at.y)
            tint(colours, np.maximum(step(-0.10, -0.3, at.y), front), WHITE)
        elif at.zone is Zone.LEG:
            tint(colours, step(-0.1, 0.25, at.z), WHITE)
        elif at.zone is Zone.TAIL:
            tint(colours, step(0.7, 0.9, at.z), WHITE)
        return colours

    return coat


def _beagle(look: Look) -> Coat:
    tan = mixed(ink(0.72, 0.44, 0.20), ink(0.60, 0.34, 0.15), look.tone)
    blaze = 0.09 + 0.10 * look.pattern

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, tan)
        if at.zone is Zone.HEAD:
            middle = np.abs(at.x) + noise(at.x * F(4), at.y * F(4), at.key) * F(0.04)
            tint(
                colours,
                step(blaze + 0.05, blaze - 0.05, middle - step(0.2, -0.5, at.y) * F(0.35)) * step(0.2, 0.4, at.z),
                WHITE,
            )
        elif at.zone is Zone.MUZZLE:
            tint(colours, step(0.30, 0.10, at.y), WHITE)
        elif at.zone is Zone.BODY:
            ragged = noise(at.z * F(3), at.y * F(3), at.key) * F(0.2)
            tint(colours, step(-0.10, 0.10, at.y + ragged) * step(0.75, 0.45, at.z + ragged), BLACK)
            front = step(0.60, 0.85, at.z + ragged * F(0.5))
            tint(colours, np.maximum(step(-0.30, -0.5, at.y), front), WHITE)
        elif at.zone is Zone.LEG:
            tint(colours, step(0.05, 0.35, at.z), WHITE)
        elif at.zone is Zone.TAIL:
            tint(colours, step(0.2, 0.0, at.z), BLACK)
            tint(colours, step(0.6, 0.7, at.z), WHITE)
        elif at.zone is Zone.EAR:
            colours *= F(0.72)
        return colours

    return coat


def _dalmatian(look: Look) -> Coat:
    spot = BLACK if look.hue < 0.8 else ink(0.36, 0.21, 0.12)
    often = 0.62 + 0.3 * look.pattern

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, WHITE)
        if at.zone is Zone.BODY:
            u, v, size = at.z * F(2.9), at.y * F(2.9) + at.x * F(1.8), 0.38
        elif at.zone is Zone.TAIL:
            u, v, size = at.z * F(6), at.local[0] * F(0.7), 0.34
        elif at.zone is Zone.LEG:
            u, v, size = at.local[0] * F(1.2) + at.local[2] * F(0.6), at.local[1] * F(1.6), 0.33
        elif at.zone is Zone.EAR:
            tint(colours, np.full_like(at.x, 0.93), spot)
            return colours
        else:
            u, v, size = at.x * F(3.0), at.y * F(3.0), 0.28
        distance, number = cells(u, v, at.key)
        edge = distance + noise(u * F(3), v * F(3), at.key) * F(0.05)
        tint(colours, step(size + 0.05, size - 0.05, edge) * np.where(number < F(often), F(1), F(0)), spot)
        return colours

    return coat


def _poodle(look: Look) -> Coat:
    base = (ink(0.80, 0.58, 0.38), ink(0.94, 0.92, 0.88), ink(0.40, 0.26, 0.18), ink(0.52, 0.53, 0.56))[
        int(look.hue * 4)
    ]

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, base)
        if at.zone is Zone.MUZZLE:
            colours *= F(0.9)
        if at.zone in (Zone.LEG, Zone.TAIL, Zone.EAR):
            u, v = at.local[0] * F(2.6), at.local[1] * F(2.6)
        else:
            u, v = at.x * F(6.5) + at.z * F(4) + at.y * F(3.5), at.y * F(6.5) + at.z * F(4) - at.x * F(3.5)
        distance, number = cells(u + noise(u, v, at.key) * F(0.4), v + noise(v, u, at.key) * F(0.4), at.key)
        colours *= F(1.0) + number * F(0.18) - step(0.15, 0.65, distance) * F(0.42)
        return colours

    return coat


def _shepherd(look: Look) -> Coat:
    tan = mixed(ink(0.76, 0.54, 0.30), ink(0.64, 0.40, 0.20), look.tone)

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, tan)
        ragged = noise(at.z * F(3), at.y * F(3) + at.x, at.key) * F(0.18)
        if at.zone is Zone.MUZZLE:
            tint(colours, step(0.35, 0.8, at.z), BLACK)
        elif at.zone is Zone.HEAD:
            tint(colours, step(0.42, 0.75, at.y + ragged - np.abs(at.x) * F(0.2)) * F(0.75), BLACK)
            around = np.abs(at.x) * F(0.9) + np.abs(at.y + F(0.1)) * F(0.7)
            tint(colours, step(0.55, 0.25, around) * step(0.4, 0.6, at.z) * F(0.8), BLACK)
        elif at.zone is Zone.BODY:
            tint(colours, step(-0.18, 0.12, at.y + ragged) * step(0.95, 0.6, at.z), BLACK)
        elif at.zone is Zone.TAIL:
            tint(colours, step(-0.3, 0.4, at.local[0] * F(0) + at.z) * F(0.85), BLACK)
        elif at.zone is Zone.EAR:
            tint(colours, np.full_like(at.x, 0.7), BLACK)
        return colours

    return coat


def _pug(look: Look) -> Coat:
    fawn = mixed(ink(0.90, 0.76, 0.56), ink(0.78, 0.62, 0.44), look.tone)
    if look.hue > 0.88:
        fawn = ink(0.24, 0.22, 0.22)

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, fawn)
        if at.zone is Zone.MUZZLE:
            tint(colours, np.full_like(at.x, 0.93), BLACK)
        elif at.zone is Zone.HEAD:
            y = at.y + F(0.22)
            mask = at.x * at.x * F(1.5) + y * y * F(3.2)
            patches = (np.abs(at.x) - F(0.46)) * (np.abs(at.x) - F(0.46)) * F(8) + (at.y - F(0.14)) * (
                at.y - F(0.14)
            ) * F(9)
            tint(colours, np.maximum(step(0.75, 0.3, mask), step(1.0, 0.4, patches)) * step(0.2, 0.5, at.z), BLACK)
            fold = np.abs(at.y - F(0.46) + at.x * at.x * F(0.6))
            again = np.abs(at.y - F(0.60) + at.x * at.x * F(0.5))
            lines = step(0.05, 0.015, np.minimum(fold, again)) * step(0.40, 0.25, np.abs(at.x))
            tint(colours, lines * F(0.65) * step(0.2, 0.4, at.z), ink(0.34, 0.24, 0.17))
        elif at.zone is Zone.EAR:
            tint(colours, np.full_like(at.x, 0.93), BLACK)
        return colours

    return coat


_SOFT = Eye(0.19, BROWN, 0.66)
_POINTED = Ear(root=(0.56, 0.52, 0.0), towards=(0.32, 1.0, 0.05), length=0.92, width=0.36, inside=ink(0.78, 0.62, 0.56))
_NOSE = (0.19, ink(0.09, 0.08, 0.09))

DOGS = (
    mammal(
        "husky",
        Mammal(
            skull=(0.98, 0.90, 0.92),
            muzzle=(0.32, 0.25, 0.52),
            nose=_NOSE,
            eye=Eye(0.165, BLUE, 0.42),
            girth=1.08,
            limb=0.30,
            tail=(1.5, 0.22, 0.20),
            curl=0.9,
            fluff=0.15,
            ruff=0.5,
            ear=Ear(
                root=(0.54, 0.56, 0.0), towards=(0.25, 1.0, 0.05), length=0.78, width=0.32, inside=ink(0.86, 0.78, 0.74)
            ),
        ),
        _husky,
    ),
    mammal(
        "beagle",
        Mammal(
            skull=(0.94, 0.90, 0.92),
            muzzle=(0.36, 0.28, 0.46),
            nose=_NOSE,
            eye=_SOFT,
            girth=1.02,
            limb=0.28,
            tail=(1.4, 0.13, 0.10),
            curl=0.4,
            fluff=0.04,
            ear=Ear("hanging", (0.78, 0.50, -0.02), (0.34, -1.0, 0.15), 1.30, 0.40),
        ),
        _beagle,
    ),
    mammal(
        "dalmatian",
        Mammal(
            skull=(0.92, 0.88, 0.92),
            cheek=0.44,
            muzzle=(0.34, 0.27, 0.58),
            nose=_NOSE,
            eye=_SOFT,
            girth=0.94,
            limb=0.24,
            tail=(1.7, 0.12, 0.07),
            fluff=0.03,
            ear=Ear("hanging", (0.74, 0.58, -0.02), (0.45, -1.0, 0.1), 0.95, 0.34),
        ),
        _dalmatian,
    ),
    mammal(
        "poodle",
        Mammal(
            skull=(0.84, 0.82, 0.88),
            cheek=0.38,
            muzzle=(0.26, 0.22, 0.62),
            nose=(0.16, ink(0.09, 0.08, 0.09)),
            eye=Eye(0.18, ink(0.22, 0.13, 0.08), 0.7),
            girth=1.05,
            limb=0.32,
            tail=(1.1, 0.10, 0.12),
            curl=0.5,
            fluff=0.26,
            ruff=0.6,
            topknot=0.62,
            pompon=0.34,
            ear=Ear("hanging", (0.78, 0.40, -0.05), (0.40, -1.0, 0.1), 1.15, 0.40),
        ),
        _poodle,
    ),
    mammal(
        "shepherd",
        Mammal(
            skull=(0.94, 0.88, 0.92),
            cheek=0.44,
            muzzle=(0.32, 0.25, 0.66),
            nose=_NOSE,
            eye=Eye(0.165, BROWN, 0.6),
            girth=1.02,
            limb=0.28,
            tail=(1.7, 0.18, 0.16),
            fluff=0.13,
            ruff=0.35,
            ear=Ear(
                root=(0.52, 0.54, 0.0), towards=(0.22, 1.0, 0.05), length=0.98, width=0.38, inside=ink(0.62, 0.46, 0.40)
            ),
        ),
        _shepherd,
    ),
    mammal(
        "pug",
        Mammal(
            skull=(1.04, 0.90, 0.90),
            cheek=0.54,
            muzzle=(0.50, 0.34, 0.02),
            nose=(0.15, ink(0.05, 0.05, 0.05)),
            eye=Eye(0.215, ink(0.20, 0.11, 0.06), 0.72, white=0.5),
            girth=1.16,
            limb=0.30,
            tail=(0.9, 0.15, 0.12),
            curl=1.0,
            fluff=0.03,
            ear=Ear("hanging", (0.66, 0.66, 0.12), (0.65, -0.62, 0.2), 0.55, 0.30),
        ),
        _pug,
    ),
)
