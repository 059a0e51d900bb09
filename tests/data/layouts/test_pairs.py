from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from i2ibench.data.layouts.layout import Listing
from i2ibench.data.layouts.pairs import PairedFolders, SideBySide
from i2ibench.errors import BenchError


def write(path: Path, colour: tuple[int, int, int] = (1, 2, 3), size: tuple[int, int] = (8, 4)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


def names(listing: Listing) -> list[str]:
    return [entry.name for entry in listing.entries]


def reasons(listing: Listing) -> dict[str, str]:
    return {Path(problem.file).name: problem.reason for problem in listing.problems}


@pytest.fixture
def side_by_side(tmp_path: Path) -> Path:
    """`facades/{train,val,test}/N.jpg`, colours of the halves known."""
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, 4:] = 255
    for split, count in (("train", 5), ("val", 2), ("test", 3)):
        for number in range(1, count + 1):
            path = tmp_path / "facades" / split / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    return tmp_path / "facades"


def test_side_by_side(side_by_side: Path) -> None:
    for split, count in (("train", 5), ("val", 2), ("test", 3)):
        listing = SideBySide(source="right").listing(side_by_side, split)
        assert names(listing) == [str(number) for number in range(1, count + 1)] and not listing.problems
    entry = SideBySide(source="right").listing(side_by_side, "train").entries[0]
    assert set(entry.parts) == {"source", "target"} and not entry.values
    assert entry.parts["source"].read().min() > 200 and entry.parts["target"].read().max() < 50
    assert SideBySide().listing(side_by_side, "train").entries[0].parts["source"].read().max() < 50


def test_side_by_side_with_label_ids(side_by_side: Path) -> None:
    layout = SideBySide(source="right", labels="right", palette=((0, 0, 0), (250, 250, 250)), tolerance=10)
    labels = layout.listing(side_by_side, "val").entries[0].parts["labels"].read()
    assert labels.shape == (4, 4) and labels.tolist() == [[1] * 4] * 4
    with pytest.raises(BenchError, match="needs option palette"):
        SideBySide(labels="right")


def test_the_folder_above_and_the_folder_below_are_found(side_by_side: Path) -> None:
    expected = names(SideBySide().listing(side_by_side, "train"))
    assert names(SideBySide().listing(side_by_side.parent, "train")) == expected
    assert names(SideBySide().listing(side_by_side / "train", "train")) == expected


def test_other_folders_serve_and_the_rest_is_carved(tmp_path: Path) -> None:
    for number in range(40):
        write(tmp_path / "train" / f"{number}_AB.JPG")
    for number in range(7):
        write(tmp_path / "val" / f"{number}_AB.jpg")
    layout = SideBySide(splits={"train": "train", "test": ("test", "val")})
    found = {split: set(names(layout.listing(tmp_path, split))) for split in ("train", "val", "test")}
    assert [len(found[split]) for split in ("train", "val", "test")] == [36, 4, 7]
    assert not found["train"] & found["val"]
    alone = SideBySide(splits={"train": "train"})
    found = {split: set(names(alone.listing(tmp_path, split))) for split in ("train", "val", "test")}
    assert [len(found[split]) for split in ("train", "val", "test")] == [33, 3, 4]
    assert len(set.union(*found.values())) == 40


def test_carving_hardly_moves_when_files_come(tmp_path: Path) -> None:
    layout = SideBySide(splits={"train": "train"})
    for number in range(100):
        write(tmp_path / "train" / f"{number}.jpg")
    before = set(names(layout.listing(tmp_path, "test")))
    for number in range(100, 105):
        write(tmp_path / "train" / f"{number}.jpg")
    assert len(before & set(names(layout.listing(tmp_path, "test")))) >= 5


def test_what_is_wrong_side_by_side(side_by_side: Path, tmp_path: Path) -> None:
    write(side_by_side / "train" / "1.png")
    write(side_by_side / "train" / "a b.jpg")
    (side_by_side / "train" / ".hidden.jpg").write_bytes(b"")
    (side_by_side / "train" / "Thumbs.db").write_bytes(b"")
    (side_by_side / "train" / "notes.txt").write_text("left alone")
    (side_by_side / "__MACOSX" / "train").mkdir(parents=True)
    listing = SideBySide().listing(side_by_side, "train")
    assert len(listing.entries) == 6 and "remove one" in reasons(listing)["1.png"]
    assert any(name.startswith("a_b-") for name in names(listing))
    with pytest.raises(BenchError, match=r"this was expected:\ntrain/NAME\.jpg"):
        SideBySide().listing(tmp_path / "nowhere", "train")
    (tmp_path / "empty" / "train").mkdir(parents=True)
    with pytest.raises(BenchError, match="there is no example of 'train'"):
        SideBySide().listing(tmp_path / "empty", "train")
    with pytest.raises(BenchError, match="there is no split 'validation'"):
        SideBySide().listing(side_by_side, "validation")


@pytest.mark.parametrize(
    "options", [{"source": "up"}, {"splits": {"train": 3}}, {"one_in": "ten"}, {"palette": [[1, 2]]}, {"nothing": 1}]
)
def test_options_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SideBySide(**options)


def test_splits_are_checked(side_by_side: Path) -> None:
    for splits in ({"training": "train"}, {"val": "val"}, {}):
        with pytest.raises(BenchError, match="split"):
            SideBySide(splits=splits).listing(side_by_side, "train")
    with pytest.raises(BenchError, match="one_in is 1"):
        SideBySide(splits={"train": "train"}, one_in=1).listing(side_by_side, "val")


def test_paired_folders(tmp_path: Path) -> None:
    for folder, count in (("our485", 30), ("eval15", 4)):
        for number in range(count):
            write(tmp_path / folder / "low" / f"{number}.png", (number, 0, 0))
            write(tmp_path / folder / "high" / f"{number}.jpeg", (0, number, 0))
    layout = PairedFolders("{split}/low", "{split}/high", {"train": "our485", "test": "eval15"})
    counts = {split: len(layout.listing(tmp_path, split).entries) for split in ("train", "val", "test")}
    assert counts == {"train": 27, "val": 3, "test": 4}
    entry = layout.listing(tmp_path, "test").entries[2]
    assert entry.name == "2" and entry.parts["source"].read()[0, 0].tolist() == [2, 0, 0]
    assert entry.parts["target"].file.endswith("2.jpeg")
    window = PairedFolders("{split}/low", "{split}/high", {"train": "our485", "test": "eval15"}, middle=(2, 4))
    parts = window.listing(tmp_path, "test").entries[0].parts
    assert {part.read().shape for part in parts.values()} == {(2, 4, 3)}


def test_partners_whose_names_differ_and_scenes(tmp_path: Path) -> None:
    for scene in range(12):
        for number in range(3):
            write(tmp_path / "SIDD/train/noisy" / f"{scene:04d}_NOISY_SRGB_{number:03d}.png")
            write(tmp_path / "SIDD/train/gt" / f"{scene:04d}_GT_SRGB_{number:03d}.png")
    layout = PairedFolders(
        "{split}/noisy", "{split}/gt", {"train": "train"}, drop="_(NOISY|GT)_SRGB", group="^[0-9]+", one_in=4
    )
    scenes = {
        split: {name[:4] for name in names(layout.listing(tmp_path, split))} for split in ("train", "val", "test")
    }
    assert [len(scenes[split]) for split in ("train", "val", "test")] == [7, 2, 3]
    assert not scenes["train"] & scenes["val"] and not (scenes["train"] | scenes["val"]) & scenes["test"]


def test_scene_folders(tmp_path: Path) -> None:
    for split, scenes in (("train", 12), ("test", 2)):
        for scene in range(scenes):
            for side in ("blur", "sharp"):
                for number in range(2):
                    write(tmp_path / f"GOPRO_Large/{split}/GOPR{scene:02d}/{side}/{number:06d}.png")
    layout = PairedFolders("{split}/*/blur", "{split}/*/sharp", {"train": "train", "test": "test"})
    train, val = (names(layout.listing(tmp_path, split)) for split in ("train", "val"))
    assert len(train) == 22 and len(val) == 2 and val[0][:6] not in {name[:6] for name in train}
    assert names(layout.listing(tmp_path, "test"))[0] == "GOPR00-000000"
    (tmp_path / "GOPRO_Large/test/GOPR99/blur").mkdir(parents=True)
    assert "is not there" in reasons(layout.listing(tmp_path, "test"))["sharp"]


def test_what_is_wrong_in_paired_folders(tmp_path: Path) -> None:
    for side in "AB":
        for number in range(3):
            write(tmp_path / "train" / side / f"{number}.png")
    write(tmp_path / "train" / "A" / "lonely.png")
    write(tmp_path / "train" / "B" / "single.png")
    write(tmp_path / "train" / "B" / "2.bmp")
    listing = PairedFolders(splits={"train": "train", "val": "train"}).listing(tmp_path, "val")
    assert names(listing) == ["0", "1", "2"]
    assert set(reasons(listing)) == {"lonely.png", "single.png", "2.png"}
    with pytest.raises(BenchError, match="there is no"):
        PairedFolders(target="{split}/C", splits={"train": "train"}).listing(tmp_path, "train")
    with pytest.raises(BenchError, match="there is no example of 'train'"):
        PairedFolders(drop=".*", splits={"train": "train"}, source="{split}/A").listing(
            write_pair(tmp_path / "other"), "train"
        )
    for options in ({"drop": "("}, {"group": "["}, {"source": "*/x"}, {"source": "{split}/*/*"}):
        with pytest.raises(BenchError, match=r"regular expression|at most one"):
            PairedFolders(**options)


def write_pair(root: Path) -> Path:
    write(root / "train/A/a.png")
    (root / "train/B").mkdir(parents=True)
    return root


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_may_not_be_listed(side_by_side: Path) -> None:
    (side_by_side / "train").chmod(0)
    try:
        with pytest.raises(BenchError, match="cannot be listed"):
            SideBySide().listing(side_by_side, "train")
    finally:
        (side_by_side / "train").chmod(0o755)


def test_facades_for_real() -> None:
    root = os.environ.get("I2IBENCH_TEST_DATA")
    if root is None or not (Path(root) / "facades").is_dir():
        pytest.skip("I2IBENCH_TEST_DATA names no folder that holds facades")
    counts = {
        split: len(SideBySide(source="right").listing(Path(root) / "facades", split).entries)
        for split in ("train", "val", "test")
    }
    assert counts == {"train": 400, "val": 100, "test": 106}
    entry = SideBySide(source="right").listing(Path(root) / "facades", "test").entries[0]
    source, target = entry.parts["source"].read(), entry.parts["target"].read()
    assert source.shape == target.shape == (256, 256, 3)
    assert source[..., 2].astype(int).mean() > source[..., 0].mean() + 50  # walls and background are blues
