"""Codes that an encoder describes by normal distributions, as variational autoencoders do (arXiv 1312.6114)."""

from __future__ import annotations

import torch
from torch import Tensor


def drawn(mean: Tensor, log_variance: Tensor) -> Tensor:
    """A draw of the normal distribution from the global generator, with gradients to both."""
    return mean + torch.exp(log_variance / 2) * torch.randn_like(mean)


def standard_normal_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """The Kullback-Leibler divergence from N(0, I) in nats, summed over batch and code."""
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum() / 2
