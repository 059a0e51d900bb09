from __future__ import annotations

import math
import random

import pytest
from scipy import stats

from i2ibench.boards.tolerance import tolerance, widened
from i2ibench.protocol import Score


def scores(*values: float, error: float | None = None) -> list[Score]:
    return [Score(name="fid", value=v, standard_error=error, n=9, higher_is_better=False) for v in values]


def test_by_hand() -> None:
    found = tolerance(scores(9.0, 10.0, 11.0), seeds_now=1, k=3.0)
    assert (found.mean, found.spread, found.basis) == (10.0, 1.0, "spread of 3 seeds")
    assert found.allowed == pytest.approx(6.75 * math.sqrt(1 / 3 + 1))


def test_widening_follows_students_quantile_where_that_is_usable() -> None:
    beyond = stats.norm.sf(3.0)
    for degrees in (9, 19, 99):
        assert widened(3.0, degrees) == pytest.approx(stats.t.isf(beyond, degrees), rel=0.07)
    assert [widened(3.0, degrees) for degrees in (1, 2, 4)] == [10.5, 6.75, 4.875]


def test_few_seeds_raise_no_more_false_alarms_than_one_in_thirty() -> None:
    draw = random.Random(0).gauss
    for seeds in (2, 3, 5):
        alarms = 0
        for _ in range(2000):
            found = tolerance(scores(*(draw(1000, 10) for _ in range(seeds))), seeds_now=1, k=3.0)
            alarms += draw(1000, 10) - found.mean > found.allowed
        assert alarms / 2000 < 1 / 30


def test_seeds_that_agree_by_luck_are_floored_by_the_standard_error() -> None:
    found = tolerance(scores(10.0, 10.0, error=0.5), seeds_now=2, k=3.0)
    assert (found.spread, found.allowed, found.basis) == (0.0, 1.5, "standard error")


def test_one_seed_is_judged_by_the_standard_error() -> None:
    found = tolerance(scores(10.0, error=0.5), seeds_now=1, k=2.0)
    assert found.spread is None
    assert found.allowed == pytest.approx(math.sqrt(2))


def test_one_seed_without_standard_error_by_a_share_of_the_value() -> None:
    found = tolerance(scores(-10.0), seeds_now=1, k=3.0)
    assert found.allowed == pytest.approx(1.5 * math.sqrt(2))
    assert found.basis == "5% of the value"


def test_no_spread_leaves_room_for_numerical_noise() -> None:
    found = tolerance(scores(10.0, 10.0), seeds_now=1, k=3.0)
    assert (found.allowed, found.basis) == (pytest.approx(0.01), "numerical noise")
    assert tolerance(scores(0.0, 0.0), seeds_now=1, k=3.0).allowed == 0.0
