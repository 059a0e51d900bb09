"""Intervals, jackknife and paired test against scipy, closed forms and definitions."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from i2ibench.metrics.confusion import bootstrap_intervals, label_scores
from i2ibench.metrics.metric import Setting, mean_score
from i2ibench.metrics.psnr import PSNR
from i2ibench.metrics.statistics import (
    ENUMERATED_TO,
    FLIPS,
    GROUPS,
    RESAMPLES,
    bootstrap,
    group_of,
    grouped_jackknife,
    holm,
    mean_interval,
    normal_interval,
    percentile_interval,
    ratio_interval,
    sign_flip_test,
)
from i2ibench.protocol import Score
from i2ibench.task import Resolution
from i2ibench.tasks.video import STREETS_VIDEO

NUMBERS = st.floats(-100, 100, allow_nan=False).map(lambda value: round(value, 3))


def draws(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).gamma(2.0, size=n)


@pytest.mark.parametrize("n", [15, 200])
def test_the_interval_of_a_mean_is_scipys(n: int) -> None:
    values = draws(n)
    wanted = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    width = wanted.high - wanted.low
    found = mean_interval(values.tolist())
    assert found == pytest.approx(tuple(wanted), abs=0.06 * width)  # RESAMPLES of them scatter by about 0.02


def test_the_interval_covers_the_mean_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(300):
        low, high = mean_interval(np.random.default_rng(seed).normal(size=80).tolist())
        covered += low <= 0 <= high
    assert 0.91 < covered / 300 < 0.98  # 2.6 standard deviations around the 0.94 of 80 values


@settings(max_examples=20, deadline=None)
@given(st.lists(NUMBERS, min_size=2, max_size=30), st.randoms())
def test_the_order_of_pictures_does_not_matter(values: list[float], random) -> None:
    shuffled = random.sample(values, len(values))
    assert mean_interval(shuffled) == mean_interval(values)
    low, high = mean_interval(values)
    assert min(values) <= low + 1e-9 and high - 1e-9 <= max(values)
    assert sign_flip_test(shuffled) == sign_flip_test(values) == sign_flip_test([-value for value in values])


def test_no_interval_where_there_is_none() -> None:
    assert mean_interval([]) is None and mean_interval([1.0]) is None
    assert mean_interval([1.0, math.inf]) is None and mean_interval([1.0, math.nan]) is None
    assert mean_interval([2.0, 2.0, 2.0]) == (2.0, 2.0)
    assert percentile_interval(torch.tensor([math.nan, 1.0])) is None


def test_resamples_draw_as_many_as_there_are() -> None:
    drawn = bootstrap(lambda times: times, 7)
    assert drawn.shape == (RESAMPLES, 7) and bool((drawn.sum(1) == 7).all())
    # Multinomial: each is drawn once on average, with variance 6 / 7 (scatter over 1,000 resamples: 0.03, 0.05).
    assert drawn.mean(0).tolist() == pytest.approx([1.0] * 7, abs=0.12)
    assert drawn.var(0).tolist() == pytest.approx([6 / 7] * 7, abs=0.2)


def test_percentiles_are_numpys_without_nan() -> None:
    values = draws(1000)
    holed = torch.from_numpy(np.concatenate([values, [np.nan] * 50]))
    assert percentile_interval(holed) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])), rel=1e-12)


def test_clusters_are_drawn_whole() -> None:
    assert ratio_interval(draws(30).tolist(), [1] * 30) == mean_interval(draws(30).tolist())
    means, counts = draws(30), np.random.default_rng(1).integers(1, 9, 30)
    found = ratio_interval((means * counts).tolist(), counts.tolist())
    wanted = stats.bootstrap(
        ((means * counts), counts),
        lambda above, below, axis=-1: above.sum(axis) / below.sum(axis),
        paired=True,
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert found == pytest.approx(tuple(wanted), abs=0.06 * (wanted.high - wanted.low))
    frames = np.repeat(means, counts).tolist()  # as if they were independent: too narrow
    low, high = mean_interval(frames)
    assert high - low < 0.75 * (found[1] - found[0])


def test_a_scores_interval_is_written_and_read() -> None:
    setting = Setting(STREETS_VIDEO, Resolution(64, 128), "test", 20, 20, "x")
    values = draws(20).tolist()
    score = mean_score(PSNR(setting), values, setting.protocol("psnr"))
    assert score.interval == mean_interval(values) and score.interval[0] < score.value < score.interval[1]
    assert score.value == pytest.approx(np.mean(values)) and score.standard_error == pytest.approx(
        stats.sem(values), rel=1e-12
    )
    assert Score.model_validate_json(score.model_dump_json()) == score
    old = score.model_dump(mode="json", exclude={"interval"})
    assert Score.model_validate_json(json.dumps(old)).interval is None
    assert mean_score(PSNR(setting), [3.0], setting.protocol("psnr")).interval is None


def test_label_scores_are_resampled_by_picture() -> None:
    random = np.random.default_rng(0)
    matrices = random.integers(0, 50, (40, 4, 4)) * random.integers(0, 2, (40, 4, 1))
    resamples = np.random.default_rng(1).integers(0, 40, (4000, 40))
    scores = label_scores(matrices[resamples].sum(1))
    for found, values in zip(bootstrap_intervals(matrices), scores[:3], strict=True):
        low, high = np.quantile(values, [0.025, 0.975])
        assert found == pytest.approx((low, high), abs=0.1 * (high - low))
    assert bootstrap_intervals(matrices[:1]) == (None, None, None)


def test_pictures_without_labels_take_no_part() -> None:
    matrices = np.zeros((3, 2, 2), int)
    matrices[0] = [[5, 5], [0, 10]]
    # In 8 of 27 resamples there is no labelled pixel; in all others the one picture gives the score.
    assert bootstrap_intervals(matrices)[0] == (0.75, 0.75)


def test_a_jackknife_of_single_pictures_is_the_textbooks_standard_error() -> None:
    values = draws(30)
    found = grouped_jackknife(lambda one: np.delete(values, one).mean(), [1] * 30, values.mean())
    assert found == pytest.approx(stats.sem(values), rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=2, max_size=12).filter(lambda sizes: sum(map(bool, sizes)) > 1))
def test_a_jackknife_of_unequal_groups_is_exact_for_a_mean(sizes: list[int]) -> None:
    values = draws(sum(sizes), seed=len(sizes))
    group = np.repeat(np.arange(len(sizes)), sizes)
    found = grouped_jackknife(lambda one: values[group != one].mean(), sizes, values.mean())
    there = [one for one, size in enumerate(sizes) if size]
    deviations = {one: values[group == one].mean() - values.mean() for one in there}
    n = sum(sizes)
    variance = np.mean([sizes[one] / (n - sizes[one]) * deviations[one] ** 2 for one in there])
    assert found == pytest.approx(math.sqrt(variance), rel=1e-6, abs=1e-9)


def test_a_jackknife_finds_how_far_a_variance_scatters() -> None:
    """Of n normal values: the root of 2 / (n - 1)."""
    errors = []
    for seed in range(60):
        values = np.random.default_rng(seed).normal(size=200)
        group = np.array([group_of(f"{seed}-{index}") for index in range(200)])
        sizes = np.bincount(group, minlength=GROUPS).tolist()
        errors.append(grouped_jackknife(lambda one: values[group != one].var(ddof=1), sizes, values.var(ddof=1)))  # noqa: B023
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(math.sqrt(2 / 199), rel=0.1)


def test_one_group_has_no_jackknife() -> None:
    assert grouped_jackknife(lambda one: 0.0, [5, 0], 1.0) is None


def test_groups_are_of_the_name_alone_and_about_even() -> None:
    groups = [group_of(f"picture {index}") for index in range(4000)]
    assert groups == [group_of(f"picture {index}") for index in range(4000)]
    assert stats.chisquare(np.bincount(groups, minlength=GROUPS)).pvalue > 0.001
    assert {group_of(str(index), 3) for index in range(50)} == {0, 1, 2}


def test_a_normal_interval_stays_where_scores_can_be() -> None:
    assert normal_interval(2.0, 0.5) == pytest.approx(stats.norm.interval(0.95, 2.0, 0.5))
    assert normal_interval(0.9, 0.1, within=(0.0, 1.0)) == pytest.approx((0.9 - 0.1 * stats.norm.ppf(0.975), 1.0))


@pytest.mark.parametrize("n", [2, 5, ENUMERATED_TO])
def test_the_paired_test_of_few_is_scipys_exact_one(n: int) -> None:
    differences = np.random.default_rng(n).normal(0.7, 1, n)
    assert sign_flip_test(differences.tolist()) == scipys(differences, np.inf).pvalue


def test_ties_among_sums_count_though_they_are_rounded() -> None:
    differences = np.array([0.1, 0.2, 0.3, -0.4, 0.5, 0.6, -0.7])
    whole = np.array([1, 2, 3, -4, 5, 6, -7])
    assert sign_flip_test(differences.tolist()) == scipys(whole, np.inf).pvalue
    assert sign_flip_test([0.0] * 5) == 1.0 and sign_flip_test([0.0] * 50) == 1.0 and sign_flip_test([3.0]) == 1.0


@pytest.mark.parametrize("shift", [0.0, 0.15, 0.3])
def test_the_paired_test_of_many_is_scipys(shift: float) -> None:
    differences = np.random.default_rng(3).normal(shift, 1, 60)
    found = sign_flip_test(differences.tolist())
    wanted = scipys(differences, 100_000).pvalue
    # Ours scatters as a share of FLIPS draws, scipy's, which doubles the smaller side, by less.
    assert found == pytest.approx(wanted, abs=4 * math.sqrt(wanted * (1 - wanted) / FLIPS))


def test_a_p_value_is_never_0() -> None:
    assert sign_flip_test([1.0] * 200) == pytest.approx(1 / (FLIPS + 1))


def test_of_equal_methods_few_are_told_apart() -> None:
    found = [sign_flip_test(np.random.default_rng(seed).normal(size=10).tolist()) for seed in range(400)]
    assert 0.02 < np.mean(np.array(found) < 0.05) < 0.09


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.0005, 1), min_size=1, max_size=6))
def test_holm_is_the_closed_test_of_bonferronis(p_values: list[float]) -> None:
    """A hypothesis is rejected if every set of hypotheses with it is: the largest of those sets' p-values."""
    indices = range(len(p_values))
    sets = [chosen for size in indices for chosen in itertools.combinations(indices, size + 1)]
    wanted = [
        min(1.0, max(len(chosen) * min(p_values[other] for other in chosen) for chosen in sets if index in chosen))
        for index in indices
    ]
    assert holm(p_values) == pytest.approx(wanted, rel=1e-12)


def test_holm_of_none_is_none() -> None:
    assert holm([]) == []


def scipys(differences: np.ndarray, resamples: float):
    return stats.permutation_test(
        (differences,),
        lambda values, axis: values.sum(axis),
        permutation_type="samples",
        n_resamples=resamples,
        vectorized=True,
        rng=np.random.default_rng(0),
    )
