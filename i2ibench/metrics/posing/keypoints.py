"""How far keypoints that were found are from the true ones, as shares of the animal's size.

PCK, the probability of a correct keypoint: Yang and Ramanan, "Articulated Human Detection with Flexible Mixtures of
Parts", IEEE PAMI 2013, where a keypoint counts as found within 0.1 of the larger side of the person's box. Here the
size is the diagonal of the true keypoints' bounding box, which changes less as the animal turns and is up to 1.41 times
as large.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

THRESHOLD = 0.1
"""Of the size: a keypoint at most so far away counts as found."""


class KeypointScores(NamedTuple):
    """Scores of pictures, float64 `[B]`; nan for a picture without a known keypoint or of no size."""

    pck: Tensor
    """Share of the known keypoints that were found, 0 to 1."""
    error: Tensor
    """Mean distance of the known keypoints as a share of the size."""


def keypoint_scores(found: Tensor, true: Tensor) -> KeypointScores:
    """The scores of keypoints `found`, `[B, K, 2]` in pixels, against the `true` ones, NaN where there is none."""
    distances = relative_distances(found, true)
    known = ~distances.isnan()
    count = known.sum(1)
    hits = (distances <= THRESHOLD).sum(1, dtype=torch.float64)
    total = distances.nan_to_num(0.0).sum(1)
    return KeypointScores(*(torch.where(count > 0, each / count, torch.nan) for each in (hits, total)))


def relative_distances(found: Tensor, true: Tensor) -> Tensor:
    """float64 `[B, K]`: distances over each picture's `size`, nan where there is no keypoint or no size."""
    distances = (found.double() - true.double()).norm(dim=-1)
    sizes = size(true)[:, None]
    return torch.where(sizes > 0, distances / sizes, torch.nan)


def size(keypoints: Tensor) -> Tensor:
    """float64 `[B]`, in pixels: the diagonal of the bounding box of the known among `keypoints` `[B, K, 2]`.

    Fewer than two known keypoints have none: -inf or 0.
    """
    points = keypoints.double()
    unknown = points.isnan().any(-1, keepdim=True)
    high = points.masked_fill(unknown, -torch.inf).amax(1)
    low = points.masked_fill(unknown, torch.inf).amin(1)
    sides = high - low
    return torch.where((sides >= 0).all(-1), sides.norm(dim=-1), -torch.inf)
