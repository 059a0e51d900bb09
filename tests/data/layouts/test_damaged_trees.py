"""Trees of data sets with files missing, emptied, cut short, renamed or replaced at random."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from i2ibench.data.layouts.cityscapes import Cityscapes
from i2ibench.data.layouts.gta5 import GTA5
from i2ibench.data.layouts.init import INIT
from i2ibench.data.layouts.layout import Layout
from i2ibench.data.layouts.scenes import ADE20K, CocoStuff
from i2ibench.data.layouts.sequences import Sequences
from i2ibench.errors import BenchError

SIZE = (4, 6)


def photo(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", SIZE[::-1], (1, 2, 3)).save(path)


def ids(path: Path, value: int = 7, dtype: type[np.generic] = np.uint8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(SIZE, value, dtype)).save(path)


def cityscapes(root: Path) -> None:
    for split, city in (("train", "jena"), ("train", "ulm"), ("train", "bochum"), ("val", "munster"), ("test", "bonn")):
        for frame in range(2):
            stem = f"{city}_000000_{frame:06d}"
            photo(root / f"leftImg8bit/{split}/{city}/{stem}_leftImg8bit.png")
            ids(root / f"gtFine/{split}/{city}/{stem}_gtFine_labelIds.png")
            ids(root / f"gtFine/{split}/{city}/{stem}_gtFine_instanceIds.png", 26001, np.uint16)
            photo(root / f"gtFine/{split}/{city}/{stem}_gtFine_color.png")


def gta5(root: Path) -> None:
    cityscapes(root / "cityscapes")
    for number in range(1, 1300, 100):
        photo(root / f"gta5/images/{number:05d}.png")
        ids(root / f"gta5/labels/{number:05d}.png")


def scenes(splits: tuple[str, str]) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        for split in splits:
            for number in range(4):
                photo(root / f"images/{split}/{number}.jpg")
                ids(root / f"annotations/{split}/{number}.png")

    return make


def init(root: Path) -> None:
    for split in ("train", "val", "test"):
        for domain in ("sunny", "night"):
            for number in range(3):
                photo(root / f"{split}/{domain}/{number}.jpg")
            lines = "".join(f"{number}.jpg,0,0,2,2,car\n" for number in range(3))
            (root / f"{split}/{domain}.csv").write_text("picture,left,top,right,bottom,class\n" + lines)


def sequences(root: Path) -> None:
    for split in ("train", "val", "test"):
        for side in "AB":
            for number in range(6):
                photo(root / f"{split}_{side}/video{number // 3}/{number}.png")


TREES: dict[str, tuple[Layout, Callable[[Path], None]]] = {
    "cityscapes": (Cityscapes(), cityscapes),
    "gta5": (GTA5(), gta5),
    "ade20k": (ADE20K(validate=1), scenes(("training", "validation"))),
    "coco-stuff": (CocoStuff(validate=1), scenes(("train2017", "val2017"))),
    "init": (INIT(), init),
    "sequences": (Sequences(), sequences),
}


def damage(rng: random.Random, root: Path) -> None:
    places = sorted(path for path in root.rglob("*"))
    if not places:
        return
    path = rng.choice(places)
    kind = rng.randrange(7)
    if path.is_dir():
        if kind < 2:
            shutil.rmtree(path)
        elif kind == 2:
            path.rename(path.with_name(path.name + "x"))
        return
    if kind == 0:
        path.unlink()
    elif kind == 1:
        path.write_bytes(b"")
    elif kind == 2:
        path.write_bytes(path.read_bytes()[: rng.randrange(1, 60)])
    elif kind == 3:
        path.write_bytes(rng.randbytes(rng.randrange(1, 200)))
    elif kind == 4:
        path.rename(path.with_suffix(rng.choice([".JPG", ".txt", ".webp", ""])))
    elif kind == 5:
        path.rename(path.with_name("ä ö" + path.name))
    else:
        path.unlink()
        path.mkdir()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("whole")
    for name, (_, make) in TREES.items():
        make(root / name)
    return root


@pytest.mark.parametrize("name", TREES)
def test_whole_trees_have_no_problems(whole: Path, name: str) -> None:
    for split in ("train", "val", "test"):
        listing = TREES[name][0].listing(whole / name, split)
        assert listing.entries and not listing.problems
        assert all(part.read().shape[:2] == SIZE for entry in listing.entries for part in entry.parts.values())


@pytest.mark.parametrize("seed", range(240))
def test_damaged_trees_are_told_and_never_break(whole: Path, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    name = list(TREES)[seed % len(TREES)]
    root = tmp_path / "tree"
    shutil.copytree(whole / name, root)
    for _ in range(rng.randint(1, 4)):
        damage(rng, root)
    layout = TREES[name][0]
    for split in ("train", "val", "test"):
        try:
            listing = layout.listing(root, split)
        except BenchError as error:
            assert str(root) in str(error)
            continue
        names = [entry.name for entry in listing.entries]
        assert len(set(names)) == len(names) > 0
        for entry in layout.listing(whole / name, split).entries:
            files = {root / Path(part.file).relative_to(whole / name) for part in entry.parts.values()}
            left = sum(file.is_file() for file in files)
            assert entry.name in names or listing.problems or left in (0, len(files)), "half an example went unnoticed"
        for entry in listing.entries:
            for part in entry.parts.values():
                try:
                    pixels = part.read()
                except BenchError as error:
                    assert part.file in str(error)
                else:
                    assert pixels.dtype in (np.uint8, np.uint16)
