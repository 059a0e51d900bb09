from __future__ import annotations

import pytest
import torch
from torch import Tensor

from i2ibench.models.layers.walk import Walk, history, window
from i2ibench.models.layers.warping import reference


def frame(value: float) -> Tensor:
    return torch.full((1, 3, 4, 4), float(value))


def flow(value: float) -> Tensor:
    return torch.full((1, 2, 4, 4), float(value))


def walked(frames: int, lead: int = 0) -> Walk:
    """At frame number `frames`, before it is kept: reals are numbers, made frames their negatives, flows tenths."""
    walk = Walk(lead)
    for number in range(frames + 1):
        walk.see(frame(number), frame(number), flow(number / 10))
        if number < frames:
            walk.past.append(frame(number if walk.leading else -number))
    return walk


def values(triplet: Tensor) -> list[float]:
    return [round(value, 4) for value in triplet[0, :, 0, 0].tolist()]


@pytest.mark.parametrize(("spacing", "first"), [(1, 2), (3, 6), (9, 18)])
@pytest.mark.parametrize("lead", [0, 2])
def test_triplets_end_with_the_present_and_count_made_frames_alone(spacing: int, first: int, lead: int) -> None:
    assert walked(first + lead - 1, lead).triplet(frame(-99), spacing) is None
    triplet = walked(first + lead, lead).triplet(frame(-99), spacing)
    assert triplet is not None
    made, real = triplet
    now = first + lead
    places = [now - 2 * spacing, now - spacing, now]
    spans = [range(now - 2 * spacing + 1, now - spacing + 1), range(now - spacing + 1, now + 1)]
    flows = [round(sum(number / 10 for number in span) / 20, 4) for span in spans for _ in "xy"]
    before = [-float(place) for place in places[:2]]
    assert values(made) == [*(v for one in (*before, -99.0) for v in (one,) * 3), *flows]
    assert values(real) == [*(float(place) for place in places for _ in "rgb"), *flows]


def test_flow_that_is_unknown_is_zero_to_triplets() -> None:
    walk = walked(1)
    walk.past.append(frame(-1))
    walk.see(frame(2), frame(2), flow(float("nan")))
    triplet = walk.triplet(frame(-2), 1)
    assert triplet is not None
    assert values(triplet[0])[9:] == [0.005, 0.005, 0, 0]


def test_an_estimator_sees_the_real_frames_that_are_so_far_apart() -> None:
    asked: list[tuple[float, float]] = []

    def estimate(earlier: Tensor, later: Tensor) -> Tensor:
        asked.append((earlier[0, 0, 0, 0].item(), later[0, 0, 0, 0].item()))
        return torch.zeros(1, 2, 4, 4)

    walk = Walk(2, estimate)
    for number in range(9):
        walk.see(frame(number), frame(number), None)
        if number < 8:
            walk.past.append(frame(-number))
    assert walk.triplet(frame(-8), 3) is not None
    assert asked == [(2, 5), (5, 8)]
    walk.reference()
    assert asked[2:] == [(7, 8)]


def test_without_flow_or_estimator_it_says_so() -> None:
    walk = Walk(0)
    walk.see(frame(0), frame(0), None)
    walk.see(frame(0), frame(0), None)
    with pytest.raises(ValueError, match="must have flow, found none"):
        walk.reference()


def test_reference_is_that_of_the_present_frame() -> None:
    walk = Walk(0)
    first, second = torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4)
    walk.see(first, first, flow(float("nan")))
    assert walk.reference() is None
    walk.see(second, second, flow(0.5))
    found = walk.reference()
    assert found is not None
    for one, other in zip(found, reference(flow(0.5), first, second), strict=True):
        assert torch.equal(one, other)


def test_leading_frames_are_the_first() -> None:
    walk = Walk(2)
    found = []
    for number in range(4):
        walk.see(frame(number), frame(number), None)
        found.append(walk.leading)
        walk.past.append(frame(number))
    assert found == [True, True, False, False]


def test_window_repeats_the_first_source() -> None:
    sources = [frame(number) for number in range(5)]
    shown = [window(sources[: number + 1], 3)[0, ::3, 0, 0].tolist() for number in range(5)]
    assert shown == [[0, 0, 0], [0, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4]]


def test_history_begins_with_zeros() -> None:
    past = [frame(number) for number in (1, 2, 3)]
    shown = [history(past[:length], frame(9), 2)[0, ::3, 0, 0].tolist() for length in range(4)]
    assert shown == [[0, 0], [0, 1], [1, 2], [2, 3]]
