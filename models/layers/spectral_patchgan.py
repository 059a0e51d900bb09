"""Patch discriminators of spectral norm, padded by reflection, as U-GAT-IT, NICE-GAN and IEGAN build them.

Kim et al., arXiv 1907.10830; Chen et al., arXiv 2003.00273, section 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from i2ibench.models.layers.adversarial import summed_adversarial_loss


class LocalAndGlobalHeads(nn.Module):
    """Logits of smaller and of larger patches from features at a quarter of a picture's sides (NICE-GAN, IEGAN).

    `halvings` convolutions that both share, each of stride 2 with twice the channels; then the local head, one of
    stride 1, and the global head, two of stride 2 and one of stride 1, each with twice the channels, and to logits.
    With one halving a local logit sees 70 pixels square and a global one 286.
    """

    def __init__(self, channels: int, halvings: int = 1) -> None:
        super().__init__()
        shared = channels << halvings
        self.shared = nn.Sequential(*strided(*(channels << level for level in range(halvings + 1))))
        self.local_head = nn.Sequential(*unstrided(shared), logits(2 * shared))
        self.global_head = nn.Sequential(
            *strided(shared, 2 * shared, 4 * shared), *unstrided(4 * shared), logits(8 * shared)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, channels, h, w]` to local and global logits, `[B, 1, h', w']` each."""
        x = self.shared(x)
        return self.local_head(x), self.global_head(x)


def strided(*widths: int) -> list[nn.Module]:
    """4x4 convolutions of stride 2 with LeakyReLU, from each width to the next."""
    layers = ([convolution(below, above, stride=2), activation()] for below, above in pairwise(widths))
    return [layer for pair in layers for layer in pair]


def unstrided(channels: int) -> list[nn.Module]:
    """A 4x4 convolution of stride 1 to twice the channels, with LeakyReLU; a side is one pixel less."""
    return [convolution(channels, 2 * channels), activation()]


def logits(channels: int) -> nn.Module:
    """A 4x4 convolution of stride 1 without bias to one channel; a side is one pixel less."""
    return convolution(channels, 1, bias=False)


def convolution(below: int, above: int, kernel: Literal[3, 4] = 4, *, stride: int = 1, bias: bool = True) -> nn.Module:
    """A convolution of spectral norm, padded by one reflected pixel."""
    return spectral_norm(nn.Conv2d(below, above, kernel, stride, 1, padding_mode="reflect", bias=bias))


def activation() -> nn.Module:
    """LeakyReLU of slope 0.2."""
    return nn.LeakyReLU(0.2, inplace=True)


def judgement(answers: Sequence[Tensor], reals: int) -> Tensor:
    """What a discriminator loses by least squares: its answers are of so many real pictures, then of translations.

    In float32, summed over the answers, each of which says something else of all pictures.
    """
    on_real, on_fake = ([one[rows] for one in answers] for rows in (slice(reals), slice(reals, None)))
    return summed_adversarial_loss(on_real, True, "lsgan") + summed_adversarial_loss(on_fake, False, "lsgan")


def persuasion(answers: Sequence[Tensor]) -> Tensor:
    """What a generator loses by the same where the answers are of its translations."""
    return summed_adversarial_loss(answers, True, "lsgan")


def smallest_side(halvings: int) -> int:
    """The least side of a picture of which a logit is left by so many convolutions of stride 2 and two of stride 1."""
    return 3 << halvings


def most_halvings(side: int) -> int:
    """The most convolutions of stride 2 of which that is so, below 0 where there are none."""
    return (side // 3).bit_length() - 1
