"""Patch discriminators without any norm: those of MUNIT, UNIT and DRIT (arXiv 1804.04732, 1703.00848, 1808.00948)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from i2ibench.models.layers.pyramid import pyramid

Padding = Literal["reflect", "zeros"]


class UnnormedDiscriminator(nn.Module):
    """Pictures to logits at `scales` scales, each of which has a judge of its own; they share nothing.

    A judge is `n_layers` convolutions of stride 2, each with LeakyReLU and with twice the channels of the one before,
    and a 1x1 convolution to logits. Its picture is that of the scale before, averaged over 3x3 pixels at every other
    one. By reflection sides of at least `smallest_side` can be padded. `spectral`: convolutions of spectral norm
    (arXiv 1802.05957).
    """

    def __init__(
        self,
        width: int = 64,
        n_layers: int = 4,
        scales: int = 3,
        *,
        in_channels: int = 3,
        kernel: Literal[3, 4] = 4,
        padding: Padding = "reflect",
        slope: float = 0.2,
        spectral: bool = False,
    ) -> None:
        super().__init__()

        def judge() -> nn.Sequential:
            widths = [in_channels, *(width << level for level in range(n_layers))]
            trunk = strided(widths, kernel, padding, slope, spectral)
            head = nn.Conv2d(widths[-1], 1, 1)
            return nn.Sequential(*trunk, spectral_norm(head) if spectral else head)

        self.scales = nn.ModuleList(judge() for _ in range(scales))

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """`[B, in_channels, H, W]` to logits `[B, 1, h, w]` at each scale, the finest first."""
        seen = pyramid(pictures, len(self.scales))
        return [judge(picture) for judge, picture in zip(self.scales, seen, strict=True)]


def strided(
    widths: Sequence[int], kernel: Literal[3, 4], padding: Padding, slope: float, spectral: bool
) -> list[nn.Module]:
    """Convolutions of stride 2 from each of the `widths`, in channels, to the next, each with LeakyReLU."""
    layers: list[nn.Module] = []
    for below, above in pairwise(widths):
        convolution = nn.Conv2d(below, above, kernel, 2, 1, padding_mode=padding)
        layers += [spectral_norm(convolution) if spectral else convolution, nn.LeakyReLU(slope, inplace=True)]
    return layers


def smallest_side(n_layers: int = 4, scales: int = 3, kernel: Literal[3, 4] = 4) -> int:
    """The least side of pictures of which all of an `UnnormedDiscriminator`'s convolutions can pad 2 pixels or more."""
    least = 1 << n_layers if kernel == 4 else (1 << n_layers - 1) + 1
    for _ in range(scales - 1):
        least = 2 * least - 1
    return least
