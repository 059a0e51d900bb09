"""What flows are made of: invertible layers, and the moves they make.

A flow's state is a tuple of tensors `[B, ...]`: what is transformed, and what that is conditional on. A layer moves
one member of the state, with parameters that it reads off what it leaves alone: the kept half of a coupling, the other
members. They can therefore be read off the layer's output as well as off its input, which makes every layer invertible
and lets `layers.reversible` run a chain backwards through its gradients.

Shapes: pictures `[B, C, H, W]`, log-determinants `[B]` in nats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

State = tuple[Tensor, ...]


class FlowLayer(nn.Module):
    """z' = f(z; p), f invertible in z, and p read off the condition and what of z the layer leaves alone.

    Subclasses write `read`, `transform` and `invert`. `read` runs under autocast; the other two get what it read in
    the type of z and run in that type, so that log-determinants and inverses are exact under bf16 too.
    """

    def read(self, z: Tensor, condition: Tensor | None) -> State:
        """p, the same whether `z` is the layer's input or its output."""
        raise NotImplementedError

    def transform(self, z: Tensor, *read: Tensor) -> tuple[Tensor, Tensor]:
        """z' and log |det dz'/dz|, which may be one number for the whole batch."""
        raise NotImplementedError

    def invert(self, z: Tensor, *read: Tensor) -> Tensor:
        """The z of which `transform` makes the given one."""
        raise NotImplementedError

    def initialize(self, z: Tensor, condition: Tensor | None) -> None:
        """Set what depends on data from the first batch that reaches the layer."""

    def forward(self, z: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """z' and its log-determinants `[B]`."""
        return self.transform_by(z, self.read(z, condition))

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """The input of which `forward` makes `z`."""
        return self.invert_by(z, self.read(z, condition))

    def transform_by(self, z: Tensor, read: State) -> tuple[Tensor, Tensor]:
        """`transform` in the type of z, its log-determinants `[B]`."""
        with torch.autocast(z.device.type, enabled=False):
            out, log_det = self.transform(z, *(part.to(z.dtype) for part in read))
        return out, log_det.expand(len(z))

    def invert_by(self, z: Tensor, read: State) -> Tensor:
        """`invert` in the type of z."""
        with torch.autocast(z.device.type, enabled=False):
            return self.invert(z, *(part.to(z.dtype) for part in read))


@dataclass(frozen=True)
class Move:
    """A layer, the member of the state that it moves, and those that it is conditional on, joined by channels."""

    layer: FlowLayer
    moved: int = 0
    given: tuple[int, ...] = ()

    def condition(self, state: Sequence[Tensor]) -> Tensor | None:
        """What the layer is conditional on."""
        if len(self.given) < 2:
            return state[self.given[0]] if self.given else None
        return torch.cat([state[member] for member in self.given], 1)

    def forward(self, state: list[Tensor]) -> Tensor:
        """Move the state on, in place of its member; the log-determinants `[B]`."""
        out: tuple[Tensor, Tensor] = self.layer(state[self.moved], self.condition(state))
        state[self.moved], log_det = out
        return log_det

    def inverse(self, state: list[Tensor]) -> None:
        """Move the state back, in place of its member."""
        state[self.moved] = self.layer.inverse(state[self.moved], self.condition(state))


class Moved(NamedTuple):
    """What a chain makes of a state."""

    state: State
    log_dets: State
    """`[B]` for each member that is moved; these come first in a state."""


def run(moves: Sequence[Move], state: State, members: int) -> Moved:
    """The state after `moves`, which move its first `members` members."""
    now = list(state)
    log_dets = [member.new_zeros(len(member)) for member in state[:members]]
    for move in moves:
        log_dets[move.moved] = log_dets[move.moved] + move.forward(now)
    return Moved(tuple(now), tuple(log_dets))
