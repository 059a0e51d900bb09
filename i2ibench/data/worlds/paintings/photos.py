"""The task photo2painting: photos of land from above and of streets, and paintings of others of the same kinds.

Which photos are painted and which stay photos is settled by place and number: aerial windows by blocks of the world
that alternate like a chessboard with a gap between them, streets by scene number. So no photo has its own painting in
the task, and no place of the world is seen in both domains or in two splits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from i2ibench.data import aerial
from i2ibench.data.rows import Row
from i2ibench.data.worlds import streets
from i2ibench.data.worlds.noise import key_hash
from i2ibench.data.worlds.paintings.styles import STYLES, paint
from i2ibench.task import Resolution

Role = Literal["source", "target"]

SEED = 1874
COUNTS = {"train": 1000, "val": 100, "test": 200}
"""Photos of a split, and as many paintings; half of either from above, half of streets."""
SCENES = {"train": 40000, "val": 41000, "test": 41100}
"""The first street of each split: photos take COUNTS / 2 of them, paintings the next COUNTS / 2."""
BAND, GAP = 261, 16
"""Height of a block of the world, and how much of that belongs to none, in pixels; seven fit the latitudes in use."""
STRIDE = 16
"""Step of the windows that can be chosen, in pixels."""
CONTRAST = 40
"""Levels of luma between the twentieth of a window's pixels that is darkest and that which is brightest, at least."""


class Photo(NamedTuple):
    """A photo with its name and the key of its painting."""

    name: str
    pixels: NDArray[np.uint8]
    key: int


def photo2painting(split: str, resolution: Resolution) -> Iterator[Row]:
    """The photos of `split`, then its paintings with `category` the style. Kinds alternate; styles take turns."""
    for photo in photos(split, "source", resolution):
        yield Row(name=photo.name, source=photo.pixels)
    for number, photo in enumerate(photos(split, "target", resolution)):
        style = number % len(STYLES)
        name = f"{photo.name}-{STYLES[style].replace(' ', '-')}"
        yield Row(name=name, target=paint(photo.pixels, style, photo.key), category=style)


def photos(split: str, role: Role, resolution: Resolution) -> Iterator[Photo]:
    """The photos that `split` shows as they are or paints: from above and of a street in turn."""
    half = COUNTS[split] // 2
    first = SCENES[split] + (half if role == "target" else 0)
    picture, land = aerial.raster("bmng.jpg"), ~aerial.sea(aerial.raster("etopo1.jpg"))
    chosen = 0
    for window in windows(split, role, resolution):
        pixels = picture[window.area]
        if np.count_nonzero(land[window.area]) < aerial.LAND * window.side * window.side or contrast(pixels) < CONTRAST:
            continue
        yield Photo(f"aerial-{window.name}", pixels, key_hash(SEED, 1, window.row, window.column))
        index = first + chosen
        street = streets.render(streets.SEED, index, resolution)["target"]
        yield Photo(f"street-{index:06d}", street, key_hash(SEED, 2, index))
        chosen += 1
        if chosen == half:
            return


def windows(split: str, role: Role, resolution: Resolution) -> list[aerial.Window]:
    """Every window from above that `role` may take in `split`, in the order in which they are tried.

    First come windows that do not overlap each other, then those that overlap them by a half, then the rest; within
    each of these groups the order is that of a hash.
    """
    side = resolution.height
    found: list[tuple[int, int, aerial.Window]] = []
    for number, (left, right) in enumerate(aerial.strips(split)):
        for band in range((aerial.BOTTOM - aerial.TOP) // BAND):
            if (number + band) % 2 != (role == "target"):
                continue
            top = aerial.TOP + band * BAND
            for row in range(top, top + BAND - GAP - side + 1, STRIDE):
                for column in range(left, right - side + 1, STRIDE):
                    steps = (row - top, column - left)
                    overlap = sum(any(step % part for step in steps) for part in (side, side // 2))
                    found.append((overlap, key_hash(SEED, 3, row, column), aerial.Window(row, column, side)))
    return [window for _, _, window in sorted(found)]


def contrast(pixels: NDArray[np.uint8]) -> int:
    """Levels of luma between the darkest and the brightest twentieth of a picture `[H, W, 3]`."""
    red, green, blue = (pixels[..., channel].astype(np.int32) for channel in range(3))
    counts = np.cumsum(np.bincount(((299 * red + 587 * green + 114 * blue) // 1000).ravel(), minlength=256))
    twentieth = int(counts[-1]) // 20
    low, high = np.searchsorted(counts, [twentieth, int(counts[-1]) - twentieth])
    return int(high) - int(low)
