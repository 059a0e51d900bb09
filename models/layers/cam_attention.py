"""Attention by class activation maps: a classifier of pooled features, whose weights weigh the features themselves.

Of U-GAT-IT (Kim et al., arXiv 1907.10830, section 2.1) and in NICE-GAN's residual form (Chen et al., arXiv 2003.00273,
section 3.2). A classifier under spectral norm answers by its normalised weight and weighs features by the one before
the norm, as in both authors' PyTorch code.

The published code concatenates two weighed copies of the features and convolves them by 1x1. Here the convolution's
kernel is weighed and its halves are added, which is the same function at half the arithmetic. The heat maps, sums over
channels that nothing reads in training, are not made.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm


class CAMAttention(nn.Module):
    """Features weighed by classifiers of their average and of their maximum, which answer too; not activated."""

    def __init__(self, channels: int, *, spectral: bool) -> None:
        super().__init__()
        self.average, self.maximum = nn.Linear(channels, 1, bias=False), nn.Linear(channels, 1, bias=False)
        if spectral:
            spectral_norm(self.average)
            spectral_norm(self.maximum)
        self.merge = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, C, H, W]` to features of the same shape and logits `[B, 2]`."""
        logits = torch.cat([self.average(x.mean((2, 3))), self.maximum(x.amax((2, 3)))], 1)
        weights = torch.cat([unnormalised_weight(self.average), unnormalised_weight(self.maximum)], 1)
        return merged(self.merge, x, weights), logits


class ResidualCAMAttention(nn.Module):
    """Features plus a learned multiple, first 0, of them weighed by one classifier of average and maximum together."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.classifier = nn.Linear(2 * channels, 1, bias=False)
        spectral_norm(self.classifier)
        self.merge = nn.Conv2d(2 * channels, channels, 1)
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, C, H, W]` to features of the same shape and logits `[B, 1]`."""
        logits = self.classifier(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1))
        return x + self.gate * merged(self.merge, x, unnormalised_weight(self.classifier)), logits


def merged(convolution: nn.Conv2d, x: Tensor, weights: Tensor) -> Tensor:
    """The 1x1 `convolution` of x twice over, `[B, 2C, H, W]`, each channel times its one of `weights` `[1, 2C]`."""
    first, second = (convolution.weight * weights[:, :, None, None]).chunk(2, 1)
    return F.conv2d(x, first + second, convolution.bias)


def unnormalised_weight(layer: nn.Linear) -> Tensor:
    """A layer's weight, before spectral norm where it is under it."""
    if not parametrize.is_parametrized(layer, "weight"):
        return layer.weight
    (original,) = layer.get_submodule("parametrizations.weight").parameters()
    return original
