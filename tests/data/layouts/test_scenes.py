from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from i2ibench.data.layouts.scenes import ADE20K, CocoStuff
from i2ibench.errors import BenchError
from i2ibench.tasks.scenes_labels import ADE20K_LABELS, COCO_STUFF_LABELS


def make(root: Path, photos: str, maps: str, splits: tuple[str, str], values: list[list[int]], count: int = 20) -> None:
    for split, prefix in zip(splits, ("a", "b"), strict=True):
        for folder in (photos, maps):
            (root / folder / split).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (3, 2), (number, 0, 0)).save(root / photos / split / f"{prefix}{number:03d}.jpg")
            Image.fromarray(np.array(values, np.uint8)).save(root / maps / split / f"{prefix}{number:03d}.png")


@pytest.fixture
def ade(tmp_path: Path) -> Path:
    make(tmp_path, "images", "annotations", ("training", "validation"), [[0, 1, 2], [150, 13, 0]])
    return tmp_path


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    make(tmp_path, "images", "annotations", ("train2017", "val2017"), [[0, 90, 91], [181, 255, 12]])
    return tmp_path


def test_names_are_the_official_ones_by_mmseg() -> None:
    names = pytest.importorskip("mmseg.utils.class_names")
    assert [name.strip() for name in names.ade_classes()] == list(ADE20K_LABELS.names)
    unused = {11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90}
    used = [name for label, name in enumerate(COCO_STUFF_LABELS.names) if label not in unused]
    assert used == names.cocostuff_classes() and len(COCO_STUFF_LABELS) == 182


@pytest.mark.parametrize("table", [ADE20K_LABELS, COCO_STUFF_LABELS], ids=lambda table: table.name)
def test_each_class_has_a_colour_of_its_own(table: object) -> None:
    palette = table.palette  # type: ignore[attr-defined]
    assert len(set(palette)) == len(palette) == len(table.names) and (0, 0, 0) not in palette  # type: ignore[attr-defined]
    assert palette[:3] == ((128, 0, 0), (0, 128, 0), (128, 128, 0)) and palette[7] == (64, 0, 0)  # Pascal VOC's


def test_ade_labels_are_shifted_by_one(ade: Path) -> None:
    parts = ADE20K(validate=5).listing(ade, "test").entries[0].parts
    assert parts["labels"].read().tolist() == [[255, 0, 1], [149, 12, 255]]
    colours = parts["source"].read()
    assert colours[0, 0].tolist() == [0, 0, 0] and tuple(colours[1, 0].tolist()) == ADE20K_LABELS.palette[149]
    turned = ADE20K(validate=5, direction="photo2label").listing(ade, "test").entries[0].parts
    np.testing.assert_array_equal(turned["target"].read(), colours)


def test_coco_values_are_ids(coco: Path) -> None:
    parts = CocoStuff(validate=5).listing(coco, "test").entries[0].parts
    assert parts["labels"].read().tolist() == [[0, 90, 91], [181, 255, 12]]
    assert COCO_STUFF_LABELS.names[91] == "banner" and COCO_STUFF_LABELS.names[181] == "wood"


@pytest.mark.parametrize("layout", [ADE20K(validate=5), CocoStuff(validate=5)], ids=["ade20k", "coco-stuff"])
def test_splits(layout: ADE20K | CocoStuff, request: pytest.FixtureRequest) -> None:
    root = request.getfixturevalue("ade" if isinstance(layout, ADE20K) else "coco")
    names = {s: [entry.name for entry in layout.listing(root, s).entries] for s in ("train", "val", "test")}
    assert {split: len(found) for split, found in names.items()} == {"train": 15, "val": 5, "test": 20}
    assert sorted(names["train"] + names["val"]) == [f"a{number:03d}" for number in range(20)]
    assert all(found == sorted(found) for found in names.values())


def test_values_outside_the_table_are_an_error(ade: Path) -> None:
    file = ade / "annotations/validation/b000.png"
    Image.fromarray(np.array([[0, 151], [3, 200]], np.uint8)).save(file)
    parts = ADE20K(validate=5).listing(ade, "test").entries[0].parts
    with pytest.raises(BenchError, match="151, 200"):
        parts["labels"].read()


def test_instances_are_read_where_they_are_asked_for(coco: Path) -> None:
    for split, prefix in (("train2017", "a"), ("val2017", "b")):
        (coco / "inst" / split).mkdir(parents=True)
        for number in range(19):
            Image.fromarray(np.full((2, 3), 300, np.uint16)).save(coco / "inst" / split / f"{prefix}{number:03d}.png")
    listing = CocoStuff(instances="inst", validate=5).listing(coco, "test")
    assert len(listing.entries) == 19 and len(listing.problems) == 1 and "instance map" in listing.problems[0].reason
    assert listing.entries[0].parts["instances"].read().tolist() == [[300] * 3] * 2
    with pytest.raises(BenchError, match=r"there is no '.*absent"):
        CocoStuff(instances="absent").listing(coco, "test")


def test_broken_trees(ade: Path) -> None:
    (ade / "annotations/training/a003.png").unlink()
    Image.new("RGB", (3, 2)).save(ade / "images/training/a004.png")
    (ade / "images/training/a005.jpg").unlink()
    listings = [ADE20K(validate=5).listing(ade, split) for split in ("train", "val")]
    assert sum(len(listing.entries) for listing in listings) == 18
    assert [problem.reason.split(" in ")[0] for problem in listings[0].problems] == [
        "has the same stem as 'a004.jpg', which is used: remove one",
        "has no label map",
        "is a label map",
    ]
    for file in ade.glob("annotations/validation/*"):
        file.unlink()
    with pytest.raises(BenchError, match=r"no example of 'test'.*and 19 more problems"):
        ADE20K().listing(ade, "test")
    (ade / "annotations/validation").rmdir()
    with pytest.raises(BenchError, match=r"there is no '.*validation'"):
        ADE20K().listing(ade, "test")
    with pytest.raises(ValidationError, match="direction"):
        ADE20K(direction="up")  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="validate"):
        CocoStuff(validate=0)
