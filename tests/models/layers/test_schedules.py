from __future__ import annotations

import pytest

from i2ibench.models.layers.schedules import constant_then_linear, epoch_of, falling_after, halving


def in_epoch(epoch: int, epochs: int = 200) -> float:
    return (epoch - 0.5) / epochs


@pytest.mark.parametrize(
    ("late", "rates"),
    [
        (False, {100: 2e-4, 101: 1.98020e-4, 150: 1.00990e-4, 200: 1.98020e-6}),  # pix2pix
        (True, {100: 2e-4, 101: 2e-4, 102: 1.98e-4, 200: 2e-6}),  # pix2pixHD
    ],
)
def test_rates_are_the_published_ones(late: bool, rates: dict[int, float]) -> None:
    for epoch, rate in rates.items():
        assert 2e-4 * constant_then_linear(in_epoch(epoch), 100, 100, late=late) == pytest.approx(rate, rel=1e-5)


@pytest.mark.parametrize("late", [False, True])
def test_without_decay_nothing_falls(late: bool) -> None:
    assert {constant_then_linear(n / 10, 5, 0, late=late) for n in range(11)} == {1.0}


def test_epochs_are_equal_shares_and_the_end_is_the_last() -> None:
    assert [epoch_of(n / 200, 200) for n in range(200)] == list(range(1, 201))
    assert epoch_of(1.0, 200) == 200


@pytest.mark.parametrize(
    ("iteration", "rate"),
    [(0, 1e-4), (99_999, 1e-4), (100_000, 5e-5), (250_000, 2.5e-5), (900_000, 1e-4 / 512), (999_999, 1e-4 / 512)],
)
def test_rate_halves_every_100_000_of_1_000_000_iterations(iteration: int, rate: float) -> None:
    assert 1e-4 * halving(iteration / 1_000_000, 10) == pytest.approx(rate, rel=1e-9)


def test_one_stage_keeps_the_rate() -> None:
    assert {halving(n / 7, 1) for n in range(8)} == {1.0}


@pytest.mark.parametrize(
    ("share", "fraction", "factor"),
    [(0.5, 0.0, 1.0), (0.5, 0.5, 1.0), (0.5, 0.6, 0.8), (0.5, 1.0, 0.0), (0.0, 0.25, 0.75), (0.75, 0.9, 0.4)],
)
def test_falls_linearly_to_nothing_after_a_share(share: float, fraction: float, factor: float) -> None:
    assert falling_after(share, fraction) == pytest.approx(factor)
