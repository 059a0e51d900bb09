"""Patch discriminators on several scales that show all their stages (pix2pixHD, arXiv 1711.11585, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from i2ibench.models.layers.norms import norm_layer
from i2ibench.models.layers.pyramid import pyramid

Normed = Literal["batch", "instance", "spectral_instance"]
"""`batch` and `instance` after convolutions with biases; `spectral_instance`, SPADE's (arXiv 1903.07291, appendix A):
instance norm after convolutions of spectral norm (arXiv 1802.05957) without."""


class StagedDiscriminator(nn.Module):
    """A patch discriminator `[B, in_channels, H, W]` to its stages, the last of them logits `[B, 1, h, w]`.

    `n_layers` convolutions of stride 2 and widths `width * min(2^k, 8)`, one of stride 1, one to logits, all 4x4; each
    but the first and the last is normed. Three of stride 2 see 70 pixels square. A `padding` of 2 gives maps larger by
    one than 1 does.
    """

    def __init__(self, in_channels: int, width: int, n_layers: int, norm: Normed, padding: int) -> None:
        super().__init__()
        widths = [width * min(2**k, 8) for k in range(n_layers + 1)]
        first = nn.Sequential(nn.Conv2d(in_channels, width, 4, 2, padding), nn.LeakyReLU(0.2, inplace=True))
        between = (
            _normed(below, channels, 2 if k < n_layers else 1, norm, padding)
            for k, (below, channels) in enumerate(pairwise(widths), start=1)
        )
        last = nn.Conv2d(widths[-1], 1, 4, 1, padding)
        self.stages = nn.ModuleList([first, *between, last])

    def forward(self, x: Tensor) -> list[Tensor]:
        """All stages, activated, the logits last."""
        stages: list[Tensor] = []
        for stage in self.stages:
            x = stage(x)
            stages.append(x)
        return stages


class MultiscaleDiscriminator(nn.Module):
    """One `StagedDiscriminator` for each scale, of the given `widths`, the finest first; they share nothing."""

    def __init__(
        self,
        in_channels: int,
        widths: Sequence[int] = (64, 64),
        n_layers: int = 3,
        norm: Normed = "instance",
        padding: int = 2,
    ) -> None:
        super().__init__()
        self.scales = nn.ModuleList(
            StagedDiscriminator(in_channels, width, n_layers, norm, padding) for width in widths
        )

    def forward(self, x: Tensor) -> list[list[Tensor]]:
        """Pictures `[B, in_channels, H, W]` to each scale's stages, the finest scale first."""
        pictures = pyramid(x, len(self.scales))
        return [judge(picture) for judge, picture in zip(self.scales, pictures, strict=True)]


def logits(stages: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    """Each scale's last stage."""
    return [scale[-1] for scale in stages]


def staged_map_side(side: int, n_layers: int = 3, padding: int = 2) -> int:
    """How many logits `StagedDiscriminator` gives along a side of `side` pixels; below 1 it has none to give."""
    for stride in (2,) * n_layers + (1, 1):
        side = (side + 2 * padding - 4) // stride + 1
    return side


def _normed(below: int, channels: int, stride: int, norm: Normed, padding: int) -> nn.Sequential:
    spectral = norm == "spectral_instance"
    convolution = nn.Conv2d(below, channels, 4, stride, padding, bias=not spectral)
    return nn.Sequential(
        spectral_norm(convolution) if spectral else convolution,
        norm_layer("batch" if norm == "batch" else "instance", channels),
        nn.LeakyReLU(0.2, inplace=True),
    )
