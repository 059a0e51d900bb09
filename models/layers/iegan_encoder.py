"""IEGAN's encoder, with the decoder that trains it (Ye et al., arXiv 2107.02494, section 3; layers as in its code)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.linear_attention import AttentionStage
from i2ibench.models.layers.resnet18 import ResNet18Trunk

STAGES = 4
HEADS = 8


class Encoding(NamedTuple):
    """What an encoder makes of pictures on the way down."""

    stem: Tensor
    """`[B, ch, H / 2, W / 2]`."""
    features: list[Tensor]
    """E1 to E4, as the trunk's stages give them: 1, 2, 4, 8 times `ch` channels, at 1/4 to 1/32 of the sides."""
    attended: list[Tensor]
    """What the attentions made of them; of E4 only where it is to be decoded, for nothing else reads that."""


class IEGANEncoder(nn.Module):
    """A ResNet-18 with an attention after each stage, and a U-Net's way up, which trains it.

    Of width `ch`, from which all others follow; keys and values of the attentions have as many channels a head.
    """

    def __init__(self, ch: int = 64, *, frozen_statistics: bool = False) -> None:
        super().__init__()
        self.trunk = ResNet18Trunk(ch, frozen_statistics=frozen_statistics)
        self.attentions = nn.ModuleList(AttentionStage(ch << level, HEADS, ch) for level in range(STAGES))
        self.decoder = PyramidDecoder(ch)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """`[B, 3, H, W]` of sides that are multiples of 32 to E1, E2, E3 and E4, see `Encoding.features`."""
        return self.encode(pictures).features

    def reconstruct(self, pictures: Tensor) -> Tensor:
        """Pictures `[B, 3, H, W]`, encoded and decoded; of any range."""
        stem, _, attended = self.encode(pictures, to_decode=True)
        out: Tensor = self.decoder(pictures, [stem, *attended])
        return out

    def encode(self, pictures: Tensor, *, to_decode: bool = False) -> Encoding:
        """What `forward` gives, with what else the decoder reads."""
        x = stem = self.trunk.stem(pictures)
        features, attended = [], []
        for index, attention in enumerate(self.attentions):
            x = self.trunk.stage(index, x)
            features.append(x)
            if index < STAGES - 1 or to_decode:
                x = attention(x)
                attended.append(x)
        return Encoding(stem, features, attended)


class PyramidDecoder(nn.Module):
    """The way up: from the deepest map, doubled bilinearly and merged with the next shallower one, to a picture."""

    def __init__(self, ch: int) -> None:
        super().__init__()
        skips = [8 * ch, 4 * ch, 2 * ch, ch, ch]
        self.skips = nn.ModuleList(_convolved(width, width, 1) for width in skips)
        above = [8 * ch, 4 * ch, 4 * ch, 2 * ch]
        below = [8 * ch, *above[:-1]]
        self.merges = nn.ModuleList(
            _convolved(deep + skip, out, 3) for deep, skip, out in zip(below, skips[1:], above, strict=True)
        )
        self.full_size = nn.Sequential(_convolved(3, ch, 3), _convolved(ch, ch, 3))
        self.last = nn.Sequential(_convolved(3 * ch, ch, 3), nn.Conv2d(ch, 3, 1))

    def forward(self, pictures: Tensor, maps: list[Tensor]) -> Tensor:
        """The pictures `[B, 3, H, W]` themselves and maps of 1/2, 1/4 ... 1/32 of their sides to `[B, 3, H, W]`."""
        deepest, *skips = [skip(x) for skip, x in zip(self.skips, reversed(maps), strict=True)]
        x = deepest
        for merge, skip in zip(self.merges, skips, strict=True):
            x = merge(torch.cat([_doubled(x), skip], 1))
        out: Tensor = self.last(torch.cat([_doubled(x), self.full_size(pictures)], 1))
        return out


@contextmanager
def batch_norm_momentum(module: nn.Module, momentum: float) -> Iterator[None]:
    """Inside the block batch norms' running statistics move by this share towards what is seen."""
    norms = [child for child in module.modules() if isinstance(child, nn.BatchNorm2d)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = momentum
    try:
        yield
    finally:
        for norm, kept in zip(norms, before, strict=True):
            norm.momentum = kept


def momenta_of_repeated(momentum: float, times: int) -> tuple[float, float]:
    """For two batches, seen once each one after the other, the momenta of having seen both `times` times in turn."""
    keep = (1 - momentum) ** 2
    repeats = sum(keep**n for n in range(times))
    second = momentum * repeats
    first = momentum * (1 - momentum) * repeats / (1 - second)
    return first, second


def _convolved(below: int, above: int, kernel: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(below, above, kernel, padding=kernel // 2), nn.ReLU(inplace=True))


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
