"""SimGAN's refiner and its discriminator of local patches (Shrivastava et al., arXiv 1612.07828, section 3).

Neither has a norm. Borders are padded with zeros, so that strides alone make pictures smaller.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

Layout = Literal["eyes", "hands"]


class Refiner(nn.Module):
    """A convolution, `blocks` residual blocks and a 1x1 convolution: `[B, channels, H, W]` to the same in (-1, 1)."""

    def __init__(self, channels: int, width: int = 64, blocks: int = 4, kernel: int = 3) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, kernel, padding="same"),
            nn.ReLU(inplace=True),
            *(RefinerBlock(width, kernel) for _ in range(blocks)),
            nn.Conv2d(width, channels, 1),
            nn.Tanh(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Pictures of any size to their refined ones."""
        out: Tensor = self.layers(x)
        return out


class RefinerBlock(nn.Module):
    """relu(x + f(x)), f two convolutions with ReLU between."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, kernel, padding="same"),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, kernel, padding="same"),
        )

    def forward(self, x: Tensor) -> Tensor:
        """`[B, width, H, W]` to the same."""
        return F.relu(x + self.layers(x))


class LocalDiscriminator(nn.Module):
    """Two logits for each patch, of being real and of being refined: `[B, channels, H, W]` to `[B, 2, h, w]`.

    `eyes`: h = H / 4; `hands`, with larger filters: h = H / 32; both rounded up. The last convolution has no
    activation, its softmax belongs to the loss.
    """

    def __init__(self, channels: int, layout: Layout = "eyes") -> None:
        super().__init__()
        hands = layout == "hands"
        stride = 2 if hands else 1
        self.layers = nn.Sequential(
            *_activated(channels, 96, 7 if hands else 3, 4 if hands else 2),
            *_activated(96, 64, 5 if hands else 3, 2),
            nn.MaxPool2d(3, stride, padding=1),
            *_activated(64, 32, 3, stride),
            *_activated(32, 32, 1, 1),
            nn.Conv2d(32, 2, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Pictures to logits."""
        out: Tensor = self.layers(x)
        return out


def _activated(below: int, channels: int, kernel: int, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(below, channels, kernel, stride, padding=kernel // 2), nn.ReLU(inplace=True)]
