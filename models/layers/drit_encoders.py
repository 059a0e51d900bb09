"""DRIT's encoders of content and of attributes (Lee et al., arXiv 1808.00948, section 3; layers as in its code).

The attribute encoder of its variant with feature-wise mixing is MUNIT's, `style_encoder`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.resnet import ResidualBlock

Domain = Literal["a", "b"]


class SharedContentEncoder(nn.Module):
    """Pictures of either domain to contents of one space: layers of each domain's own, then a block that both share.

    A 7x7 convolution with LeakyReLU, two 3x3 convolutions of stride 2 with instance norm and ReLU, `blocks` residual
    blocks and the shared one, all padded by reflection. Sides of at least 8.
    """

    def __init__(self, width: int = 64, blocks: int = 3) -> None:
        super().__init__()
        self.own = nn.ModuleDict({domain: _own_layers(width, blocks) for domain in "ab"})
        self.shared = ResidualBlock(4 * width, "instance", bias=True)

    def forward(self, pictures: Tensor, domain: Domain) -> Tensor:
        """`[B, 3, H, W]` of `domain` to `[B, 4 * width, ceil(H / 4), ceil(W / 4)]`, without noise."""
        content: Tensor = self.shared(self.own[domain](pictures))
        return content


class AttributeEncoder(nn.Module):
    """Pictures of one domain to the Gaussians of their attributes.

    A 4x4 convolution of stride 2, `halvings` - 1 halving residual blocks, the k-th of which gives `width * min(k + 1,
    4)` channels, a mean over all pixels, mean and log variance. No norm. Sides of at least 2^halvings.
    """

    def __init__(self, codes: int = 8, width: int = 64, halvings: int = 4) -> None:
        super().__init__()
        widths = [width * min(k, 4) for k in range(1, halvings + 1)]
        self.stem = nn.Conv2d(3, width, 4, 2, 1, padding_mode="reflect")
        self.blocks = nn.Sequential(*(_HalvingBlock(below, above) for below, above in pairwise(widths)))
        self.mean = nn.Linear(widths[-1], codes)
        self.log_variance = nn.Linear(widths[-1], codes)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, 3, H, W]` to means and log variances, `[B, codes]` each, float32."""
        features = F.leaky_relu(self.blocks(self.stem(pictures)), 0.2).mean((2, 3))
        return self.mean(features).float(), self.log_variance(features).float()


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


def _own_layers(width: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, width, 7, 1, 3, padding_mode="reflect"),
        nn.LeakyReLU(0.01, inplace=True),
        *(_halve(width << level) for level in range(2)),
        *(ResidualBlock(4 * width, "instance", bias=True) for _ in range(blocks)),
    )


def _halve(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, 2 * channels, 3, 2, 1, padding_mode="reflect"),
        nn.InstanceNorm2d(2 * channels),
        nn.ReLU(inplace=True),
    )
