"""Boundaries between objects: the pixels where the instance changes, and what is left of them at smaller sizes.

The boundaries are pix2pixHD's (Wang et al., arXiv 1711.11585, section 3.3).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def boundaries(instances: Tensor) -> Tensor:
    """1 where a pixel's left, right, upper or lower neighbour has another id, else 0: `[B, H, W]` to `[B, 1, H, W]`."""
    edges = torch.zeros_like(instances, dtype=torch.bool)
    across = instances[:, :, 1:] != instances[:, :, :-1]
    down = instances[:, 1:] != instances[:, :-1]
    edges[:, :, 1:] |= across
    edges[:, :, :-1] |= across
    edges[:, 1:] |= down
    edges[:, :-1] |= down
    return edges[:, None].float()


def resized(maps: Tensor, size: tuple[int, int], *, ceil: bool = False) -> Tensor:
    """`[B, C, H, W]` in [0, 1] to `size`, as 8-bit pictures are: by Pillow's bicubic filter, its default, antialiased.

    Widths first, then heights, rounded to 8 bit after each, as Pillow does but for pictures thrice as tall as wide;
    values are k/255. With `ceil` all but the zeros are 1.
    """
    height, width = size
    values = _round(255 * maps.double())
    for sides in ((maps.shape[2], width), (height, width)):
        values = _round(F.interpolate(values, sides, mode="bicubic", antialias=True)).clamp(0, 255)
    values = (values / 255).to(maps.dtype)
    return values.ceil() if ceil else values


def _round(values: Tensor) -> Tensor:
    return torch.floor(values + (0.5 + 1e-6))  # halves up, even those that come out of the filter a little less
