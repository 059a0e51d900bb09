from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch_fidelity.metric_kid import kernel_mmd, kernel_poly, kid_features_to_metric

from i2ibench.metrics.kernel import SEED, SUBSETS, jackknife_error, kernel_distance, subset_size


def features(count: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(count, 16, generator=torch.Generator().manual_seed(seed)) + shift


def mmd(first: torch.Tensor, second: torch.Tensor) -> float:
    """The unbiased squared MMD, pair by pair."""

    def kernel(x: torch.Tensor, y: torch.Tensor) -> float:
        return (float(x.double() @ y.double()) / len(x) + 1) ** 3

    within = [np.mean([kernel(x, y) for x, y in itertools.permutations(rows, 2)]) for rows in (first, second)]
    return sum(within) - 2 * np.mean([kernel(x, y) for x in first for y in second])


@pytest.mark.parametrize(("n", "m", "size"), [(5000, 5000, 1000), (500, 2001, 250), (7, 9, 3), (4, 4, 2)])
def test_subsets_are_smaller_than_the_sets(n: int, m: int, size: int) -> None:
    assert subset_size(n, m) == size < min(n, m)


def test_distance_is_the_mean_over_torch_fidelitys_subsets() -> None:
    first, second = features(20, 1), features(30, 2, 0.3)
    draw = np.random.RandomState(SEED)
    values = []
    for _ in range(SUBSETS):
        x = first.numpy()[draw.choice(20, 10, replace=False)]
        y = second.numpy()[draw.choice(30, 10, replace=False)]
        values.append(kernel_mmd(x, y))
    mean, spread = kernel_distance(first, second, 10)
    assert mean == pytest.approx(np.mean(values), rel=1e-6)
    assert spread == pytest.approx(np.std(values), rel=1e-6)
    assert kernel_poly(np.eye(2), np.eye(2))[0] == pytest.approx([1.5**3, 1.0])  # (x.y / d + 1)^3


@pytest.mark.parametrize(("n", "m", "size"), [(700, 520, 260), (700, 520, 20)])  # all at once, subset by subset
def test_both_ways_to_sum_subsets_are_torch_fidelitys(n: int, m: int, size: int) -> None:
    first, second = features(n, 5), features(m, 6, 0.3)
    wanted = kid_features_to_metric(
        first, second, kid_subsets=SUBSETS, kid_subset_size=size, rng_seed=SEED, verbose=False
    )
    mean, spread = kernel_distance(first, second, size)
    assert mean == pytest.approx(wanted["kernel_inception_distance_mean"], rel=1e-6)
    assert spread == pytest.approx(wanted["kernel_inception_distance_std"], rel=1e-6)


def test_jackknife_leaves_one_picture_out_at_a_time() -> None:
    first, second = features(6, 3), features(7, 4, 0.5)
    whole = mmd(first, second)
    variance = 0.0
    for rows, other in ((first, second), (second, first)):
        n = len(rows)
        without = [mmd(torch.cat([rows[:i], rows[i + 1 :]]), other) for i in range(n)]
        variance += (n - 1) / n * sum((value - whole) ** 2 for value in without)
    assert jackknife_error(first, second) == pytest.approx(math.sqrt(variance), rel=1e-9)


def test_jackknife_is_as_large_as_the_scatter_over_samples() -> None:
    pairs = [(features(60, 2 * i + 10), features(60, 2 * i + 11, 0.5)) for i in range(60)]
    scatter = np.std([kernel_distance(*pair, 59)[0] for pair in pairs[:40]], ddof=1)
    told = np.mean([jackknife_error(*pair) for pair in pairs])
    assert 0.75 < told / scatter < 1.4
