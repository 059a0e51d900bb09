"""PCK and mean distance against loops over single keypoints, and against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from i2ibench.metrics.posing.keypoints import THRESHOLD, keypoint_scores, relative_distances, size


def brute_force(found: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    """PCK and mean relative distance of one picture, keypoint by keypoint."""
    known = [k for k in range(len(true)) if not any(map(math.isnan, true[k]))]
    if not known:
        return math.nan, math.nan
    (left, top), (right, bottom) = (
        [pick(float(true[k][axis]) for k in known) for axis in (0, 1)] for pick in (min, max)
    )
    diagonal = math.hypot(right - left, bottom - top)
    if diagonal == 0:
        return math.nan, math.nan
    shares = [
        math.hypot(float(found[k][0]) - float(true[k][0]), float(found[k][1]) - float(true[k][1])) / diagonal
        for k in known
    ]
    return sum(share <= THRESHOLD for share in shares) / len(shares), sum(shares) / len(shares)


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 9), lacking=st.floats(0, 1), reach=st.floats(0.5, 20))
def test_equal_loops_over_keypoints(seed: int, count: int, lacking: float, reach: float) -> None:
    draws = np.random.default_rng(seed)
    true = draws.uniform(0, 64, (4, count, 2)).astype(np.float32)
    found = (true + draws.uniform(-reach, reach, true.shape)).astype(np.float32)
    true[draws.random((4, count)) < lacking] = math.nan
    scores = keypoint_scores(torch.from_numpy(found), torch.from_numpy(true))
    wanted = [brute_force(f, t) for f, t in zip(found, true, strict=True)]
    np.testing.assert_allclose(scores.pck, [pck for pck, _ in wanted], rtol=1e-12)
    np.testing.assert_allclose(scores.error, [error for _, error in wanted], rtol=1e-12)


def test_by_hand() -> None:
    # A box of 30x40 has the diagonal 50: found within 5 pixels. Distances 0, 5 (just found) and 6; one is not known.
    true = torch.tensor([[[0.0, 0.0], [30.0, 40.0], [10.0, 10.0], [math.nan, math.nan]]])
    found = torch.tensor([[[0.0, 0.0], [27.0, 36.0], [10.0, 16.0], [1.0, 1.0]]])
    assert size(true).tolist() == [50]
    torch.testing.assert_close(
        relative_distances(found, true), torch.tensor([[0, 0.1, 0.12, math.nan]]).double(), equal_nan=True, rtol=1e-7,
        atol=0,
    )  # fmt: skip
    scores = keypoint_scores(found, true)
    assert scores.pck.item() == pytest.approx(2 / 3)
    assert scores.error.item() == pytest.approx((0 + 5 + 6) / 3 / 50)


def test_size_is_of_the_true_keypoints_whatever_was_found() -> None:
    true = torch.tensor([[[0.0, 0.0], [6.0, 8.0]]]).repeat(2, 1, 1)
    found = torch.stack([true[0] + 2, true[0] + torch.tensor([[2.0], [100.0]])])
    distances = relative_distances(found, true)
    assert distances[0, 0] == distances[1, 0] == pytest.approx(math.sqrt(8) / 10)


@pytest.mark.parametrize("known", [0, 1])
def test_fewer_than_two_known_keypoints_have_no_score(known: int) -> None:
    true = torch.full((1, 3, 2), math.nan)
    true[:, :known] = 5
    assert all(score.isnan().all() for score in keypoint_scores(torch.zeros(1, 3, 2), true))


@settings(deadline=None, max_examples=20)
@given(factor=st.sampled_from([0.5, 2.0, 4.0]), shift=st.integers(-50, 50), seed=st.integers(0, 2**32 - 1))
def test_do_not_depend_on_resolution_or_place(factor: float, shift: int, seed: int) -> None:
    draws = torch.Generator().manual_seed(seed)
    true, found = torch.rand(2, 3, 5, 2, generator=draws).mul(1024).round()  # exact in float32 however scaled
    for before, after in zip(
        keypoint_scores(found, true), keypoint_scores(found * factor + shift, true * factor + shift), strict=True
    ):
        torch.testing.assert_close(before, after, rtol=1e-12, atol=0)
