from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from i2ibench import samples
from i2ibench.data.pictures import write_png
from i2ibench.data.rows import Split
from i2ibench.task import Need


@pytest.fixture
def outputs(video: Split, tmp_path: Path) -> dict[str, Path]:
    """Number n translated to 50 + n."""
    folder = tmp_path / "outputs"
    folder.mkdir()
    for index, name in enumerate(video.rows.names):
        value = 50 + int(video.rows[index]["source"][0, 0, 0])
        write_png(folder / f"{name}.png", np.full((*video.resolution, 3), value, np.uint8))
    return {"ours": folder}


def columns(sheet: Image.Image, count: int) -> list[int]:
    """The grey in the middle of each column's lowest picture."""
    pixels = np.asarray(sheet.convert("RGB"))
    width = pixels.shape[1] / count
    return [int(pixels[-20, int((column + 0.5) * width), 0]) for column in range(count)]


def test_a_grid_shows_pictures_spread_over_the_split(video: Split, outputs: dict[str, Path], tmp_path: Path) -> None:
    samples.draw(tmp_path / "grid.png", video, outputs)
    with Image.open(tmp_path / "grid.png") as sheet:
        assert columns(sheet, 3) == [14, 64, 114]  # the last of them
    samples.draw(tmp_path / "grid.png", video, outputs, limit=3)
    with Image.open(tmp_path / "grid.png") as sheet:
        assert columns(sheet, 3) == [2, 52, 102]


def test_classes_that_take_turns_are_all_shown(split_of) -> None:
    rows = [{"name": f"p{n:02d}", "source": np.zeros((8, 8, 3), np.uint8), "category": n % 5} for n in range(26)]
    split = split_of(rows, gives=frozenset({Need.CLASSES}), classes=tuple("abcde"))
    numbers = samples.shown(split)
    assert [number % 5 for number in numbers] == [0, 0, 1, 2, 3, 4]
    assert len(set(numbers)) == samples.ROWS
    assert set(samples.shown(split, limit=4)) == {0, 1, 2, 3}


def test_an_animation_shows_the_first_sequence_in_order(video: Split, outputs: dict[str, Path], tmp_path: Path) -> None:
    samples.animate(tmp_path / "clip.gif", video, outputs)
    with Image.open(tmp_path / "clip.gif") as clip:
        assert clip.n_frames == 5  # type: ignore[attr-defined]
        assert clip.info["duration"] == pytest.approx(1000 / samples.FRAMES_A_SECOND, abs=10)
        for number in range(5):
            clip.seek(number)
            np.testing.assert_allclose(columns(clip, 3), [number, 50 + number, 100 + number], atol=2)
    samples.animate(tmp_path / "clip.gif", video, outputs, limit=2)
    with Image.open(tmp_path / "clip.gif") as clip:
        assert clip.n_frames == 2  # type: ignore[attr-defined]
