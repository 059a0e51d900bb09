from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from i2ibench.data.layouts.boxed_classes import NABirds, UECFood256
from i2ibench.data.layouts.layout import Listing
from i2ibench.errors import BenchError


def write(path: Path) -> None:
    """10x8, each pixel its own place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    places = np.dstack([*np.mgrid[:8, :10], np.zeros((8, 10))]).astype(np.uint8)
    Image.fromarray(places).save(path)


def reasons(listing: Listing) -> set[str]:
    return {problem.reason for problem in listing.problems}


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    root = tmp_path / "nabirds"
    names = [f"{bird:04d}/{bird}{number:02d}.png" for bird in (295, 296, 1011) for number in range(20)]
    for name in names:
        write(root / "images" / name)
    keys = [f"0000{number}-aa" for number in range(len(names))]
    (root / "images.txt").write_text("".join(f"{key} {name}\n" for key, name in zip(keys, names, strict=True)))
    (root / "train_test_split.txt").write_text("".join(f"{key} {int(i % 4 > 0)}\n" for i, key in enumerate(keys)))
    (root / "bounding_boxes.txt").write_text("".join(f"{key} 2 1 5 3\n" for key in keys))
    return tmp_path


def test_birds(birds: Path) -> None:
    found = {split: NABirds().listing(birds, split) for split in ("train", "val", "test")}
    assert {split: len(listing.entries) for split, listing in found.items()} == {"train": 41, "val": 4, "test": 15}
    assert not any(listing.problems for listing in found.values())
    assert {entry.values["category"] for entry in found["test"].entries} == {0, 1, 2}
    entry = found["test"].entries[0]
    assert entry.name == "0295-29500"
    pixels = entry.parts["source"].read()
    assert pixels.shape == (3, 5, 3) and pixels[0, 0].tolist() == [1, 2, 0]
    whole = NABirds(crop=False).listing(birds, "test").entries[0]
    assert whole.parts["source"].read().shape == (8, 10, 3)


def test_what_is_wrong_with_birds(birds: Path) -> None:
    root = birds / "nabirds"
    (root / "images/0295/29500.png").unlink()
    write(root / "images/0295/new.png")
    for name, change in (
        (
            "bounding_boxes.txt",
            lambda text: text.replace("00004-aa 2 1 5 3", "00004-aa 2 1 x 3").replace("00008-aa", ""),
        ),
        ("train_test_split.txt", lambda text: text.replace("000012-aa 0\n", "000012-aa\n")),
    ):
        (root / name).write_text(change((root / name).read_text()))
    listing = NABirds().listing(birds, "test")
    assert reasons(listing) == {
        "is listed but not there",
        "images.txt lacks it",
        "has 'x' where a number should be",
        "bounding_boxes.txt lacks it",
        "line 9 should have 5 fields, not 4",
        "line 13 should have 2 fields, not 1",
        "train_test_split.txt lacks it",
    }
    assert len(listing.entries) == 11
    (root / "images.txt").unlink()
    with pytest.raises(BenchError, match=r"images\.txt"):
        NABirds().listing(birds, "test")


@pytest.fixture
def food(tmp_path: Path) -> Path:
    root = tmp_path / "UECFOOD256"
    for kind in (1, 2, 10):
        numbers = range(kind, kind + 12)  # neighbours share photos
        for number in numbers:
            write(root / str(kind) / f"{number}.png")
        lines = [f"{number} 1 2 4 7\n" for number in numbers]
        (root / str(kind) / "bb_info.txt").write_text("img x1 y1 x2 y2\n" + "".join(lines) + f"{kind} 0 0 9 2\n")
    return tmp_path


def test_food(food: Path) -> None:
    found = {split: UECFood256(one_in=4).listing(food, split) for split in ("train", "val", "test")}
    assert sum(len(listing.entries) for listing in found.values()) == 3 * 13
    photos = {split: {entry.name.split("-")[1] for entry in listing.entries} for split, listing in found.items()}
    assert {split: len(numbers) for split, numbers in photos.items()} == {"test": 5, "val": 4, "train": 12}
    assert len(set.union(*photos.values())) == 21  # none in two splits
    entries = {entry.name: entry for listing in found.values() for entry in listing.entries}
    assert entries["10-12-0"].values == {"category": 9} and "10-10-1" in entries
    assert entries["10-12-0"].parts["source"].read().shape == (5, 3, 3)


def test_what_is_wrong_with_food(food: Path) -> None:
    root = food / "UECFOOD256"
    (root / "1/bb_info.txt").write_text("img x1 y1 x2 y2\n1 1 2 4 7\n99 1 2 4 7\n2 1 2 4\n3 1 2 nan 4\n")
    (root / "2/bb_info.txt").unlink()
    (root / "notes").mkdir()
    listing = UECFood256().listing(food, "train")
    assert reasons(listing) == {
        "has no bb_info.txt",
        "lists picture '99', which is not there",
        "line 4 should have 5 fields, not 4",
        "has 'nan' where a number should be",
        "bb_info.txt lacks it",
    }
    with pytest.raises(BenchError, match="this was expected"):
        UECFood256().listing(food / "nowhere", "train")
