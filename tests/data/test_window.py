from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from i2ibench.adapter import Augmentation
from i2ibench.data.augment import augment, window
from i2ibench.data.rows import HIDDEN
from i2ibench.data.window import Window, in_pixels
from i2ibench.errors import BenchError
from i2ibench.task import Fit, Resolution

SIZE = Resolution(24, 40)
recipes = st.builds(
    Augmentation,
    scale=st.floats(1, 2),
    mirror=st.booleans(),
    flip=st.booleans(),
    area=st.none() | st.tuples(st.floats(0.3, 0.6), st.floats(0.6, 1)),
    crop=st.none() | st.just(Resolution(16, 24)),
)


def coordinates(size: Resolution = SIZE) -> np.ndarray:
    """Every pixel says where it is: red is its column, green its row."""
    y, x = np.mgrid[: size.height, : size.width]
    return np.stack([x * 4, y * 4, np.zeros_like(x)], -1).astype(np.uint8)


def test_a_whole_window_changes_nothing() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (*SIZE, 3), dtype=np.uint8)
    same = Window(0.0, 0.0, 40.0, 24.0, SIZE)
    np.testing.assert_array_equal(same.of_picture(picture), picture)
    np.testing.assert_array_equal(same.of_ids(picture[..., 0]), picture[..., 0])


@settings(max_examples=80, deadline=None)
@given(recipes, st.integers(0, 1000))
def test_pictures_labels_points_boxes_and_flow_are_moved_alike(recipe: Augmentation, position: int) -> None:
    picture, drawn = coordinates(), window(recipe, SIZE, position)
    ids = (np.arange(SIZE.height)[:, None] * SIZE.width + np.arange(SIZE.width)).astype(np.uint16)
    varied = augment({"name": "x", "source": picture, "labels": picture[..., 0], "instances": ids}, recipe, position)
    height, width = varied["source"].shape[:2]
    assert Resolution(height, width) == drawn.size
    rows, columns = np.divmod(varied["instances"].astype(int), SIZE.width)
    np.testing.assert_array_equal(varied["labels"], columns * 4)
    inner = (slice(2, -2), slice(2, -2))  # at the picture's rim the bicubic filter is cut off
    assert np.abs(varied["source"][..., 0].astype(int) - columns * 4)[inner].max() <= 4
    assert np.abs(varied["source"][..., 1].astype(int) - rows * 4)[inner].max() <= 4

    at_row, at_column = height // 2, width // 3
    centre = np.array([[columns[at_row, at_column] + 0.5, rows[at_row, at_column] + 0.5]], np.float32)
    found = drawn.of_points(centre)[0]
    zoom = max(width / (drawn.right - drawn.left), height / (drawn.bottom - drawn.top))
    assert np.abs(found - (at_column + 0.5, at_row + 0.5)).max() <= 0.5 + zoom / 2


@settings(max_examples=40, deadline=None)
@given(recipes, st.integers(0, 1000), st.floats(-3, 3), st.floats(-3, 3))
def test_flow_still_leads_to_the_same_place(recipe: Augmentation, position: int, right: float, down: float) -> None:
    """A point and the point its flow leads to are as far apart in the window as the window's flow says."""
    flow = np.zeros((*SIZE, 2), np.int16)
    flow[:] = round(right * 64), round(down * 64)
    drawn = window(recipe, SIZE, position)
    start = np.array([[20.0, 12.0]], np.float32)
    ends = drawn.of_points(np.concatenate([start, start + flow[0, 0] / 64]).astype(np.float32))
    moved = drawn.of_flow(in_pixels(flow))
    np.testing.assert_allclose(ends[1] - ends[0], moved[0, 0], atol=1e-4)


def test_hidden_flow_stays_hidden() -> None:
    flow = np.zeros((4, 4, 2), np.int16)
    flow[0, 1] = HIDDEN
    assert np.isnan(in_pixels(flow)[0, 1]).all() and np.isfinite(in_pixels(flow)).sum() == 30


def test_boxes_are_cut_and_mostly_hidden_ones_dropped() -> None:
    left_half = Window(0.0, 0.0, 20.0, 24.0, Resolution(24, 20), mirror=True)
    boxes = np.array([[2, 3, 8, 9, 1], [10, 0, 23, 10, 2], [18, 0, 30, 10, 3]], np.float32)
    # The second keeps 10 of 13 columns; the third 2 of 12, less than 70 percent.
    np.testing.assert_array_equal(left_half.of_boxes(boxes), [[12, 3, 18, 9, 1], [0, 0, 10, 10, 2]])


def test_cover_keeps_proportions_and_stretch_does_not() -> None:
    picture = coordinates()
    covered = Window.fit(SIZE, Resolution(12, 12), Fit.COVER)
    assert (covered.left, covered.right, covered.top, covered.bottom) == (8, 32, 0, 24)
    stretched = Window.fit(SIZE, Resolution(12, 12), Fit.STRETCH).of_picture(picture)
    wanted = np.asarray(Image.fromarray(picture).resize((12, 12), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(stretched, wanted)


def test_a_crop_larger_than_the_picture_is_told() -> None:
    with pytest.raises(BenchError, match="crop of 64x64 does not fit into pictures of 24x40"):
        window(Augmentation(crop=Resolution(64, 64)), SIZE, 0)


@given(st.integers(0, 10_000))
def test_a_window_of_a_share_has_that_share(position: int) -> None:
    recipe = Augmentation(area=(0.5, 0.6), aspect=(0.9, 1.1))
    drawn = window(recipe, SIZE, position)
    share = (drawn.right - drawn.left) * (drawn.bottom - drawn.top) / (SIZE.height * SIZE.width)
    assert 0.499 <= share <= 0.601
    assert (
        drawn.left >= 0 and drawn.right <= SIZE.width + 1e-9 and drawn.top >= 0 and drawn.bottom <= SIZE.height + 1e-9
    )
