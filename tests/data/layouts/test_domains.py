from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from i2ibench.data.layouts.domains import Domains
from i2ibench.errors import BenchError


def write(path: Path, red: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4), (red, 0, 0)).save(path)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for folder, count in (("trainA", 20), ("trainB", 30), ("testA", 3), ("testB", 4)):
        for number in range(count):
            write(tmp_path / "cat2dog" / folder / f"{number:02d}.jpg", 255 if folder.endswith("A") else 0)
    return tmp_path / "cat2dog"


def test_sources_then_targets(tree: Path) -> None:
    counts = {}
    for split in ("train", "val", "test"):
        listing = Domains().listing(tree, split)
        sides = ["".join(entry.parts) for entry in listing.entries]
        assert sides == sorted(sides, key=["source", "target"].index) and not listing.problems
        counts[split] = sides.count("source"), sides.count("target")
        assert len({entry.name for entry in listing.entries}) == len(sides)
    assert counts == {"train": (18, 27), "val": (2, 3), "test": (3, 4)}
    first = Domains().listing(tree, "test").entries[0]
    assert first.name == "A-00" and first.parts["source"].read()[0, 0, 0] > 200
    reverse = Domains(source="B", target="A").listing(tree, "test").entries
    assert reverse[0].name == "B-00" and len(reverse) == 7


def test_domains_within_splits(tmp_path: Path) -> None:
    for split in ("train", "val"):
        for domain in ("cat", "dog", "wild"):
            for number in range(10):
                write(tmp_path / split / domain / f"{number}.png")
    layout = Domains("cat", "dog", "{split}/{domain}", {"train": "train", "test": ("test", "val")})
    assert {split: len(layout.listing(tmp_path, split).entries) for split in ("train", "val", "test")} == {
        "train": 18, "val": 2, "test": 20,
    }  # fmt: skip
    assert layout.listing(tmp_path, "test").entries[0].name == "cat-0"


def test_what_is_wrong(tree: Path, tmp_path: Path) -> None:
    write(tree / "testA" / "00.png")
    assert [Path(problem.file).name for problem in Domains().listing(tree, "test").problems] == ["00.png"]
    for path in (tree / "testB").iterdir():
        path.unlink()
    with pytest.raises(BenchError, match=r"testB.*there is no example of 'test'"):
        Domains().listing(tree, "test")
    with pytest.raises(BenchError, match=r"this was expected:\ntrainC/NAME\.jpg\ntrainB"):
        Domains(source="C").listing(tree, "train")
    with pytest.raises(BenchError, match="two domains"):
        Domains(source="A", target="A")
    with pytest.raises(BenchError, match="domain"):
        Domains(folder="{split}")


def test_names_that_meet_are_told(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path / "train" / "a" / f"b-{number}.jpg")
        write(tmp_path / "train" / "a-b" / f"{number}.jpg")
    layout = Domains("a", "a-b", "{split}/{domain}", {"train": "train", "val": "train", "test": "train"})
    listing = layout.listing(tmp_path, "test")
    assert len(listing.entries) == 4 and len(listing.problems) == 4


def test_cats_and_dogs_for_real() -> None:
    root = os.environ.get("I2IBENCH_TEST_DATA")
    if root is None or not (Path(root) / "cat2dog").is_dir():
        pytest.skip("I2IBENCH_TEST_DATA names no folder that holds cat2dog")
    listings = {split: Domains().listing(Path(root) / "cat2dog", split).entries for split in ("train", "val", "test")}
    assert {split: len(entries) for split, entries in listings.items()} == {"train": 1800, "val": 200, "test": 1000}
    assert listings["val"][0].parts["source"].read().shape == (128, 128, 3)
