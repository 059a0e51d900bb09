"""Chains of flow steps, the three ways for gradients to get at their activations, and flows of several levels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple, cast, get_args

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from i2ibench.models.layers.flow import Move, Moved, State, squeeze, unsqueeze
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
                moved: Moved = checkpoint(self.run, step, state, use_reentrant=False, preserve_rng_state=False)
            else:
                moved = self.run(step, state)
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

    def run(self, step: Step, state: State) -> Moved:
        """The state moved through one step."""
        members = list(state)
        log_dets = [member.new_zeros(len(member)) for member in state[: self.members]]
        for move in step:
            log_dets[move.moved] = log_dets[move.moved] + move.forward(members)
        return Moved(tuple(members), tuple(log_dets))

    def backwards(self) -> Iterator[Move]:
        """All moves, the last first."""
        return (move for step in reversed(self.steps) for move in reversed(step))


class Split(NamedTuple):
    """What a level sends out of the flow, and what it goes on with (nothing at the last level)."""

    kept: Tensor | None
    latent: Tensor


class Encoded(NamedTuple):
    """What a flow of several levels makes of a state."""

    levels: tuple[tuple[Split, ...], ...]
    """Of each member that is moved, what came out at each level."""
    log_dets: State
    """`[B]` of each of them."""

    def latents(self, member: int = 0) -> list[Tensor]:
        """A member's latents, the last level's last."""
        return [split.latent for split in self.levels[member]]


def encode(chains: Sequence[Chain], members: State, given: Sequence[State] = ()) -> Encoded:
    """Squeeze, a chain and a split, level after level; at the last one no split (Glow, section 3, figure 2b).

    `given[i]` are the members of the state that level i is conditional on and leaves alone.
    """
    splits: list[list[Split]] = [[] for _ in members]
    log_dets = tuple(member.new_zeros(len(member)) for member in members)
    for level, chain in enumerate(chains):
        moved = chain(*map(squeeze, members), *(given[level] if given else ()))
        log_dets = tuple(total + one for total, one in zip(log_dets, moved.log_dets, strict=True))
        if level == len(chains) - 1:
            outs = [Split(None, member) for member in moved.state[: chain.members]]
        else:
            outs = [Split(*member.chunk(2, 1)) for member in moved.state[: chain.members]]
            members = tuple(cast(Tensor, out.kept) for out in outs)
        for member, out in zip(splits, outs, strict=True):
            member.append(out)
    return Encoded(tuple(map(tuple, splits)), log_dets)


def initialize(chains: Sequence[Chain], members: State, given: Sequence[State] = ()) -> None:
    """Initialise every layer of all levels by the data that reaches it."""
    for level, chain in enumerate(chains):
        state = chain.initialize(*map(squeeze, members), *(given[level] if given else ()))
        members = tuple(member.chunk(2, 1)[0] for member in state[: chain.members])


def latent_shapes(picture: tuple[int, int, int], levels: int) -> list[tuple[int, int, int]]:
    """Channels, height and width of the latents of a picture of such, the last level's last."""
    channels, height, width = picture
    return [(channels << level + (level == levels), height >> level, width >> level) for level in range(1, levels + 1)]


def decode(
    chains: Sequence[Chain], latent: Callable[[int, Tensor | None], Tensor], given: Sequence[State] = ()
) -> Tensor:
    """The one member whose latents these are: `latent(level, kept)`, asked for from the last level on."""
    z: Tensor | None = None
    for level in reversed(range(len(chains))):
        split = latent(level, z)
        z = split if z is None else torch.cat([z, split], 1)
        z = unsqueeze(chains[level].inverse(z, *(given[level] if given else ()))[0])
    assert z is not None
    return z
