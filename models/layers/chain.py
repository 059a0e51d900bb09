"""Chains of flow steps, and the three ways for gradients to get at their activations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from i2ibench.models.layers.flow import Move, Moved, State, run
from i2ibench.models.layers.reversible import run_reversible

Backward = Literal["plain", "checkpointed", "reversible"]
"""Activations are kept, computed again from each step's input, or computed again from the chain's output."""

Step = Sequence[Move]
"""The moves between two checkpoints: a flow step of the paper."""


class Chain:
    """Flow steps one after the other. It holds no parameters: the modules that it is made of are their owner's."""

    def __init__(self, steps: Sequence[Step], backward: Backward = "plain") -> None:
        if backward not in get_args(Backward):
            raise ValueError(f"backward must be one of {', '.join(get_args(Backward))}, found {backward!r}")
        self.steps = steps
        self.backward = backward
        self.members = 1 + max(move.moved for step in steps for move in step)

    def __call__(self, *state: Tensor) -> Moved:
        """The state moved through all steps."""
        if self.backward == "reversible" and torch.is_grad_enabled():
            return run_reversible([move for step in self.steps for move in step], state)
        log_dets: State = tuple(member.new_zeros(len(member)) for member in state[: self.members])
        for step in self.steps:
            if self.backward == "checkpointed" and torch.is_grad_enabled():
                moved: Moved = checkpoint(run, step, state, self.members, use_reentrant=False, preserve_rng_state=False)
            else:
                moved = run(step, state, self.members)
            state = moved.state
            log_dets = tuple(total + one for total, one in zip(log_dets, moved.log_dets, strict=True))
        return Moved(state, log_dets)

    def inverse(self, *state: Tensor) -> State:
        """The state of which a call makes this one."""
        members = list(state)
        for move in self.backwards():
            move.inverse(members)
        return tuple(members)

    def initialize(self, *state: Tensor) -> State:
        """Initialise each layer by the data that reaches it, and move these on."""
        members = list(state)
        for step in self.steps:
            for move in step:
                move.layer.initialize(members[move.moved], move.condition(members))
                move.forward(members)
        return tuple(members)

    def backwards(self) -> Iterator[Move]:
        """All moves, the last first."""
        return (move for step in reversed(self.steps) for move in reversed(step))
