"""Temporal warping error: how far each output is from the one before it, moved along by the flow of the source.

The flow warping error E_warp of Lai et al., "Learning Blind Video Temporal Consistency", arXiv:1808.00449: the mean
squared difference over the pixels that both frames show, then the mean over pairs of neighbouring frames. Here:

- Pictures are 8-bit RGB scaled to [0, 1]; the squares are averaged over visible pixels and channels, as in the authors'
  code.
- The output before is sampled bilinearly at each pixel's centre plus the source's exact backward flow. The authors
  estimate the flow by a network and warp the later frame onto the earlier one.
- A pixel is visible if its flow is known (not NaN) and leads to a point within the frame before, up to the edges of its
  outermost pixels, beyond whose centres their own colour holds.
- The mean is over pairs, so that a long sequence counts for more; the authors' is over sequences, which is the same
  where all are equally long. A pair with no visible pixel has no error and is left out; the authors count it as 0.

It measures steadiness alone: a grey picture scores 0. Read it beside the scores of single pictures and the row "real":
real frames score above 0 too, by noise, by light that does not move with things and by sampling between pixels.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from typing_extensions import Self

from i2ibench.metrics.extractors import to_bytes
from i2ibench.metrics.metric import Chunk, Metric, Setting
from i2ibench.metrics.statistics import ratio_interval
from i2ibench.protocol import Score
from i2ibench.task import Need

Frame = tuple[str, int]
"""A sequence and the frame's number in it."""


class WarpingError(Metric):
    """The mean warping error of pairs of neighbouring outputs.

    Beside numbers its state holds the last frame of each run of consecutive frames that it saw, and the first with its
    flow where the frame before may still come with another's state.
    """

    name = "warping_error"
    title = "Squared difference to the output before, moved along by the exact flow (E_warp, Lai et al. 2018)"
    columns: ClassVar = {"warping_error": False}

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.names: dict[Frame, str] = {}
        self.errors: dict[Frame, float] = {}
        """Of each frame to the one before it."""
        self.firsts: dict[Frame, tuple[Tensor, Tensor]] = {}
        """uint8 `[3, H, W]` and flow `[2, H, W]` of frames whose predecessor has not been seen."""
        self.lasts: dict[Frame, Tensor] = {}
        """uint8 `[3, H, W]` of frames whose successor has not been seen."""

    @classmethod
    def unavailable(cls, setting: Setting) -> str | None:
        """N/a where the task gives no flow."""
        if Need.FLOW not in setting.task.gives:
            return (
                f"task {setting.task.id!r} gives no optical flow, by which the output before would be moved along: "
                "choose a task that does (i2ibench list tasks --needs flow)"
            )
        return super().unavailable(setting)

    @torch.inference_mode()
    def update(self, chunk: Chunk) -> None:
        """Compare each output with the one before it, whichever chunk that came in."""
        if chunk.frames is None or chunk.flow is None:
            return  # real pictures of a target domain that is no video; `compute` gives the reason
        for frame, name, output, flow in zip(chunk.frames, chunk.names, chunk.output, chunk.flow, strict=True):
            picture = to_bytes(output)
            self.names[frame] = name
            self.lasts[frame] = picture
            if frame[1] > 0:
                self.firsts[frame] = picture, flow.clone()  # a view would keep the whole chunk
        self._join()

    def merge(self, other: Self) -> None:
        """Take in another's errors, and those of the pairs that were split between the two."""
        self.names.update(other.names)
        self.errors.update(other.errors)
        self.firsts.update(other.firsts)
        self.lasts.update(other.lasts)
        self._join()

    def compute(self) -> tuple[Score, ...]:
        """The mean over pairs of frames; n/a where there is none with a visible pixel.

        Standard error and interval are over sequences, since frames of one depend on each other: the mean is taken as
        the ratio of the sequences' summed errors to their numbers of pairs, linearised for the one and resampled for
        the other. For equally long sequences the standard error is the sample standard deviation of their means over
        the root of their number. One sequence gives neither.
        """
        if not self.errors:
            reason = f"none of {len(self.names)} frames shows anything of a frame before it that was scored too"
            return (Score.not_available(self.name, False, reason),)
        mean = math.fsum(self.errors.values()) / len(self.errors)
        protocol = self.setting.protocol(
            self.name,
            reference="the output of the frame before",
            value_range="[0, 1], from 8 bits",
            warp="bilinear, pixel centre plus the source's exact backward flow; mask: flow known, point in the frame",
        )
        return (
            Score(
                name=self.name,
                value=mean,
                standard_error=self._standard_error(mean),
                interval=self._interval(),
                n=len(self.errors),
                higher_is_better=False,
                protocol=protocol,
            ),
        )

    def per_picture(self) -> Mapping[str, Mapping[str, float]]:
        """Each frame's error to the one before it, nan where it shows nothing of one."""
        return {self.name: {name: self.errors.get(frame, math.nan) for frame, name in self.names.items()}}

    def _join(self) -> None:
        """Compare the frames that wait for their predecessor with those that have come; neither is kept on."""
        for sequence, number in list(self.firsts):
            before = self.lasts.pop((sequence, number - 1), None)
            if before is None:
                continue
            picture, flow = self.firsts.pop((sequence, number))
            error = warped_difference(before, picture, flow)
            if not math.isnan(error):
                self.errors[sequence, number] = error

    def _standard_error(self, mean: float) -> float | None:
        sequences = self._by_sequence()
        count = len(sequences)
        if count < 2:
            return None
        squares = math.fsum(math.fsum(error - mean for error in errors) ** 2 for errors in sequences)
        return math.sqrt(squares * count / (count - 1)) / len(self.errors)

    def _interval(self) -> tuple[float, float] | None:
        sequences = self._by_sequence()
        return ratio_interval([math.fsum(errors) for errors in sequences], list(map(len, sequences)))

    def _by_sequence(self) -> list[list[float]]:
        """The errors of each sequence."""
        sequences: dict[str, list[float]] = defaultdict(list)
        for (sequence, _), error in self.errors.items():
            sequences[sequence].append(error)
        return list(sequences.values())


def warped_difference(before: Tensor, now: Tensor, flow: Tensor) -> float:
    """Mean squared difference of two 8-bit frames `[3, H, W]`, in units of 255^2; nan where no pixel is visible.

    Frame by frame and in float64, so that the number does not depend on how frames were put into chunks.
    """
    warped, visible = warp(before, flow)
    return float((warped - now.double())[:, visible].div(255).square().mean())


def warp(before: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    """The frame before as seen from now, float64 `[C, H, W]`, and which of its pixels are visible, bool `[H, W]`.

    `before` is `[C, H, W]`, `flow` `[2, H, W]` as in `Chunk.flow`. The colour of pixels that are not visible means
    nothing. Interpolation is written out since sampling through coordinates in [-1, 1] is off by a rounding even for
    whole pixels.
    """
    height, width = flow.shape[-2:]
    x = flow[0].double() + torch.arange(width, device=flow.device)
    y = flow[1].double() + torch.arange(height, device=flow.device)[:, None]
    visible = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)  # NaN is none of these
    x, y = (torch.where(visible, at, 0.0).clamp(0, last) for at, last in ((x, width - 1), (y, height - 1)))

    left, top = x.long(), y.long()
    right, bottom = (left + 1).clamp(max=width - 1), (top + 1).clamp(max=height - 1)
    across, down = x - left, y - top
    colours = before.double()
    upper = colours[:, top, left] * (1 - across) + colours[:, top, right] * across
    lower = colours[:, bottom, left] * (1 - across) + colours[:, bottom, right] * across
    return upper * (1 - down) + lower * down, visible
