"""Residual blocks of BigGAN's generator and discriminator (Brock et al., arXiv 1809.11096, figure 15)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.conditional_batch_norm import ConditionalBatchNorm2d
from i2ibench.models.layers.orthogonal import spectral


class GeneratorBlock(nn.Module):
    """Twice the size: norm, ReLU, nearest x2, 3x3, norm, ReLU, 3x3, beside a 1x1 convolution and nearest x2.

    The published shortcut enlarges before its convolution, which is the same at four times the work.
    """

    def __init__(self, in_channels: int, out_channels: int, condition: int) -> None:
        super().__init__()
        self.norm1 = ConditionalBatchNorm2d(in_channels, condition)
        self.convolution1 = spectral(nn.Conv2d(in_channels, out_channels, 3, padding=1))
        self.norm2 = ConditionalBatchNorm2d(out_channels, condition)
        self.convolution2 = spectral(nn.Conv2d(out_channels, out_channels, 3, padding=1))
        self.shortcut = spectral(nn.Conv2d(in_channels, out_channels, 1))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` and `[B, condition]` to `[B, out_channels, 2H, 2W]`."""
        out = self.convolution1(_doubled(F.relu(self.norm1(x, condition))))
        out = self.convolution2(F.relu(self.norm2(out, condition)))
        enlarged: Tensor = out + _doubled(self.shortcut(x))
        return enlarged


class DiscriminatorBlock(nn.Module):
    """ReLU, 3x3, ReLU, 3x3, beside a 1x1 convolution; then, with `pool`, the mean of 2x2 places.

    The shortcut is x itself where neither channels nor size change. It pools before its convolution, which is the same
    as after it at a quarter of the work.
    """

    def __init__(self, in_channels: int, out_channels: int, *, pool: bool, first: bool = False) -> None:
        super().__init__()
        self.pool, self.first = pool, first
        self.convolution1 = spectral(nn.Conv2d(in_channels, out_channels, 3, padding=1))
        self.convolution2 = spectral(nn.Conv2d(out_channels, out_channels, 3, padding=1))
        changes = pool or in_channels != out_channels
        self.shortcut = spectral(nn.Conv2d(in_channels, out_channels, 1)) if changes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` to `[B, out_channels, H, W]`, half as large with `pool`; `first`: x is a picture."""
        out = self.convolution1(x if self.first else F.relu(x))
        out = self.convolution2(F.relu(out))
        pooled: Tensor = self._pooled(out) + self.shortcut(self._pooled(x))
        return pooled

    def _pooled(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2) if self.pool else x


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0)
