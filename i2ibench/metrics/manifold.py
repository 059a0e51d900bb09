"""Fidelity and diversity apart: do outputs lie where real targets do, and do they lie wherever real targets do?

Precision and recall are Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models",
arXiv:1904.06991, equations 1 and 2, with k = 3. Density and coverage are Naeem et al., "Reliable Fidelity and Diversity
Metrics for Generative Models", arXiv:2002.09797, equations 3 and 4, with k = 5. All four ask which pictures lie in the
balls around the others, each ball as wide as it is to its centre's k-th nearest neighbour in the centre's own set.

- A picture is not its own neighbour, and a point on the sphere is inside, as in torch-fidelity's `prc`. Naeem et al.'s
  code leaves the sphere out; features of different pictures are hardly ever on it. Outputs that are copies of real
  targets are: of a copied set the density is 1 + 1/k here and 1 there (and, where the network rounds the same picture
  differently in another batch, between the two).
- Distances are exact on features rounded to at most 2^-24 of the longest feature vector, about what float32 keeps of
  it (see `on_grid`), so a score depends neither on the order of pictures nor on the blocks it is computed in.
- All four move with the number of pictures on both sides: two equal distributions have a density of 1, but less
  than 1 of everything else. Compare with the row of real pictures, never with 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch
from torch import Tensor

from i2ibench.metrics import extractors, statistics
from i2ibench.metrics.metric import Setting
from i2ibench.metrics.sets import SetMetric
from i2ibench.protocol import Score

PRECISION_NEIGHBOURS = 3
DENSITY_NEIGHBOURS = 5
FEWEST = DENSITY_NEIGHBOURS + 2
"""Pictures a set: one, its neighbours, and one more to be left out for the standard error."""
BLOCK = 1024
BOUNDS = {"precision": (0, 1), "recall": (0, 1), "density": (0, math.inf), "coverage": (0, 1)}
"""Between which values each score lies."""


@dataclass(frozen=True)
class Estimate:
    """A value and its standard error."""

    value: float
    standard_error: float


class ManifoldScores(SetMetric):
    """The four scores on the features of `extractor`; the metrics below name one each.

    Standard errors are the delete-one jackknife over the pictures of both sides, taken as independent. Its square is
    no smaller on average than the variance of one picture fewer (Efron and Stein, "The jackknife estimate of variance",
    1981), even of statistics as rough as these. It is larger: on Gaussian features by 1.1 to 1.3 times for density,
    1.3 to 1.8 for precision and recall, 1.5 to 2.2 for coverage. A bootstrap would be wrong: a picture drawn twice is
    its own nearest neighbour.
    """

    @classmethod
    def unavailable(cls, setting: Setting) -> str | None:
        """Besides the usual reasons: enough pictures for the neighbours."""
        if min(setting.n, setting.n_reference) < FEWEST:
            return (
                f"{setting.n} outputs against {setting.n_reference} real targets: each set needs {FEWEST} pictures, "
                f"for {DENSITY_NEIGHBOURS} neighbours and a standard error"
            )
        return super().unavailable(setting)

    def compute(self) -> tuple[Score, ...]:
        """Precision, recall, density and coverage."""
        outputs, targets = self.sides()
        estimates = manifold_scores(outputs, targets)
        neighbours = [PRECISION_NEIGHBOURS] * 2 + [DENSITY_NEIGHBOURS] * 2
        return tuple(
            Score(
                name=column,
                value=estimate.value,
                standard_error=estimate.standard_error,
                interval=statistics.normal_interval(
                    estimate.value, estimate.standard_error, BOUNDS[column.split("_")[0]]
                ),
                n=len(outputs),
                higher_is_better=higher,
                protocol=self.setting.protocol(
                    self.name,
                    reference=self.setting.reference,
                    reference_hash=self.setting.reference_hash,
                    n_reference=len(targets),
                    neighbours=f"{k} of the same set besides itself, sphere included",
                    **extractors.fields(self.extractor),
                ),
            )
            for (column, higher), estimate, k in zip(self.columns.items(), estimates, neighbours, strict=True)
        )


class PRDC(ManifoldScores):
    """Precision, recall, density and coverage on Inception features."""

    name = "prdc"
    title = "Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020), Inception-v3"
    columns: ClassVar = {"precision": True, "recall": True, "density": True, "coverage": True}
    extractor = "inception-v3-compat"
    weights = ("inception",)


@lru_cache
def prdc(extractor: str) -> type[ManifoldScores]:
    """`prdc_<extractor>`: the same on another network's features. Never comparable with those on Inception's."""
    title = f"Precision, recall, density and coverage on the features of {extractor}; not those on Inception's"
    columns = {f"{column}_{extractor}": higher for column, higher in PRDC.columns.items()}
    return ManifoldScores.on(extractor, f"prdc_{extractor}", title, columns)


def manifold_scores(outputs: Tensor, targets: Tensor) -> tuple[Estimate, Estimate, Estimate, Estimate]:
    """Precision, recall, density and coverage of features `[N, d]` against `[M, d]`; N and M at least `FEWEST`."""
    fake, real = on_grid(outputs, targets)
    near_real = nearest_others(real, DENSITY_NEIGHBOURS + 1)
    near_fake = nearest_others(fake, PRECISION_NEIGHBOURS + 1)
    precision = share_inside(fake, Balls(real, near_real, PRECISION_NEIGHBOURS))
    recall = share_inside(real, Balls(fake, near_fake, PRECISION_NEIGHBOURS))
    return precision, recall, *density_and_coverage(fake, Balls(real, near_real, DENSITY_NEIGHBOURS))


def on_grid(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Features as whole numbers in float64, both sets in one unit, such that squared distances are exact.

    The unit is the power of two by which the longest feature vector is between 2^24 and 2^25 long. Every partial sum of
    an inner product is then a whole number of at most about 2^50, and a squared distance one below 2^53, which float64
    holds exactly in whatever order a matrix product adds. No entry moves by more than half a unit.
    """
    longest = max(float(rows.double().norm(dim=1).max()) for rows in (first, second))
    scale = 2.0 ** (25 - math.frexp(longest)[1])
    return (first.double() * scale).round(), (second.double() * scale).round()


def squared_distances(first: Tensor, second: Tensor) -> Tensor:
    """`[N, M]` between rows of `on_grid`, exact; 0 between equal rows and only there."""
    return first.square().sum(1)[:, None] + second.square().sum(1) - 2 * first @ second.T


def nearest_others(rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Squared distances and indices, both `[N, count]`, of each row's nearest others, the nearest first."""
    found = []
    for start, block in _blocks(rows):
        distances = squared_distances(block, rows)
        distances[torch.arange(len(block)), torch.arange(start, start + len(block))] = math.inf
        found.append(distances.topk(count, largest=False))
    return torch.cat([part.values for part in found]), torch.cat([part.indices for part in found])


class Balls:
    """The balls around `centres` that reach to the k-th nearest other."""

    def __init__(self, centres: Tensor, nearest: tuple[Tensor, Tensor], k: int) -> None:
        """`nearest` as `nearest_others` gives it, at least k + 1 of them."""
        distances, indices = nearest
        self.centres, self.k = centres, k
        self.radii = distances[:, k - 1]
        """Squared, `[N]`."""
        self.grown = distances[:, k]
        """Squared radii, `[N]`, once one of the k neighbours is left out."""
        self.neighbours = indices[:, :k]

    def over_neighbours(self, values: Tensor) -> Tensor:
        """`[..., N]`: for each centre, the sum of `values` `[..., N]` of the balls that grow when it is left out."""
        total = torch.zeros_like(values)
        for column in self.neighbours.unbind(1):
            total.index_add_(-1, column, values)
        return total


def share_inside(points: Tensor, balls: Balls) -> Estimate:
    """The share of points in at least one ball: precision, or recall with the sides exchanged."""
    inside, kept_without = [], torch.zeros(len(balls.centres), dtype=torch.float64)
    for _, block in _blocks(points):
        distances = squared_distances(block, balls.centres)
        hit = distances <= balls.radii
        hits = hit.sum(1)
        inside.append(hits > 0)
        # Only points in one ball can fall out, and only points in none can come in, when a centre is left out.
        loose = hits <= 1
        entered = balls.over_neighbours((distances[loose] <= balls.grown).float()) > 0
        kept_without += ((hits[loose, None] - hit[loose].long() > 0) | entered).sum(0) + (~loose).sum()
    within = torch.cat(inside).double()
    n, total = len(within), within.sum()
    return _estimate(total / n, (total - within) / (n - 1), kept_without / n)


def density_and_coverage(points: Tensor, balls: Balls) -> tuple[Estimate, Estimate]:
    """Balls that a point is in on average, over k; and the share of balls that hold a point."""
    hits, n, m = [], len(points), len(balls.centres)
    held, held_grown, finder = (torch.zeros(m, dtype=torch.float64) for _ in range(3))
    for start, block in _blocks(points):
        distances = squared_distances(block, balls.centres)
        hit = (distances <= balls.radii).double()
        hits.append(hit.sum(1))
        held += hit.sum(0)
        held_grown += (distances <= balls.grown).sum(0)
        finder += torch.arange(start, start + len(block), dtype=torch.float64) @ hit  # the point where it is but one
    per_point = torch.cat(hits)
    total = held.sum()
    density = _estimate(
        total / (balls.k * n),
        (total - per_point) / (balls.k * (n - 1)),
        (total - held + balls.over_neighbours(held_grown - held)) / (balls.k * n),
    )
    full, full_grown = (held > 0).double(), (held_grown > 0).double()
    lost = torch.bincount(finder[held == 1].long(), minlength=n)
    coverage = _estimate(
        full.sum() / m,
        (full.sum() - lost) / m,
        (full.sum() - full + balls.over_neighbours(full_grown - full)) / (m - 1),
    )
    return density, coverage


def _estimate(whole: Tensor, *without: Tensor) -> Estimate:
    """The value, and its jackknife error from the values with each picture of a side left out."""
    variance = sum(float((side - whole).square().sum()) * (len(side) - 1) / len(side) for side in without)
    return Estimate(float(whole), math.sqrt(variance))


def _blocks(rows: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Blocks of rows, each with the number of its first."""
    return ((start, rows[start : start + BLOCK]) for start in range(0, len(rows), BLOCK))
