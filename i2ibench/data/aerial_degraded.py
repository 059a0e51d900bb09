"""Satellite pictures spoilt as a camera spoils them, and the pictures as they were: noise, and too little light.

Light is spoilt where it adds up, in linear light, and not in the levels of the screen: sRGB's curve is undone by a
table (IEC 61966-2-1) whose entries and thresholds are whole 65535ths, and done again by a search. The sensor's noise
has the variance `shot` x light + `read`^2 (Foi, Trimeche, Katkovnik and Egiazarian, "Practical Poissonian-Gaussian
noise modeling", IEEE TIP 2008). What is drawn for a picture is a function of its name.

The windows and splits are those of `aerial`, but for windows so dark that noise or darkness would leave nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from i2ibench.data import aerial
from i2ibench.data.rows import Row
from i2ibench.data.worlds.noise import Floats, Stream, hash_uniform, key_hash
from i2ibench.task import Resolution

SEED = 2008
SHOT, READ = (0.0005, 0.010), (0.0008, 0.005)
"""Denoising: least and greatest variance of a white pixel's noise, and deviation of a black one's, of full light."""
EXPOSURE = (0.08, 0.30)
"""Low light: what of the light is left."""
DARK_SHOT, DARK_READ = (0.0002, 0.0014), (0.0002, 0.0012)
"""The same for the noise of pictures in low light."""
CAST = 0.15
"""Low light: how far red and blue are amplified or weakened against green, at most."""

BRIGHT = 40
"""The least mean of a window's levels, all channels together."""

_ADDENDS = 12
"""Uniform numbers whose sum stands for one Gaussian; twelve have variance 1."""


def denoise(split: str, resolution: Resolution) -> Iterator[Row]:
    """The rows of `split`: `source` has noise, `target` is the same picture without."""
    return _spoilt(split, resolution, noisy)


def lowlight(split: str, resolution: Resolution) -> Iterator[Row]:
    """The rows of `split`: `source` is dark, noisy and off in colour, `target` is the same picture as it was."""
    return _spoilt(split, resolution, darkened)


def noisy(pixels: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """The picture uint8 `[H, W, 3]` with a sensor's noise, whose strength is drawn from `SHOT` and `READ`."""
    stream, key = _keys(name, 1)
    shot, read = _strength(stream, SHOT), _strength(stream, READ)
    return encode(_exposed(decode(pixels), shot, read, key))


def darkened(pixels: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """The picture uint8 `[H, W, 3]` in a share of its light drawn from `EXPOSURE`, with noise and a cast of colour."""
    stream, key = _keys(name, 2)
    exposure = stream.uniform(*EXPOSURE)
    warm, green = stream.uniform(-CAST, CAST), stream.uniform(-CAST / 3, CAST / 3)
    shot, read = _strength(stream, DARK_SHOT), _strength(stream, DARK_READ)
    balance = np.array([1 + warm, 1 + green, 1 - warm], np.float32)
    light = _exposed(decode(pixels) * np.float32(exposure), shot, read, key)
    return encode(light * balance)


def decode(pixels: NDArray[np.uint8]) -> Floats:
    """Levels of sRGB to linear light, float32 in [0, 1]."""
    light: Floats = _tables()[0][pixels]
    return light


def encode(light: Floats) -> NDArray[np.uint8]:
    """Linear light to the nearest level of sRGB; what is outside [0, 1] is clipped."""
    return np.searchsorted(_tables()[1], light, side="right").astype(np.uint8)


def _spoilt(
    split: str, resolution: Resolution, spoil: Callable[[NDArray[np.uint8], str], NDArray[np.uint8]]
) -> Iterator[Row]:
    picture, height = aerial.raster("bmng.jpg"), aerial.raster("etopo1.jpg")
    for window in aerial.on_land(split, resolution, height):
        clean = picture[window.area]
        if int(clean.sum(dtype=np.int64)) < BRIGHT * clean.size:
            continue
        yield Row(name=window.name, source=spoil(clean, window.name), target=clean)


def _exposed(light: Floats, shot: float, read: float, key: int) -> Floats:
    """What a sensor makes of `light` `[H, W, 3]`."""
    deviation = np.sqrt(light * np.float32(shot) + np.float32(read * read))
    place = np.arange(light.size, dtype=np.int64).reshape(light.shape)
    normal = np.full(light.shape, -_ADDENDS / 2, np.float32)
    for addend in range(_ADDENDS):
        normal += hash_uniform(key, place, np.array(addend))
    exposed: Floats = light + deviation * normal
    return exposed


def _strength(stream: Stream, bounds: tuple[float, float]) -> float:
    """A draw between the bounds in which weak noise is as frequent as it is in use: uniform in the square root."""
    share = stream.uniform()
    return bounds[0] + (bounds[1] - bounds[0]) * share * share


def _keys(name: str, purpose: int) -> tuple[Stream, int]:
    """The draws and the key of the noise that belong to a picture's name."""
    letters = name.encode()
    return Stream(SEED, purpose, *letters), key_hash(SEED, purpose + 10, *letters)


@cache
def _tables() -> tuple[Floats, Floats]:
    """Linear light of the 256 levels, and the 255 thresholds halfway between levels, both rounded to 65535ths.

    The rounding leaves no trace of the last bits of `power`, which depend on the machine.
    """
    levels = np.arange(511, dtype=np.float64) / 510
    light = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    exact = (np.rint(light * 65535) / 65535).astype(np.float32)
    return exact[0::2], exact[1::2]
