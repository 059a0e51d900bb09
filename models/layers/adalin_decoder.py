"""What U-GAT-IT, NICE-GAN and IEGAN make pictures with: residual blocks under AdaLIN, doublings under ILN.

Kim et al., arXiv 1907.10830, section 2.1; Chen et al., arXiv 2003.00273, whose doublings are sub-pixel convolutions.
All convolutions of 3x3 and 7x7 are padded by reflection.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.layer_instance_norm import ILN, AdaLIN, Mixing

Doubling = Literal["nearest", "subpixel"]


class AdaLINDecoder(nn.Module):
    """Features to pictures of four times their sides.

    `blocks` AdaLIN residual blocks, all by one scale and one shift that `Modulation` reads off the features; two
    doublings, each to half the channels; a 7x7 convolution and tanh. `positions` is what `Modulation` asks for.
    """

    def __init__(
        self, channels: int, blocks: int, mixing: Mixing, doubling: Doubling, positions: int | None = None
    ) -> None:
        super().__init__()
        self.modulation = Modulation(channels, positions)
        self.blocks = nn.ModuleList(AdaLINResidualBlock(channels, mixing) for _ in range(blocks))
        up = subpixel_doubling if doubling == "subpixel" else nearest_doubling
        self.doublings = nn.Sequential(*up(channels, mixing), *up(channels // 2, mixing))
        self.head = nn.Conv2d(channels // 4, 3, 7, 1, 3, padding_mode="reflect", bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, channels, h, w]` to `[B, 3, 4h, 4w]` in (-1, 1)."""
        scale, shift = self.modulation(x)
        for block in self.blocks:
            x = block(x, scale, shift)
        out: Tensor = self.head(self.doublings(x)).tanh()
        return out


class Modulation(nn.Module):
    """Scale and shift of AdaLIN, read off features by four linear layers without biases.

    They read all features, of so many `positions` and no others, as U-GAT-IT does in full, or without `positions`
    their averages, as its light version does at any size.
    """

    def __init__(self, channels: int, positions: int | None = None) -> None:
        super().__init__()
        self.positions = positions
        self.first = nn.Linear(channels * (positions or 1), channels, bias=False)
        self.second = nn.Linear(channels, channels, bias=False)
        self.scale, self.shift = nn.Linear(channels, channels, bias=False), nn.Linear(channels, channels, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, channels, h, w]` to two of `[B, channels]`. Raises `ValueError` where it has other positions."""
        found = x.shape[2] * x.shape[3]
        if self.positions is not None and found != self.positions:
            raise ValueError(
                f"the full version reads features at {self.positions} positions, those of pictures of the size that it "
                f"was built for, found {found}: give such pictures, or use the light version (light=true)"
            )
        read = x.mean((2, 3)) if self.positions is None else x.flatten(1)
        hidden = F.relu(self.second(F.relu(self.first(read))))
        return self.scale(hidden), self.shift(hidden)


class AdaLINResidualBlock(nn.Module):
    """x + f(x), f two 3x3 convolutions with AdaLIN, and ReLU between them."""

    def __init__(self, channels: int, mixing: Mixing) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, 1, 1, padding_mode="reflect", bias=False)
        self.first_norm = AdaLIN(channels, mixing)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1, padding_mode="reflect", bias=False)
        self.second_norm = AdaLIN(channels, mixing)

    def forward(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """`[B, C, H, W]`, both norms by one scale and one shift, `[B, C]` each, to `[B, C, H, W]`."""
        hidden = F.relu(self.first_norm(self.first(x), scale, shift))
        out: Tensor = x + self.second_norm(self.second(hidden), scale, shift)
        return out


def normed(below: int, above: int, mixing: Mixing, *, bias: bool) -> list[nn.Module]:
    """A 3x3 convolution with ILN and ReLU."""
    convolution = nn.Conv2d(below, above, 3, 1, 1, padding_mode="reflect", bias=bias)
    return [convolution, ILN(above, mixing), nn.ReLU(inplace=True)]


def nearest_doubling(channels: int, mixing: Mixing) -> list[nn.Module]:
    """`[B, C, H, W]` to `[B, C / 2, 2H, 2W]`: each pixel four times, then convolved."""
    return [nn.Upsample(scale_factor=2, mode="nearest"), *normed(channels, channels // 2, mixing, bias=False)]


def subpixel_doubling(channels: int, mixing: Mixing) -> list[nn.Module]:
    """The same by a convolution whose channels are dealt out to four pixels (Shi et al., arXiv 1609.05158)."""
    return [
        *normed(channels, channels // 2, mixing, bias=False),
        nn.Conv2d(channels // 2, 2 * channels, 1),
        nn.PixelShuffle(2),
        ILN(channels // 2, mixing),
        nn.ReLU(inplace=True),
    ]
