from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from i2ibench.data.layouts.gta5 import GTA5
from i2ibench.errors import BenchError
from i2ibench.tasks.cityscapes import ID_COLOURS


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Frames 1, 101, ... 1901: one a block."""
    for folder in ("gta5/images", "gta5/labels"):
        (tmp_path / folder).mkdir(parents=True)
    for number in range(1, 2000, 100):
        Image.new("RGB", (4, 2), (number % 256, 0, 0)).save(tmp_path / f"gta5/images/{number:05d}.png")
        labels = Image.fromarray(np.array([[0, 7, 34, 33], [11, 19, 26, 1]], np.uint8), "L").convert("P")
        labels.putpalette([value for colour in ID_COLOURS for value in colour])
        labels.save(tmp_path / f"gta5/labels/{number:05d}.png")
    for official, city in (("train", "jena"), ("train", "ulm"), ("train", "bochum"), ("test", "berlin")):
        folder = tmp_path / "cityscapes/leftImg8bit" / official / city
        folder.mkdir(parents=True)
        Image.new("RGB", (4, 2)).save(folder / f"{city}_000000_000001_leftImg8bit.png")
    return tmp_path


def frames(layout: GTA5, tree: Path, split: str) -> list[int]:
    entries = layout.listing(tree, split).entries
    return [int(entry.name.removeprefix("gta5-")) for entry in entries if "source" in entry.parts]


def split_file(tree: Path) -> None:
    loadmat = pytest.importorskip("scipy.io")
    columns = {"trainIds": [1, 101], "valIds": [201], "testIds": [301, 1901]}
    loadmat.savemat(tree / "gta5/split.mat", {key: np.array(ids)[:, None] for key, ids in columns.items()})


def test_sources_then_targets(tree: Path) -> None:
    split_file(tree)
    listing = GTA5().listing(tree, "test")
    assert [entry.name for entry in listing.entries] == [
        "gta5-00301",
        "gta5-01901",
        "cityscapes-berlin_000000_000001",
    ]
    assert [sorted(entry.parts) for entry in listing.entries] == [["labels", "source"]] * 2 + [["target"]]
    labels = listing.entries[0].parts["labels"].read()
    assert labels.tolist() == [[255, 0, 255, 18], [2, 6, 13, 255]]
    assert listing.entries[0].parts["source"].read().shape == (2, 4, 3)
    cities = {
        split: [e.name for e in GTA5().listing(tree, split).entries if "target" in e.parts]
        for split in ("train", "val")
    }
    assert cities["train"] == ["cityscapes-jena_000000_000001"] and len(cities["val"]) == 2


def test_splits_of_the_file_and_frames_that_it_lacks(tree: Path) -> None:
    split_file(tree)
    assert {split: frames(GTA5(), tree, split) for split in ("train", "val", "test")} == {
        "train": [1, 101],
        "val": [201],
        "test": [301, 1901],
    }
    problems = GTA5().listing(tree, "train").problems
    assert len(problems) == 15 and {problem.reason for problem in problems} == {"is in no split of split.mat: left out"}


def test_without_the_file_blocks_are_shared_out(tree: Path) -> None:
    Image.new("RGB", (4, 2)).save(tree / "gta5/images/00002.png")
    Image.new("L", (4, 2)).save(tree / "gta5/labels/00002.png")
    found = {split: frames(GTA5(), tree, split) for split in ("train", "val", "test")}
    assert sorted(number for numbers in found.values() for number in numbers) == [1, 2, *range(101, 2000, 100)]
    assert all(found.values())
    assert any({1, 2} <= set(numbers) for numbers in found.values())


def test_an_unreadable_split_file_is_told(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = frames(GTA5(), tree, "train")
    (tree / "gta5/split.mat").write_bytes(b"MATLAB 5.0" + bytes(200))
    listing = GTA5().listing(tree, "train")
    assert "cannot be read as a MATLAB file" in listing.problems[0].reason and len(listing.problems) == 1
    assert frames(GTA5(), tree, "train") == expected

    real = builtins.__import__

    def without_scipy(name: str, *args: Any, **options: Any) -> Any:
        if name.startswith("scipy"):
            raise ImportError(name)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without_scipy)
    assert "needs scipy" in GTA5().listing(tree, "train").problems[0].reason
    assert frames(GTA5(), tree, "train") == expected


def test_broken_trees(tree: Path) -> None:
    (tree / "gta5/labels/00001.png").unlink()
    (tree / "gta5/images/00101.png").unlink()
    Image.new("RGB", (4, 2)).save(tree / "gta5/images/first.png")
    Image.new("L", (4, 2)).save(tree / "gta5/labels/first.png")
    reasons = {Path(p.file).name: p.reason for p in GTA5().listing(tree, "train").problems}
    assert reasons == {
        "00001.png": "has no label map in gta5/labels",
        "00101.png": "is a label map in gta5/labels without its photo",
        "first.png": "is not named by a number, as 00001.png is: left out",
    }
    with pytest.raises(BenchError, match="leftImg8bit/val"):
        GTA5(test_photos="val").listing(tree, "test")
    for file in tree.glob("gta5/labels/*"):
        file.unlink()
    with pytest.raises(BenchError, match="no example of 'train'"):
        GTA5().listing(tree, "train")
    (tree / "gta5/labels").rmdir()
    with pytest.raises(BenchError, match=r"there is no '.*labels'"):
        GTA5().listing(tree, "train")
    with pytest.raises(ValidationError, match="test_photos"):
        GTA5(test_photos="train")  # type: ignore[arg-type]
