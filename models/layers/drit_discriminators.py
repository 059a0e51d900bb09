"""DRIT's discriminators (Lee et al., arXiv 1808.00948, section 3; arXiv 1905.01270; layers as in its code).

Those of pictures of two domains are `unnormed_discriminator`'s, which `judged` asks about pictures that are given at
several scales.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from i2ibench.models.layers.pyramid import pyramid
from i2ibench.models.layers.unnormed_discriminator import UnnormedDiscriminator, strided


class ContentDiscriminator(nn.Module):
    """Contents to logits of which domain they are of.

    `n_layers` convolutions of stride 2 with `kernel` x `kernel` pixels, padded by one reflected pixel, and one of 4x4
    that is not padded, each with LeakyReLU and without any norm; a 1x1 convolution to logits. Sides of at least
    `smallest_content`.
    """

    def __init__(self, channels: int = 256, n_layers: int = 3, kernel: int = 7, logits: int = 1) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(n_layers):
            layers += [nn.Conv2d(channels, channels, kernel, 2, 1, padding_mode="reflect"), _activation()]
        layers += [nn.Conv2d(channels, channels, 4), _activation()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels, logits, 1))

    def forward(self, content: Tensor) -> Tensor:
        """`[B, channels, h, w]` to logits `[B, logits, h', w']`, one pixel of them for 54x54 as published."""
        logits: Tensor = self.layers(content)
        return logits


class ClassifyingDiscriminator(nn.Module):
    """Pictures to logits of being real and of the classes they are of, which is for several domains.

    `n_layers` 3x3 convolutions of stride 2, each with LeakyReLU and padded by a reflected pixel, the last of as many
    channels as the one before and every other of twice as many; two convolutions of what they give, without biases:
    1x1 padded by a pixel of zeros, and for the classes one that covers all of it at training pictures whose shorter
    side is `side`, where that is a multiple of 2^n_layers.
    """

    def __init__(
        self, classes: int, side: int = 216, width: int = 64, n_layers: int = 6, spectral: bool = False
    ) -> None:
        super().__init__()
        widths = [3, *(width << min(level, max(n_layers - 2, 0)) for level in range(n_layers))]
        self.trunk = nn.Sequential(*strided(widths, 3, "reflect", 0.01, spectral))
        self.real = nn.Conv2d(widths[-1], 1, 1, padding=1, bias=False)
        self.classes = nn.Conv2d(widths[-1], classes, max(1, side >> n_layers), bias=False)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, 3, H, W]` to logits `[B, 1, h, w]` of being real, and `[B, classes]`, averaged over all pixels."""
        features = self.trunk(pictures)
        return self.real(features), self.classes(features).mean((2, 3))


def smallest_content(n_layers: int = 3, kernel: int = 7) -> int:
    """The least side of contents of which a `ContentDiscriminator` has a logit."""
    least = 4
    for _ in range(n_layers):
        least = 2 * least + kernel - 4
    return least


def judged(discriminator: UnnormedDiscriminator, *pictures: Sequence[Tensor]) -> list[list[Tensor]]:
    """A discriminator's logits by scale for each of several batches of one size, which it sees together.

    A batch is given at its finest scale and maybe at the next, `[B, 3, H, W]` each; what lacks is averaged from the
    last one given.
    """
    count = len(discriminator.scales)
    complete = [[*one[:-1], *pyramid(one[-1], count - len(one) + 1)] for one in pictures]
    answers = [
        judge(torch.cat(scale)).chunk(len(pictures))
        for judge, scale in zip(discriminator.scales, zip(*complete, strict=True), strict=True)
    ]
    return [[*one] for one in zip(*answers, strict=True)]


def _activation() -> nn.Module:
    return nn.LeakyReLU(0.01, inplace=True)
