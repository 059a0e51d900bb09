"""Stencils of cars, trucks, buses and trams: their sides (facing right) and their ends."""

from __future__ import annotations

from functools import cache

from i2ibench.data.worlds.scene import Label
from i2ibench.data.worlds.stencil import Part, Stencil

BODY, SECOND, GLASS, DARK, LAMP, PLATE = Part.BODY, Part.SECOND, Part.GLASS, Part.DARK, Part.LAMP, Part.PLATE


@cache
def side(label: Label, variant: int) -> Stencil:
    """The side of a vehicle that faces right."""
    return {Label.CAR: _car_side, Label.TRUCK: _truck_side, Label.BUS: _bus_side, Label.TRAIN: _tram_side}[label](
        variant
    )


@cache
def end(label: Label, variant: int, front: bool) -> Stencil:
    """The front or rear of a vehicle."""
    draw = {Label.CAR: _car_end, Label.TRUCK: _truck_end, Label.BUS: _bus_end, Label.TRAIN: _tram_end}[label]
    return draw(variant, front)


DECK: dict[tuple[Label, int], tuple[float, float, float]] = {
    (Label.CAR, 0): (0.64, 0.75, 1.25),
    (Label.CAR, 1): (0.62, 0.22, 1.0),
    (Label.CAR, 2): (0.60, 0.15, 1.1),
    (Label.CAR, 3): (0.56, 0.10, 0.7),
}
"""Of cars: the height of boot and bonnet as a share of the whole, and how many metres the window above stands back, at
the rear and the front."""


def _car_side(variant: int) -> Stencil:
    length, height = ((4.5, 1.46), (4.0, 1.50), (4.6, 1.72), (4.9, 1.95))[variant]
    s = Stencil(length, height, 256)
    low, belt, wheel = 0.22, height * 0.62, 0.33 + 0.02 * variant
    back = (0.55, 0.12, 0.08, 0.05)[variant]
    roof = (
        (back + 0.75, back + 0.35, back + 0.18, back + 0.10)[variant],
        (length * 0.60, length * 0.64, length * 0.66, length * 0.76)[variant],
    )
    nose = length - (1.15, 0.95, 0.95, 0.55)[variant]
    s.polygon(
        BODY, (0.02, low), (0.0, belt * 0.9), (back * 0.5, belt + 0.02), (back, belt + 0.03), (roof[0], height),
        (roof[1], height - 0.02), (nose, belt + 0.03), (length - 0.1, belt * 0.86), (length, belt * 0.6),
        (length - 0.02, low),
    )  # fmt: skip
    top = height - 0.11
    inner = roof[0] + 0.08, roof[1] - 0.05
    middle = (inner[0] + inner[1]) / 2 + 0.1
    s.polygon(GLASS, (back + 0.3, belt + 0.05), (inner[0], top), (middle - 0.06, top), (middle - 0.06, belt + 0.05))
    s.polygon(GLASS, (middle + 0.02, belt + 0.05), (middle + 0.02, top), (inner[1], top), (nose - 0.22, belt + 0.05))
    s.box(DARK, 0.02, low, length - 0.02, low + 0.12)
    s.box(DARK, middle - 0.03, low, middle, belt)
    s.box(LAMP, 0.0, belt * 0.72, 0.13, belt * 0.93)
    s.box(PLATE, length - 0.22, belt * 0.62, length, belt * 0.8)
    for at in (length * 0.19, length * 0.81):
        s.disk(DARK, at, wheel, wheel + 0.07).wheel(at, wheel)
    return s


def _car_end(variant: int, front: bool) -> Stencil:
    width, height = ((1.82, 1.46), (1.78, 1.50), (1.9, 1.72), (1.92, 1.95))[variant]
    s = Stencil(width, height, 160)
    belt, inset = height * (0.64, 0.62, 0.60, 0.56)[variant], (0.26, 0.24, 0.2, 0.12)[variant]
    for left in (0.06, width - 0.30):
        s.box(Part.TYRE, left, 0, left + 0.24, 0.4)
    s.polygon(
        BODY, (0.03, 0.2), (0.0, belt * 0.75), (0.06, belt), (inset, height - 0.06),
        (inset + 0.12, height), (width - inset - 0.12, height), (width - inset, height - 0.06), (width - 0.06, belt),
        (width, belt * 0.75), (width - 0.03, 0.2),
    )  # fmt: skip
    s.polygon(
        GLASS,
        (0.17, belt + 0.03),
        (inset + 0.09, height - 0.12),
        (width - inset - 0.09, height - 0.12),
        (width - 0.17, belt + 0.03),
    )
    s.box(DARK, 0.03, 0.2, width - 0.03, 0.36)
    lamp = PLATE if front else LAMP
    for left, right in ((0.04, 0.40), (width - 0.40, width - 0.04)):
        s.box(lamp, left, belt * 0.68, right if front else right - 0.08 * (left < 1), belt * 0.88)
    if front:
        s.box(DARK, 0.5, belt * 0.55, width - 0.5, belt * 0.82)
    s.box(PLATE, width / 2 - 0.27, 0.4, width / 2 + 0.27, 0.53)
    return s


def _truck_side(variant: int) -> Stencil:
    length, height = ((8.2, 3.3), (6.4, 2.8))[variant]
    s = Stencil(length, height, 320)
    cab = length - 2.05
    s.box(SECOND, 0.0, 0.95, cab - 0.12, height)
    s.box(DARK, 0.0, 0.95, cab - 0.12, 1.05)
    for number in range(1, 7):
        s.box(DARK, number * (cab - 0.12) / 7, 1.05, number * (cab - 0.12) / 7 + 0.035, height - 0.08)
    s.box(DARK, 0.1, 0.6, length - 0.4, 0.95)
    s.polygon(
        BODY,
        (cab, 0.45),
        (cab, height - 0.35),
        (cab + 0.4, height - 0.28),
        (length - 0.35, height - 0.45),
        (length - 0.05, 1.5),
        (length, 0.45),
    )
    s.polygon(
        GLASS, (cab + 0.75, 1.55), (cab + 0.75, height - 0.7), (length - 0.5, height - 0.75), (length - 0.2, 1.55)
    )
    s.box(PLATE, length - 0.2, 0.7, length, 0.95)
    for at in (1.2, 2.25) if variant == 0 else (1.3,):
        s.wheel(at, 0.5)
    return s.disk(DARK, length - 1.25, 0.5, 0.6).wheel(length - 1.25, 0.5)


def _truck_end(variant: int, front: bool) -> Stencil:
    width, height = ((2.45, 3.3), (2.3, 2.8))[variant]
    s = Stencil(width, height, 224)
    for left in (0.08, width - 0.48):
        s.box(Part.TYRE, left, 0, left + 0.4, 0.8)
    if front:
        s.box(SECOND, 0, 1.2, width, height)
        s.polygon(
            BODY,
            (0.05, 0.4),
            (0.05, height - 0.8),
            (0.25, height - 0.4),
            (width - 0.25, height - 0.4),
            (width - 0.05, height - 0.8),
            (width - 0.05, 0.4),
        )
        s.box(GLASS, 0.2, 1.55, width - 0.2, height - 0.75)
        s.box(DARK, 0.5, 0.75, width - 0.5, 1.4)
        for left in (0.12, width - 0.52):
            s.box(PLATE, left, 0.6, left + 0.4, 0.85)
        return s.box(PLATE, width / 2 - 0.27, 0.45, width / 2 + 0.27, 0.6)
    s.box(SECOND, 0, 0.9, width, height)
    s.box(DARK, width / 2 - 0.03, 1.0, width / 2 + 0.03, height - 0.1)
    for at in (0.25, width - 0.31, width / 2 - 0.3, width / 2 + 0.24):
        s.box(Part.METAL, at, 1.0, at + 0.06, height - 0.15)
    s.box(DARK, 0, 0.5, width, 0.92).box(DARK, 0, height - 0.08, width, height)
    for left in (0.05, width - 0.45):
        s.box(LAMP, left, 0.6, left + 0.4, 0.8)
        s.box(Part.RED, left, 0.94, left + 0.4, 1.06)
    return s.box(PLATE, width / 2 - 0.27, 0.6, width / 2 + 0.27, 0.75)


def _bus_side(variant: int) -> Stencil:
    length, height = 11.5, 3.1
    s = Stencil(length, height, 384)
    s.polygon(
        BODY,
        (0, 0.3),
        (0, height - 0.15),
        (0.15, height),
        (length - 0.15, height),
        (length, height - 0.3),
        (length, 0.3),
    )
    s.box(DARK, 0.1, 1.25, length - 0.1, 2.6)
    for number in range(7):
        s.box(GLASS, 0.2 + number * 1.6, 1.3, 1.7 + number * 1.6, 2.55)
    for at in (length - 1.45, 5.3):
        s.box(DARK, at - 0.05, 0.35, at + 1.25, 2.65)
        s.box(GLASS, at, 0.45, at + 0.57, 2.6).box(GLASS, at + 0.63, 0.45, at + 1.2, 2.6)
    s.box(SECOND, 0, 0.85, 5.2, 1.1)
    s.box(LAMP, 0, 0.7, 0.1, 1.2)
    for at in (2.9, length - 2.6):
        s.disk(DARK, at, 0.48, 0.58).wheel(at, 0.48)
    return s


def _bus_end(variant: int, front: bool) -> Stencil:
    width, height = 2.55, 3.1
    s = Stencil(width, height, 208)
    for left in (0.08, width - 0.43):
        s.box(Part.TYRE, left, 0, left + 0.35, 0.5)
    s.polygon(
        BODY, (0, 0.3), (0, height - 0.2), (0.2, height), (width - 0.2, height), (width, height - 0.2), (width, 0.3)
    )
    if front:
        s.box(DARK, 0.08, 1.05, width - 0.08, height - 0.1)
        s.box(GLASS, 0.14, 1.1, width - 0.14, height - 0.55)
        s.box(Part.AMBER, 0.5, height - 0.42, width - 0.5, height - 0.2)
        for left in (0.1, width - 0.55):
            s.box(PLATE, left, 0.6, left + 0.45, 0.82)
    else:
        s.box(GLASS, 0.3, 1.75, width - 0.3, height - 0.45)
        s.box(DARK, 0.4, 0.6, width - 0.4, 1.4)
        s.box(Part.AMBER, 0.9, height - 0.36, width - 0.9, height - 0.18)
        for left in (0.05, width - 0.3):
            s.box(LAMP, left, 0.8, left + 0.25, 1.6)
    return s.box(DARK, 0, 0.3, width, 0.42).box(PLATE, width / 2 - 0.27, 0.43, width / 2 + 0.27, 0.56)


def _tram_side(variant: int) -> Stencil:
    length, height = 24.0, 3.5
    s = Stencil(length, height, 640)
    s.polygon(
        SECOND,
        (0.5, 0.3),
        (0.0, 1.3),
        (0.7, height - 0.4),
        (length - 0.7, height - 0.4),
        (length, 1.3),
        (length - 0.5, 0.3),
    )
    s.polygon(BODY, (0.5, 0.3), (0.0, 1.3), (length, 1.3), (length - 0.5, 0.3))
    s.box(DARK, 0.35, 1.55, length - 0.35, 2.7)
    for number in range(14):
        s.box(GLASS, 0.5 + number * 1.65, 1.6, 1.9 + number * 1.65, 2.65)
    for at in (3.0, 10.5, 13.2, 20.0):
        s.box(PLATE, at - 0.04, 0.4, at + 1.3, 2.85)
        s.box(GLASS, at, 0.5, at + 0.6, 2.75).box(GLASS, at + 0.66, 0.5, at + 1.26, 2.75)
    for at in (8.0, 16.0):
        s.box(DARK, at - 0.25, 0.3, at + 0.25, height - 0.35)
    s.box(DARK, 0.5, 0.12, length - 0.5, 0.4).box(DARK, 3.5, height - 0.4, 20.5, height - 0.15)
    s.line(Part.METAL, 0.1, (11.0, height - 0.3), (11.8, height - 0.02), (12.6, height - 0.3))
    return s


def _tram_end(variant: int, front: bool) -> Stencil:
    width, height = 2.5, 3.5
    s = Stencil(width, height, 224)
    s.box(DARK, 0.2, 0.05, width - 0.2, 0.4)
    s.polygon(
        SECOND,
        (0.12, 0.3),
        (0, 1.3),
        (0.12, 2.9),
        (0.4, 3.2),
        (width - 0.4, 3.2),
        (width - 0.12, 2.9),
        (width, 1.3),
        (width - 0.12, 0.3),
    )
    s.polygon(BODY, (0.12, 0.3), (0, 1.35), (width / 2, 1.05), (width, 1.35), (width - 0.12, 0.3))
    s.polygon(GLASS, (0.2, 1.5), (0.3, 2.6), (width - 0.3, 2.6), (width - 0.2, 1.5), (width / 2, 1.3))
    s.box(Part.DARK, 0.45, 2.66, width - 0.45, 3.02).box(Part.AMBER, 0.6, 2.72, width - 0.6, 2.96)
    lamp = PLATE if front else LAMP
    for x in (0.42, width - 0.42):
        s.disk(DARK, x, 0.85, 0.2).disk(lamp, x, 0.85, 0.15)
    s.disk(lamp, width / 2, 3.1, 0.09)
    return s.line(Part.METAL, 0.07, (0.6, 3.47), (width - 0.6, 3.47)).line(Part.METAL, 0.06, (0.9, 3.2), (1.1, 3.47))
