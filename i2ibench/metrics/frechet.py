"""Fréchet distances: of the two Gaussians fitted to the features of outputs and of real targets.

FID is Heusel et al., "GANs Trained by a Two Time-Scale Update Rule", arXiv:1706.08500, section 5, by the arithmetic of
torch-fidelity on its own network. On EfficientNet-Lite0 features it is another metric with another name.

The standard error is that of other outputs against the same targets, by the jackknife of groups. It is of the scatter
alone: on a few hundred pictures the distance is biased upwards by more than it scatters, so with fewer than
`RANKED_FROM` pictures on a side the number is shown and ranks nobody: the kernel distance does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar

import torch
from torch import Tensor

from i2ibench.metrics import extractors, statistics
from i2ibench.metrics.sets import SetMetric
from i2ibench.protocol import Score

RANKED_FROM = 2048
"""Pictures on each side from which a Fréchet distance ranks: with fewer, Inception's covariances are singular."""


class FrechetDistance(SetMetric):
    """The Fréchet distance on the features of `extractor`; the metrics below name one each."""

    def compute(self) -> tuple[Score, ...]:
        """One score."""
        outputs, reals = self.sides()
        names, targets = sorted(self.outputs), Gaussian.of(reals)
        value = frechet_distance(targets, Gaussian.of(outputs))
        error = _standard_error(targets, outputs, [statistics.group_of(name) for name in names], value)
        return (
            Score(
                name=self.name,
                value=value,
                standard_error=error,
                interval=None if error is None else statistics.normal_interval(value, error, (0, math.inf)),
                n=len(outputs),
                higher_is_better=False,
                ranks=min(len(self.outputs), len(self.targets)) >= RANKED_FROM,
                protocol=self.setting.protocol(
                    self.name,
                    reference=self.setting.reference,
                    reference_hash=self.setting.reference_hash,
                    n_reference=len(self.targets),
                    **extractors.fields(self.extractor),
                ),
            ),
        )


class FID(FrechetDistance):
    """Fréchet Inception distance."""

    name = "fid"
    title = "Fréchet distance on Inception-v3 features (Heusel et al. 2017), as torch-fidelity computes it"
    columns: ClassVar = {"fid": False}
    extractor = "inception-v3-compat"
    weights = ("inception",)


@lru_cache
def fd(extractor: str) -> type[FrechetDistance]:
    """`fd_<extractor>`: the Fréchet distance on another network's features. Never comparable with FID."""
    title = f"Fréchet distance on the features of {extractor}; not FID"
    return FrechetDistance.on(extractor, f"fd_{extractor}", title)


@dataclass(frozen=True)
class Gaussian:
    """The Gaussian fitted to features, in float64."""

    mean: Tensor
    """`[d]`."""
    root: Tensor | None = None
    """`A [d, n]` with `A A^T` the unbiased covariance, of no more pictures than dimensions: it is at hand without the
    covariance, which is singular."""
    covariance: Tensor | None = None
    """`[d, d]`, unbiased, of more pictures."""

    @classmethod
    def of(cls, features: Tensor) -> Gaussian:
        """Of features `[N, d]`."""
        n, dimension = features.shape
        if n > dimension:
            return _Sums.of(features).gaussian()
        mean = features.double().mean(0)
        return cls(mean, root=(features.double() - mean).T / math.sqrt(n - 1))

    @cached_property
    def factor(self) -> Tensor:
        """`A [d, r]` with `A A^T` the covariance: the root at hand, or by symmetric eigenvalues."""
        if self.root is not None:
            return self.root
        assert self.covariance is not None
        values, vectors = torch.linalg.eigh(self.covariance)
        real = values > values[-1] * len(values) * torch.finfo(values.dtype).eps
        factor: Tensor = vectors[:, real] * values[real].sqrt()
        return factor


def frechet_distance(first: Gaussian, second: Gaussian) -> float:
    """`|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))`, Heusel et al. 2017, equation 6.

    With `S1 = A A^T` the eigenvalues of `S1 S2` are those of the symmetric `A^T S2 A`, which has only as many rows as
    `A` has columns; with `S2 = B B^T` at hand too, their roots are the singular values of `A^T B`, whose sum is its
    nuclear norm. Both are as exact as the root of the product, and much quicker the fewer pictures there are.
    """
    if first.root is None and second.root is not None:
        first, second = second, first
    factor = first.factor
    if second.root is not None:
        traces = factor.square().sum() + second.root.square().sum()
        cross = torch.linalg.svdvals(factor.T @ second.root).sum()
    else:
        assert second.covariance is not None
        traces = factor.square().sum() + second.covariance.trace()
        cross = torch.linalg.eigvalsh(factor.T @ second.covariance @ factor).clamp(min=0).sqrt().sum()
    return float((first.mean - second.mean).square().sum() + traces - 2 * cross)


def _standard_error(targets: Gaussian, outputs: Tensor, groups: Sequence[int], whole: float) -> float | None:
    """How far the distance of `outputs` `[N, d]` would move with other ones, to the same targets."""
    of_group = torch.tensor(groups)
    sums = None if len(outputs) <= outputs.shape[1] else _Sums.of(outputs)

    def without(group: int) -> float:
        if sums is None:
            return frechet_distance(targets, Gaussian.of(outputs[of_group != group]))
        return frechet_distance(targets, (sums - _Sums.of(outputs[of_group == group])).gaussian())

    sizes = torch.bincount(of_group, minlength=statistics.GROUPS).tolist()
    return statistics.grouped_jackknife(without, sizes, whole)


@dataclass(frozen=True)
class _Sums:
    """What a Gaussian of many features follows from, in float64."""

    n: int
    total: Tensor
    """`[d]`, the sum of the features."""
    products: Tensor
    """`[d, d]`, the sum of their outer products."""

    @classmethod
    def of(cls, features: Tensor) -> _Sums:
        """Of features `[N, d]`, a block at a time: in float64 all would take twice their memory."""
        dimension = features.shape[1]
        total = features.new_zeros(dimension, dtype=torch.float64)
        products = features.new_zeros(dimension, dimension, dtype=torch.float64)
        for block in torch.split(features, 4096):
            exact = block.double()
            total += exact.sum(0)
            products.addmm_(exact.T, exact)
        return cls(len(features), total, products)

    def __sub__(self, other: _Sums) -> _Sums:
        return _Sums(self.n - other.n, self.total - other.total, self.products - other.products)

    def gaussian(self) -> Gaussian:
        mean = self.total / self.n
        return Gaussian(mean, covariance=(self.products - self.n * torch.outer(mean, mean)) / (self.n - 1))
