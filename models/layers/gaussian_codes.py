"""Codes that an encoder describes by normal distributions, as variational autoencoders do (arXiv 1312.6114)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from i2ibench.models.method import generator


def drawn(mean: Tensor, log_variance: Tensor) -> Tensor:
    """A draw of the normal distribution from the global generator, with gradients to both."""
    return mean + torch.exp(log_variance / 2) * torch.randn_like(mean)


def standard_normal_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """The Kullback-Leibler divergence from N(0, I) in nats, summed over batch and code."""
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum() / 2


def style_codes(names: Sequence[str], size: int, seed: int, sample: int, *, synchronized: bool = False) -> Tensor:
    """Codes ~ N(0, I) `[B, size]` to translate pictures with, functions of (seed, name, sample) alone.

    So all methods with codes of one size try the same ones. `synchronized`: of (seed, sample), one for all pictures.
    """
    keys = ["" for _ in names] if synchronized else names
    return torch.stack([torch.randn(size, generator=generator(seed, "style", key, sample)) for key in keys])
