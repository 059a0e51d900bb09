from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from i2ibench.boards.ranks import BEYOND_DOUBT, Measured, beats, ranks

numbers = st.one_of(st.integers(-9, 9).map(float), st.floats(-100, 100), st.sampled_from([math.inf, -math.inf]))
measured = st.builds(Measured, numbers, st.none() | st.floats(0, 100))


def test_beyond_doubt_is_the_normal_distributions_five_percent() -> None:
    assert pytest.approx(stats.norm.ppf(0.975), abs=0.001) == BEYOND_DOUBT


@given(column=st.lists(st.none() | measured, max_size=6), higher=st.booleans())
def test_a_rank_counts_what_is_better_beyond_doubt(column: list[Measured | None], higher: bool) -> None:
    found = ranks(column, higher)
    assert [rank is None for rank in found] == [one is None for one in column]
    for rank, one in zip(found, column, strict=True):
        if one is None:
            continue
        better = 0
        for other in filter(None, column):
            gain = (other.mean - one.mean) * (1 if higher else -1)
            better += gain > BEYOND_DOUBT * math.sqrt(sum(m.variance or 0 for m in (one, other)))  # NaN: no gain
        assert rank == 1 + better


@given(column=st.lists(measured, min_size=1, max_size=6), higher=st.booleans())
def test_the_best_mean_is_never_behind(column: list[Measured], higher: bool) -> None:
    best = max(column, key=lambda one: one.mean if higher else -one.mean)
    assert ranks(column, higher)[column.index(best)] == 1


@given(one=measured, other=measured, higher=st.booleans())
def test_two_methods_never_beat_each_other(one: Measured, other: Measured, higher: bool) -> None:
    assert not (beats(one, other, higher) and beats(other, one, higher))
    assert beats(one, other, higher) == beats(other, one, not higher)


@given(values=st.lists(numbers, min_size=1, max_size=6))
def test_where_nothing_is_known_values_are_compared(values: list[float]) -> None:
    found = ranks([Measured(value, None) for value in values], True)
    assert found == [1 + sum(other > value for other in values) for value in values]


def test_by_hand() -> None:
    # standard error of each difference: sqrt(1 + 1) = 1.41, so 2.77 decides
    column = [Measured(10.0, 1.0), Measured(12.5, 1.0), Measured(12.8, 1.0), None, Measured(15.5, 1.0)]
    assert ranks(column, False) == [1, 1, 2, None, 3]
    assert ranks(column, True) == [3, 2, 1, None, 1]
