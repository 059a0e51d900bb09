from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2ibench.data.worlds.noise import SIZE, Stream, hash_uniform, key_hash, lookup, texture


def test_the_hash_is_splitmix64() -> None:
    # First outputs of the published generator for the seeds 0 and 1234567.
    assert key_hash(0) == 0xE220A8397B1DCDAF
    assert key_hash(1234567) == 6457827717110365317


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_keys_are_ordered(first: int, second: int) -> None:
    assert (key_hash(first, second) == key_hash(second, first)) == (first == second)


@given(st.integers(0, 2**64 - 1), st.floats(-100, 100), st.floats(0.01, 100))
def test_streams_depend_on_their_key_alone_and_keep_their_range(key: int, low: float, span: float) -> None:
    drawn = [stream.uniform(low, low + span) for stream in (Stream(key), Stream(key))]
    assert drawn[0] == drawn[1]
    assert low <= drawn[0] <= low + span


def test_draws_are_uniform() -> None:
    stream = Stream(5)
    counts = np.bincount([stream.integer(0, 9) for _ in range(5000)], minlength=10)
    assert len(counts) == 10
    assert ((counts - 500) ** 2 / 500).sum() < 27.9  # chi-squared of 9 degrees of freedom, 0.1 percent


def test_weights_are_the_odds() -> None:
    stream = Stream(6)
    drawn = [stream.weighted((("a", 3.0), ("b", 1.0), ("never", 0.0))) for _ in range(4000)]
    assert abs(drawn.count("a") / 4000 - 0.75) < 0.03
    assert "never" not in drawn


def test_hashes_of_grids_are_uniform_and_uncorrelated() -> None:
    grid = np.arange(-64, 64, dtype=np.int64)
    values = hash_uniform(3, grid[:, None], grid[None, :])
    assert values.dtype == np.float32
    assert values.min() >= 0 and values.max() < 1
    assert abs(values.mean() - 0.5) < 0.01 and abs(values.var() - 1 / 12) < 0.003
    assert abs(np.corrcoef(values[:-1].ravel(), values[1:].ravel())[0, 1]) < 0.03
    assert not np.array_equal(values, hash_uniform(4, grid[:, None], grid[None, :]))


@pytest.mark.parametrize("name", ["cloud", "leaf", "grain"])
def test_textures_repeat_without_a_seam(name: str) -> None:
    tile = texture(name)
    assert tile.shape == (SIZE, SIZE) and np.abs(tile).max() <= 1
    inside = np.abs(np.diff(tile, axis=0)).mean()
    assert np.abs(tile[0] - tile[-1]).mean() < 1.3 * inside
    u = np.array([3.5, 3.5 + SIZE, 3.5 - SIZE], np.float32)
    assert (lookup(name, u, np.zeros(3, np.float32)) == tile[0, 3]).all()
