"""How many channels StyleGAN's networks have at each size, by the shorter side of the maps."""

from __future__ import annotations

BOTTOM = 4
"""The shorter side of the smallest maps."""
SIDES = (32, 64, 128, 256, 512, 1024)
"""Shorter sides of pictures that there are networks for."""
LARGEST_TAP = 64
"""The shorter side of the largest maps that DeepI2I reads."""


def channels(side: int, base: int, max_dim: int) -> dict[int, int]:
    """Channels by the shorter side of the maps, 4 first, for pictures of the shorter side `side`: as many that side
    times channels is `base`, and at most `max_dim`."""
    return {BOTTOM << level: min(max(base // (BOTTOM << level), 1), max_dim) for level in range(levels(side))}


def levels(side: int) -> int:
    """How many sizes of maps there are from 4 to `side`, a power of two."""
    return (side // BOTTOM).bit_length()


def tap_sides(side: int) -> list[int]:
    """Shorter sides at which the discriminator's maps are read, largest first: 64, or a quarter of the pictures' where
    that is less, down to 4.

    For pictures of 256 these are the published 64, 32, 16, 8 and 4.
    """
    largest = min(side // 4, LARGEST_TAP)
    return [largest >> level for level in range(levels(largest))]
