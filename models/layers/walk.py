"""What vid2vid has seen and made of a sequence when it comes to a frame (Wang et al., arXiv 1808.06601, section 3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from i2ibench.models.layers.warping import Reference, composed, known, reference

FlowEstimator = Callable[[Tensor, Tensor], Tensor]
"""Two frames `[B, 3, H, W]` in [-1, 1], the earlier first, to the backward flow `[B, 2, H, W]` of the later."""
_FLOW_SCALE = 20.0
"""Pixels by which flows are divided for discriminators."""


class Walk:
    """A sequence from its first frame to the present one, the last of `sources` and `reals`.

    `past` are the frames before the present one as the generator has them: `lead` real ones, then those it made. Flows
    are those given with the frames, or those of `estimate`.
    """

    def __init__(self, lead: int, estimate: FlowEstimator | None = None) -> None:
        self.lead = lead
        self.estimate = estimate
        self.sources: list[Tensor] = []
        self.reals: list[Tensor] = []
        self.past: list[Tensor] = []
        self._flows: list[Tensor | None] = []

    def see(self, source: Tensor, real: Tensor, flow: Tensor | None) -> None:
        """Go on to the next frame; `flow` may be NaN where it is unknown."""
        self.sources.append(source)
        self.reals.append(real)
        self._flows.append(flow)

    @property
    def leading(self) -> bool:
        """Whether the present frame is one of the real ones that the generator continues."""
        return len(self.past) < self.lead

    def reference(self) -> Reference | None:
        """The motion from the frame before, by which the present one is judged; None where there is none before."""
        if len(self.reals) < 2:
            return None
        earlier, later = self.reals[-2:]
        flow = self._given(-1) if self.estimate is None else self.estimate(earlier, later)
        return reference(flow, earlier, later)

    def triplet(self, final: Tensor, spacing: int) -> tuple[Tensor, Tensor] | None:
        """Three frames `spacing` apart with the two flows between them, `[B, 13, H, W]`: made ones, and the real.

        `final` is the present one as made. None where fewer than 2 `spacing` frames were made before it.
        """
        now = len(self.past)
        places = now - 2 * spacing, now - spacing
        if places[0] < self.lead:
            return None
        flows = [self._flow(place, spacing) / _FLOW_SCALE for place in (places[1], now)]
        made = torch.cat([*(self.past[place] for place in places), final, *flows], 1)
        real = torch.cat([*(self.reals[place] for place in (*places, now)), *flows], 1)
        return made, real

    def _flow(self, now: int, spacing: int) -> Tensor:
        """From frame `now` - `spacing` to `now`; 0 where it is unknown."""
        if self.estimate is not None:
            return known(self.estimate(self.reals[now - spacing], self.reals[now]))[0]
        return composed([known(self._given(place))[0] for place in range(now - spacing + 1, now + 1)])

    def _given(self, place: int) -> Tensor:
        flow = self._flows[place]
        if flow is None:
            raise ValueError("the frames must have flow, found none, nor an estimator of it")
        return flow


def window(sources: Sequence[Tensor], length: int) -> Tensor:
    """The last `length` sources side by side, the first one standing in for those before it."""
    last = list(sources[-length:])
    return torch.cat([last[0]] * (length - len(last)) + last, 1)


def history(past: Sequence[Tensor], like: Tensor, length: int) -> Tensor:
    """The last `length` frames `[B, 3, H, W]` side by side, after zeros for those that are not there."""
    last = list(past[-length:])
    return torch.cat([like.new_zeros(len(like), 3 * (length - len(last)), *like.shape[2:]), *last], 1)
