from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image

from i2ibench.data.layouts.parts import Content, Crop, InstanceIds, LabelColours, LabelIds, Middle, Painted, Photo
from i2ibench.errors import BenchError

PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def content(pixels: NDArray[np.uint8] | NDArray[np.uint16], name: str = "shard.tar:a.png") -> Content:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return Content(name, buffer.getvalue)


def test_a_photo_of_a_file_and_of_bytes(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    for photo, name in (
        (Photo(tmp_path / "a.png"), str(tmp_path / "a.png")),
        (Photo(content(PIXELS)), "shard.tar:a.png"),
    ):
        np.testing.assert_array_equal(photo.read(), PIXELS)
        assert photo.file == name


def test_halves() -> None:
    np.testing.assert_array_equal(Photo(content(PIXELS), "left").read(), PIXELS[:, :3])
    np.testing.assert_array_equal(Photo(content(PIXELS), "right").read(), PIXELS[:, 3:])
    assert Photo(content(PIXELS), "right").file == "shard.tar:a.png (right half)"
    with pytest.raises(BenchError, match=r"is 4x5 \(height x width\), which has no halves"):
        Photo(content(PIXELS[:, :5].copy()), "left").read()


def test_a_crop_is_cut_at_the_edges() -> None:
    photo = Photo(content(PIXELS))
    np.testing.assert_array_equal(Crop(photo, (1, 1, 3, 4)).read(), PIXELS[1:4, 1:3])
    np.testing.assert_array_equal(Crop(photo, (-5, 2.6, 2.2, 99)).read(), PIXELS[3:, :2])
    for box in ((6, 0, 9, 4), (3, 1, 3, 4), (-4, -4, -1, -1), (4, 1, 2, 3)):
        with pytest.raises(BenchError, match="has no pixel in it"):
            Crop(photo, box).read()


def test_the_middle() -> None:
    part = Middle(Photo(content(PIXELS)), (2, 3))
    np.testing.assert_array_equal(part.read(), PIXELS[1:3, 1:4])
    assert part.file == "shard.tar:a.png"
    np.testing.assert_array_equal(Middle(Photo(content(PIXELS)), (4, 6)).read(), PIXELS)
    with pytest.raises(BenchError, match=r"is 4x6 \(height x width\) and should be at least 5x6"):
        Middle(Photo(content(PIXELS)), (5, 6)).read()


def test_label_ids_by_table() -> None:
    ids = np.array([[0, 7, 11], [33, 200, 7]], np.uint8)
    np.testing.assert_array_equal(
        LabelIds(content(ids), {7: 0, 11: 2, 33: 255, -1: 5}).read(), [[255, 0, 2], [255, 255, 0]]
    )
    np.testing.assert_array_equal(LabelIds(content(ids)).read(), ids)
    assert LabelIds(content(ids), {7: -1}).read().tolist() == [[255] * 3] * 2
    with pytest.raises(BenchError, match=r"ids that its table lacks: 0, 33, 200 \(known: 7 to 11\)"):
        LabelIds(content(ids), {7: 0, 11: 2}, strict=True).read()
    wide = np.array([[7, 40_000]], np.uint16)
    np.testing.assert_array_equal(LabelIds(content(wide), {7: 1, 40_000: 3}).read(), [[1, 3]])
    np.testing.assert_array_equal(LabelIds(content(wide)).read(), [[7, 255]])


PALETTE = ((0, 0, 0), (200, 0, 0), (0, 0, 0), (90, 90, 90))


@given(
    arrays.arrays(np.uint8, (3, 4, 3), elements=st.sampled_from([0, 1, 90, 92, 200, 203])), st.sampled_from([0, 2, 5])
)
def test_label_colours_against_one_pixel_at_a_time(pixels: NDArray[np.uint8], tolerance: int) -> None:
    expected = np.full((3, 4), 255)
    for place in np.ndindex(3, 4):
        distances = [np.linalg.norm(pixels[place].astype(float) - colour) for colour in PALETTE]
        if min(distances) <= tolerance:
            expected[place] = int(np.argmin(distances))
    found = LabelColours(content(pixels), PALETTE, tolerance=tolerance).read()
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, expected)


def test_label_colours_of_a_half_and_by_mapping() -> None:
    pixels = np.array([[[9, 9, 9], [1, 1, 1], [2, 2, 2], [9, 9, 9]]], np.uint8)
    part = LabelColours(content(pixels), {(2, 2, 2): 4, (1, 1, 1): 4}, "right")
    assert part.read().tolist() == [[4, 255]]
    assert part.file.endswith("(right half)")
    assert LabelColours(content(pixels), ()).read().tolist() == [[255] * 4]


def test_instances_and_painting() -> None:
    ids = np.array([[0, 26_001]], np.uint16)
    found = InstanceIds(content(ids)).read()
    assert found.dtype == np.uint16 and found.tolist() == ids.tolist()
    assert InstanceIds(content(ids.astype(np.uint8))).read().dtype == np.uint16
    labels = LabelIds(content(np.array([[0, 1, 2]], np.uint8)), {0: 1, 1: 0})
    painted = Painted(labels, ((10, 20, 30), (40, 50, 60)))
    assert painted.read().tolist() == [[[40, 50, 60], [10, 20, 30], [0, 0, 0]]]
    assert painted.file == labels.file


def test_content_that_cannot_be_had_is_told() -> None:
    def gone() -> bytes:
        raise OSError(5, "Input/output error")

    with pytest.raises(BenchError, match="'row 3' cannot be read: Input/output error"):
        Photo(Content("row 3", gone)).read()
    with pytest.raises(BenchError, match="'row 3' cannot be read as a picture: it is empty"):
        InstanceIds(Content("row 3", bytes)).read()
