"""Backpropagation through a chain of flow layers that keeps its output alone (RevNet, arXiv 1707.04585, adapted).

Going backwards, each layer reads its parameters off its output, with a graph; inverts itself without one; and is run
forwards again from there to take its gradients. Networks are thus evaluated once more than in plain backpropagation,
not twice, and the memory for activations is that of one layer, whatever the depth.

Inputs are found again up to rounding, so gradients agree with plain ones to the accuracy of the inverse: not exactly,
and not at all where a flow is too ill-conditioned to be inverted.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from i2ibench.models.layers.flow import FlowLayer, Move, Moved, State, run


def run_reversible(moves: Sequence[Move], state: State) -> Moved:
    """The state after `moves`, to be differentiated backwards through their inverses."""
    parameters = [p for move in moves for p in _trainable(move.layer)]
    members = 1 + max(move.moved for move in moves)
    out: State = _Reversible.apply(moves, members, len(state), *state, *parameters)
    return Moved((*out[:members], *state[members:]), out[members:])


class _Reversible(torch.autograd.Function):
    """(moves, members moved, size of the state, *state, *parameters) to (*members moved, *their log-determinants)."""

    @staticmethod
    def forward(ctx: Any, moves: Sequence[Move], members: int, size: int, *tensors: Tensor) -> State:
        moved = run(moves, tensors[:size], members)
        ctx.moves, ctx.members, ctx.autocast = moves, members, _Autocast(tensors[0].device.type)
        ctx.wanted = [member.requires_grad for member in tensors[:size]]
        ctx.save_for_backward(*moved.state)
        return (*moved.state[:members], *moved.log_dets)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        walk = _Walk(ctx.saved_tensors, gradients, ctx.members, ctx.wanted)
        with ctx.autocast():
            for move in reversed(ctx.moves):
                walk.back(move)
        return None, None, None, *walk.gradients, *reversed(walk.parameters)


class _Walk:
    """The state on its way back, and the gradients with respect to it and to the parameters passed so far."""

    def __init__(self, state: State, gradients: State, members: int, wanted: list[bool]) -> None:
        self.state = list(state)
        self.members = members
        self.gradients: list[Tensor | None] = [*gradients[:members], *[None] * (len(state) - members)]
        self.log_dets = gradients[members:]
        self.wanted = [*[True] * members, *wanted[members:]]
        self.parameters: list[Tensor | None] = []
        """Of the trainable parameters, the last first."""

    def back(self, move: Move) -> None:
        """Put the input of `move` in place of its output, and add its gradients."""
        leaves = [member.detach().requires_grad_(self.wanted[i]) for i, member in enumerate(self.state)]
        out, parameters = leaves[move.moved], _trainable(move.layer)
        with torch.enable_grad():
            read = move.layer.read(out, move.condition(leaves))
        z = move.layer.invert_by(out.detach(), tuple(part.detach() for part in read)).requires_grad_()
        with torch.enable_grad():
            made = move.layer.transform_by(z, read)
        given = [member for member in move.given if self.wanted[member]]
        inputs = [z, out, *(leaves[member] for member in given), *parameters]
        # what was read off the output's kept half is counted there: it is the input's as well
        outs = [
            (one, gradient)
            for one, gradient in zip(made, (self.gradients[move.moved], self.log_dets[move.moved]), strict=True)
            if one.requires_grad  # the log-determinant of an additive coupling is constant
        ]
        # outside autocast, as plain backpropagation is: it would take the exact transforms' gradients in bf16
        with torch.autocast(out.device.type, enabled=False):
            by_z, by_out, *others = torch.autograd.grad(
                [one for one, _ in outs], inputs, [gradient for _, gradient in outs], allow_unused=True
            )
        self.gradients[move.moved] = by_z if by_out is None else by_z + by_out
        for member, gradient in zip(given, others, strict=False):
            self.gradients[member] = _sum(self.gradients[member], gradient)
        self.parameters.extend(reversed(others[len(given) :]))
        self.state[move.moved] = z.detach()


class _Autocast:
    """Autocast as it is now, for the backward pass, where autograd leaves it off."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.enabled = torch.is_autocast_enabled(device)
        self.dtype = torch.get_autocast_dtype(device)

    def __call__(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device, dtype=self.dtype, enabled=self.enabled, cache_enabled=False)


def _trainable(layer: FlowLayer) -> list[Tensor]:
    return [p for p in layer.parameters() if p.requires_grad]


def _sum(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    return other if one is None else one if other is None else one + other
