"""The classes of fish."""

from __future__ import annotations

import numpy as np

from i2ibench.data.worlds.creatures.anatomy import Eye, Look
from i2ibench.data.worlds.creatures.fish import Fish, fish
from i2ibench.data.worlds.creatures.patterns import cells, ink, mixed, noise, plain, step, stripes, tint
from i2ibench.data.worlds.creatures.solids import Coat, Surface, Zone
from i2ibench.data.worlds.noise import Floats

F = np.float32
BLACK, WHITE = ink(0.09, 0.09, 0.11), ink(0.96, 0.96, 0.95)


def _clownfish(look: Look) -> Coat:
    orange = mixed(ink(0.98, 0.50, 0.12), ink(0.95, 0.38, 0.08), look.tone)

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, orange)
        if at.zone in (Zone.FIN, Zone.TAIL):
            tint(colours, step(0.80, 0.88, at.z), BLACK)
            return colours
        bend = at.y * at.y * F(0.5) + noise(at.y * F(5), at.z * F(2), at.key) * F(0.012)
        for middle, half in ((0.76, 0.06), (0.42, 0.06), (0.08, 0.04)):
            away = np.abs(at.z - F(middle) + bend)
            tint(colours, step(half + 0.035, half + 0.02, away), BLACK)
            tint(colours, step(half + 0.008, half - 0.008, away), WHITE)
        return colours

    return coat


def _goldfish(look: Look) -> Coat:
    gold = mixed(ink(0.99, 0.62, 0.14), ink(0.96, 0.40, 0.14), look.tone)
    white = look.pattern > 0.55

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, gold)
        if at.zone in (Zone.FIN, Zone.TAIL):
            tint(colours, step(0.2, 1.0, at.z) * F(0.75), ink(0.99, 0.86, 0.66))
            return colours
        tint(colours, step(-0.02, -0.24, at.y) * F(0.85), ink(0.99, 0.88, 0.62))
        if white:
            tint(colours, step(0.15, 0.3, noise(at.z * F(4), at.y * F(4) + at.x * F(3), at.key)), ink(0.97, 0.94, 0.90))
        return colours

    return coat


def _bluetang(look: Look) -> Coat:
    blue = mixed(ink(0.10, 0.36, 0.90), ink(0.16, 0.48, 0.96), look.tone)
    yellow = ink(0.99, 0.82, 0.10)

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, blue)
        if at.zone is Zone.TAIL:
            return plain(at.x, yellow)
        if at.zone is Zone.FIN:
            tint(colours, step(0.70, 0.85, at.z), BLACK)
            return colours
        arch = (at.y - F(0.10)) * (at.y - F(0.10)) * F(26) + (at.z - F(0.42)) * (at.z - F(0.42)) * F(7)
        tint(colours, step(1.0, 0.85, arch) * step(0.28, 0.42, arch), BLACK)
        tint(colours, step(0.10, 0.02, at.z - np.abs(at.y) * F(0.4)), yellow)
        return colours

    return coat


def _puffer(look: Look) -> Coat:
    back = mixed(ink(0.80, 0.66, 0.30), ink(0.56, 0.54, 0.32), look.tone)

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, back)
        if at.zone in (Zone.FIN, Zone.TAIL):
            tint(colours, np.full_like(at.x, 0.5), ink(0.96, 0.84, 0.40))
            return colours
        distance, number = cells(at.z * F(8), at.y * F(7) + at.x * F(6), at.key)
        tint(colours, step(0.34, 0.22, distance) * np.where(number < F(0.75), F(0.85), F(0)), ink(0.26, 0.19, 0.12))
        tint(colours, step(-0.02, -0.13, at.y), WHITE)
        return colours

    return coat


def _angelfish(look: Look) -> Coat:
    silver = mixed(ink(0.90, 0.90, 0.86), ink(0.96, 0.88, 0.62), look.hue)

    def coat(at: Surface) -> Floats:
        colours = plain(at.x, silver)
        if at.zone in (Zone.FIN, Zone.TAIL):
            tint(colours, stripes(at.z * F(2.2), at.x * F(0), 0.4) * F(0.6), ink(0.30, 0.28, 0.30))
            return colours
        tint(colours, step(0.05, 0.25, at.y) * F(0.5), ink(0.98, 0.76, 0.28))
        bend = noise(at.y * F(5), at.z * F(2), at.key) * F(0.015)
        for middle, half in ((0.80, 0.05), (0.50, 0.06), (0.20, 0.05)):
            tint(colours, step(half + 0.012, half - 0.012, np.abs(at.z - F(middle) + bend)), BLACK)
        return colours

    return coat


FISH = (
    fish("clownfish", Fish(tall=1.0, tail=(0.7, 0.36), forked=0.35, dorsal=0.4), _clownfish),
    fish(
        "goldfish",
        Fish(tall=1.05, wide=1.15, tail=(0.95, 0.42), forked=0.7, dorsal=0.6, lips=ink(0.98, 0.62, 0.30)),
        _goldfish,
    ),
    fish(
        "bluetang",
        Fish(tall=1.1, wide=0.8, tail=(0.8, 0.28), forked=0.6, dorsal=0.35, lips=ink(0.30, 0.46, 0.84)),
        _bluetang,
    ),
    fish(
        "puffer",
        Fish(
            tall=1.18,
            wide=1.4,
            eye=Eye(0.25, ink(0.36, 0.70, 0.64), 0.55, white=0.7),
            tail=(0.55, 0.24),
            forked=0.25,
            dorsal=0.1,
            spikes=True,
            lips=ink(0.94, 0.84, 0.70),
        ),
        _puffer,
    ),
    fish(
        "angelfish",
        Fish(tall=1.16, wide=0.62, tail=(0.7, 0.24), forked=0.45, dorsal=0.9, lips=ink(0.80, 0.74, 0.66)),
        _angelfish,
    ),
)
