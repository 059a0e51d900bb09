from __future__ import annotations

import itertools
import math
import statistics

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

from i2ibench import registry
from i2ibench.metrics.frechet import RANKED_FROM, FrechetDistance, Gaussian, fd, frechet_distance
from i2ibench.metrics.metric import Setting
from i2ibench.task import Resolution


def features(count: int, dimension: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    mixing = torch.randn(dimension, dimension, generator=draw) / math.sqrt(dimension)
    return torch.randn(count, dimension, generator=draw) @ mixing * scale + shift


@pytest.mark.parametrize("count", [300, 40, 3])  # more, fewer and far fewer pictures than features
def test_equals_torch_fidelity(count: int) -> None:
    first, second = features(count, 64, 1, shift=0.4), features(count + 5, 64, 2, scale=1.5)
    statistics = [fid_features_to_statistics(rows) for rows in (first, second)]
    wanted = fid_statistics_to_metric(*statistics, verbose=False)[KEY_METRIC_FID]
    assert frechet_distance(Gaussian.of(first), Gaussian.of(second)) == pytest.approx(wanted, rel=1e-6)
    assert frechet_distance(Gaussian.of(second), Gaussian.of(first)) == pytest.approx(wanted, rel=1e-6)


def test_closed_form_of_independent_features() -> None:
    """For diagonal covariances the distance is the sum over features of (m1 - m2)^2 + (s1 - s2)^2."""
    corners = torch.tensor([[a, b] for a in (-1.0, 1.0) for b in (-1.0, 1.0)])
    first, second = corners * torch.tensor([1.0, 2.0]), corners * torch.tensor([4.0, 2.0]) + torch.tensor([3.0, 0.0])
    unbiased = 4 / 3
    wanted = 3.0**2 + unbiased * (1 - 4) ** 2
    assert frechet_distance(Gaussian.of(first), Gaussian.of(second)) == pytest.approx(wanted, rel=1e-12)


def test_a_set_is_at_no_distance_from_itself() -> None:
    rows = Gaussian.of(features(50, 32, 3))
    assert abs(frechet_distance(rows, rows)) < 1e-9


@settings(deadline=None, max_examples=25)
@given(cuts=st.lists(st.integers(0, 30), max_size=4))
def test_shards_merge_to_the_whole(cuts: list[int]) -> None:
    rows = features(30, 8, 4, shift=100)  # far from zero, where sums of squares would lose digits in float32
    targets = features(30, 8, 5, shift=100)
    whole, merged = metric(rows, targets), metric()
    for start, stop in itertools.pairwise([0, *sorted(cuts), 30]):
        part = metric()
        keep(part.outputs, rows, range(start, stop))
        keep(part.targets, targets, range(30 - stop, 30 - start))
        part.merge(merged)
        merged = part
    assert merged.compute() == whole.compute()


def test_the_gaussian_is_that_of_the_features() -> None:
    for count in (6, 8, 5000):
        rows = features(count, 8, 4, shift=100)
        found = Gaussian.of(rows)
        torch.testing.assert_close(found.mean, rows.double().mean(0), rtol=1e-9, atol=1e-9)
        covariance = found.factor @ found.factor.T
        torch.testing.assert_close(covariance, torch.cov(rows.double().T), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("count", "dimension"), [(120, 4), (60, 80)])
def test_the_standard_error_is_how_far_other_outputs_move_the_distance(count: int, dimension: int) -> None:
    targets, drawn = features(400, dimension, 1), features(40 * count, dimension, 2, shift=0.3).split(count)
    scores = [metric(rows, targets).compute()[0] for rows in drawn]
    spread = statistics.stdev(score.value for score in scores)
    told = statistics.mean(score.standard_error for score in scores)
    assert 0.75 * spread < told < 1.5 * spread
    assert all(score.interval[0] < score.value < score.interval[1] for score in scores)


@pytest.mark.parametrize(("first", "second"), [(20, 30), (20, 90), (90, 20)])  # of 64 features: with sums, without
def test_few_pictures_give_the_distance_of_their_covariances(first: int, second: int) -> None:
    """Against the root of the product by its (general) eigenvalues, which needs no rank."""
    rows = [features(count, 64, seed).double() for seed, count in ((1, first), (2, second))]
    covariances = [torch.cov(side.T) for side in rows]
    cross = torch.linalg.eigvals(covariances[0] @ covariances[1]).real.clamp(min=0).sqrt().sum()
    wanted = (rows[0].mean(0) - rows[1].mean(0)).square().sum() + sum(map(torch.trace, covariances)) - 2 * cross
    found = [Gaussian.of(side) for side in rows]
    assert [side.root is not None for side in found] == [first <= 64, second <= 64]
    assert frechet_distance(*found) == pytest.approx(float(wanted), rel=1e-6)


@pytest.mark.parametrize(("count", "ranks"), [(RANKED_FROM - 1, False), (RANKED_FROM, True)])
def test_small_sets_rank_nobody(count: int, ranks: bool) -> None:
    (score,) = metric(features(count, 4, 1), features(RANKED_FROM, 4, 2)).compute()
    assert score.ranks is ranks and score.value is not None


def metric(*sides: torch.Tensor) -> FrechetDistance:
    setting = Setting(registry.task("aerial2map"), Resolution(8, 8), "test", 30, 30, "x")
    made = fd("efficientnet_lite0")(setting)
    for kept, rows in zip((made.outputs, made.targets), sides, strict=False):
        keep(kept, rows, range(len(rows)))
    return made


def keep(kept: dict[str, torch.Tensor], rows: torch.Tensor, indices: range) -> None:
    kept.update((f"{index:05d}", rows[index]) for index in indices)
