"""How far a score may move before it has moved: the spread of a baseline, and the tolerance that follows from it.

The spread between trainings that differ in their seed alone is estimated from the baseline and never from what is
being checked, so that a method which has become erratic cannot excuse itself.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from i2ibench.protocol import Score

UNKNOWN_SPREAD = 0.05
"""Of the mean: stands in for the spread where the baseline has one seed and the metric no standard error."""

NUMERICAL_NOISE = 1e-3
"""Of the mean: what another processor or library version may change, however small the spread."""

GUESSED = f"{UNKNOWN_SPREAD:.0%} of the value"
"""The basis of a tolerance that stands on `UNKNOWN_SPREAD`."""


class Tolerance(NamedTuple):
    """What a mean may differ by, and from what that was judged."""

    mean: float
    spread: float | None
    """Sample standard deviation over the baseline's seeds; None for one seed."""
    allowed: float
    basis: str


def tolerance(baseline: Sequence[Score], seeds_now: int, k: float) -> Tolerance:
    """How far the mean of `seeds_now` seeds may lie from that of `baseline`, finite values of one score, one a seed.

    `k` sigma sqrt(1/m + 1/p) for m seeds then and p now: k standard deviations of the difference of two means. Sigma is
    the sample standard deviation s over the baseline's seeds, but s of few seeds is often far too small: k grows to
    `widened(k, m - 1)`. Seeds may also agree by luck, so the metric's standard error over pictures (of one value: the
    baseline's mean of them) is a floor under sigma; for one seed it stands in for s. See the constants for the rest.
    """
    values = [score.value for score in baseline if score.value is not None]
    errors = [score.standard_error for score in baseline if score.standard_error is not None]
    mean = statistics.mean(values)
    spread = statistics.stdev(values) if len(values) > 1 else None
    error = statistics.mean(errors) if errors and all(map(math.isfinite, errors)) else None
    judged = {}
    if spread is not None:
        judged[f"spread of {len(values)} seeds"] = widened(k, len(values) - 1) * spread
    if error is not None:
        judged["standard error"] = k * error
    if not judged:
        judged[GUESSED] = k * UNKNOWN_SPREAD * abs(mean)
    basis = max(judged, key=lambda name: judged[name])
    allowed = judged[basis] * math.sqrt(1 / len(values) + 1 / seeds_now)
    noise = NUMERICAL_NOISE * abs(mean)
    return (
        Tolerance(mean, spread, allowed, basis)
        if allowed >= noise
        else Tolerance(mean, spread, noise, "numerical noise")
    )


def widened(k: float, degrees: int) -> float:
    """The factor that k standard deviations become when the deviation is estimated with `degrees` of freedom.

    The first term of Fisher's expansion of Student's t about the normal quantile, k + (k^3 + k) / (4 degrees). For
    k = 3: 10.5 for two seeds, 6.75 for three, 4.9 for five, 3.8 for ten. Student's own quantile for two seeds, 235,
    would let anything pass.
    """
    return k + (k**3 + k) / (4 * degrees)
