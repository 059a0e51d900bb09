"""Halving and doubling through fixed low-pass filters (Zhang, Making Convolutional Networks Shift-Invariant Again,
arXiv 1904.11486)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class BlurDown(nn.Module):
    """Every channel through the filter [1, 2, 1] x [1, 2, 1] / 16, reflected at the border, at every other pixel.

    Takes `[B, channels, H, W]` and gives `[B, channels, ceil(H/2), ceil(W/2)]`; sides must be at least 2.
    """

    taps: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        row = torch.tensor([1.0, 2.0, 1.0]) / 4
        # of constants there is nothing to keep in a checkpoint
        self.register_buffer("taps", torch.outer(row, row).expand(channels, 1, 3, 3).contiguous(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Half the size."""
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), self.taps, stride=2, groups=x.shape[1])


def blur_up() -> nn.Module:
    """Twice the size: every channel through the filter [1, 3, 3, 1] x [1, 3, 3, 1] / 16 as a transposed convolution of
    stride 2, replicated at the border.

    Between pixels whose centres are a quarter of a pixel off, that is bilinear interpolation.
    """
    return nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
