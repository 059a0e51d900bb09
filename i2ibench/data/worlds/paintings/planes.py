"""Arithmetic on planes that gives the same bytes everywhere: sampling, blurs, flat areas and colour.

A plane is float32 `[h, w]`, a colour three of them `[3, h, w]` with values in [0, 1], as the screen shows them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from i2ibench.data.worlds.noise import Floats, key_hash, lookup

F = np.float32
RGB = tuple[float, float, float]

_FIXED = 1 << 16
"""Steps between 0 and 1 in blurs, which add whole numbers: those have no order of summation to depend on."""


def enlarge(photo: NDArray[np.uint8], samples: int) -> Floats:
    """A photo `[H, W, 3]` with `samples` samples along each side of a pixel, interpolated: `[3, h, w]`."""
    planes = photo.transpose(2, 0, 1).astype(np.float32) / F(255)
    return blur(planes.repeat(samples, 1).repeat(samples, 2), samples // 2)


def shrink(colour: Floats, samples: int) -> NDArray[np.uint8]:
    """The mean of each pixel's samples, as a picture uint8 `[H, W, 3]`."""
    total = np.zeros_like(colour[:, ::samples, ::samples])
    for down in range(samples):
        for across in range(samples):
            total += np.clip(colour[:, down::samples, across::samples], F(0), F(1))
    levels = (total * F(255 / (samples * samples)) + F(0.5)).astype(np.uint8)
    return np.ascontiguousarray(levels.transpose(1, 2, 0))


def blur(planes: Floats, radius: int) -> Floats:
    """The mean over a square of 2 `radius` + 1 samples, the picture's edge continued outwards."""
    whole = np.rint(planes * F(_FIXED)).astype(np.int64)
    for axis in (-1, -2):
        pad = [(0, 0)] * whole.ndim
        pad[axis] = (radius + 1, radius)
        sums = np.cumsum(np.pad(whole, pad, mode="edge"), axis=axis)
        size = whole.shape[axis]
        whole = sums.take(range(2 * radius + 1, size + 2 * radius + 1), axis) - sums.take(range(size), axis)
    side = 2 * radius + 1
    mean: Floats = whole.astype(np.float32) / F(_FIXED * side * side)
    return mean


def grey(colour: Floats) -> Floats:
    """Luma of a colour."""
    luma: Floats = colour[0] * F(0.299) + colour[1] * F(0.587) + colour[2] * F(0.114)
    return luma


def saturate(colour: Floats, factor: float) -> Floats:
    """A colour's distance from grey times `factor`."""
    light = grey(colour)
    stronger: Floats = light + (colour - light) * F(factor)
    return stronger


def mix(one: Floats, other: Floats, share: Floats | np.float32) -> Floats:
    """`share` of `other` and the rest of `one`."""
    mixed: Floats = one + (other - one) * share
    return mixed


def tint(value: Sequence[float], like: Floats) -> Floats:
    """One colour, shaped to be combined with `like` `[3, ...]`."""
    return np.array(value, np.float32).reshape(3, *(1,) * (like.ndim - 1))


def stretch_tones(colour: Floats, low: float, high: float, level: float = 0.0) -> Floats:
    """The colour with its tones spread so that the darkest twentieth is `low` and the brightest `high`.

    `level` is how far tones go on towards being equally frequent. Distances from grey grow less than tones do: a dark
    photo must not become a gaudy painting.
    """
    light = grey(colour)
    steps = np.clip(light * F(255), F(0), F(255)).astype(np.int32)
    counts = np.cumsum(np.bincount(steps.ravel(), minlength=256))
    size = steps.size
    dark = int(np.searchsorted(counts, size // 20)) / 255
    bright = max(int(np.searchsorted(counts, size - size // 20)) / 255, dark + 0.25)
    gain = (high - low) / (bright - dark)
    spread = np.clip((light - F(dark)) * F(gain) + F(low), F(0), F(1))
    if level:
        rank = (counts.astype(np.float32) / F(size))[steps]
        spread = mix(spread, F(low) + rank * F(high - low), F(level))
    stretched: Floats = np.clip(spread + (colour - light) * F(min(max(gain, 1.0), 1.45)), F(0), F(1))
    return stretched


def flatten(colour: Floats, radius: int) -> Floats:
    """Kuwahara, Hachimura, Eiho and Kinoshita (1976): the mean of whichever adjoining square varies least."""
    light = grey(colour)
    mean, spread = blur(colour, radius), blur(light * light, radius) - np.square(blur(light, radius))
    rows, columns = (np.arange(size) for size in light.shape)
    best, found = np.full_like(light, np.inf), np.empty_like(colour)
    for down in (-radius, radius):
        for across in (-radius, radius):
            at = np.ix_(np.clip(rows + down, 0, len(rows) - 1), np.clip(columns + across, 0, len(columns) - 1))
            better = spread[at] < best
            np.copyto(best, spread[at], where=better)
            np.copyto(found, mean[:, at[0], at[1]], where=better)
    return found


def warp(planes: Floats, key: int, reach: float) -> Floats:
    """Each sample from a place up to `reach` samples away; neighbours move alike."""
    shape = planes.shape[-2:]
    rows, columns = np.indices(shape, np.int32)
    down, across = (
        np.rint(blur(texture("leaf", shape, key_hash(key, n)), 2) * F(reach * 2.5)).astype(np.int32) for n in (1, 2)
    )
    found: Floats = planes[..., np.clip(rows + down, 0, shape[0] - 1), np.clip(columns + across, 0, shape[1] - 1)]
    return found


def texture(name: str, shape: tuple[int, ...], key: int, scale: float = 1.0) -> Floats:
    """A piece of a noise texture, `scale` texels to the sample, from a place that is a hash of `key`."""
    place = key_hash(key, 77)
    down = np.arange(shape[0], dtype=np.float32)[:, None] * F(scale) + F(place % 509)
    across = np.arange(shape[1], dtype=np.float32)[None, :] * F(scale) + F(place // 1024 % 509)
    return lookup(name, np.broadcast_to(across, shape), np.broadcast_to(down, shape))


def smooth_step(value: Floats, low: float, high: float) -> Floats:
    """0 below `low`, 1 above `high`, smooth between."""
    part = np.clip((value - F(low)) / F(high - low), F(0), F(1))
    step: Floats = part * part * (F(3) - F(2) * part)
    return step
