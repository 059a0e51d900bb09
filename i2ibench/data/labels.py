"""Label maps as pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from i2ibench.task import IGNORE


def painted(labels: NDArray[np.uint8], palette: Sequence[tuple[int, int, int]]) -> NDArray[np.uint8]:
    """A label map `[H, W]` in its classes' colours `[H, W, 3]`; what is ignored, or has no colour, is black."""
    colours = np.zeros((256, 3), np.uint8)
    colours[: len(palette)] = palette
    colours[IGNORE] = 0
    picture: NDArray[np.uint8] = colours[labels]
    return picture
