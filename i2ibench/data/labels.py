"""Label maps as pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from i2ibench.errors import BenchError
from i2ibench.task import IGNORE, LabelTable


def painted(labels: NDArray[np.uint8], palette: Sequence[tuple[int, int, int]]) -> NDArray[np.uint8]:
    """A label map `[H, W]` in its classes' colours `[H, W, 3]`; what is ignored, or has no colour, is black."""
    colours = np.zeros((256, 3), np.uint8)
    colours[: len(palette)] = palette
    colours[IGNORE] = 0
    picture: NDArray[np.uint8] = colours[labels]
    return picture


def unpainted(picture: NDArray[np.uint8], table: LabelTable, name: str) -> NDArray[np.int64]:
    """The labels `[H, W]` of a picture `[H, W, 3]` in the classes' colours; black is ignored unless a class has it.

    Raises `BenchError` on any other colour, naming the picture `name` and the first such pixel.
    """
    colours = {colour: label for label, colour in reversed(list(enumerate(table.palette)))}
    colours.setdefault((0, 0, 0), IGNORE)
    found, inverse = np.unique(picture.reshape(-1, 3), axis=0, return_inverse=True)
    inverse = inverse.reshape(picture.shape[:2])
    ids = [colours.get((int(r), int(g), int(b)), -1) for r, g, b in found]
    labels: NDArray[np.int64] = np.array(ids)[inverse]
    if (labels < 0).any():
        row, column = (int(place) for place in np.argwhere(labels < 0)[0])
        raise BenchError(
            f"label picture {name!r} has {tuple(picture[row, column].tolist())} in row {row}, column {column}, the "
            f"colour of no class of the table {table.name!r}: paint with its colours, without smoothing, save as PNG"
        )
    return labels
