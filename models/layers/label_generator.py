"""StarGAN's networks (Choi et al., arXiv 1711.09020, section 7.2): a generator that reads labels, a critic that tells.

Padding is of zeros everywhere. Instance norm has gains and shifts, and each picture's own statistics always.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from i2ibench.models.layers.norms import InstanceNorm2d


class LabelGenerator(nn.Module):
    """A picture and the labels that it shall have to a picture: two halvings, `blocks` residual blocks, two doublings.

    The labels are `labels` planes beside the picture's. No convolution has a bias.
    """

    def __init__(self, labels: int, width: int = 64, blocks: int = 6) -> None:
        super().__init__()
        deep = 4 * width
        self.layers = nn.Sequential(
            *_normed(nn.Conv2d(3 + labels, width, 7, 1, 3, bias=False)),
            *_normed(nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False)),
            *_normed(nn.Conv2d(2 * width, deep, 4, 2, 1, bias=False)),
            *(LabelResidualBlock(deep) for _ in range(blocks)),
            *_normed(nn.ConvTranspose2d(deep, 2 * width, 4, 2, 1, bias=False)),
            *_normed(nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False)),
            nn.Conv2d(width, 3, 7, 1, 3, bias=False),
            nn.Tanh(),
        )

    def forward(self, pictures: Tensor, labels: Tensor) -> Tensor:
        """`[B, 3, H, W]`, sides multiples of 4, and `[B, labels]` of whatever values, to `[B, 3, H, W]` in (-1, 1)."""
        planes = labels.to(pictures.dtype)[:, :, None, None].expand(-1, -1, *pictures.shape[2:])
        out: Tensor = self.layers(torch.cat([pictures, planes], 1))
        return out


class LabelResidualBlock(nn.Module):
    """x + f(x), f two 3x3 convolutions with instance norm, and ReLU between them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_normed(nn.Conv2d(channels, channels, 3, 1, 1, bias=False)),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            InstanceNorm2d(channels, affine=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """`[B, channels, H, W]` to the same."""
        out: Tensor = x + self.layers(x)
        return out


class LabelCritic(nn.Module):
    """Answers to each patch of a picture, and logits of its labels; of pictures of `height` x `width` alone.

    `n_layers` convolutions of stride 2, each with twice the channels of the one before; no norm. The head of the labels
    is one convolution over all that they leave, so sides are at least 2^n_layers.
    """

    def __init__(self, labels: int, height: int, width: int, channels: int = 64, n_layers: int = 6) -> None:
        super().__init__()
        widths = [3, *(channels << level for level in range(n_layers))]
        trunk: list[nn.Module] = []
        for below, above in pairwise(widths):
            trunk += [nn.Conv2d(below, above, 4, 2, 1), nn.LeakyReLU(0.01, inplace=True)]
        self.trunk = nn.Sequential(*trunk)
        self.source = nn.Conv2d(widths[-1], 1, 3, 1, 1, bias=False)
        self.labels = nn.Conv2d(widths[-1], labels, (height >> n_layers, width >> n_layers), bias=False)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, 3, height, width]` to answers `[B, 1, h, w]` and logits `[B, labels]`."""
        features = self.trunk(pictures)
        return self.source(features), self.labels(features).flatten(1)

    def answers(self, pictures: Tensor) -> Tensor:
        """The answers alone."""
        out: Tensor = self.source(self.trunk(pictures))
        return out


def _normed(layer: nn.Conv2d | nn.ConvTranspose2d) -> list[nn.Module]:
    return [layer, InstanceNorm2d(layer.out_channels, affine=True), nn.ReLU(inplace=True)]
