"""Randomness of the generated worlds: splitmix64 as a counter-based hash, streams of draws, and noise textures.

splitmix64 is from Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014), figure 20.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
Floats = NDArray[np.float32]
Integers = NDArray[np.int32]

SIZE = 512
"""Texels along each side of a noise texture, a power of two; textures repeat without a seam."""

_GOLDEN, _FIRST, _SECOND, _WORD = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, (1 << 64) - 1


def key_hash(*key: int) -> int:
    """A 64-bit hash of the integers `key` (each from 0 to 2^64 - 1), in which order matters."""
    state = 0
    for part in key:
        state = _mix((state ^ part) + _GOLDEN & _WORD)
    return state


class Stream:
    """The draws that belong to a key: the n-th is a hash of (key, n). Streams of different keys are unrelated."""

    def __init__(self, *key: int) -> None:
        self._state = key_hash(*key)

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """A number in [low, high), of 24 random bits."""
        self._state = self._state + _GOLDEN & _WORD
        return low + (high - low) * ((_mix(self._state) >> 40) / 16777216.0)

    def integer(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self.uniform() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """True with `probability`."""
        return self.uniform() < probability

    def choice(self, items: Sequence[T]) -> T:
        """One of `items`, all equally likely."""
        return items[self.integer(0, len(items) - 1)]

    def weighted(self, items: Sequence[tuple[T, float]]) -> T:
        """One of `items`, each with its weight."""
        total = 0.0
        for _, weight in items:
            total += weight
        left = self.uniform() * total
        for item, weight in items:
            left -= weight
            if left < 0:
                return item
        return items[-1][0]


def hash_uniform(key: int, first: NDArray[np.int64], second: NDArray[np.int64]) -> Floats:
    """Numbers in [0, 1) that are a hash of (key, first, second), elementwise, with broadcasting."""
    state = first.astype(np.uint64) * np.uint64(_GOLDEN) + second.astype(np.uint64) * np.uint64(0xD1B54A32D192ED03)
    state = state + np.uint64(key_hash(key))
    state ^= state >> np.uint64(30)
    state *= np.uint64(_FIRST)
    state ^= state >> np.uint64(27)
    state *= np.uint64(_SECOND)
    state ^= state >> np.uint64(31)
    uniform: Floats = (state >> np.uint64(40)).astype(np.float32) * np.float32(1 / 16777216)
    return uniform


@cache
def texture(name: str) -> Floats:
    """A noise texture float32 `[SIZE, SIZE]` in [-1, 1].

    `cloud` has all scales from SIZE / 4 texels down, the large ones strongest; `leaf` is as strong at 16 texels as at
    2; `grain` has single texels and their neighbourhoods.
    """
    octaves = {
        "cloud": ((128, 0.42), (64, 0.25), (32, 0.15), (16, 0.09), (8, 0.05), (4, 0.04)),
        "leaf": ((32, 0.14), (16, 0.2), (8, 0.24), (4, 0.24), (2, 0.18)),
        "grain": ((8, 0.2), (4, 0.2), (2, 0.25), (1, 0.35)),
    }[name]
    total = np.zeros((SIZE, SIZE), np.float32)
    for cell, weight in octaves:
        total += np.float32(weight) * _value_noise(cell)
    return total


def lookup(name: str, u: Floats, v: Floats) -> Floats:
    """The nearest texel of texture `name` at (u, v), counted in texels; both must be above -8192."""
    column = (u + np.float32(8192)).astype(np.int32) & (SIZE - 1)
    row = (v + np.float32(8192)).astype(np.int32) & (SIZE - 1)
    found: Floats = texture(name).ravel()[row * SIZE + column]
    return found


def _mix(state: int) -> int:
    state = (state ^ state >> 30) * _FIRST & _WORD
    state = (state ^ state >> 27) * _SECOND & _WORD
    return state ^ state >> 31


def _value_noise(cell: int) -> Floats:
    """Random values in [-1, 1) at every `cell` texels, with smooth steps between them, periodic."""
    count = SIZE // cell
    nodes = np.arange(count, dtype=np.int64)
    values: Floats = hash_uniform(cell, nodes[:, None], nodes[None, :]) * np.float32(2) - np.float32(1)
    if cell == 1:
        return values
    texels = np.arange(SIZE)
    left, right = texels // cell, (texels // cell + 1) % count
    part = (texels % cell).astype(np.float32) / np.float32(cell)
    weight = part * part * (np.float32(3) - np.float32(2) * part)
    across = values[:, left] + (values[:, right] - values[:, left]) * weight[None, :]
    smooth: Floats = across[left] + (across[right] - across[left]) * weight[:, None]
    return smooth
