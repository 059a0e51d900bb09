"""What flows share: the normal density, noise that makes 8-bit pictures continuous, and bits per dimension."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from i2ibench.models.method import generator


def normal_log_density(z: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """log N(z; mean, exp(log_std)^2) summed over all but the first dimension: `[B]`."""
    log_density = -0.5 * math.log(2 * math.pi) - log_std - 0.5 * torch.square((z - mean) * torch.exp(-log_std))
    return log_density.expand_as(z).flatten(1).sum(1)


def bits_per_dim(log_likelihood: Tensor, bins: int, dimensions: int) -> Tensor:
    """Bits per dimension `[B]` of data on a grid of `bins` values a unit, from log p of the noisy data in nats.

    -(log_likelihood - D log bins) / (D log 2), D = `dimensions`.
    """
    return math.log2(bins) - log_likelihood / (dimensions * math.log(2))


def keyed_uniform(like: Tensor, names: Sequence[str], *key: int | str) -> Tensor:
    """U[0, 1) of the shape of `like`; row b is a function of `key` and `names[b]` alone."""
    rows = [torch.rand(like.shape[1:], generator=generator(*key, name)) for name in names]
    return torch.stack(rows).to(like)


def keyed_normal(like: Tensor, names: Sequence[str], *key: int | str) -> Tensor:
    """Standard normals of the shape of `like`; row b is a function of `key` and `names[b]` alone."""
    rows = [torch.randn(like.shape[1:], generator=generator(*key, name)) for name in names]
    return torch.stack(rows).to(like)
