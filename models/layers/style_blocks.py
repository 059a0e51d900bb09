"""StarGAN v2's residual blocks (Choi et al., arXiv 1912.01865, appendix E): pre-activations, averages, unit variance.

A sum is divided by the root of 2, so that blocks keep the variance. Convolutions are padded by zeros; a shortcut has
one of 1x1 without bias where the channels change.
"""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.norms import InstanceNorm2d, instance_norm

_SLOPE = 0.2


class DownBlock(nn.Module):
    """LeakyReLU and a 3x3 convolution, twice, `halve`d between them by 2x2 averages; `norm`: instance norm before."""

    def __init__(self, below: int, above: int, *, norm: bool = False, halve: bool = True) -> None:
        super().__init__()
        self.halve = halve
        self.norm1 = InstanceNorm2d(below, affine=True) if norm else nn.Identity()
        self.conv1 = nn.Conv2d(below, below, 3, 1, 1)
        self.norm2 = InstanceNorm2d(below, affine=True) if norm else nn.Identity()
        self.conv2 = nn.Conv2d(below, above, 3, 1, 1)
        self.shortcut = nn.Conv2d(below, above, 1, bias=False) if below != above else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """`[B, below, H, W]` to `[B, above, H / 2, W / 2]`, or of the same sides."""
        hidden = self._halved(self.conv1(F.leaky_relu(self.norm1(x), _SLOPE)))
        hidden = self.conv2(F.leaky_relu(self.norm2(hidden), _SLOPE))
        # averages and 1x1 convolutions may change places: fewer pixels first
        out: Tensor = (self.shortcut(self._halved(x)) + hidden) / math.sqrt(2)
        return out

    def _halved(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2) if self.halve else x


class StyledBlock(nn.Module):
    """Instance norm that a style sets, LeakyReLU and a 3x3 convolution, twice; with `doubles` twice the sides before
    the first of these."""

    def __init__(self, below: int, above: int, style_dim: int, *, doubles: bool = False) -> None:
        super().__init__()
        self.doubles = doubles
        self.norm1 = StyledNorm(below, style_dim)
        self.conv1 = nn.Conv2d(below, above, 3, 1, 1)
        self.norm2 = StyledNorm(above, style_dim)
        self.conv2 = nn.Conv2d(above, above, 3, 1, 1)
        self.shortcut = nn.Conv2d(below, above, 1, bias=False) if below != above else nn.Identity()

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """`[B, below, H, W]` and `[B, style_dim]` to `[B, above, 2H, 2W]`, or of the same sides."""
        hidden = self.conv1(self._doubled(F.leaky_relu(self.norm1(x, style), _SLOPE)))
        hidden = self.conv2(F.leaky_relu(self.norm2(hidden, style), _SLOPE))
        # a 1x1 convolution and the nearest neighbour may change places: fewer pixels first
        out: Tensor = (self._doubled(self.shortcut(x)) + hidden) / math.sqrt(2)
        return out

    def _doubled(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2.0, mode="nearest") if self.doubles else x


class StyledNorm(nn.Module):
    """Each channel of each picture normalised, times 1 plus a gain, plus a shift, both linear in the style."""

    def __init__(self, channels: int, style_dim: int) -> None:
        super().__init__()
        self.parameters_of = nn.Linear(style_dim, 2 * channels)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """`[B, C, H, W]` and `[B, style_dim]`, which gives C gains and then C shifts, to `[B, C, H, W]`."""
        gain, shift = self.parameters_of(style)[:, :, None, None].chunk(2, 1)
        out: Tensor = (1 + gain) * instance_norm(x) + shift
        return out


def down_trunk(channels: list[int]) -> list[nn.Module]:
    """A 3x3 convolution of pictures to `channels[0]`, and a halving block without norm to each of the others."""
    blocks = [DownBlock(below, above) for below, above in pairwise(channels)]
    return [nn.Conv2d(3, channels[0], 3, 1, 1), *blocks]
