"""The fixed low-pass filter of StyleGAN (Karras et al., arXiv 1812.04948, section 2)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Blur(nn.Module):
    """Every channel through the filter [1, 2, 1] x [1, 2, 1] / 16, with zeros around the maps."""

    taps: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        row = torch.tensor([1.0, 2.0, 1.0]) / 4
        # of constants there is nothing to keep in a checkpoint
        self.register_buffer("taps", torch.outer(row, row).expand(channels, 1, 3, 3).contiguous(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, channels, H, W]` of the same size."""
        blurred: Tensor = _SelfAdjoint.apply(x, self.taps)
        return blurred


class _SelfAdjoint(torch.autograd.Function):
    """A filter that is its own mirror image is its own gradient, of every order: cheaper than a convolution's."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, taps: Tensor) -> Tensor:
        ctx.save_for_backward(taps)
        return F.conv2d(x, taps.to(x.dtype), padding=1, groups=len(taps))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (taps,) = ctx.saved_tensors
        blurred: Tensor = _SelfAdjoint.apply(gradients[0], taps)
        return blurred, None
