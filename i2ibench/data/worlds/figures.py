"""Stencils of people, two-wheelers, traffic lights and signs. Side views face right."""

from __future__ import annotations

from functools import cache

from i2ibench.data.worlds.scene import Label
from i2ibench.data.worlds.stencil import Part, Stencil

BODY, SECOND, THIRD, DARK, SKIN, SHOE = Part.BODY, Part.SECOND, Part.THIRD, Part.DARK, Part.SKIN, Part.SHOE
TYRE, METAL = Part.TYRE, Part.METAL

SIGNS = 8
"""How many shapes of traffic signs there are."""


@cache
def person(variant: int, sideways: bool) -> Stencil:
    """Someone on foot, over 0.46 x 1 of their height: 0 with a jacket, 1 in a long coat or skirt, 2 with a bag."""
    s = Stencil(0.82, 1.78, 192)
    x = 0.41
    if sideways:
        s.line(SECOND, 0.15, (x, 0.88), (x + 0.13, 0.48), (x + 0.22, 0.1)).line(
            SHOE, 0.1, (x + 0.2, 0.06), (x + 0.32, 0.06)
        )
        s.line(SECOND, 0.15, (x, 0.88), (x - 0.08, 0.48), (x - 0.24, 0.12)).line(
            SHOE, 0.1, (x - 0.26, 0.08), (x - 0.15, 0.05)
        )
        s.line(BODY, 0.25, (x, 0.92), (x + 0.01, 1.36))
        s.line(BODY, 0.11, (x, 1.38), (x - 0.14, 1.12), (x - 0.08, 0.9)).line(
            BODY, 0.11, (x, 1.38), (x + 0.14, 1.1), (x + 0.25, 0.95)
        )
        s.disk(SKIN, x + 0.27, 0.93, 0.05)
    else:
        for sign in (-1, 1):
            s.line(SECOND, 0.16, (x + sign * 0.09, 0.88), (x + sign * 0.1, 0.12))
            s.line(SHOE, 0.1, (x + sign * 0.1, 0.05), (x + sign * 0.14, 0.05))
            s.line(BODY, 0.12, (x + sign * 0.2, 1.38), (x + sign * 0.28, 1.1), (x + sign * 0.27, 0.88))
            s.disk(SKIN, x + sign * 0.27, 0.83, 0.055)
        s.polygon(
            BODY, (x - 0.2, 0.84), (x - 0.25, 1.4), (x - 0.1, 1.48), (x + 0.1, 1.48), (x + 0.25, 1.4), (x + 0.2, 0.84)
        )
    if variant == 1:
        s.polygon(BODY, (x - 0.25, 0.5), (x - 0.16, 1.1), (x + 0.16, 1.1), (x + 0.25, 0.5))
    if variant == 2:
        s.box(DARK, x - 0.33, 0.78, x - 0.13, 1.06)
        s.line(DARK, 0.04, (x - 0.2, 1.05), (x + 0.1, 1.45))
    s.box(SKIN, x - 0.05, 1.42, x + 0.05, 1.55).disk(THIRD, x, 1.65, 0.125, 1.05)
    return s.disk(SKIN, x + (0.05 if sideways else 0.0), 1.62, 0.085, 1.2)


@cache
def two_wheeler(label: Label, sideways: bool) -> Stencil:
    """A bicycle (1.8 x 1.1 m) or motorcycle (2.1 x 1.25 m), or its end, 0.75 m wide."""
    if label is Label.BICYCLE:
        return _bicycle_side() if sideways else _bicycle_end()
    return _motorcycle_side() if sideways else _motorcycle_end()


@cache
def rider(motor: bool, sideways: bool) -> Stencil:
    """The rider alone, 1.75 m high over the width of the vehicle."""
    s = Stencil((2.1 if motor else 1.8) if sideways else 0.75, 1.75, 192)
    x = s.width / 2 - (0.1 if sideways else 0.0)
    if sideways:
        s.line(SECOND, 0.17, (x - 0.14, 0.9), (x + 0.2, 0.82), (x + 0.06, 0.36)).line(
            SHOE, 0.1, (x + 0.04, 0.32), (x + 0.18, 0.3)
        )
        s.line(BODY, 0.3, (x - 0.14, 0.95), (x + 0.08, 1.32))
        s.line(BODY, 0.11, (x + 0.1, 1.36), (x + 0.3, 1.12), (x + 0.5, 1.06)).disk(SKIN, x + 0.52, 1.06, 0.055)
        s.disk(SKIN, x + 0.22, 1.54, 0.11, 1.15).disk(THIRD, x + 0.19, 1.6, 0.14 if motor else 0.125)
        return s.disk(SKIN, x + 0.27, 1.53, 0.06) if not motor else s.box(DARK, x + 0.22, 1.54, x + 0.33, 1.63)
    for sign in (-1, 1):
        s.line(SECOND, 0.17, (x + sign * 0.1, 0.92), (x + sign * 0.2, 0.62), (x + sign * 0.15, 0.3))
        s.disk(SHOE, x + sign * 0.15, 0.27, 0.07)
        s.line(BODY, 0.12, (x + sign * 0.2, 1.34), (x + sign * 0.31, 1.1), (x + sign * 0.27, 0.98))
    s.polygon(
        BODY, (x - 0.19, 0.85), (x - 0.25, 1.34), (x - 0.1, 1.44), (x + 0.1, 1.44), (x + 0.25, 1.34), (x + 0.19, 0.85)
    )
    return s.disk(SKIN, x, 1.5, 0.09).disk(THIRD, x, 1.58, 0.15 if motor else 0.125, 1.1)


@cache
def metal() -> Stencil:
    """A plain metal rectangle: poles and arms."""
    return Stencil(1, 1, 1).box(METAL, 0, 0, 1, 1)


@cache
def bark() -> Stencil:
    """A plain rectangle of bark."""
    return Stencil(1, 1, 1).box(Part.BARK, 0, 0, 1, 1)


@cache
def traffic_light() -> Stencil:
    """A head of three lamps on a backing board, 0.42 x 1 of its height: red, amber and green from the top."""
    s = Stencil(0.42, 1.0, 96).box(SECOND, 0, 0, 0.42, 1.0).box(DARK, 0.05, 0.03, 0.37, 0.97)
    for part, y in ((Part.RED, 0.81), (Part.AMBER, 0.5), (Part.GREEN, 0.19)):
        s.disk(part, 0.21, y, 0.135)
    return s


@cache
def sign(shape: int) -> Stencil:
    """A traffic sign over a square of 1 m: ban, warning, stop, mandatory, information, priority, speed, give way."""
    s = Stencil(1.0, 1.0, 96)
    red, white, blue, amber = Part.RED, Part.PLATE, Part.BLUE, Part.AMBER
    if shape == 0:
        return s.disk(red, 0.5, 0.5, 0.5).box(white, 0.16, 0.4, 0.84, 0.6)
    if shape == 1:
        s.polygon(red, (0, 0.05), (0.5, 0.95), (1, 0.05)).polygon(white, (0.2, 0.17), (0.5, 0.71), (0.8, 0.17))
        return s.box(DARK, 0.46, 0.22, 0.54, 0.52)
    if shape == 2:
        s.polygon(red, (0.3, 0), (0, 0.3), (0, 0.7), (0.3, 1), (0.7, 1), (1, 0.7), (1, 0.3), (0.7, 0))
        for at in range(4):
            s.box(white, 0.14 + at * 0.19, 0.38, 0.27 + at * 0.19, 0.62)
        return s
    if shape == 3:
        s.disk(blue, 0.5, 0.5, 0.5)
        return s.line(white, 0.14, (0.5, 0.2), (0.5, 0.75)).polygon(white, (0.25, 0.55), (0.5, 0.86), (0.75, 0.55))
    if shape == 4:
        s.box(blue, 0, 0, 1, 1).box(white, 0.14, 0.14, 0.86, 0.86)
        return s.polygon(blue, (0.3, 0.22), (0.5, 0.78), (0.7, 0.22))
    if shape == 5:
        s.polygon(white, (0.5, 0), (0, 0.5), (0.5, 1), (1, 0.5))
        return s.polygon(amber, (0.5, 0.12), (0.12, 0.5), (0.5, 0.88), (0.88, 0.5))
    if shape == 6:
        s.disk(red, 0.5, 0.5, 0.5).disk(white, 0.5, 0.5, 0.37)
        return s.line(DARK, 0.1, (0.36, 0.3), (0.36, 0.7)).line(DARK, 0.1, (0.56, 0.3), (0.7, 0.5), (0.56, 0.7))
    return s.polygon(red, (0, 0.95), (0.5, 0.05), (1, 0.95)).polygon(white, (0.2, 0.83), (0.5, 0.29), (0.8, 0.83))


def _bicycle_side() -> Stencil:
    s = Stencil(1.8, 1.1, 208)
    for x in (0.36, 1.44):
        s.disk(TYRE, x, 0.36, 0.36).disk(Part.NONE, x, 0.36, 0.27).disk(METAL, x, 0.36, 0.06)
        s.line(METAL, 0.025, (x - 0.25, 0.36), (x + 0.25, 0.36)).line(METAL, 0.025, (x, 0.11), (x, 0.61))
    frame = (0.36, 0.36), (0.78, 0.34), (0.66, 0.8), (1.26, 0.84), (0.78, 0.34)
    s.line(BODY, 0.09, *frame).line(BODY, 0.09, (0.36, 0.36), (0.66, 0.8)).line(BODY, 0.09, (1.44, 0.36), (1.26, 0.96))
    s.line(DARK, 0.09, (0.52, 0.9), (0.8, 0.92)).line(DARK, 0.08, (1.26, 0.97), (1.14, 1.04), (1.36, 1.04))
    return s.disk(DARK, 0.78, 0.32, 0.12)


def _bicycle_end() -> Stencil:
    s = Stencil(0.75, 1.1, 128)
    x = 0.375
    s.line(TYRE, 0.12, (x, 0.06), (x, 0.68)).line(BODY, 0.1, (x, 0.6), (x, 0.95)).line(
        DARK, 0.08, (0.06, 1.02), (0.69, 1.02)
    )
    s.line(METAL, 0.07, (x - 0.17, 0.32), (x + 0.17, 0.38)).box(DARK, x - 0.1, 0.84, x + 0.1, 0.92)
    return s.disk(Part.LAMP, x, 0.72, 0.07)


def _motorcycle_side() -> Stencil:
    s = Stencil(2.1, 1.25, 208)
    for x in (0.36, 1.74):
        s.disk(TYRE, x, 0.34, 0.34).disk(METAL, x, 0.34, 0.2).disk(DARK, x, 0.34, 0.08)
    s.polygon(DARK, (0.62, 0.25), (0.6, 0.6), (1.4, 0.62), (1.3, 0.25)).disk(METAL, 0.98, 0.42, 0.18)
    s.line(METAL, 0.09, (0.2, 0.3), (0.95, 0.26)).line(METAL, 0.09, (1.74, 0.34), (1.45, 0.95))
    s.polygon(
        BODY, (0.1, 0.78), (0.2, 0.92), (0.8, 0.72), (1.0, 0.92), (1.4, 0.98), (1.56, 0.78), (1.3, 0.58), (0.6, 0.55)
    )
    s.polygon(DARK, (0.2, 0.92), (0.3, 0.97), (0.95, 0.87), (0.8, 0.72)).polygon(
        BODY, (1.42, 0.75), (1.4, 1.1), (1.66, 0.82)
    )
    s.line(DARK, 0.07, (1.42, 1.08), (1.26, 1.16)).line(Part.GLASS, 0.06, (1.5, 1.0), (1.4, 1.22))
    return s.disk(Part.PLATE, 1.6, 0.86, 0.08).box(Part.LAMP, 0.06, 0.78, 0.16, 0.88)


def _motorcycle_end() -> Stencil:
    s = Stencil(0.75, 1.25, 128)
    x = 0.375
    s.line(TYRE, 0.2, (x, 0.1), (x, 0.55)).polygon(
        BODY, (x - 0.2, 0.55), (x - 0.24, 0.85), (x - 0.12, 1.0), (x + 0.12, 1.0), (x + 0.24, 0.85), (x + 0.2, 0.55)
    )
    s.line(DARK, 0.07, (0.05, 1.06), (x, 1.0), (0.7, 1.06)).disk(METAL, 0.07, 1.17, 0.06).disk(METAL, 0.68, 1.17, 0.06)
    s.line(METAL, 0.08, (x - 0.2, 0.3), (x - 0.2, 0.5)).line(METAL, 0.08, (x + 0.2, 0.3), (x + 0.2, 0.5))
    return s.disk(Part.LAMP, x, 0.86, 0.11).box(Part.PLATE, x - 0.1, 0.58, x + 0.1, 0.7)
