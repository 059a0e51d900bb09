from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from i2ibench.data.worlds.paintings import planes

RNG = np.random.default_rng(5)


@given(st.integers(1, 6), st.integers(3, 20), st.integers(3, 20))
def test_blur_is_the_mean_of_a_square_with_the_edge_continued(radius: int, height: int, width: int) -> None:
    plane = RNG.random((height, width), np.float32)
    padded = np.pad(plane.astype(np.float64), radius, mode="edge")
    side = 2 * radius + 1
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side))
    np.testing.assert_allclose(planes.blur(plane, radius), windows.mean((-1, -2)), atol=2e-5)


def test_blur_treats_each_plane_alone() -> None:
    colour = RNG.random((3, 9, 7), np.float32)
    for channel in range(3):
        np.testing.assert_array_equal(planes.blur(colour, 2)[channel], planes.blur(colour[channel], 2))


def test_shrinking_undoes_enlarging_of_smooth_pictures() -> None:
    ramp = np.broadcast_to(np.arange(20, 180, 5, dtype=np.uint8)[:, None, None], (32, 16, 3))
    for samples in (3, 4):
        back = planes.shrink(planes.enlarge(ramp, samples), samples)
        assert np.abs(back.astype(int) - ramp)[1:-1].max() <= 1


def test_tones_are_stretched_to_the_bounds_and_dark_photos_do_not_turn_gaudy() -> None:
    dark = (RNG.random((3, 40, 40)) * 0.2).astype(np.float32)
    light = planes.grey(planes.stretch_tones(dark, 0.1, 0.9))
    assert abs(np.percentile(light, 5) - 0.1) < 0.06 and np.percentile(light, 95) > 0.5
    colour = np.ptp(dark, axis=0).mean()
    assert np.ptp(planes.stretch_tones(dark, 0.1, 0.9), axis=0).mean() < 1.5 * colour


def test_levelled_tones_are_about_equally_frequent() -> None:
    dark = np.repeat((RNG.random((1, 60, 60)) ** 1.5 * 0.8).astype(np.float32), 3, 0)
    counts, _ = np.histogram(planes.grey(planes.stretch_tones(dark, 0.0, 1.0, level=1.0)), 5, (0, 1))
    assert counts.max() < 1.3 * counts.min()


def test_flat_areas_keep_their_edge() -> None:
    step = np.zeros((3, 24, 24), np.float32)
    step[:, :, 12:] = 1
    noisy = step + RNG.normal(0, 0.05, step.shape).astype(np.float32)
    flat = planes.flatten(noisy, 3)
    assert np.abs(flat - step).mean() < 0.4 * np.abs(noisy - step).mean()
    assert np.abs(np.diff(flat, axis=2))[:, :, 11].min() > 0.8


def test_warping_moves_no_farther_than_it_says() -> None:
    columns = np.broadcast_to(np.arange(64, dtype=np.float32), (64, 64))
    moved = planes.warp(columns, 3, 4.0) - columns
    assert 1 < np.abs(moved).max() <= 10 and np.abs(np.diff(moved, axis=0)).mean() < 0.6
