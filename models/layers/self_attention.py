"""Self-attention over the places of a map (Zhang et al., arXiv 1805.08318), with pooled keys as BigGAN has it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.orthogonal import spectral

FEWEST = 8
"""Channels that a map must at least have: queries and keys have an eighth of them."""


class SelfAttention(nn.Module):
    """x + gamma * what each place reads at the places of the map halved by max pooling; gamma starts at 0."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        if channels < FEWEST:
            raise ValueError(f"self-attention needs maps of at least {FEWEST} channels, found {channels}")
        self.theta = _pointwise(channels, channels // 8)
        self.phi = _pointwise(channels, channels // 8)
        self.g = _pointwise(channels, channels // 2)
        self.o = _pointwise(channels // 2, channels)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, channels, H, W]` to the same; even sides."""
        queries = self.theta(x).flatten(2)
        keys, values = (F.max_pool2d(read(x), 2).flatten(2) for read in (self.phi, self.g))
        weights = torch.softmax(torch.bmm(queries.transpose(1, 2), keys), dim=-1)
        read = torch.bmm(values, weights.transpose(1, 2)).view(len(x), -1, *x.shape[2:])
        out: Tensor = x + self.gamma * self.o(read)
        return out


def _pointwise(below: int, above: int) -> nn.Module:
    return spectral(nn.Conv2d(below, above, 1, bias=False))
