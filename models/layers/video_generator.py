"""vid2vid's generators, coarse to fine (Wang et al., arXiv 1808.06601, section 3 and appendix A)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from i2ibench.models.layers.norms import Norm
from i2ibench.models.layers.pyramid import pyramid
from i2ibench.models.layers.resnet import ResidualBlock, double, halve, head, stem
from i2ibench.models.layers.warping import warp

WINDOW = 3
"""Source frames that a frame is made from: its own and the two before it."""
HISTORY = WINDOW - 1
"""Frames before it that it is made from."""


class Generated(NamedTuple):
    """A frame `[B, 3, H, W]` in [-1, 1] and how it was made."""

    final: Tensor
    """The mixture of `raw` and the frame before, moved along `flow`."""
    raw: Tensor
    """What was painted anew."""
    flow: Tensor | None
    """Backward, `[B, 2, H, W]` in pixels; None where there was no frame before, and `final` is `raw`."""
    weight: Tensor | None
    """The share of `raw` in `final`, `[B, 1, H, W]` in (0, 1)."""


class Features(NamedTuple):
    """The last features of a scale's three branches, which the next finer scale adds to its own."""

    picture: Tensor
    flow: Tensor
    foreground: Tensor | None


class VideoGenerator(nn.Module):
    """Frames from `WINDOW` sources of `channels` channels and the `HISTORY` frames before.

    `scales` generators: the first of width `ngf`, `halvings` halvings and `blocks` residual blocks, each further one
    for pictures of twice the size and of half the width. `foreground` lists the sources' channels, masks in [0, 1],
    where a branch of its own paints, which reads the sources alone. Sides must be multiples of
    2^(halvings + scales - 1).
    """

    def __init__(
        self,
        channels: int,
        ngf: int,
        halvings: int,
        blocks: int,
        scales: int,
        norm: Norm,
        foreground: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.channels = channels
        self.foreground = list(foreground)
        inputs, narrow = (WINDOW * channels, 3 * HISTORY), halvings >= 3
        has_foreground = bool(self.foreground)
        bodies: list[nn.Module] = [CoarseBody(inputs, ngf, halvings, blocks, norm, has_foreground, narrow)]
        bodies += (FineBody(inputs, ngf >> scale, norm, has_foreground, narrow) for scale in range(1, scales))
        self.bodies = nn.ModuleList(bodies)
        self.heads = nn.ModuleList(
            Heads(ngf >> scale, 20.0 * 2**scale, has_foreground, narrow) for scale in range(scales)
        )

    def forward(
        self, sources: Tensor, past: Tensor, *, scales: int, moved: bool = True, newest_alone: bool = False
    ) -> Generated:
        """A frame of `sources` `[B, 3 channels, H, W]` and `past` `[B, 6, H, W]`, both oldest first.

        `scales` of the generators take part, the last of them at the pictures' size. Without `moved` there is no frame
        before to be moved. With `newest_alone` the coarser ones are not trained.
        """
        inputs = list(zip(pyramid(sources, scales), pyramid(past, scales), strict=True))[::-1]
        features: Features | None = None
        for scale, (source, frames) in enumerate(inputs):
            with torch.no_grad() if newest_alone and scale < scales - 1 else nullcontext():
                body = self.bodies[scale]
                features = body(source, frames) if features is None else body(source, frames, features)
        assert features is not None
        mask = None
        if self.foreground:
            mask = sources[:, -self.channels :][:, self.foreground].sum(1, keepdim=True).clamp(0, 1)
        made: Generated = self.heads[scales - 1](features, past[:, -3:] if moved else None, mask)
        return made


class CoarseBody(nn.Module):
    """The coarsest generator up to its heads: encoders of sources and past frames, a branch for the picture and one for
    the flow that both read the encodings' sum."""

    def __init__(
        self,
        inputs: tuple[int, int],
        width: int,
        halvings: int,
        blocks: int,
        norm: Norm,
        foreground: bool,
        narrow: bool,
    ) -> None:
        super().__init__()
        encoding = (blocks + 1) // 2

        def encoder(channels: int) -> nn.Module:
            return nn.Sequential(
                *stem(channels, width, norm, bias=True),
                *halve(width, halvings, norm, bias=True),
                *_blocks(width << halvings, encoding, norm),
            )

        def decoder() -> nn.Module:
            deep = width << halvings
            return nn.Sequential(*_blocks(deep, blocks - encoding, norm), *double(deep, halvings, norm, bias=True))

        self.source, self.past = map(encoder, inputs)
        self.picture, self.flow = decoder(), decoder()
        self.foreground: nn.Module | None = None
        if foreground:
            slim = foreground_width(width, narrow)
            self.foreground = nn.Sequential(
                *stem(inputs[0], slim, norm, bias=True),
                *halve(slim, halvings, norm, bias=True),
                *_blocks(slim << halvings, blocks, norm),
                *double(slim << halvings, halvings, norm, bias=True),
            )

    def forward(self, source: Tensor, past: Tensor) -> Features:
        """`[B, inputs[0], H, W]` and `[B, inputs[1], H, W]` to features of as many pixels."""
        encoded = self.source(source) + self.past(past)
        foreground = None if self.foreground is None else self.foreground(source)
        return Features(self.picture(encoded), self.flow(encoded), foreground)


class FineBody(nn.Module):
    """A finer generator up to its heads: halves its inputs once and adds the coarser one's features."""

    def __init__(self, inputs: tuple[int, int], width: int, norm: Norm, foreground: bool, narrow: bool) -> None:
        super().__init__()
        slim = foreground_width(width, narrow)
        self.source, self.past = (_halving(channels, width, norm) for channels in inputs)
        self.picture, self.flow = _doubling(width, norm), _doubling(width, norm)
        self.foreground_source = _halving(inputs[0], slim, norm) if foreground else None
        self.foreground = _doubling(slim, norm) if foreground else None

    def forward(self, source: Tensor, past: Tensor, coarser: Features) -> Features:
        """As `CoarseBody`'s, with its features or another fine one's of half the size and twice the width."""
        encoded = self.source(source) + self.past(past)
        foreground = None
        if self.foreground is not None and self.foreground_source is not None:
            foreground = self.foreground(self.foreground_source(source) + cast(Tensor, coarser.foreground))
        return Features(self.picture(encoded + coarser.picture), self.flow(encoded + coarser.flow), foreground)


class Heads(nn.Module):
    """What a scale makes of its features: pictures, flow in pixels, of `reach` times the head's own, and weight."""

    def __init__(self, width: int, reach: float, foreground: bool, narrow: bool) -> None:
        super().__init__()
        self.reach = reach
        self.picture = nn.Sequential(*head(width, 3))
        self.flow = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(width, 2, 7))
        self.weight = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(width, 1, 7), nn.Sigmoid())
        self.foreground = nn.Sequential(*head(foreground_width(width, narrow), 3)) if foreground else None

    def forward(self, features: Features, before: Tensor | None, mask: Tensor | None) -> Generated:
        """The frame after `before`, or one with none before it; painted apart where `mask` `[B, 1, H, W]` is 1."""
        raw = self.picture(features.picture).float()
        foreground = None if self.foreground is None else self.foreground(features.foreground).float()
        if before is None:
            painted = _blend(mask, foreground, raw)
            return Generated(painted, painted, None, None)
        flow = self.reach * self.flow(features.flow).float()
        weight = self.weight(features.flow).float()
        final = weight * raw + (1 - weight) * warp(before, flow)
        return Generated(_blend(mask, foreground, final), _blend(mask, foreground, raw), flow, weight)


def foreground_width(width: int, narrow: bool) -> int:
    """The width of the foreground's branch beside others of `width`: half of it where the coarsest halves thrice."""
    return width // 2 if narrow else width


def _blend(mask: Tensor | None, foreground: Tensor | None, background: Tensor) -> Tensor:
    if mask is None or foreground is None:
        return background
    return mask * foreground + (1 - mask) * background


def _blocks(channels: int, count: int, norm: Norm) -> list[nn.Module]:
    return [ResidualBlock(channels, norm, bias=True) for _ in range(count)]


def _halving(channels: int, width: int, norm: Norm) -> nn.Module:
    return nn.Sequential(*stem(channels, width, norm, bias=True), *halve(width, 1, norm, bias=True))


def _doubling(width: int, norm: Norm) -> nn.Module:
    return nn.Sequential(*_blocks(2 * width, 3, norm), *double(2 * width, 1, norm, bias=True))
