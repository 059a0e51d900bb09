"""The classes of birds."""

from __future__ import annotations

import numpy as np

from i2ibench.data.worlds.creatures.anatomy import Eye, Look
from i2ibench.data.worlds.creatures.bird import Bird, bird
from i2ibench.data.worlds.creatures.patterns import cells, ink, mixed, noise, plain, step, stripes, tint
from i2ibench.data.worlds.creatures.solids import Coat, Surface, Zone
from i2ibench.data.worlds.noise import Floats

F = np.float32
BLACK, WHITE = ink(0.10, 0.10, 0.12), ink(0.95, 0.95, 0.93)


def _robin(look: Look) -> Coat:
    brown, breast = (
        mixed(ink(0.50, 0.42, 0.30), ink(0.40, 0.34, 0.26), look.tone),
        ink(0.90, 0.42 + 0.06 * look.hue, 0.14),
    )

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, brown)
        if at.zone is Zone.HEAD:
            x, y = at.x, at.y + F(0.25)
            tint(colours, step(0.85, 0.55, x * x + y * y * F(1.3)) * step(0.1, 0.3, at.z), breast)
        elif at.zone is Zone.BODY:
            front = at.z - at.y * F(0.9)
            tint(colours, step(0.05, -0.25, at.y), ink(0.90, 0.87, 0.80))
            tint(colours, step(0.45, 0.70, front) * step(-1.2, -0.4, at.y - at.z * F(0.4)), breast)
        elif at.zone is Zone.BEAK:
            return plain(at.x, ink(0.52, 0.42, 0.28))
        return colours

    return coat


def _parrot(look: Look) -> Coat:
    schemes = (
        (ink(0.86, 0.14, 0.12), ink(0.96, 0.78, 0.16), ink(0.12, 0.34, 0.78)),
        (ink(0.14, 0.42, 0.82), ink(0.12, 0.36, 0.76), ink(0.96, 0.76, 0.16)),
        (ink(0.26, 0.66, 0.24), ink(0.20, 0.60, 0.26), ink(0.86, 0.20, 0.16)),
    )
    main, covert, tip = schemes[0 if look.hue < 0.5 else 1 if look.hue < 0.75 else 2]

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, main)
        if at.zone is Zone.HEAD:
            x, y = np.abs(at.x) - F(0.48), at.y + F(0.02)
            patch = step(1.0, 0.75, x * x * F(7) + y * y * F(4.6)) * step(0.0, 0.2, at.z)
            tint(colours, patch, ink(0.95, 0.93, 0.88))
            lines = step(0.25, 0.1, np.abs(at.y * F(11) - np.floor(at.y * F(11)) - F(0.5))) * step(0.0, -0.1, at.y)
            tint(colours, patch * lines * F(0.5), ink(0.3, 0.1, 0.1))
        elif at.zone is Zone.WING:
            tint(colours, step(0.30, 0.15, at.z), covert)
            tint(colours, step(-0.25, -0.40, at.z), tip)
        elif at.zone is Zone.TAIL:
            tint(colours, step(0.4, 0.6, at.z), tip)
        elif at.zone is Zone.BODY and look.hue >= 0.5:
            tint(colours, step(0.1, 0.5, at.z - at.y * F(0.6)), tip if look.hue < 0.75 else main)
        elif at.zone is Zone.BEAK:
            colours = plain(at.x, ink(0.90, 0.84, 0.72) if look.hue < 0.5 else BLACK)
            tint(colours, step(-0.42, -0.52, at.y), BLACK)
        return colours

    return coat


def _owl(look: Look) -> Coat:
    brown = mixed(ink(0.56, 0.42, 0.28), ink(0.44, 0.38, 0.33), look.tone)

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, brown)
        if at.zone is Zone.HEAD:
            x, y = np.abs(at.x) - F(0.44), at.y - F(0.12)
            disc = np.sqrt(x * x + y * y)
            front = step(0.0, 0.25, at.z)
            tint(colours, step(0.62, 0.50, disc) * front, ink(0.86, 0.77, 0.62))
            tint(colours, step(0.07, 0.03, np.abs(disc - F(0.57))) * front * F(0.85), ink(0.20, 0.14, 0.10))
            rings = stripes(disc * F(7), disc * F(0), 0.3) * step(0.5, 0.4, disc) * F(0.35)
            tint(colours, rings * front, ink(0.45, 0.34, 0.24))
        elif at.zone is Zone.BODY:
            belly = step(0.1, 0.6, at.z - at.y * F(0.7))
            tint(colours, belly * F(0.7), ink(0.84, 0.74, 0.58))
            distance, _ = cells((at.x + at.z * F(0.5)) * F(4.5), at.y * F(5) + at.z * F(3), at.key)
            tint(colours, step(0.30, 0.18, distance) * F(0.75), ink(0.24, 0.17, 0.12))
        elif at.zone in (Zone.WING, Zone.TAIL):
            bars = stripes(at.z * F(3.5), noise(at.z * F(3), at.y * F(6), at.key) * F(0.3), 0.35)
            tint(colours, bars * F(0.7), ink(0.24, 0.17, 0.12))
        elif at.zone is Zone.BEAK:
            return plain(at.x, ink(0.26, 0.24, 0.20))
        return colours

    return coat


def _penguin(look: Look) -> Coat:
    black = mixed(ink(0.09, 0.10, 0.13), ink(0.22, 0.24, 0.30), look.tone)
    gold = ink(0.98, 0.70 + 0.1 * look.hue, 0.20)

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, black)
        if at.zone is Zone.HEAD:
            x, y = np.abs(at.x) - F(0.40), at.y + F(0.06)
            heart = step(0.36, 0.28, x * x + y * y * F(1.1))
            tint(
                colours,
                np.maximum(heart, step(0.40, 0.3, np.abs(at.x)) * step(0.0, -0.15, at.y)) * step(0.1, 0.3, at.z),
                WHITE,
            )
            tint(colours, step(-0.30, -0.5, at.y) * step(0.3, 0.6, np.abs(at.x)), gold)
        elif at.zone is Zone.BODY:
            front = at.z - at.y * F(1.1) - np.abs(at.x) * F(0.55)
            tint(colours, step(-0.05, 0.10, front), WHITE)
            tint(colours, step(0.75, 1.1, at.z) * step(0.5, 0.8, front) * F(0.55), gold)
        elif at.zone is Zone.BEAK:
            return plain(at.x, ink(0.95, 0.55, 0.20))
        return colours

    return coat


def _flamingo(look: Look) -> Coat:
    pink = mixed(ink(0.98, 0.62, 0.66), ink(0.96, 0.46, 0.44), look.tone)

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, pink)
        if at.zone is Zone.WING:
            tint(colours, step(0.3, -0.4, at.z) * F(0.6), ink(0.92, 0.30, 0.34))
            tint(colours, step(-0.95, -1.1, at.z), BLACK)
        elif at.zone is Zone.HEAD:
            x, y = at.x, at.y + F(0.22)
            tint(colours, step(0.42, 0.2, x * x + y * y * F(1.2)) * step(0.2, 0.4, at.z), ink(0.98, 0.88, 0.84))
        elif at.zone is Zone.BEAK:
            colours = plain(at.x, ink(0.97, 0.80, 0.74))
            tint(colours, step(-0.46, -0.56, at.y), BLACK)
        return colours

    return coat


def _toucan(look: Look) -> Coat:
    bib = mixed(ink(0.98, 0.96, 0.88), ink(0.99, 0.86, 0.36), look.hue)

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, ink(0.10, 0.10, 0.12))
        if at.zone is Zone.HEAD:
            y = at.y + F(0.62)
            tint(colours, step(0.85, 0.65, at.x * at.x + y * y * F(1.2)) * step(-0.1, 0.1, at.z), bib)
            x, y = np.abs(at.x) - F(0.47), at.y - F(0.16)
            tint(colours, step(0.13, 0.09, x * x + y * y) * step(0.0, 0.2, at.z), ink(0.36, 0.66, 0.90))
        elif at.zone is Zone.BODY:
            tint(colours, step(0.55, 0.75, at.z - at.y * F(0.3)), bib)
            tint(colours, step(-0.55, -0.7, at.z), ink(0.84, 0.18, 0.14))
        elif at.zone is Zone.BEAK:
            colours = plain(at.x, ink(0.99, 0.60 + 0.12 * look.tone, 0.10))
            tint(colours, step(-0.26, -0.42, at.y) * F(0.55), ink(0.92, 0.30, 0.08))
            tint(colours, step(1.85, 2.0, at.z), BLACK)
            tint(colours, step(0.98, 0.92, at.z), BLACK)
        return colours

    return coat


def _duck(look: Look) -> Coat:
    green = mixed(ink(0.06, 0.42, 0.26), ink(0.08, 0.34, 0.40), look.hue)

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, ink(0.72, 0.70, 0.66))
        if at.zone is Zone.HEAD:
            colours = plain(at.x, green)
            tint(colours, step(-0.68, -0.76, at.y), WHITE)
        elif at.zone is Zone.BODY:
            tint(colours, step(0.35, 0.55, at.z), ink(0.42, 0.26, 0.18))
            tint(colours, step(-0.6, -0.8, at.z), BLACK)
        elif at.zone is Zone.WING:
            colours = plain(at.x, ink(0.58, 0.53, 0.47))
            tint(colours, step(-0.45, -0.5, at.z) * step(-0.85, -0.8, at.z), ink(0.20, 0.30, 0.80))
        elif at.zone is Zone.TAIL:
            tint(colours, np.full_like(at.x, 0.7), WHITE)
        elif at.zone is Zone.BEAK:
            return plain(at.x, ink(0.95, 0.76, 0.20))
        return colours

    return coat


BIRDS = (
    bird(
        "robin",
        Bird(
            beak=((0.0, -0.16, 0.75), (0.0, -0.24, 1.35)),
            thick=(0.13, 0.12),
            eye=Eye(0.19, ink(0.12, 0.08, 0.06), 0.8),
            tail=(0.85, 0.22),
        ),
        _robin,
    ),
    bird(
        "parrot",
        Bird(
            skull=(0.94, 0.92, 0.92),
            beak=((0.0, 0.02, 0.70), (0.0, -0.18, 1.22), (0.0, -0.64, 1.16)),
            thick=(0.28, 0.30),
            eye=Eye(0.16, ink(0.94, 0.86, 0.50), 0.5),
            tail=(1.2, 0.16),
            feet=ink(0.36, 0.34, 0.34),
        ),
        _parrot,
    ),
    bird(
        "owl",
        Bird(
            skull=(1.08, 0.94, 0.90),
            beak=((0.0, -0.08, 0.80), (0.0, -0.24, 1.06), (0.0, -0.44, 1.02)),
            thick=(0.12, 0.12),
            eye=Eye(0.30, ink(0.98, 0.66, 0.12), 0.5),
            girth=1.12,
            tail=(0.6, 0.3),
            leg=0.12,
            tufts=0.62,
            feet=ink(0.70, 0.58, 0.42),
            fluff=0.12,
        ),
        _owl,
    ),
    bird(
        "penguin",
        Bird(
            beak=((0.0, -0.20, 0.75), (0.0, -0.30, 1.30)),
            thick=(0.15, 0.14),
            eye=Eye(0.17, ink(0.14, 0.09, 0.06), 0.8),
            girth=1.18,
            tail=(0.4, 0.2),
            leg=0.10,
            feet=ink(0.93, 0.52, 0.16),
            webbed=True,
            flippers=True,
        ),
        _penguin,
    ),
    bird(
        "flamingo",
        Bird(
            skull=(0.82, 0.84, 0.86),
            beak=((0.0, -0.18, 0.60), (0.0, -0.26, 1.30), (0.0, -0.82, 1.50)),
            thick=(0.24, 0.22),
            eye=Eye(0.15, ink(0.98, 0.88, 0.40), 0.45),
            girth=0.86,
            tail=(0.55, 0.26),
            leg=0.06,
            feet=ink(0.95, 0.52, 0.56),
            webbed=True,
        ),
        _flamingo,
    ),
    bird(
        "toucan",
        Bird(
            beak=((0.0, -0.10, 0.72), (0.0, -0.14, 1.70), (0.0, -0.50, 2.10)),
            thick=(0.26, 0.36),
            eye=Eye(0.15, ink(0.16, 0.10, 0.08), 0.7),
            tail=(1.1, 0.22),
            feet=ink(0.36, 0.46, 0.58),
        ),
        _toucan,
    ),
    bird(
        "duck",
        Bird(
            skull=(0.88, 0.90, 0.92),
            beak=((0.0, -0.20, 0.62), (0.0, -0.36, 1.25), (0.0, -0.40, 1.55)),
            thick=(0.34, 0.17),
            eye=Eye(0.16, ink(0.16, 0.10, 0.08), 0.8),
            girth=1.1,
            tail=(0.6, 0.24),
            feet=ink(0.95, 0.50, 0.14),
            leg=0.08,
            webbed=True,
        ),
        _duck,
    ),
)
