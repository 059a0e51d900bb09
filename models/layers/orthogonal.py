"""Orthogonal first weights under spectral norm, as BigGAN has every convolution and linear.

Saxe et al., arXiv 1312.6120; Miyato et al., arXiv 1802.05957; Brock et al., arXiv 1809.11096, section 3.
"""

from __future__ import annotations

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

EPS = 1e-6
"""Of the power iteration's normalisations."""


def spectral(layer: nn.Conv2d | nn.Linear | nn.Embedding) -> nn.Module:
    """`layer` with an orthogonal weight, divided by its largest singular value at each use; its bias is left alone.

    In training mode a use of the weight is one power iteration, in evaluation mode none. The first singular vectors
    come from 15 iterations rather than from a normal distribution.
    """
    nn.init.orthogonal_(layer.weight)
    return spectral_norm(layer, eps=EPS)
