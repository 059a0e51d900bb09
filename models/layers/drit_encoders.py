"""DRIT's encoders of content and of attributes (Lee et al., arXiv 1808.00948, section 3; layers as in its code).

The attribute encoder of its variant with feature-wise mixing is MUNIT's, `style_encoder`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.gaussian_codes import drawn, standard_normal_divergence
from i2ibench.models.layers.norms import InstanceNorm2d
from i2ibench.models.layers.resnet import ResidualBlock

Domain = Literal["a", "b"]
Encoded = Tensor | tuple[Tensor, Tensor]
"""What an attribute encoder answers `[B, codes]`: attributes, or means and log variances of their Gaussians."""


class SharedContentEncoder(nn.Module):
    """Pictures of either domain to contents of one space: a `content_encoder` of each domain's own, then a residual
    block that both share."""

    def __init__(self, width: int = 64, blocks: int = 3) -> None:
        super().__init__()
        self.own = nn.ModuleDict({domain: content_encoder(width, blocks) for domain in "ab"})
        self.shared = ResidualBlock(4 * width, "instance", bias=True)

    def forward(self, pictures: Tensor, domain: Domain) -> Tensor:
        """`[B, 3, H, W]` of `domain` to `[B, 4 * width, ceil(H / 4), ceil(W / 4)]`, without noise."""
        content: Tensor = self.shared(self.own[domain](pictures))
        return content


def content_encoder(width: int = 64, blocks: int = 3) -> nn.Sequential:
    """Pictures `[B, 3, H, W]` to `[B, 4 * width, ceil(H / 4), ceil(W / 4)]`, of sides of at least 8.

    A 7x7 convolution with LeakyReLU, two 3x3 convolutions of stride 2 with instance norm and ReLU, `blocks` residual
    blocks, all padded by reflection.
    """
    return nn.Sequential(
        nn.Conv2d(3, width, 7, 1, 3, padding_mode="reflect"),
        nn.LeakyReLU(0.01, inplace=True),
        *(_halve(width << level) for level in range(2)),
        *(ResidualBlock(4 * width, "instance", bias=True) for _ in range(blocks)),
    )


class AttributeEncoder(nn.Module):
    """Pictures, or pictures and further planes, to the Gaussians of their attributes.

    A 4x4 convolution of stride 2, `halvings` - 1 halving residual blocks, the k-th of which gives `width * min(k + 1,
    4)` channels, a mean over all pixels, mean and log variance. No norm. Sides of at least 2^halvings.
    """

    def __init__(self, codes: int = 8, width: int = 64, halvings: int = 4, in_channels: int = 3) -> None:
        super().__init__()
        widths = [width * min(k, 4) for k in range(1, halvings + 1)]
        self.stem = nn.Conv2d(in_channels, width, 4, 2, 1, padding_mode="reflect")
        self.blocks = nn.Sequential(*(_HalvingBlock(below, above) for below, above in pairwise(widths)))
        self.mean = nn.Linear(widths[-1], codes)
        self.log_variance = nn.Linear(widths[-1], codes)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, in_channels, H, W]` to means and log variances, `[B, codes]` each, float32."""
        features = F.leaky_relu(self.blocks(self.stem(pictures)), 0.2).mean((2, 3))
        return self.mean(features).float(), self.log_variance(features).float()


def drawn_attributes(encoded: Encoded) -> tuple[Tensor, Tensor]:
    """Attributes, drawn where they are Gaussian, and how far they are from N(0, I): the divergence, summed over the
    numbers of a picture, its mean over pictures, or else the mean square."""
    if isinstance(encoded, Tensor):
        numbers = encoded.float()
        return numbers, numbers.square().mean()
    far = standard_normal_divergence(*encoded) / len(encoded[0])
    return drawn(*encoded), far


def attributes_by(encoded: Encoded, noise: Tensor | None) -> Tensor:
    """Attributes, of those that are Gaussian the means, or draws by `noise`.

    Noise ~ N(0, I) is the draws' distance from the means in deviations; attributes that are none leave it aside.
    """
    if isinstance(encoded, Tensor):
        return encoded.float()
    mean, log_variance = encoded
    return mean if noise is None else mean + torch.exp(log_variance / 2) * noise


class _HalvingBlock(nn.Module):
    """shortcut(x) + f(x), at half the size: f activates before each of its two convolutions."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LeakyReLU(0.2),  # not in place: the shortcut reads its input
            nn.Conv2d(in_channels, in_channels, 3, 1, 1, padding_mode="reflect"),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(in_channels, out_channels, 3, 1, 1, padding_mode="reflect"),
            nn.AvgPool2d(2),
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(in_channels, out_channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.shortcut(x) + self.layers(x)
        return out


def _halve(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, 2 * channels, 3, 2, 1, padding_mode="reflect"),
        InstanceNorm2d(2 * channels),
        nn.ReLU(inplace=True),
    )
