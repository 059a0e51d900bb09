"""Moving pictures along optical flow, as vid2vid does (Wang et al., arXiv 1808.06601, section 3.1).

Flow is backward: `[B, 2, H, W]`, x then y in pixels, where each pixel was in the frame before minus where it is.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

_TOLERANCE = 0.02


class Reference(NamedTuple):
    """What is known of the motion from the frame before."""

    flow: Tensor
    """`[B, 2, H, W]`, 0 where unknown."""
    confidence: Tensor
    """`[B, 1, H, W]`: 1 where the flow explains what is seen, else 0."""


def warp(picture: Tensor, flow: Tensor) -> Tensor:
    """`picture` `[B, C, H, W]` read at each pixel plus `flow`: bilinear, beyond the border the border's values.

    A flow of whole pixels reads whole pixels, and one of zeros gives the very picture: coordinates are those of
    pixels' centres, in which PyTorch's present default would blur.
    """
    _, _, height, width = picture.shape
    rows = torch.arange(height, dtype=flow.dtype, device=flow.device)[:, None]
    columns = torch.arange(width, dtype=flow.dtype, device=flow.device)
    x = (columns + flow[:, 0]) * (2 / max(width - 1, 1)) - 1
    y = (rows + flow[:, 1]) * (2 / max(height - 1, 1)) - 1
    grid = torch.stack([x, y], 3)
    return F.grid_sample(picture, grid, mode="bilinear", padding_mode="border", align_corners=True)


def known(flow: Tensor) -> tuple[Tensor, Tensor]:
    """A flow that is NaN where unknown, as one without NaN, and 1 where it is known, else 0, `[B, 1, H, W]`."""
    seen = ~flow.isnan().any(1, keepdim=True)
    return torch.where(seen, flow, 0.0), seen.to(flow.dtype)


def composed(flows: list[Tensor]) -> Tensor:
    """The flow over several frames from those of each to the one before it, oldest first, none of them NaN."""
    total = flows[-1]
    for flow in reversed(flows[:-1]):
        total = total + warp(flow, total)
    return total


def reference(flow: Tensor, earlier: Tensor, later: Tensor) -> Reference:
    """`flow` from frame `earlier` to `later`, `[B, 3, H, W]` in [-1, 1], with the confidence that losses give it.

    It is 1 where the flow is known, not NaN, and moves `earlier` to colours whose squared distance to those of `later`,
    summed over RGB, is below 0.02.
    """
    flow, seen = known(flow)
    distance = torch.square(warp(earlier, flow) - later).sum(1, keepdim=True)
    return Reference(flow, seen * (distance < _TOLERANCE))


def coarser(flow: Tensor, halvings: int) -> Tensor:
    """The flow of pictures halved so often: that of every 2nd, 4th... pixel, in pixels of theirs."""
    stride = 1 << halvings
    return flow[:, :, ::stride, ::stride] / stride
