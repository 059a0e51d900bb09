from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

from i2ibench import registry
from i2ibench.metrics.frechet import RANKED_FROM, FDEfficientNetLite0, Moments, frechet_distance
from i2ibench.metrics.metric import Setting
from i2ibench.task import Resolution, Task


def features(count: int, dimension: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    mixing = torch.randn(dimension, dimension, generator=draw) / math.sqrt(dimension)
    return torch.randn(count, dimension, generator=draw) @ mixing * scale + shift


def moments(rows: torch.Tensor) -> Moments:
    made = Moments()
    made.add(rows)
    return made


@pytest.mark.parametrize("count", [300, 40, 3])  # more, fewer and far fewer pictures than features
def test_equals_torch_fidelity(count: int) -> None:
    first, second = features(count, 64, 1, shift=0.4), features(count + 5, 64, 2, scale=1.5)
    statistics = [fid_features_to_statistics(rows) for rows in (first, second)]
    wanted = fid_statistics_to_metric(*statistics, verbose=False)[KEY_METRIC_FID]
    assert frechet_distance(moments(first), moments(second)) == pytest.approx(wanted, rel=1e-6)
    assert frechet_distance(moments(second), moments(first)) == pytest.approx(wanted, rel=1e-6)


def test_closed_form_of_independent_features() -> None:
    """For diagonal covariances the distance is the sum over features of (m1 - m2)^2 + (s1 - s2)^2."""
    corners = torch.tensor([[a, b] for a in (-1.0, 1.0) for b in (-1.0, 1.0)])
    first, second = corners * torch.tensor([1.0, 2.0]), corners * torch.tensor([4.0, 2.0]) + torch.tensor([3.0, 0.0])
    unbiased = 4 / 3
    wanted = 3.0**2 + unbiased * (1 - 4) ** 2
    assert frechet_distance(moments(first), moments(second)) == pytest.approx(wanted, rel=1e-12)


def test_a_set_is_at_no_distance_from_itself() -> None:
    rows = moments(features(50, 32, 3))
    assert abs(frechet_distance(rows, rows)) < 1e-9


@settings(deadline=None, max_examples=25)
@given(cuts=st.lists(st.integers(0, 30), max_size=4))
def test_shards_merge_to_the_whole(cuts: list[int]) -> None:
    rows = features(30, 8, 4, shift=100)  # far from zero, where sums of squares would lose digits in float32
    whole, merged = moments(rows), Moments()
    bounds = [0, *sorted(cuts), 30]
    for start, stop in itertools.pairwise(bounds):
        merged.merge(moments(rows[start:stop]))
    assert merged.n == 30
    for found, wanted in zip(merged.gaussian(), whole.gaussian(), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(whole.gaussian()[1], torch.cov(rows.double().T), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("count", "ranks"), [(RANKED_FROM - 1, False), (RANKED_FROM, True)])
def test_small_sets_rank_nobody(count: int, ranks: bool) -> None:
    metric = FDEfficientNetLite0(Setting(task("small"), Resolution(8, 8), "test", count, count, "x"))
    metric.outputs, metric.targets = moments(features(count, 4, 1)), moments(features(RANKED_FROM, 4, 2))
    (score,) = metric.compute()
    assert score.ranks is ranks and score.value is not None


def task(name: str) -> Task:
    return registry.task("aerial2map").model_copy(update={"name": name})
