"""Ranges of pictures' values."""

from __future__ import annotations

from torch import Tensor


def unit(pictures: Tensor) -> Tensor:
    """[-1, 1] to [0, 1]: 8-bit values become k/255."""
    return (pictures + 1) / 2
