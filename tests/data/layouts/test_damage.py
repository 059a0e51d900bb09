"""Data sets with files missing, moved, emptied or overwritten list and read as arrays or `BenchError`s."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.random import Generator
from PIL import Image

from i2ibench.data.layouts.attributes import Attributes
from i2ibench.data.layouts.boxed_classes import NABirds, UECFood256
from i2ibench.data.layouts.camvid import CamVid
from i2ibench.data.layouts.classes import ClassFolders
from i2ibench.data.layouts.domains import Domains
from i2ibench.data.layouts.layout import Layout
from i2ibench.data.layouts.pairs import PairedFolders, SideBySide
from i2ibench.errors import BenchError

LAYOUTS: list[Layout] = [
    SideBySide(labels="left", palette=((0, 0, 0),), tolerance=5),
    PairedFolders(),
    CamVid(),
    Domains(),
    ClassFolders(splits={"train": "train"}),
    ClassFolders(".", lists={"test": "list.txt"}, pattern="t.*[AB]"),
    NABirds(),
    UECFood256(),
    Attributes(classes=("Male",)),
]


def plant(root: Path) -> None:
    """One tree that is every layout's."""
    pictures = [f"{folder}/{number}.png" for folder in ("trainA", "trainB", "testA", "testB") for number in range(4)]
    pictures += [f"{split}/{number}.png" for split in ("train", "val", "test") for number in range(4)]
    sides = [f"{split}/{side}" for split in ("train", "val", "test") for side in "AB"]
    pictures += [f"{side}/{number}.png" for side in sides for number in "12"]
    pictures += [f"images/0{kind}/{number}.png" for kind in "12" for number in range(4)]
    pictures += [f"{kind}/{number}.png" for kind in "12" for number in range(4)]
    pictures += [f"img_align_celeba/{number}.png" for number in range(6)]
    for name in pictures:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 4)).save(root / name)
    for split in ("train", "val", "test"):
        (root / f"{split}annot").mkdir()
        for number in range(4):
            Image.new("L", (6, 4), number).save(root / f"{split}annot" / f"{number}.png")
    birds = [name.removeprefix("images/") for name in pictures if name.startswith("images/")]
    (root / "list.txt").write_text("testA/1.png\ntrainB/2.png\n")
    (root / "images.txt").write_text("".join(f"k{number} {name}\n" for number, name in enumerate(birds)))
    (root / "train_test_split.txt").write_text("".join(f"k{number} {number % 3 % 2}\n" for number in range(8)))
    (root / "bounding_boxes.txt").write_text("".join(f"k{number} 1 1 {number} 2\n" for number in range(8)))
    for kind in "12":
        (root / kind / "bb_info.txt").write_text("img x1 y1 x2 y2\n0 0 0 3 3\n1 1 1 5 4\n2 5 5 4 4\n3 0 0 1 1\n")
    faces = "".join(f"{number}.png -1 {number % 2 * 2 - 1}\n" for number in range(6))
    (root / "list_attr_celeba.txt").write_text(f"6\nBald Male\n{faces}")
    (root / "list_eval_partition.txt").write_text("".join(f"{number}.png {number % 3}\n" for number in range(6)))


def damage(root: Path, random: Generator) -> None:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    for _ in range(random.integers(1, 12)):
        path = files[random.integers(0, len(files))]
        if not path.is_file():
            continue
        how = random.integers(0, 8)
        data = bytearray(path.read_bytes())
        if how == 0:
            path.unlink()
        elif how == 1:
            path.write_bytes(b"")
        elif how == 2:
            path.write_bytes(random.bytes(random.integers(1, 200)))
        elif how == 3:
            path.write_bytes(data[: random.integers(0, len(data) + 1)])
        elif how == 4 and data:
            data[random.integers(0, len(data))] ^= 1 << random.integers(0, 8)
            path.write_bytes(data)
        elif how == 5:
            path.rename(path.with_suffix(str(random.choice([".jpg", ".txt", ".PNG", ".png.bak"]))))
        elif how == 6:
            path.unlink()
            path.mkdir()
        elif path.parent != root:
            shutil.rmtree(path.parent)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL.*")
def test_damaged_trees(tmp_path: Path) -> None:
    plant(tmp_path / "whole")
    for layout in LAYOUTS:
        for split in ("train", "val", "test"):
            assert layout.listing(tmp_path / "whole", split).entries
    outcomes = {"listed": 0, "no listing": 0, "problems": 0, "unread": 0}
    for seed in range(120):
        random = np.random.default_rng(seed)
        root = tmp_path / str(seed)
        shutil.copytree(tmp_path / "whole", root)
        damage(root, random)
        for layout in LAYOUTS:
            try:
                listing = layout.listing(root, str(random.choice(["train", "val", "test"])))
            except BenchError as error:
                outcomes["no listing"] += 1
                assert str(root) in str(error)
                continue
            outcomes["listed"] += 1
            outcomes["problems"] += len(listing.problems)
            assert len({entry.name for entry in listing.entries}) == len(listing.entries) > 0
            for part in (part for entry in listing.entries for part in entry.parts.values()):
                try:
                    assert part.read().size
                except BenchError as error:
                    outcomes["unread"] += 1
                    assert str(root) in str(error)
        shutil.rmtree(root)
    assert min(outcomes.values()) > 100, outcomes
