"""The residual generator of CycleGAN (Zhu et al., arXiv 1703.10593, appendix 7.2), after Johnson et al. 1603.08155."""

from __future__ import annotations

from torch import Tensor, nn

from i2ibench.models.layers.norms import Norm, has_bias, norm_layer


class ResNet(nn.Module):
    """A 7x7 convolution, two halvings, `blocks` residual blocks, two doublings, a 7x7 convolution.

    Takes `[B, in_channels, H, W]` with sides that are multiples of 4 and gives `[B, out_channels, H, W]` in (-1, 1).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        blocks: int = 9,
        width: int = 64,
        norm: Norm = "instance",
        dropout: bool = False,
    ) -> None:
        super().__init__()
        bias = has_bias(norm)

        def normed(layer: nn.Module, channels: int) -> list[nn.Module]:
            return [layer, norm_layer(norm, channels), nn.ReLU(inplace=True)]

        layers: list[nn.Module] = [nn.ReflectionPad2d(3)]
        layers += normed(nn.Conv2d(in_channels, width, 7, bias=bias), width)
        for channels in (2 * width, 4 * width):
            layers += normed(nn.Conv2d(channels // 2, channels, 3, 2, 1, bias=bias), channels)
        layers += [ResidualBlock(4 * width, norm, dropout) for _ in range(blocks)]
        for channels in (2 * width, width):
            layers += normed(nn.ConvTranspose2d(2 * channels, channels, 3, 2, 1, output_padding=1, bias=bias), channels)
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, out_channels, 7), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` to `[B, out_channels, H, W]` in (-1, 1)."""
        out: Tensor = self.layers(x)
        return out


class ResidualBlock(nn.Module):
    """x + f(x), f two reflection-padded 3x3 convolutions with norm, the first with ReLU and dropout if asked."""

    def __init__(self, channels: int, norm: Norm, dropout: bool) -> None:
        super().__init__()
        bias = has_bias(norm)
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
