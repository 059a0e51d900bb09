"""pix2pixHD's coarse-to-fine generator (Wang et al., arXiv 1711.11585, section 3.1)."""

from __future__ import annotations

from torch import Tensor, nn

from i2ibench.models.layers.norms import Norm
from i2ibench.models.layers.pyramid import pyramid
from i2ibench.models.layers.resnet import ResidualBlock, double, halve, head, stem


class LocalEnhancer(nn.Module):
    """G2: a global generator without its head, its trunk, on a smaller input, and enhancers that double its size.

    Each of `enhancers` works at twice the size of the one before, the last at full size with `width` channels; the
    trunk at 1/2^enhancers of it with `width << enhancers`. Takes `[B, in_channels, H, W]` with sides that are multiples
    of 2^(halvings + enhancers) and gives `[B, out_channels, H, W]` in (-1, 1).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        width: int = 32,
        enhancers: int = 1,
        halvings: int = 4,
        blocks: int = 9,
        enhancer_blocks: int = 3,
        norm: Norm = "instance",
    ) -> None:
        super().__init__()
        widest = width << enhancers
        deep = widest << halvings
        self.trunk = nn.Sequential(
            *stem(in_channels, widest, norm, bias=True),
            *halve(widest, halvings, norm, bias=True),
            *(ResidualBlock(deep, norm, bias=True) for _ in range(blocks)),
            *double(deep, halvings, norm, bias=True),
        )
        self.enhancers = nn.ModuleList(
            Enhancer(in_channels, width << level, enhancer_blocks, norm) for level in reversed(range(enhancers))
        )
        self.head = nn.Sequential(*head(width, out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` to `[B, out_channels, H, W]` in (-1, 1)."""
        *larger, smallest = pyramid(x, len(self.enhancers) + 1)
        features = self.trunk(smallest)
        for enhancer, picture in zip(self.enhancers, reversed(larger), strict=True):
            features = enhancer(picture, features)
        out: Tensor = self.head(features)
        return out


class Enhancer(nn.Module):
    """An input `[B, in_channels, H, W]` and features `[B, 2 width, H/2, W/2]` to features `[B, width, H, W]`."""

    def __init__(self, in_channels: int, width: int, blocks: int, norm: Norm) -> None:
        super().__init__()
        self.down = nn.Sequential(*stem(in_channels, width, norm, bias=True), *halve(width, 1, norm, bias=True))
        self.up = nn.Sequential(
            *(ResidualBlock(2 * width, norm, bias=True) for _ in range(blocks)), *double(2 * width, 1, norm, bias=True)
        )

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        """The features of twice the size: those given and the input's own are added on the way."""
        out: Tensor = self.up(self.down(x) + features)
        return out
