"""How many channels BigGAN's networks have at each size, by the shorter side of the pictures."""

from __future__ import annotations

BOTTOM = 4
"""The shorter side of the smallest maps."""

_GENERATOR = {
    32: (4, 4, 4, 4),
    64: (16, 16, 8, 4, 2),
    128: (16, 16, 8, 4, 2, 1),
    256: (16, 16, 8, 8, 4, 2, 1),
}
"""Channels over `ch` at the sides 4, 8 ... to the pictures' own."""
_DISCRIMINATOR = {
    32: (4, 4, 4, 4),
    64: (1, 2, 4, 8, 16),
    128: (1, 2, 4, 8, 16, 16),
    256: (1, 2, 4, 8, 8, 16, 16),
}
"""Channels over `ch` at half the pictures' side and on down to 4, where there are two blocks."""
SIDES = tuple(_GENERATOR)
"""Shorter sides of pictures that there are networks for."""


def generator_channels(side: int, ch: int) -> dict[int, int]:
    """Channels by the shorter side of the maps, smallest first, for pictures of the shorter side `side`."""
    return {BOTTOM << level: ch * times for level, times in enumerate(_GENERATOR[side])}


def discriminator_blocks(side: int, ch: int) -> list[tuple[int, int]]:
    """The shorter side and the channels of each block's output, first to last."""
    channels = [ch * times for times in _DISCRIMINATOR[side]]
    return [(max(side >> level, BOTTOM), one) for level, one in enumerate(channels, start=1)]


def tap_sides(side: int) -> list[int]:
    """Shorter sides at which the discriminator's maps are read, largest first: a quarter of the pictures' down to 4.

    For pictures of 128 these are the published 32, 16, 8 and 4.
    """
    return [one for one, _ in discriminator_blocks(side, 1)[1:-1]]


def attention_channels(side: int, ch: int, attention: int) -> list[int]:
    """Channels of the maps of the shorter side `attention` in either network, where it has a block that gives them."""
    found = [channels for at, channels in generator_channels(side, ch).items() if at == attention != BOTTOM]
    return found + [channels for at, channels in discriminator_blocks(side, ch)[:-1] if at == attention]
