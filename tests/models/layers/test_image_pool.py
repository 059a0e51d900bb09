from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from i2ibench.models.layers.image_pool import ImagePool


def numbered(*numbers: int) -> Tensor:
    """Pictures `[B, 3, 2, 2]`, each of one number."""
    return torch.tensor(numbers, dtype=torch.float32)[:, None, None, None].expand(-1, 3, 2, 2)


def numbers(pictures: Tensor) -> list[int]:
    assert torch.equal(pictures, pictures[:, :1, :1, :1].expand_as(pictures))
    return [int(one) for one in pictures[:, 0, 0, 0]]


class TestExchange:
    @given(capacity=st.integers(1, 5), sizes=st.lists(st.integers(1, 4), max_size=8), seed=st.integers(0, 99))
    @settings(max_examples=50, deadline=None)
    def test_is_the_published_rule(self, capacity: int, sizes: list[int], seed: int) -> None:
        """Against a list that follows the rule by the same draws."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            pool, stored, next_number = ImagePool(capacity, 2, 2), list[int](), 1
            for size in sizes:
                new = list(range(next_number, next_number + size))
                next_number += size
                state = torch.get_rng_state()
                found = numbers(pool.exchange(numbered(*new)))
                after = torch.get_rng_state()

                torch.set_rng_state(state)
                places, coins = torch.randint(capacity, (size, 1)), torch.rand(size)
                assert torch.equal(torch.get_rng_state(), after), "nothing else is drawn"
                expected = []
                for number, place, coin in zip(new, places.flatten().tolist(), coins.tolist(), strict=True):
                    if len(stored) < capacity:
                        stored.append(number)
                        expected.append(number)
                    elif coin < 0.5:
                        expected.append(stored[place])
                        stored[place] = number
                    else:
                        expected.append(number)
                assert found == expected
                assert pool.filled == len(stored)
                assert numbers(pool.pictures)[: len(stored)] == stored

    def test_of_a_full_pool_gives_stored_pictures_half_the_time_and_all_of_them_alike(self) -> None:
        pool, rounds = ImagePool(4, 2, 2), 4000
        pool.exchange(numbered(1, 2, 3, 4))
        places = [0] * 4
        for number in range(5, 5 + rounds):
            before = numbers(pool.pictures)
            (given,) = numbers(pool.exchange(numbered(number)))
            if given != number:
                places[before.index(given)] += 1
        # four standard deviations of a binomial
        assert abs(sum(places) - rounds / 2) < 4 * (rounds / 4) ** 0.5
        assert all(abs(count - rounds / 8) < 4 * (rounds * 7 / 64) ** 0.5 for count in places)

    def test_stores_and_gives_detached_pictures(self) -> None:
        pool, pictures = ImagePool(2, 2, 2), numbered(1, 2, 3).clone().requires_grad_()
        assert not pool.exchange(pictures).requires_grad
        assert not pool.pictures.requires_grad
        assert not ImagePool(0, 2, 2).exchange(pictures).requires_grad

    def test_what_it_gives_is_no_view_of_what_it_stores(self) -> None:
        pool = ImagePool(1, 2, 2)
        given = pool.exchange(numbered(1))
        for number in range(2, 10):
            pool.exchange(numbered(number))
        assert numbers(given) == [1]
        assert numbers(pool.pictures) != [1]

    def test_without_capacity_gives_back_what_it_gets_and_draws_nothing(self) -> None:
        pool, state = ImagePool(0, 2, 2), torch.get_rng_state()
        assert numbers(pool.exchange(numbered(3, 1))) == [3, 1]
        assert torch.equal(state, torch.get_rng_state())


def test_goes_on_from_its_state_bit_for_bit() -> None:
    pool = ImagePool(3, 2, 2)
    pool.exchange(numbered(1, 2, 3, 4))
    resumed = ImagePool(3, 2, 2)
    resumed.load_state_dict(pool.state_dict())
    found = []
    for one in (pool, resumed):
        torch.manual_seed(5)
        found.append([numbers(one.exchange(numbered(number, number + 10))) for number in range(5, 15)])
    assert found[0] == found[1]
    assert torch.equal(pool.pictures, resumed.pictures)
    assert not dict(pool.named_parameters())
