from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from i2ibench.data.layouts.camvid import CamVid
from i2ibench.errors import BenchError
from i2ibench.tasks.labels import CAMVID

IDS = np.array([[0, 3, 11], [10, 8, 1]], np.uint8)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for split, count in (("train", 4), ("val", 2), ("test", 3)):
        for number in range(count):
            for folder in (split, f"{split}annot"):
                (tmp_path / "CamVid" / folder).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (3, 2), (9, 9, number)).save(tmp_path / "CamVid" / split / f"0001TP_{number:06d}.png")
            Image.fromarray(IDS).save(tmp_path / "CamVid" / f"{split}annot" / f"0001TP_{number:06d}.png")
    return tmp_path


def test_examples(tree: Path) -> None:
    counts = {split: len(CamVid().listing(tree, split).entries) for split in ("train", "val", "test")}
    assert counts == {"train": 4, "val": 2, "test": 3}
    parts = CamVid().listing(tree, "train").entries[1].parts
    assert parts["labels"].read().tolist() == [[0, 3, 255], [10, 8, 1]]
    assert parts["target"].read()[0, 0].tolist() == [9, 9, 1]
    expected = [[(128, 128, 128), CAMVID.palette[3], (0, 0, 0)], [CAMVID.palette[i] for i in (10, 8, 1)]]
    np.testing.assert_array_equal(parts["source"].read(), expected)
    reverse = CamVid(direction="photo2label").listing(tree, "train").entries[1].parts
    np.testing.assert_array_equal(reverse["target"].read(), expected)


def test_what_is_wrong(tree: Path) -> None:
    folder = tree / "CamVid"
    (folder / "valannot" / "0001TP_000000.png").unlink()
    Image.new("RGB", (3, 2)).save(folder / "val" / "extra.png")
    Image.fromarray(np.full((2, 3), 12, np.uint8)).save(folder / "valannot" / "0001TP_000001.png")
    listing = CamVid().listing(tree, "val")
    assert {Path(problem.file).name for problem in listing.problems} == {"extra.png", "0001TP_000000.png"}
    for column in ("labels", "source"):
        with pytest.raises(BenchError, match="ids that its table lacks: 12"):
            listing.entries[0].parts[column].read()
    for path in (folder / "trainannot").iterdir():
        path.unlink()
    with pytest.raises(BenchError, match="there is no example of 'train'"):
        CamVid().listing(tree, "train")
    (folder / "trainannot").rmdir()
    with pytest.raises(BenchError, match=r"trainannot.*this was expected"):
        CamVid().listing(tree, "train")


def test_camvid_for_real() -> None:
    root = os.environ.get("I2IBENCH_TEST_DATA")
    if root is None or not (Path(root) / "camvid").is_dir():
        pytest.skip("I2IBENCH_TEST_DATA names no folder that holds camvid")
    listings = {split: CamVid().listing(Path(root) / "camvid", split) for split in ("train", "val", "test")}
    assert {split: len(found.entries) for split, found in listings.items()} == {"train": 367, "val": 101, "test": 233}
    parts = listings["val"].entries[0].parts
    assert parts["source"].read().shape == parts["target"].read().shape
    assert set(np.unique(parts["labels"].read())) <= {*range(11), 255}
