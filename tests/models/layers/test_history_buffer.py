from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from i2ibench.models.layers.history_buffer import HistoryBuffer


def numbered(first: int, pictures: int) -> Tensor:
    """Pictures `[B, 1, 2, 2]`, each of one number, counted from `first`."""
    return torch.arange(first, first + pictures).float()[:, None, None, None].expand(-1, 1, 2, 2)


def numbers(pictures: Tensor) -> list[int]:
    assert torch.equal(pictures, pictures[:, :1, :1, :1].expand_as(pictures))
    return [int(one) for one in pictures[:, 0, 0, 0]]


class TestMix:
    def test_the_first_batch_is_all_current_and_later_ones_are_half_old(self) -> None:
        buffer = HistoryBuffer(8, 1, 2, 2)
        assert numbers(buffer.mix(numbered(1, 4))) == [1, 2, 3, 4]
        for first in range(5, 41, 4):
            mixed = numbers(buffer.mix(numbered(first, 4)))
            assert mixed[:2] == [first, first + 1]
            assert all(number < first for number in mixed[2:])

    def test_fills_in_order_and_keeps_its_capacity(self) -> None:
        buffer = HistoryBuffer(5, 1, 2, 2)
        filled = []
        for first in range(1, 25, 4):
            buffer.mix(numbered(first, 4))
            filled.append(int(buffer.filled))
            assert buffer.pictures.shape == (5, 1, 2, 2)
            assert 0 not in numbers(buffer.pictures)[: filled[-1]], "no place that was never written"
            assert {first, first + 1} <= set(numbers(buffer.pictures)), "the newest are kept"
        assert filled == [2, 4, 5, 5, 5, 5]

    @given(
        capacity=st.integers(1, 6), sizes=st.lists(st.integers(2, 7), min_size=1, max_size=8), seed=st.integers(0, 99)
    )
    @settings(max_examples=60, deadline=None)
    def test_gives_and_takes_half_of_each_batch(self, capacity: int, sizes: list[int], seed: int) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            buffer, first = HistoryBuffer(capacity, 1, 2, 2), 1
            for size in (size for size in sizes if size // 2 <= capacity):
                new, half = list(range(first, first + size)), size // 2
                before = numbers(buffer.pictures)[: int(buffer.filled)]
                mixed = numbers(buffer.mix(numbered(first, size)))
                after = numbers(buffer.pictures)[: int(buffer.filled)]
                first += size

                assert len(mixed) == size
                assert mixed[: size - half] == new[: size - half]
                old = [number for number in mixed[size - half :] if number not in new]
                assert len(old) == min(half, len(before))
                assert len(set(old)) == len(old), "drawn without replacement"
                assert set(old) <= set(before)
                assert set(mixed[size - half :]) - set(old) <= set(new[size - half :]), "current ones stand for others"

                assert len(after) == min(capacity, len(before) + half)
                assert set(after) - set(before) == set(new[:half])
                assert len(set(before) - set(after)) == max(0, len(before) + half - capacity)

    def test_draws_and_replaces_all_places_alike(self) -> None:
        buffer, rounds = HistoryBuffer(6, 1, 2, 2), 1500
        buffer.mix(numbered(1, 12))
        drawn, replaced = [0] * 6, [0] * 6
        for turn in range(rounds):
            before = numbers(buffer.pictures)
            for number in numbers(buffer.mix(numbered(100 + 4 * turn, 4)))[2:]:
                drawn[before.index(number)] += 1
            for place, (old, new) in enumerate(zip(before, numbers(buffer.pictures), strict=True)):
                replaced[place] += old != new
        for counts in (drawn, replaced):
            assert sum(counts) == 2 * rounds
            # four standard deviations of a binomial with probability 1/3
            assert all(abs(count - rounds / 3) < 4 * (rounds * 2 / 9) ** 0.5 for count in counts)

    def test_stores_and_gives_detached_pictures(self) -> None:
        buffer, pictures = HistoryBuffer(4, 1, 2, 2), numbered(1, 4).clone().requires_grad_()
        for _ in range(2):
            assert not buffer.mix(pictures).requires_grad
        assert not buffer.pictures.requires_grad

    def test_without_capacity_gives_back_what_it_gets_and_draws_nothing(self) -> None:
        buffer, state = HistoryBuffer(0, 1, 2, 2), torch.get_rng_state()
        assert numbers(buffer.mix(numbered(1, 3))) == [1, 2, 3]
        assert torch.equal(state, torch.get_rng_state())

    @pytest.mark.parametrize("pictures", [1, 8])
    def test_refuses_a_batch_whose_half_it_cannot_give(self, pictures: int) -> None:
        with pytest.raises(ValueError, match=f"buffer of 3 pictures.* 2 to 7 pictures, found {pictures}: use"):
            HistoryBuffer(3, 1, 2, 2).mix(numbered(1, pictures))


def test_goes_on_from_its_state_bit_for_bit() -> None:
    buffer = HistoryBuffer(5, 1, 2, 2)
    buffer.mix(numbered(1, 4))
    resumed = HistoryBuffer(5, 1, 2, 2)
    resumed.load_state_dict(buffer.state_dict())
    found = []
    for one in (buffer, resumed):
        torch.manual_seed(5)
        found.append([numbers(one.mix(numbered(first, 4))) for first in range(5, 45, 4)])
    assert found[0] == found[1]
    assert torch.equal(buffer.pictures, resumed.pictures)
    assert not dict(buffer.named_parameters())
