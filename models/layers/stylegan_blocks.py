"""What StyleGAN's networks are made of (Karras et al., arXiv 1812.04948, sections 2 and B).

As in Rosinality's version: a level's noise map is read by both its layers, and the nonlinearity comes between noise and
norm.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.adain import adaptive_instance_norm
from i2ibench.models.layers.blur import Blur
from i2ibench.models.layers.equalized import EqualizedConv2d, EqualizedLinear, HalvingConv2d, equalizing

SLOPE = 0.2
"""Of all leaky ReLUs."""
_EPS = 1e-8


class MappingNetwork(nn.Module):
    """Codes, brought to a root mean square of 1, through linear layers with leaky ReLU, to styles."""

    def __init__(self, code_dim: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EqualizedLinear(code_dim, code_dim) for _ in range(layers))

    def forward(self, codes: Tensor) -> Tensor:
        """`[B, code_dim]` to `[B, code_dim]`."""
        styles = codes * torch.rsqrt(codes.square().mean(1, keepdim=True) + _EPS)
        for layer in self.layers:
            styles = F.leaky_relu(layer(styles), SLOPE)
        return styles


class ConstantInput(nn.Module):
    """Learnt maps `[1, channels, height, width]`, the same for all pictures."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.constant = nn.Parameter(torch.randn(1, channels, height, width))

    def forward(self, x: Tensor) -> Tensor:
        """As many as x has rows."""
        return self.constant.expand(len(x), -1, -1, -1)


class StyledLayer(nn.Module):
    """Noise at each channel's own strength, leaky ReLU, and instance norm whose gain and shift are linear in a style.

    Strengths start at 0, gains at 1 and shifts at 0.
    """

    def __init__(self, channels: int, code_dim: int) -> None:
        super().__init__()
        self.scale = equalizing(channels)
        self.noise = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.style = EqualizedLinear(code_dim, 2 * channels)
        with torch.no_grad():
            self.style.bias[:channels] = 1

    def forward(self, x: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        """`[B, C, H, W]`, `[B, code_dim]` and `[B, 1, H, W]` to `[B, C, H, W]`."""
        x = F.leaky_relu(x + self.noise * self.scale * noise, SLOPE)
        gain, shift = self.style(style).chunk(2, 1)
        return adaptive_instance_norm(x, torch.cat([shift, gain], 1))


class StyledBlock(nn.Module):
    """A level of the generator: maps that `source` makes, a styled layer, a 3x3 convolution, a styled layer."""

    def __init__(self, source: nn.Module, channels: int, code_dim: int) -> None:
        super().__init__()
        self.source = source
        self.styled1 = StyledLayer(channels, code_dim)
        self.conv = EqualizedConv2d(channels, channels, 3)
        self.styled2 = StyledLayer(channels, code_dim)

    def forward(self, x: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        """What `source` takes, `[B, code_dim]` and `[B, 1, H, W]` to `[B, channels, H, W]`."""
        x = self.styled1(self.source(x), style, noise)
        out: Tensor = self.styled2(self.conv(x), style, noise)
        return out


class HalvingBlock(nn.Module):
    """A level of the discriminator: a 3x3 convolution, then a blurred one that halves, each with leaky ReLU."""

    def __init__(self, below: int, above: int) -> None:
        super().__init__()
        self.conv1 = EqualizedConv2d(below, above, 3)
        self.blur = Blur(above)
        self.conv2 = HalvingConv2d(above, above)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, below, H, W]` to `[B, above, H / 2, W / 2]`."""
        x = F.leaky_relu(self.conv1(x), SLOPE)
        return F.leaky_relu(self.conv2(self.blur(x)), SLOPE)


class PlainBlock(nn.Module):
    """Two 3x3 convolutions, each with leaky ReLU: DeepI2I's adaptor of one size."""

    def __init__(self, below: int, above: int) -> None:
        super().__init__()
        self.conv1 = EqualizedConv2d(below, above, 3)
        self.conv2 = EqualizedConv2d(above, above, 3)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, below, H, W]` to `[B, above, H, W]`."""
        return F.leaky_relu(self.conv2(F.leaky_relu(self.conv1(x), SLOPE)), SLOPE)


def with_batch_deviation(x: Tensor) -> Tensor:
    """`[B, C, H, W]` with one more channel, all of it one number: the mean over channels and places of the standard
    deviation over the batch (Karras et al., arXiv 1710.10196, section 3)."""
    deviation = (x.float().var(0, correction=0) + _EPS).sqrt().mean()
    return torch.cat([x, deviation.to(x.dtype).expand(len(x), 1, *x.shape[2:])], 1)
