"""PSNR: the peak signal-to-noise ratio of each output against its target, in dB, on 8-bit RGB.

`psnr_y` is the same in luma; `psnr_source` is against the source.

`10 log10(255^2 / MSE)` with the mean squared error over all pixels and channels of one picture, then the mean over
pictures. A picture equal to its target has infinite PSNR, and so would the mean: it is then n/a, with the count. So is
`psnr_source` of a method that leaves pictures as they were.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from typing_extensions import Self

from i2ibench.metrics.colour import VALUE_RANGE, Colour, samples
from i2ibench.metrics.metric import Chunk, Metric, Setting, counterpart, mean_score
from i2ibench.protocol import Score

PEAK = 255.0


class PSNR(Metric):
    """The mean PSNR of outputs against their targets."""

    name = "psnr"
    title = "Peak signal-to-noise ratio against the target, RGB, in dB"
    columns: ClassVar = {"psnr": True}
    pairwise = True
    colour: ClassVar[Colour] = "RGB"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.values: dict[str, float] = {}

    @torch.inference_mode()
    def update(self, chunk: Chunk) -> None:
        """Compare each output with its counterpart."""
        first, second = (samples(pictures, self.colour) for pictures in (chunk.output, counterpart(self, chunk)))
        values = peak_signal_to_noise(first, second)
        self.values.update(zip(chunk.names, values.tolist(), strict=True))

    def merge(self, other: Self) -> None:
        """Keep the values of other pictures."""
        self.values.update(other.values)

    def compute(self) -> tuple[Score, ...]:
        """The mean over pictures; n/a where a picture equals its counterpart."""
        side = "source" if self.reads_source else "target"
        values = list(self.values.values())
        equal = sum(math.isinf(value) for value in values)
        if equal:
            reason = f"{equal} of {len(values)} outputs equal their {side}, whose PSNR is infinite: there is no mean"
            return (Score.not_available(self.name, True, reason),)
        protocol = self.setting.protocol(
            self.name,
            reference="source" if self.reads_source else "target of each source",
            colour=self.colour,
            value_range=VALUE_RANGE[self.colour],
            data_range=PEAK,
        )
        return (mean_score(self, values, protocol),)

    def per_picture(self) -> Mapping[str, Mapping[str, float]]:
        """Each picture's PSNR, inf where it equals its counterpart."""
        return {self.name: self.values}


class PSNRY(PSNR):
    """The mean PSNR of outputs against their targets in luma, as restoration papers print it."""

    name = "psnr_y"
    title = "Peak signal-to-noise ratio against the target, luma of ITU-R BT.601, in dB"
    columns: ClassVar = {"psnr_y": True}
    colour = "Y"


class PSNRSource(PSNR):
    """The mean PSNR of outputs against their sources: how little of the pixels a translation changed."""

    name = "psnr_source"
    title = "Content preservation: peak signal-to-noise ratio against the source, RGB, in dB"
    columns: ClassVar = {"psnr_source": True}
    pairwise = False
    reads_source = True


def peak_signal_to_noise(first: Tensor, second: Tensor) -> Tensor:
    """PSNR in dB of two stacks of pictures `[B, C, H, W]` in 8-bit steps, float64 `[B]`; inf where two are equal."""
    error = (first.double() - second.double()).square().mean((1, 2, 3))
    return 10 * torch.log10(PEAK**2 / error)
