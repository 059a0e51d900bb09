"""Flows of several levels: squeeze, a chain and a split, level after level (Glow, arXiv 1807.03039, figure 2b)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from i2ibench.models.layers.chain import Chain
from i2ibench.models.layers.flow import State


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
    """Each of the state's members through all levels; the last one has no split.

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


def squeeze(z: Tensor) -> Tensor:
    """Each 2x2 patch to four channels: `[B, C, H, W]` to `[B, 4C, H/2, W/2]`, channel 4c + 2 dy + dx."""
    return F.pixel_unshuffle(z, 2)


def unsqueeze(z: Tensor) -> Tensor:
    """`squeeze` undone."""
    return F.pixel_shuffle(z, 2)
