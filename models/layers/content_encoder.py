"""MUNIT's content encoder (Huang et al., arXiv 1804.04732, appendix B), which is UNIT's encoder in its later form."""

from __future__ import annotations

from torch import Tensor, nn

from i2ibench.models.layers.norms import InstanceNorm2d
from i2ibench.models.layers.resnet import ResidualBlock, stem


class ContentEncoder(nn.Module):
    """A picture to its content, a map of 1/2^halvings of its sides with `width << halvings` channels.

    A 7x7 convolution, `halvings` 4x4 convolutions of stride 2, `blocks` residual blocks, all padded by reflection and
    with instance norm, which takes away the statistics that tell a style. Sides of at least 2^(halvings + 1), and
    more than 3.
    """

    def __init__(self, width: int = 64, halvings: int = 2, blocks: int = 4, in_channels: int = 3) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *stem(in_channels, width, "instance", bias=True),
            *(_halve(width << level) for level in range(halvings)),
            *(ResidualBlock(width << halvings, "instance", bias=True) for _ in range(blocks)),
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` to `[B, width << halvings, H >> halvings, W >> halvings]`."""
        content: Tensor = self.layers(pictures)
        return content


def _halve(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, 2 * channels, 4, 2, 1, padding_mode="reflect"),
        InstanceNorm2d(2 * channels),
        nn.ReLU(inplace=True),
    )
