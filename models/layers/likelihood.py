"""What flows share: the normal density, 8-bit pictures as continuous values, and bits per dimension."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from i2ibench.models.layers.ranges import unit
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


@dataclass(frozen=True)
class Pixels:
    """How pictures become the continuous values that a flow is fitted to, and the other way round."""

    bits: int = 8
    """Values a channel are 2^bits; of finer ones the lower bits are dropped."""
    over: int = 256
    """256: value k is spread over [k, k + 1) / 2^bits. 255: over k/255 + [0, 1/256), 8 bits only."""
    centre: float = 0.0
    """Is subtracted."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on values that are none."""
        if not 1 <= self.bits <= 8:
            raise ValueError(f"bits must be 1 to 8, found {self.bits}")
        if self.over not in (255, 256) or (self.over == 255 and self.bits != 8):
            raise ValueError(f"values must be over 256, or 255 with 8 bits; found {self.over} with {self.bits}")

    def noisy(self, pictures: Tensor, noise: Tensor | float) -> Tensor:
        """Pictures in [-1, 1] with `noise` in [0, 1) of one step added."""
        if self.over == 255:
            return unit(pictures) + noise / 256 - self.centre
        values = torch.floor(torch.round(255 * unit(pictures)) / (1 << 8 - self.bits))
        return (values + noise) / (1 << self.bits) - self.centre

    def pictures(self, values: Tensor) -> Tensor:
        """A flow's values as pictures, within [-1, 1]."""
        return 2 * (values + self.centre).clamp(0, 1) - 1

    def bits_per_dim(self, log_likelihood: Tensor, dimensions: int) -> Tensor:
        """Bits per dimension `[B]` from log p of the noisy values."""
        return bits_per_dim(log_likelihood, 1 << self.bits, dimensions)


def keyed_uniform(like: Tensor, names: Sequence[str], *key: int | str) -> Tensor:
    """U[0, 1) of the shape of `like`; row b is a function of `key` and `names[b]` alone."""
    rows = [torch.rand(like.shape[1:], generator=generator(*key, name)) for name in names]
    return torch.stack(rows).to(like)


def keyed_latents(
    shapes: Sequence[tuple[int, ...]], like: Tensor, names: Sequence[str], *key: int | str
) -> list[Tensor]:
    """Standard normals of each level's shape, on the device and in the type of `like`: functions of `key` and name."""
    return [keyed_normal(like.new_empty(len(names), *shape), names, *key, level) for level, shape in enumerate(shapes)]


def keyed_normal(like: Tensor, names: Sequence[str], *key: int | str) -> Tensor:
    """Standard normals of the shape of `like`; row b is a function of `key` and `names[b]` alone."""
    rows = [torch.randn(like.shape[1:], generator=generator(*key, name)) for name in names]
    return torch.stack(rows).to(like)
