from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from i2ibench.data.layouts.classes import ClassFolders
from i2ibench.data.layouts.layout import Listing
from i2ibench.errors import BenchError


def write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4)).save(path)


def categories(listing: Listing) -> dict[str, int]:
    return {entry.name: entry.values["category"] for entry in listing.entries}


@pytest.fixture
def afhq(tmp_path: Path) -> Path:
    for split, count in (("train", 20), ("val", 3)):
        for name in ("cat", "dog", "wild"):
            for number in range(count):
                write(tmp_path / "afhq" / split / name / f"flickr_{name}_{number:06d}.jpg")
    return tmp_path


AFHQ = ClassFolders(splits={"train": "train", "test": ("test", "val")})


def test_folders_of_splits(afhq: Path) -> None:
    train, val, test = (AFHQ.listing(afhq, split) for split in ("train", "val", "test"))
    assert [len(found.entries) for found in (train, val, test)] == [54, 6, 9]
    assert not {entry.name for entry in train.entries} & {entry.name for entry in val.entries}
    assert categories(test)["dog-flickr_dog_000001"] == 1
    assert set(categories(test).values()) == {0, 1, 2}
    assert all(set(entry.parts) == {"source"} for entry in test.entries)


def test_classes_may_be_chosen_and_ordered(afhq: Path) -> None:
    chosen = ClassFolders(splits=AFHQ.splits, classes=("wild", "cat"))
    assert set(categories(chosen.listing(afhq, "test")).values()) == {0, 1}
    assert categories(chosen.listing(afhq, "test"))["wild-flickr_wild_000000"] == 0
    matched = ClassFolders(splits=AFHQ.splits, pattern="[cd].*").listing(afhq, "test")
    assert {name[:3] for name in categories(matched)} == {"cat", "dog"} and not matched.problems
    with pytest.raises(BenchError, match="lacks the classes fox"):
        ClassFolders(splits=AFHQ.splits, classes=("cat", "fox")).listing(afhq, "test")


def test_classes_are_those_of_training(afhq: Path) -> None:
    write(afhq / "afhq/val/fox/1.jpg")
    for path in (afhq / "afhq/val/dog").iterdir():
        path.unlink()
    listing = AFHQ.listing(afhq, "test")
    assert set(categories(listing).values()) == {0, 2}
    assert {Path(problem.file).name: problem.reason.split()[0] for problem in listing.problems} == {
        "fox": "is", "dog": "has",
    }  # fmt: skip


def test_one_tree_for_all_splits_is_carved(tmp_path: Path) -> None:
    for kind in range(5):
        for number in range(20):
            write(tmp_path / "animals" / f"n{kind:08d}" / f"{number}.JPEG")
    layout = ClassFolders("animals")
    found = {split: categories(layout.listing(tmp_path, split)) for split in ("train", "val", "test")}
    assert [len(found[split]) for split in ("train", "val", "test")] == [81, 9, 10]
    assert len(found["train"] | found["val"] | found["test"]) == 100
    assert found["train"].keys().isdisjoint(found["val"]) and found["test"].keys().isdisjoint(found["val"])
    here = ClassFolders(".", pattern="n[0-9]+").listing(tmp_path / "animals", "test")
    assert categories(here) == found["test"]


def test_listed_splits(tmp_path: Path) -> None:
    for kind in "ab":
        for number in range(10):
            write(tmp_path / kind / f"{number}.jpg")
    (tmp_path / "test.txt").write_text("a/0.jpg\r\nb/1.jpg\n\n./b/2.jpg\nb/77.jpg\na/0.jpg\n")
    layout = ClassFolders(".", lists={"test": "test.txt"})
    test = layout.listing(tmp_path, "test")
    assert categories(test) == {"a-0": 0, "b-1": 1, "b-2": 1}
    assert sorted(problem.reason for problem in test.problems) == [
        "lists 'a/0.jpg' more than once", "lists 'b/77.jpg', which is not there",
    ]  # fmt: skip
    train, val = (categories(layout.listing(tmp_path, split)) for split in ("train", "val"))
    assert len(train) == 16 and len(val) == 1 and not (train.keys() | val.keys()) & categories(test).keys()
    (tmp_path / "train.txt").write_text("a/5.jpg\na/6.jpg\na/7.jpg\n")
    both = ClassFolders(".", lists={"train": "train.txt", "test": "test.txt"})
    assert len(both.listing(tmp_path, "train").entries) == 2 and len(both.listing(tmp_path, "val").entries) == 1
    with pytest.raises(BenchError, match=r"gone\.txt"):
        ClassFolders(".", lists={"test": "gone.txt"}).listing(tmp_path, "test")
    (tmp_path / "test.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BenchError, match="UTF-8"):
        layout.listing(tmp_path, "test")


def test_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="this was expected"):
        ClassFolders().listing(tmp_path, "train")
    (tmp_path / "train").mkdir()
    with pytest.raises(BenchError, match="has no folder of a class"):
        ClassFolders().listing(tmp_path, "train")
    write(tmp_path / "train/a/1.jpg")
    write(tmp_path / "train/a/1.png")
    listing = ClassFolders().listing(tmp_path, "train")
    assert len(listing.entries) == 1 and "remove one" in listing.problems[0].reason
    with pytest.raises(BenchError, match="regular expression"):
        ClassFolders(pattern="(")
    with pytest.raises(BenchError, match="splits share"):
        ClassFolders(lists={"test": "test.txt"})
