"""First weights of networks that have layers of spectral norm (Miyato et al., arXiv 1802.05957)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

SpectralInit = Literal["default", "xavier"]
_ITERATIONS = 15
"""Power iterations that bring a layer's singular vectors in line with new weights, as many as PyTorch starts with."""


@torch.no_grad()
def initialize_around_spectral_norm(module: nn.Module, gain: float = 0.02, spectral: SpectralInit = "default") -> None:
    """Draw weights of convolutions and linears from Xavier's normal distribution of `gain`, and zero their biases.

    Weights under spectral norm stay as PyTorch drew them by `default`, and are drawn alike by `xavier`. The norm hides
    their scale, but how far a step of Adam moves them relative to it is not hidden.
    """
    for child in module.modules():
        if not isinstance(child, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            continue
        if child.bias is not None:
            nn.init.zeros_(child.bias)
        if not parametrize.is_parametrized(child, "weight"):
            nn.init.xavier_normal_(child.weight, gain)
        elif spectral == "xavier":
            _replace_weight(child, nn.init.xavier_normal_(torch.empty_like(child.weight), gain))


def _replace_weight(layer: nn.Module, weight: Tensor) -> None:
    layer.weight = weight  # the parametrisation takes it for the weight before the norm
    mode = layer.training
    layer.train()
    for _ in range(_ITERATIONS):
        _ = layer.weight  # reading it in training mode is a power iteration
    layer.train(mode)
