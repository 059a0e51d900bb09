"""How sure a score is: bootstrap intervals, the jackknife of groups, and the paired test of two methods.

- The interval of a mean over pictures is the percentile bootstrap (Efron, "Bootstrap Methods: Another Look at the
  Jackknife", 1979): what 95 % of `RESAMPLES` draws of as many pictures with replacement give. It speaks of other
  pictures of the same kind, not of another training. Of a dozen pictures it is somewhat too narrow.
- Scores of sets have no value a picture, and a picture drawn twice would be its own nearest neighbour. Their standard
  error leaves out a group of pictures at a time: Busing, Meijer and van der Leeden, "Delete-m Jackknife for Unequal m",
  1999, since groups by a hash of the name are of unequal size. The interval is then the normal one.
- The paired test flips the sign of pictures' differences: were both methods alike, either sign would be as likely.
  Holm, "A Simple Sequentially Rejective Multiple Test Procedure", 1979, corrects for several of them.

Every draw comes from a fixed key and values are sorted first, so nothing depends on the order of pictures or on shards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from i2ibench.models.method import generator, key_to_seed

Interval = tuple[float, float]

RESAMPLES = 1000
LEVEL = 0.95
"""How often an interval covers what it is of."""
GROUPS = 20
"""Groups of a jackknife: its standard error is then itself sure to about a sixth."""
FLIPS = 10_000
ENUMERATED_TO = 12
"""Differences up to which a paired test goes through all signs."""

_BLOCK = 100
"""Resamples at a time: all of them of 10,000 pictures would take 80 MB."""
_Z = 1.959963984540054
"""The standard normal distribution's 97.5th percentile."""


def mean_interval(values: Sequence[float]) -> Interval | None:
    """95 % bootstrap interval of the mean; None for fewer than two values, or where one is not finite."""
    return ratio_interval(values, [1] * len(values))


def ratio_interval(totals: Sequence[float], counts: Sequence[int]) -> Interval | None:
    """95 % bootstrap interval of `sum(totals) / sum(counts)`, a mean over pictures that come in clusters, say frames in
    sequences: clusters are drawn. `counts` are at least 1. None for fewer than two, or where a total is not finite.
    """
    if len(totals) < 2 or not all(map(math.isfinite, totals)):
        return None
    ordered = torch.tensor(sorted(zip(totals, counts, strict=True)), dtype=torch.float64)
    above, below = ordered.unbind(1)
    # Summed along rows, which unlike a matrix product gives the same bits whatever the number of threads.
    return percentile_interval(bootstrap(lambda drawn: (drawn * above).sum(1) / (drawn * below).sum(1), len(ordered)))


def bootstrap(score: Callable[[Tensor], Tensor], n: int) -> Tensor:
    """`score` of resamples of n things, `[RESAMPLES, ...]`.

    `score` takes float64 `[B, n]`, how often each of the things was drawn in each of B resamples, and gives `[B, ...]`.
    """
    draw = generator("bootstrap")
    found = []
    for _ in range(RESAMPLES // _BLOCK):
        drawn = torch.randint(n, (_BLOCK, n), generator=draw)
        times = torch.zeros(_BLOCK, n, dtype=torch.float64)
        found.append(score(times.scatter_add_(1, drawn, torch.ones_like(times))))
    return torch.cat(found)


def percentile_interval(values: Tensor) -> Interval | None:
    """The middle 95 % of `values` `[N]`, nan left out; None where fewer than two are left."""
    present = values[~values.isnan()].double()
    if len(present) < 2:
        return None
    low, high = torch.quantile(present, torch.tensor([(1 - LEVEL) / 2, (1 + LEVEL) / 2], dtype=torch.float64)).tolist()
    return low, high


def normal_interval(value: float, standard_error: float, within: Interval = (-math.inf, math.inf)) -> Interval:
    """95 % interval of a normal distribution, cut to where the score can be (`within`)."""
    reach = _Z * standard_error
    return max(value - reach, within[0]), min(value + reach, within[1])


def group_of(name: str, groups: int = GROUPS) -> int:
    """The group of a picture, by a hash of its name: the same in every shard and order."""
    return key_to_seed("jackknife group", name) % groups


def grouped_jackknife(without: Callable[[int], float], sizes: Sequence[int], whole: float) -> float | None:
    """Standard error of the score `whole` of pictures that fall into groups of `sizes`; None for fewer than two groups.

    `without(g)` is the score of the pictures left when group g is left out; it is not asked for empty groups. For a
    score of two independent sets take the square root of the summed squares of both sides' errors. Of a mean in groups
    of one it is the standard deviation over the root of n.
    """
    n = sum(sizes)
    groups = [group for group, size in enumerate(sizes) if size]
    if len(groups) < 2:
        return None
    left = {group: without(group) for group in groups}
    centre = len(groups) * whole - math.fsum((1 - sizes[group] / n) * left[group] for group in groups)
    squares = []
    for group in groups:
        share = n / sizes[group]
        pseudovalue = share * whole - (share - 1) * left[group]
        squares.append((pseudovalue - centre) ** 2 / (share - 1))
    return math.sqrt(math.fsum(squares) / len(groups))


def sign_flip_test(differences: Sequence[float]) -> float:
    """Two-sided p-value of `differences` of pairs having signs by chance, by their sum; at least one of them, finite.

    All signs are gone through up to `ENUMERATED_TO` differences. Above, `FLIPS` draws, the differences as they are
    counted among them: Phipson and Smyth, "Permutation P-values Should Never Be Zero", 2010.
    """
    # Their own signs matter to the bar alone, so that the two methods can change places.
    values = torch.tensor(sorted(map(abs, differences)), dtype=torch.float64)
    # Sums that are equal but for rounding count as equal.
    bar = abs(math.fsum(differences)) - 1e-12 * float(values.sum())
    as_far = sum(int(((signs * values).sum(1).abs() >= bar).sum()) for signs in _signs(len(values)))
    if len(values) <= ENUMERATED_TO:
        return float(as_far / 2 ** len(values))
    return (as_far + 1) / (FLIPS + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """`p_values` corrected for their number: calling those below a level is then as rarely wrong even once."""
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = highest
    return corrected


def _signs(n: int) -> Iterator[Tensor]:
    """Blocks of rows of n signs, float64 `[B, n]`."""
    if n <= ENUMERATED_TO:
        yield torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=torch.float64)] * n).reshape(-1, n)
        return
    draw = generator("sign flips")
    for _ in range(FLIPS // _BLOCK):
        yield torch.randint(2, (_BLOCK, n), generator=draw).double() * 2 - 1
