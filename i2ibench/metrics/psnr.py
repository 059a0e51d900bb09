"""PSNR: the peak signal-to-noise ratio of each output against its target, in dB, on 8-bit RGB.

`10 log10(255^2 / MSE)` with the mean squared error over all pixels and channels of one picture, then the mean over
pictures. A picture equal to its target has infinite PSNR, and so would the mean: it is then n/a, with the count.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from typing_extensions import Self

from i2ibench.metrics.extractors import to_bytes
from i2ibench.metrics.metric import Chunk, Metric, Setting, mean_score
from i2ibench.protocol import Score

PEAK = 255.0


class PSNR(Metric):
    """The mean PSNR of outputs against their targets."""

    name = "psnr"
    title = "Peak signal-to-noise ratio against the target, RGB, in dB"
    columns: ClassVar = {"psnr": True}
    pairwise = True

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.values: dict[str, float] = {}

    @torch.inference_mode()
    def update(self, chunk: Chunk) -> None:
        """Compare each output with its target."""
        assert chunk.target is not None, "a metric of pairs is not asked where there are none"
        values = peak_signal_to_noise(to_bytes(chunk.output), to_bytes(chunk.target))
        self.values.update(zip(chunk.names, values.tolist(), strict=True))

    def merge(self, other: Self) -> None:
        """Keep the values of other pictures."""
        self.values.update(other.values)

    def compute(self) -> tuple[Score, ...]:
        """The mean over pictures; n/a where a picture equals its target."""
        values = list(self.values.values())
        equal = sum(math.isinf(value) for value in values)
        if equal:
            reason = f"{equal} of {len(values)} outputs equal their target, whose PSNR is infinite: there is no mean"
            return (Score.not_available(self.name, True, reason),)
        protocol = self.setting.protocol(
            self.name, reference="target of each source", value_range="[0, 255], 8 bits", data_range=PEAK
        )
        return (mean_score(self, values, protocol),)

    def per_picture(self) -> Mapping[str, Mapping[str, float]]:
        """Each picture's PSNR, inf where it equals its target."""
        return {self.name: self.values}


def peak_signal_to_noise(first: Tensor, second: Tensor) -> Tensor:
    """PSNR in dB of two stacks of 8-bit pictures `[B, 3, H, W]`, float64 `[B]`; inf where two are equal."""
    error = (first.double() - second.double()).square().mean((1, 2, 3))
    return 10 * torch.log10(PEAK**2 / error)
