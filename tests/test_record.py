from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2ibench.errors import BenchError
from i2ibench.protocol import Protocol
from i2ibench.record import Budget
from i2ibench.task import Resolution


@given(st.integers(1, 10**7), st.sampled_from(["steps", "pictures"]))
def test_a_budget_reads_what_it_prints(count: int, unit: str) -> None:
    budget = Budget.parse(f"{count} {unit}")
    assert Budget.parse(str(budget)) == budget


@pytest.mark.parametrize("text", ["many steps", "10", "2.5 steps", "-3 steps", "10 epochs", ""])
def test_a_bad_budget_is_told(text: str) -> None:
    with pytest.raises(BenchError, match="steps, pictures or minutes"):
        Budget.parse(text)


@given(st.integers(1, 10**6), st.integers(1, 64))
def test_pictures_as_steps_cover_the_budget(pictures: int, batch: int) -> None:
    steps = Budget(pictures=pictures).total_steps(batch)
    assert steps is not None
    assert (steps - 1) * batch < pictures <= steps * batch


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_a_resolution_reads_what_it_prints(height: int, width: int) -> None:
    assert Resolution.parse(str(Resolution(height, width))) == (height, width)


def protocol(**changes: object) -> Protocol:
    return Protocol.model_validate({"metric": "ssim", "task": "t@1", "resolution": "8x8", "n": 5, **changes})


def test_a_protocol_id_follows_every_field() -> None:
    ids = {protocol(**change).id for change in ({}, {"n": 6}, {"quick": True}, {"window": "x"}, {"resolution": "8x9"})}
    assert len(ids) == 5
    assert protocol(seed=None).id == protocol().id


def test_unequal_protocols_are_refused_naming_the_field() -> None:
    with pytest.raises(BenchError, match="n is 5 here and 6 there"):
        protocol().require_equal(protocol(n=6), "board")
    protocol().require_equal(protocol(), "board")
