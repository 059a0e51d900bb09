"""FUNIT's discriminator of many classes (Liu et al., arXiv 1905.01723, section 3.2 and appendix B), by patches."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_SLOPE = 0.2
_MOST = 1024


class ClassDiscriminator(nn.Module):
    """Pictures to features, and for each class to the logits of patches: whether they are of real pictures of it.

    A 7x7 convolution, then `pairs` pairs of residual blocks, of which the second doubles the channels, up to 1024;
    between pairs half the size. Padded by reflection, without norm.
    """

    def __init__(self, classes: int, width: int = 64, pairs: int = 5) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 7, 1, 3, padding_mode="reflect")]
        for pair in range(pairs):
            below, above = (min(width << level, _MOST) for level in (pair, pair + 1))
            layers += [PreActivationBlock(below, below), PreActivationBlock(below, above)]
            if pair < pairs - 1:
                layers += [nn.ReflectionPad2d(1), nn.AvgPool2d(3, 2)]
        self.trunk = nn.Sequential(*layers)
        self.logits = nn.Conv2d(min(width << pairs, _MOST), classes, 1)

    def forward(self, pictures: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, 3, H, W]` and classes `[B]` to logits `[B, h, w]` of each picture's class, and features `[B, C, h, w]`.

        Features are taken after the last LeakyReLU, as the published code's are in effect.
        """
        features = self.features(pictures)
        logits: Tensor = self.logits(features)
        return logits[torch.arange(len(logits), device=logits.device), classes], features

    def features(self, pictures: Tensor) -> Tensor:
        """`[B, 3, H, W]` to `[B, C, h, w]`."""
        return F.leaky_relu(self.trunk(pictures), _SLOPE)


class PreActivationBlock(nn.Module):
    """LeakyReLU and a 3x3 convolution, twice, plus the input by a 1x1 convolution, or through the first LeakyReLU.

    The published code's first activation overwrites its input, so where channels do not change what is added is
    LeakyReLU(x) and not x. It is kept so.
    """

    def __init__(self, below: int, above: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(below, min(below, above), 3, 1, 1, padding_mode="reflect")
        self.conv2 = nn.Conv2d(min(below, above), above, 3, 1, 1, padding_mode="reflect")
        self.shortcut = nn.Conv2d(below, above, 1, bias=False) if below != above else None

    def forward(self, x: Tensor) -> Tensor:
        """`[B, below, H, W]` to `[B, above, H, W]`."""
        active = F.leaky_relu(x, _SLOPE)
        hidden: Tensor = self.conv2(F.leaky_relu(self.conv1(active), _SLOPE))
        return hidden + (active if self.shortcut is None else self.shortcut(x))


def smallest_side(pairs: int = 5) -> int:
    """The least side of pictures of which all of a `ClassDiscriminator`'s paddings have 2 pixels or more."""
    least = 2
    for _ in range(pairs - 1):
        least = 2 * least - 1
    return max(least, 4)
