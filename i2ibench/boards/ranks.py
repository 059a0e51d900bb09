"""Standings in a column, with ties where the numbers do not decide.

Only summary numbers are at hand here, so two methods are compared as if their pictures were drawn apart. They are
scored on the same pictures, of which the paired test of `i2ibench compare` makes use: it may tell apart what ties here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

BEYOND_DOUBT = 1.96
"""Standard errors that a difference must exceed: the normal distribution's two-sided 5 %."""


@dataclass(frozen=True)
class Measured:
    """A method's mean in a column, and how far it can be trusted."""

    mean: float
    """Not NaN."""
    variance: float | None
    """Of the mean, over training seeds and over pictures; None where neither is known."""


def ranks(column: Sequence[Measured | None], higher_is_better: bool) -> list[int | None]:
    """One more than the number of others that are better beyond doubt; None where there is None.

    Equal for all that nothing beats so. A number of little certainty is hard to beat, so it may stand above a mean
    that is better than its own.
    """
    contenders = [one for one in column if one is not None]
    return [
        None if one is None else 1 + sum(beats(other, one, higher_is_better) for other in contenders) for one in column
    ]


def beats(one: Measured, other: Measured, higher_is_better: bool) -> bool:
    """Whether `one` is better than `other` by more than `BEYOND_DOUBT` standard errors of their difference.

    A variance that is not known counts as none; where neither is known, the better number wins.
    """
    if one.mean == other.mean:
        return False  # infinities have no difference
    gain = one.mean - other.mean if higher_is_better else other.mean - one.mean
    return gain > BEYOND_DOUBT * math.sqrt((one.variance or 0.0) + (other.variance or 0.0))
