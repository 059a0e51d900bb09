"""Bounding boxes of what an instance map shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST = 1 / 1024
"""The least share of a picture's pixels that must show an object for it to have a box: 8 at 64x128, 32 at 128x256."""


def boxes(instances: NDArray[np.uint16]) -> NDArray[np.float32]:
    """The visible objects of an instance map `[H, W]`, `[N, 5]` in the order of their ids.

    Each is left, top, right and bottom in pixels, right and bottom excluded, and the class id. Objects have ids from
    1000 on, class * 1000 + k; one of which less than `LEAST` of the picture is seen has no box.
    """
    ids, counts = np.unique(instances, return_counts=True)
    found = []
    for identity in ids[(ids >= 1000) & (counts >= LEAST * instances.size)]:
        shown = instances == identity
        rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
        found.append((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1, identity // 1000))
    return np.array(found, np.float32).reshape(-1, 5)
