"""Instance and layer norm, mixed channel by channel in shares that are learned (U-GAT-IT, NICE-GAN, IEGAN).

Kim et al., arXiv 1907.10830, section 2.1: a share `rho` of instance norm, kept in [0, 1] by clamping it after each step
of the generators. Chen et al., arXiv 2003.00273: a softmax of two numbers, which needs no clamping. Variances are the
unbiased ones, of instances over positions and of layers over channels and positions, so there must be two positions.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Mixing = Literal["clamped", "softmax"]
_EPS = 1e-5


class AdaLIN(nn.Module):
    """Layer-instance norm of `channels` channels by a scale and a shift that are given with each picture."""

    def __init__(self, channels: int, mixing: Mixing) -> None:
        super().__init__()
        first = torch.full((channels,), 0.9) if mixing == "clamped" else torch.tensor([3.2, 1.0]).repeat(channels, 1)
        self.rho = nn.Parameter(first)

    def forward(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """`[B, C, H, W]`, normalised, times scale plus shift, `[B, C]` each."""
        return layer_instance_norm(x, instance_share(self.rho), scale, shift)


class ILN(nn.Module):
    """Layer-instance norm of `channels` channels by a scale and a shift of its own."""

    def __init__(self, channels: int, mixing: Mixing) -> None:
        super().__init__()
        first = torch.zeros(channels) if mixing == "clamped" else torch.tensor([1.0, 3.2]).repeat(channels, 1)
        self.rho = nn.Parameter(first)
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]`, normalised, times scale plus shift."""
        return layer_instance_norm(x, instance_share(self.rho), self.weight, self.bias)


def layer_instance_norm(x: Tensor, share: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """(share IN(x) + (1 - share) LN(x)) scale + shift for `[B, C, H, W]`; the others are `[C]` or `[B, C]`.

    Statistics are of float32 at least. Both norms are affine in x, so their mixture is taken in one pass over it, and
    the layer's statistics are made of its channels'.
    """
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    channels, positions = x.shape[1], x.shape[2] * x.shape[3]
    variance, mean = torch.var_mean(wide, (2, 3))
    layer_mean = mean.mean(1, keepdim=True)
    spread = (positions - 1) * variance + positions * (mean - layer_mean).square()
    layer_variance = spread.sum(1, keepdim=True) / (channels * positions - 1)

    by_instance = share * (variance + _EPS).rsqrt()
    by_layer = (1 - share) * (layer_variance + _EPS).rsqrt()
    factor = scale * (by_instance + by_layer)
    offset = shift - scale * (by_instance * mean + by_layer * layer_mean)
    return torch.addcmul(offset[:, :, None, None], wide, factor[:, :, None, None]).to(x.dtype)


def instance_share(rho: Tensor) -> Tensor:
    """The share of instance norm `[C]` that `rho` says: itself, or of `[C, 2]` the first of its softmax."""
    return rho if rho.dim() == 1 else rho.softmax(1)[:, 0]


@torch.no_grad()
def clamp_shares(*modules: nn.Module) -> None:
    """Bring all shares in `modules` that are clamped back into [0, 1]."""
    for module in modules:
        for child in module.modules():
            if isinstance(child, AdaLIN | ILN) and child.rho.dim() == 1:
                child.rho.clamp_(0, 1)
