"""StyleGAN's discriminator, whose trunk is the encoder of DeepI2I's variant on it.

Karras et al., arXiv 1710.10196, table 2, with the blur of arXiv 1812.04948; layers as in Rosinality's version.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.equalized import EqualizedConv2d, EqualizedLinear
from i2ibench.models.layers.stylegan_blocks import SLOPE, HalvingBlock, with_batch_deviation
from i2ibench.models.layers.stylegan_layout import BOTTOM, channels, tap_sides


class StyleGANTrunk(nn.Module):
    """Pictures whose shorter side is `side` to maps of `taps`, the largest at most a quarter of it, the smallest 4."""

    def __init__(self, side: int, base: int = 16384, max_dim: int = 512) -> None:
        super().__init__()
        layout = channels(side, base, max_dim)
        self.taps = tap_sides(side)
        self.channels = {at: layout[at] for at in self.taps}
        self.from_rgb = EqualizedConv2d(3, layout[side], 1)
        self.blocks = nn.ModuleList(HalvingBlock(below, above) for below, above in pairwise(reversed(layout.values())))

    def forward(self, x: Tensor) -> dict[int, Tensor]:
        """`[B, 3, H, W]` to maps by their shorter side, largest first, after leaky ReLU."""
        maps = dict[int, Tensor]()
        x = F.leaky_relu(self.from_rgb(x), SLOPE)
        for block in self.blocks:
            x = block(x)
            side = min(x.shape[2:])
            if side in self.taps:
                maps[side] = x
        return maps


class StyleGANDiscriminator(nn.Module):
    """The trunk, and a head that sees how much a batch varies: pictures are judged together.

    Of longer pictures the head's answer is the mean over the places that it fits in.
    """

    def __init__(self, side: int, base: int = 16384, max_dim: int = 512) -> None:
        super().__init__()
        self.trunk = StyleGANTrunk(side, base, max_dim)
        width = self.trunk.channels[BOTTOM]
        self.conv1 = EqualizedConv2d(width + 1, width, 3)
        self.conv2 = EqualizedConv2d(width, width, BOTTOM, pad=False)
        self.linear = EqualizedLinear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures `[B, 3, H, W]` to scores `[B, 1]`."""
        return self.judge(self.trunk(x))

    def judge(self, maps: dict[int, Tensor]) -> Tensor:
        """Scores `[B, 1]` of pictures of which `maps` are the trunk's."""
        x = F.leaky_relu(self.conv1(with_batch_deviation(maps[BOTTOM])), SLOPE)
        x = F.leaky_relu(self.conv2(x), SLOPE)
        scores: Tensor = self.linear(x.mean((2, 3)))
        return scores
