"""DRIT's discriminator of contents (Lee et al., arXiv 1808.00948, section 3; layers as in its code).

Those of pictures are `unnormed_discriminator`'s, which `judged` asks about pictures that are given at several scales.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from i2ibench.models.layers.pyramid import pyramid
from i2ibench.models.layers.unnormed_discriminator import UnnormedDiscriminator


class ContentDiscriminator(nn.Module):
    """Contents to logits of which domain they are of.

    `n_layers` convolutions of stride 2 with `kernel` x `kernel` pixels, padded by one reflected pixel, and one of 4x4
    that is not padded, each with LeakyReLU and without any norm; a 1x1 convolution to logits. Sides of at least
    `smallest_content`.
    """

    def __init__(self, channels: int = 256, n_layers: int = 3, kernel: int = 7) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(n_layers):
            layers += [nn.Conv2d(channels, channels, kernel, 2, 1, padding_mode="reflect"), _activation()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels, channels, 4), _activation(), nn.Conv2d(channels, 1, 1))

    def forward(self, content: Tensor) -> Tensor:
        """`[B, channels, h, w]` to logits `[B, 1, h', w']`, a single one for contents of 54x54 as published."""
        logits: Tensor = self.layers(content)
        return logits


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
