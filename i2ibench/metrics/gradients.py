"""Distance of edges to the source: gradient magnitude similarity deviation, GMSD.

Xue et al., "Gradient Magnitude Similarity Deviation: A Highly Efficient Perceptual Image Quality Index",
arXiv:1308.3052: luma is averaged over 2x2 pixels and halved, both pictures' gradient magnitudes `m` are taken by the
Prewitt operator (equations 1 to 3), compared at each position by `(2 m_1 m_2 + c) / (m_1^2 + m_2^2 + c)` (equation 4),
and the deviation of that map over the picture is the score (equation 6). It was made to tell how badly a picture was
spoilt; against the source it tells how unevenly a translation kept the source's edges.

c = 170 on luma in [0, 255]: that of `colour.luma`, stretched to the full range, which is MATLAB's `rgb2gray` but for
rounding. Outside the picture lies black, as in the authors' code. The deviation divides by the number of positions, as
the paper does; the authors' code by one less.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F
from typing_extensions import Self

from i2ibench.metrics.colour import samples
from i2ibench.metrics.metric import Chunk, Metric, Setting, counterpart, mean_score
from i2ibench.protocol import Score

C = 170.0
DATA_RANGE = 255.0
SMALLEST = 6
"""Pixels a side below which the operator does not fit into the halved picture."""


class GMSDSource(Metric):
    """The mean GMSD between outputs and their sources."""

    name = "gmsd_source"
    title = "Content preservation: deviation of gradient magnitude similarity to the source (GMSD, Xue et al. 2014)"
    columns: ClassVar = {"gmsd_source": False}
    reads_source = True

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.values: dict[str, float] = {}

    @classmethod
    def unavailable(cls, setting: Setting) -> str | None:
        """Besides the usual reasons: the operator must fit into the halved picture."""
        if min(setting.resolution) < SMALLEST:
            return f"pictures of {setting.resolution} are too small: the operator takes {SMALLEST} pixels a side"
        return super().unavailable(setting)

    @torch.inference_mode()
    def update(self, chunk: Chunk) -> None:
        """Compare each output with its source."""
        first, second = (full_range_luma(pictures) for pictures in (chunk.output, counterpart(self, chunk)))
        values = gradient_similarity_deviation(first, second)
        self.values.update(zip(chunk.names, values.tolist(), strict=True))

    def merge(self, other: Self) -> None:
        """Keep the values of other pictures."""
        self.values.update(other.values)

    def compute(self) -> tuple[Score, ...]:
        """The mean over pictures."""
        protocol = self.setting.protocol(
            self.name,
            reference="source",
            colour="Y",
            value_range="[0, 255], ITU-R BT.601 luma of 8-bit RGB, not rounded",
            resize="halved, mean of 2x2",
            window=f"Prewitt 3x3 over 3, black outside the picture, c {C:g}, deviation over N",
            data_range=DATA_RANGE,
        )
        return (mean_score(self, list(self.values.values()), protocol),)

    def per_picture(self) -> Mapping[str, Mapping[str, float]]:
        """Each picture's deviation."""
        return {self.name: self.values}


def full_range_luma(pictures: Tensor) -> Tensor:
    """Pictures `[B, 3, H, W]` in [-1, 1] as float64 luma `[B, 1, H, W]` from 0 (black) to 255 (white)."""
    return (samples(pictures, "Y") - 16) * (DATA_RANGE / 219)


def gradient_similarity_deviation(first: Tensor, second: Tensor) -> Tensor:
    """GMSD of two stacks of luma `[B, 1, H, W]` in [0, 255], float64 `[B]`; Xue et al., equation 6."""
    one, other = gradient_magnitude(first), gradient_magnitude(second)
    similarity = (2 * one * other + C) / (one.square() + other.square() + C)
    return similarity.flatten(1).std(1, correction=0)


def gradient_magnitude(luma: Tensor) -> Tensor:
    """Of luma `[B, 1, H, W]`, halved before, float64 `[B, 1, ceil(H / 2), ceil(W / 2)]`."""
    height, width = luma.shape[-2:]
    halved = F.avg_pool2d(F.pad(luma.double(), (0, width % 2, 0, height % 2)), 2)
    across = halved.new_tensor([[1.0, 0.0, -1.0]]).expand(3, 3) / 3
    gradients = F.conv2d(halved, torch.stack((across, across.T)).unsqueeze(1), padding=1)
    return gradients.square().sum(1, keepdim=True).sqrt()
