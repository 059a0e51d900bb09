"""Batch norm whose gains and shifts are linear in a condition (de Vries et al., arXiv 1707.00683), as in BigGAN."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from i2ibench.models.layers.orthogonal import spectral


class ConditionalBatchNorm2d(nn.Module):
    """Batch norm, times 1 + a linear map of the condition, plus another; both without bias, of spectral norm 1."""

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain = spectral(nn.Linear(condition, channels, bias=False))
        self.bias = spectral(nn.Linear(condition, channels, bias=False))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """`[B, channels, H, W]` and `[B, condition]` to `[B, channels, H, W]`."""
        gain, bias = 1 + self.gain(condition), self.bias(condition)
        return torch.addcmul(bias[:, :, None, None], self.norm(x), gain[:, :, None, None])
