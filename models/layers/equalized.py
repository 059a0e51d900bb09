"""Layers with an equalised learning rate (Karras et al., arXiv 1710.10196, section 4.1), as in StyleGAN.

Weights are kept with unit variance and scaled at each use by He's constant, so that Adam, whose steps do not know a
weight's scale, moves all of them as fast. Biases start at 0 and are not scaled.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def equalizing(fan_in: int) -> float:
    """What a weight of unit variance that sums `fan_in` numbers is multiplied by at each use."""
    return math.sqrt(2 / fan_in)


class EqualizedLinear(nn.Module):
    """A linear layer."""

    def __init__(self, below: int, above: int) -> None:
        super().__init__()
        self.scale = equalizing(below)
        self.weight = nn.Parameter(torch.randn(above, below))
        self.bias = nn.Parameter(torch.zeros(above))

    def forward(self, x: Tensor) -> Tensor:
        """`[..., below]` to `[..., above]`."""
        return F.linear(x, self.weight * self.scale, self.bias)


class EqualizedConv2d(nn.Module):
    """A convolution by an odd `kernel`, that keeps the size; with `pad` false only places that it fits in are kept."""

    def __init__(self, below: int, above: int, kernel: int, *, pad: bool = True) -> None:
        super().__init__()
        self.scale = equalizing(below * kernel**2)
        self.padding = kernel // 2 if pad else 0
        self.weight = nn.Parameter(torch.randn(above, below, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(above))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, below, H, W]` to `[B, above, H, W]`."""
        return F.conv2d(x, self.weight * self.scale, self.bias, padding=self.padding)


class EnlargingConv2d(nn.Module):
    """Nearest x2 and a 3x3 convolution, as one transposed 4x4 convolution of stride 2: the same at 4/9 of the work.

    The four copies of a pixel are added; with `mean` they are averaged, which is a quarter of that.
    """

    spread: Tensor

    def __init__(self, below: int, above: int, *, mean: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(above, below, 3, 3))
        self.bias = nn.Parameter(torch.zeros(above))
        # backwards, for a transposed convolution reads its kernel so
        spread = _spread().flip(0) * equalizing(below * 9) * (1.0 if mean else 4.0)
        self.register_buffer("spread", spread, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, below, H, W]` to `[B, above, 2H, 2W]`."""
        kernel = (self.weight.flatten(2) @ self.spread).view(*self.weight.shape[:2], 4, 4)
        return F.conv_transpose2d(x, kernel.transpose(0, 1), self.bias, stride=2, padding=1)


class HalvingConv2d(nn.Module):
    """A 3x3 convolution and the mean of 2x2 places, as one 4x4 convolution of stride 2: the same at 4/9 of the work."""

    spread: Tensor

    def __init__(self, below: int, above: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(above, below, 3, 3))
        self.bias = nn.Parameter(torch.zeros(above))
        self.register_buffer("spread", _spread() * equalizing(below * 9), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, below, H, W]` to `[B, above, H / 2, W / 2]`."""
        kernel = (self.weight.flatten(2) @ self.spread).view(*self.weight.shape[:2], 4, 4)
        return F.conv2d(x, kernel, self.bias, stride=2, padding=1)


def _spread() -> Tensor:
    """What makes of a 3x3 kernel, as 9 numbers, the mean of its four places in a 4x4 one: `[9, 16]`."""
    line = torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
    return torch.kron(line, line) / 4
