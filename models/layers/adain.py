"""Adaptive instance norm (Huang, Belongie, arXiv 1703.06868) by parameters that a network gives, as MUNIT has it.

The parameters are arguments of every call and never kept in a module, so that calls cannot mix up each other's.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.norms import instance_norm


def adaptive_instance_norm(x: Tensor, parameters: Tensor) -> Tensor:
    """`[B, C, H, W]`, each channel of each picture normalised, then times its own scale plus its own shift.

    `parameters`: `[B, 2C]`, the shifts first, then the scales, which are taken as they are and not around 1.
    """
    shift, scale = parameters[:, :, None, None].chunk(2, 1)
    return instance_norm(x) * scale + shift


class AdaINResidualBlock(nn.Module):
    """x + f(x), f two reflection-padded 3x3 convolutions with adaptive instance norm, and ReLU between them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.parameters_needed = 4 * channels
        self.first = nn.Conv2d(channels, channels, 3, 1, 1, padding_mode="reflect")
        self.second = nn.Conv2d(channels, channels, 3, 1, 1, padding_mode="reflect")

    def forward(self, x: Tensor, parameters: Tensor) -> Tensor:
        """`[B, C, H, W]` and `[B, 4C]`, the first norm's parameters, then the second's, to `[B, C, H, W]`."""
        first, second = parameters.chunk(2, 1)
        hidden = F.relu(adaptive_instance_norm(self.first(x), first))
        return x + adaptive_instance_norm(self.second(hidden), second)


class MLP(nn.Sequential):
    """Linear layers with ReLU between them: `widths[0]` numbers to `widths[-1]`."""

    def __init__(self, *widths: int) -> None:
        layers: list[nn.Module] = []
        for below, above in pairwise(widths):
            layers += [nn.Linear(below, above), nn.ReLU(inplace=True)]
        super().__init__(*layers[:-1])
