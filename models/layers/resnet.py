"""Residual generators: CycleGAN's (Zhu et al., arXiv 1703.10593, appendix 7.2), after Johnson et al. 1603.08155.

pix2pixHD's global generator (Wang et al., arXiv 1711.11585, section 3.1) is one with four halvings and a bias in every
convolution; others are made of the same stretches: `stem`, `halvings`, `ResidualBlock`, `doublings`, `head`.
"""

from __future__ import annotations

from torch import Tensor, nn

from i2ibench.models.layers.norms import Norm, has_bias, norm_layer


class ResNet(nn.Module):
    """A stem, `halvings` halvings, `blocks` residual blocks, as many doublings, a head.

    Takes `[B, in_channels, H, W]` with sides that are multiples of 2^halvings and gives `[B, out_channels, H, W]` in
    (-1, 1). `bias` is that of convolutions before a norm, by default as `has_bias` says.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        blocks: int = 9,
        width: int = 64,
        norm: Norm = "instance",
        dropout: bool = False,
        halvings: int = 2,
        bias: bool | None = None,
    ) -> None:
        super().__init__()
        bias = has_bias(norm) if bias is None else bias
        deep = width << halvings
        self.layers = nn.Sequential(
            *stem(in_channels, width, norm, bias),
            *halve(width, halvings, norm, bias),
            *(ResidualBlock(deep, norm, bias, dropout) for _ in range(blocks)),
            *double(deep, halvings, norm, bias),
            *head(width, out_channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` to `[B, out_channels, H, W]` in (-1, 1)."""
        out: Tensor = self.layers(x)
        return out


class ResidualBlock(nn.Module):
    """x + f(x), f two reflection-padded 3x3 convolutions with norm, the first with ReLU and dropout if asked."""

    def __init__(self, channels: int, norm: Norm, bias: bool, dropout: bool = False) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            norm_layer(norm, channels),
            nn.ReLU(inplace=True),
            *([nn.Dropout(0.5)] if dropout else []),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            norm_layer(norm, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """`[B, channels, H, W]` to the same."""
        out: Tensor = x + self.layers(x)
        return out


def stem(in_channels: int, width: int, norm: Norm, bias: bool) -> list[nn.Module]:
    """A reflection-padded 7x7 convolution with norm and ReLU: `[B, in_channels, H, W]` to `[B, width, H, W]`."""
    return [nn.ReflectionPad2d(3), *_normed(nn.Conv2d(in_channels, width, 7, bias=bias), norm)]


def halve(width: int, times: int, norm: Norm, bias: bool) -> list[nn.Module]:
    """3x3 convolutions of stride 2, each with norm and ReLU and twice the channels of the last."""
    layers: list[nn.Module] = []
    for channels in (width << level for level in range(times)):
        layers += _normed(nn.Conv2d(channels, 2 * channels, 3, 2, 1, bias=bias), norm)
    return layers


def double(width: int, times: int, norm: Norm, bias: bool) -> list[nn.Module]:
    """Transposed 3x3 convolutions of stride 2, each with norm and ReLU and half the channels of the last."""
    layers: list[nn.Module] = []
    for channels in (width >> level for level in range(times)):
        layers += _normed(nn.ConvTranspose2d(channels, channels // 2, 3, 2, 1, output_padding=1, bias=bias), norm)
    return layers


def head(width: int, out_channels: int) -> list[nn.Module]:
    """A reflection-padded 7x7 convolution and tanh: `[B, width, H, W]` to `[B, out_channels, H, W]` in (-1, 1)."""
    return [nn.ReflectionPad2d(3), nn.Conv2d(width, out_channels, 7), nn.Tanh()]


def _normed(layer: nn.Conv2d | nn.ConvTranspose2d, norm: Norm) -> list[nn.Module]:
    return [layer, norm_layer(norm, layer.out_channels), nn.ReLU(inplace=True)]
