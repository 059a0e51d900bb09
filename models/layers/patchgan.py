"""The patch and pixel discriminators of pix2pix (Isola et al., arXiv 1611.07004, section 3.2.2 and appendix 6.1.2)."""

from __future__ import annotations

from torch import Tensor, nn

from i2ibench.models.layers.norms import Norm, has_bias, norm_layer


class PatchDiscriminator(nn.Module):
    """Judges every patch of a picture: `[B, in_channels, H, W]` to logits `[B, 1, h, w]`.

    `n_layers` strided convolutions of widths `width * min(2^k, 8)`, then two of stride 1. With 1, 2, 3, 4, 5 of them
    a logit sees 16, 34, 70, 142, 286 pixels square.
    """

    def __init__(self, in_channels: int, width: int = 64, n_layers: int = 3, norm: Norm = "batch") -> None:
        super().__init__()
        bias = has_bias(norm)
        layers: list[nn.Module] = [nn.Conv2d(in_channels, width, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
        channels = width
        for k in range(1, n_layers + 1):
            below, channels = channels, width * min(2**k, 8)
            stride = 2 if k < n_layers else 1
            layers += [
                nn.Conv2d(below, channels, 4, stride, 1, bias=bias),
                norm_layer(norm, channels),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        layers.append(nn.Conv2d(channels, 1, 4, 1, 1))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures to logits."""
        out: Tensor = self.layers(x)
        return out


class PixelDiscriminator(nn.Module):
    """Judges every pixel on its own, by 1x1 convolutions: `[B, in_channels, H, W]` to logits `[B, 1, H, W]`."""

    def __init__(self, in_channels: int, width: int = 64, norm: Norm = "batch") -> None:
        super().__init__()
        bias = has_bias(norm)
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, width, 1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(width, 2 * width, 1, bias=bias),
            norm_layer(norm, 2 * width),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(2 * width, 1, 1, bias=bias),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Pictures to logits."""
        out: Tensor = self.layers(x)
        return out


def patch_map_side(side: int, n_layers: int) -> int:
    """How many logits `PatchDiscriminator` gives along a side of `side` pixels; below 1 it has none to give."""
    for _ in range(n_layers):
        side //= 2
    return side - 2
