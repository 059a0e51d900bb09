"""The residual encoder of a picture into the Gaussian of its code (BicycleGAN: Zhu et al., arXiv 1711.11586)."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.norms import norm_layer


class ResidualEncoder(nn.Module):
    """A halving convolution, `blocks` halving residual blocks, a mean over all pixels, mean and log variance.

    Block k = 1..blocks gives `width * min(k + 1, 4)` channels. Takes `[B, in_channels, H, W]` with
    sides of at least 2^(blocks + 1), below which a block has no pixels to normalise over.
    """

    def __init__(self, in_channels: int, codes: int = 8, width: int = 64, blocks: int = 4) -> None:
        super().__init__()
        widths = [width * min(k, 4) for k in range(1, blocks + 2)]
        self.stem = nn.Conv2d(in_channels, width, 4, 2, 1)
        self.blocks = nn.Sequential(*(HalvingBlock(below, channels) for below, channels in pairwise(widths)))
        self.mean = nn.Linear(widths[-1], codes)
        self.log_variance = nn.Linear(widths[-1], codes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures `[B, in_channels, H, W]` to their codes' means and log variances, `[B, codes]` each, float32."""
        features = F.leaky_relu(self.blocks(self.stem(x)), 0.2).mean((2, 3))
        return self.mean(features).float(), self.log_variance(features).float()


class HalvingBlock(nn.Module):
    """shortcut(x) + f(x), at half the size: f norms and activates before each of its two 3x3 convolutions."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            norm_layer("instance", in_channels),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(in_channels, in_channels, 3, padding=1),
            norm_layer("instance", in_channels),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(in_channels, out_channels, 3, padding=1),
            nn.AvgPool2d(2),
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(in_channels, out_channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` to `[B, out_channels, H // 2, W // 2]`."""
        out: Tensor = self.shortcut(x) + self.layers(x)
        return out
