"""What coats are painted with: colours, smooth noise, stripes, spots and rosettes."""

from __future__ import annotations

from functools import cache

import numpy as np

from i2ibench.data.worlds.noise import Floats, hash_uniform

F = np.float32
RGB = tuple[float, float, float]
_SIDE = 256


def ink(red: float, green: float, blue: float) -> RGB:
    """The linear reflectance of a colour as a screen shows it, both from 0 to 1."""
    return red * red, green * green, blue * blue


def mixed(first: RGB, second: RGB, share: float) -> RGB:
    """A colour between two."""
    return (
        first[0] + (second[0] - first[0]) * share,
        first[1] + (second[1] - first[1]) * share,
        first[2] + (second[2] - first[2]) * share,
    )


def plain(like: Floats, colour: RGB) -> Floats:
    """One colour everywhere, `[3, N]`."""
    return np.repeat(np.array(colour, np.float32)[:, None], like.size, axis=1)


def tint(colours: Floats, share: Floats, colour: RGB) -> None:
    """Move colours `[3, N]` towards another by a share `[N]` from 0 to 1."""
    for channel in range(3):
        colours[channel] += (F(colour[channel]) - colours[channel]) * share


def step(low: float, high: float, value: Floats) -> Floats:
    """0 below `low`, 1 above `high`, smooth between; the other way round where low > high."""
    share = np.clip((value - F(low)) * F(1 / (high - low)), F(0), F(1))
    smooth: Floats = share * share * (F(3) - F(2) * share)
    return smooth


def noise(u: Floats, v: Floats, key: int) -> Floats:
    """Smooth noise in [-1, 1] that changes over a distance of 1."""
    column, row = np.floor(u), np.floor(v)
    across, down = u - column, v - row
    across = across * across * (F(3) - F(2) * across)
    down = down * down * (F(3) - F(2) * down)
    left = column.astype(np.int32) + np.int32(key & 255)
    top = row.astype(np.int32) + np.int32(key >> 8 & 255)
    high, low = (top & (_SIDE - 1)) * _SIDE, (top + 1 & (_SIDE - 1)) * _SIDE
    west, east = left & (_SIDE - 1), left + 1 & (_SIDE - 1)
    values = _lattice()
    upper = values[high + west] + (values[high + east] - values[high + west]) * across
    lower = values[low + west] + (values[low + east] - values[low + west]) * across
    smooth: Floats = upper + (lower - upper) * down
    return smooth


def stripes(along: Floats, wobble: Floats, width: float) -> Floats:
    """1 within bands that repeat every 1 of `along`, shifted by `wobble`; `width` is their share of the period."""
    position = along + wobble
    position = np.abs(position - np.floor(position) - F(0.5)) * F(2)
    return step(width + 0.12, width - 0.12, position)


def cells(u: Floats, v: Floats, key: int) -> tuple[Floats, Floats]:
    """Distance to the nearest of the points scattered one to a unit square, and that point's own number in [0, 1)."""
    column, row = np.floor(u), np.floor(v)
    nearest = np.full(u.shape, 9, np.float32)
    number = np.zeros(u.shape, np.float32)
    values = _lattice()
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            x, y = column + F(across), row + F(down)
            place = ((y.astype(np.int32) + np.int32(key >> 8 & 255)) & (_SIDE - 1)) * _SIDE + (
                (x.astype(np.int32) + np.int32(key & 255)) & (_SIDE - 1)
            )
            first, second = values[place], values[place ^ 0x5A5A]
            dx = u - x - F(0.5) - first * F(0.32)
            dy = v - y - F(0.5) - second * F(0.32)
            distance = dx * dx + dy * dy
            closer = distance < nearest
            nearest = np.where(closer, distance, nearest)
            number = np.where(closer, values[place ^ 0x3333] * F(0.5) + F(0.5), number)
    return np.sqrt(nearest), number


@cache
def _lattice() -> Floats:
    """Random values in [-1, 1), `[_SIDE * _SIDE]`."""
    nodes = np.arange(_SIDE, dtype=np.int64)
    values: Floats = hash_uniform(77, nodes[:, None], nodes[None, :]).ravel() * F(2) - F(1)
    return values
