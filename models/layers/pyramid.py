"""Smaller and smaller versions of a picture, as pix2pixHD and its line make them (arXiv 1711.11585, section 3.2)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def halved(x: Tensor) -> Tensor:
    """Half the size: averages over 3x3 pixels at every other one, those beyond the border not counted."""
    return F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)


def pyramid(x: Tensor, scales: int) -> list[Tensor]:
    """`x` and its halvings, `scales` in all, the finest first."""
    made = [x]
    while len(made) < scales:
        made.append(halved(made[-1]))
    return made
