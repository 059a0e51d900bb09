from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydantic import ValidationError

from i2ibench.data.layouts.cityscapes import VAL_CITIES, Cityscapes
from i2ibench.data.layouts.cityscapes_sequences import CityscapesSequences
from i2ibench.errors import BenchError
from i2ibench.tasks.cityscapes import CITYSCAPES_CLASSES, ID_COLOURS, TRAIN_IDS
from i2ibench.tasks.labels import CITYSCAPES

IDS = np.array([[0, 7, 9, 17], [18, 26, 33, 29]], np.uint8)
"""Unlabelled, road, parking, pole; polegroup, car, bicycle, caravan."""
LABELS = [[255, 0, 255, 5], [255, 13, 18, 255]]


def save(path: Path, pixels: NDArray[np.generic]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def add(root: Path, split: str, city: str, frame: int, *, seed: int = 0) -> str:
    """A photo with its maps; its stem."""
    stem = f"{city}_000001_{frame:06d}"
    photo = np.random.default_rng(seed).integers(0, 256, (2, 4, 3), np.uint8)
    save(root / "leftImg8bit" / split / city / f"{stem}_leftImg8bit.png", photo)
    maps = root / "gtFine" / split / city
    save(maps / f"{stem}_gtFine_labelIds.png", IDS)
    save(maps / f"{stem}_gtFine_instanceIds.png", np.where(IDS >= 24, IDS * np.uint16(1000) + 3, IDS).astype(np.uint16))
    colours = np.array(ID_COLOURS, np.uint8)[IDS]
    save(maps / f"{stem}_gtFine_color.png", np.dstack([colours, np.full(IDS.shape, 255, np.uint8)]))
    return stem


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for city in ("aachen", "zurich", *VAL_CITIES):
        for frame in (4, 12):
            add(tmp_path, "train", city, frame)
    add(tmp_path, "val", "munster", 0)
    add(tmp_path, "test", "berlin", 0)
    return tmp_path


def test_the_table_of_classes_agrees_with_the_evaluated_ones() -> None:
    assert [label.id for label in CITYSCAPES_CLASSES] == [*range(34), -1]
    evaluated = {label.train_id: label for label in CITYSCAPES_CLASSES if 0 <= label.train_id < 255}
    assert tuple(evaluated[k].name for k in range(19)) == CITYSCAPES.names
    assert tuple(evaluated[k].colour for k in range(19)) == CITYSCAPES.palette
    assert {k for k, label in evaluated.items() if label.has_instances} == CITYSCAPES.things
    assert len(ID_COLOURS) == 34 and TRAIN_IDS[33] == 18 and TRAIN_IDS[-1] == -1


def test_the_table_of_classes_is_the_official_one_by_mmseg() -> None:
    names = pytest.importorskip("mmseg.utils.class_names")
    assert list(CITYSCAPES.names) == names.cityscapes_classes()
    assert [list(colour) for colour in CITYSCAPES.palette] == names.cityscapes_palette()


def test_splits_by_city(tree: Path) -> None:
    names = {split: [entry.name for entry in Cityscapes().listing(tree, split).entries] for split in ("train", "val")}
    assert names["train"] == [f"{city}_000001_{n:06d}" for city in ("aachen", "zurich") for n in (4, 12)]
    assert names["val"] == [f"{city}_000001_{n:06d}" for city in ("bochum", "ulm") for n in (4, 12)]
    test = Cityscapes().listing(tree, "test")
    assert [entry.name for entry in test.entries] == ["munster_000001_000000"] and not test.problems


def test_what_a_picture_has(tree: Path) -> None:
    parts = Cityscapes().listing(tree, "test").entries[0].parts
    np.testing.assert_array_equal(parts["labels"].read(), LABELS)
    np.testing.assert_array_equal(parts["source"].read(), np.array(ID_COLOURS)[IDS])
    assert parts["source"].read()[0, 2].tolist() == [250, 170, 160]  # parking is not evaluated, and is seen
    np.testing.assert_array_equal(parts["instances"].read(), [[0, 7, 9, 17], [18, 26003, 33003, 29003]])
    photo = tree / "leftImg8bit/val/munster/munster_000001_000000_leftImg8bit.png"
    np.testing.assert_array_equal(parts["target"].read(), np.asarray(Image.open(photo)))
    turned = Cityscapes(direction="photo2label", instances=False).listing(tree, "test").entries[0].parts
    assert list(turned) == ["source", "target", "labels"]
    np.testing.assert_array_equal(turned["source"].read(), parts["target"].read())
    np.testing.assert_array_equal(turned["target"].read(), parts["source"].read())


def test_colours_serve_where_ids_are_absent(tree: Path) -> None:
    before = Cityscapes().listing(tree, "test").entries[0].parts
    source = before["source"].read()
    (tree / "gtFine/val/munster/munster_000001_000000_gtFine_labelIds.png").unlink()
    parts = Cityscapes().listing(tree, "test").entries[0].parts
    np.testing.assert_array_equal(parts["source"].read(), source)
    # polegroup has the colour of pole; caravan and unlabelled have none of the 19
    np.testing.assert_array_equal(parts["labels"].read(), [[255, 0, 255, 5], [5, 13, 18, 255]])


def test_the_root_may_hold_the_set_in_a_folder(tree: Path) -> None:
    (tree / "outer").mkdir()
    for folder in ("leftImg8bit", "gtFine"):
        (tree / folder).rename(tree / "outer" / folder)
    assert len(Cityscapes().listing(tree, "train").entries) == 4


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        ("gtFine_instanceIds.png", "has no _gtFine_instanceIds in "),
        ("leftImg8bit.png", "belongs to a photo that is not there"),
    ],
)
def test_lone_files_are_problems(tree: Path, ending: str, reason: str) -> None:
    for file in tree.glob(f"*/train/aachen/aachen_000001_000004_{ending}"):
        file.unlink()
    listing = Cityscapes().listing(tree, "train")
    assert listing.entries[0].name == "aachen_000001_000012" and len(listing.entries) == 3
    assert listing.problems and all(problem.reason.startswith(reason) for problem in listing.problems)


def test_strange_names_empty_cities_and_absent_cities_are_problems(tree: Path) -> None:
    save(tree / "leftImg8bit/train/ulm/holiday.png", np.zeros((2, 4, 3), np.uint8))
    (tree / "leftImg8bit/train/jena").mkdir()
    assert [problem.reason for problem in Cityscapes().listing(tree, "train").problems] == ["has no photos"]
    layout = Cityscapes(val_cities=("ulm", "atlantis"))
    reasons = [problem.reason for problem in layout.listing(tree, "val").problems]
    assert reasons == ["lacks cities that validate: atlantis", "is not named CITY_SEQ_FRAME_leftImg8bit"]


def test_nothing_there_is_an_error_with_the_tree(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(BenchError, match=r"CITY_SEQ_FRAME_leftImg8bit"):
        Cityscapes().listing(tmp_path_factory.mktemp("empty"), "train")
    with pytest.raises(BenchError, match=r"no example of 'val'.*lacks cities that validate: atlantis"):
        Cityscapes(val_cities=("atlantis",)).listing(tree, "val")
    with pytest.raises(ValidationError, match="direction"):
        Cityscapes(direction="sideways")  # type: ignore[arg-type]


@pytest.fixture
def snippets(tmp_path: Path) -> Path:
    for city, frames in (("aachen", [0, 1, 2, 3]), ("ulm", [7, 8]), ("bochum", [20, 21, 30, 31])):
        for frame in frames:
            stem = f"{city}_000001_{frame:06d}"
            photo = np.full((2, 4, 3), frame, np.uint8)
            save(tmp_path / f"leftImg8bit_sequence/train/{city}/{stem}_leftImg8bit.png", photo)
            save(tmp_path / f"predicted/train/{city}/{stem}_leftImg8bit.png", IDS)
    return tmp_path


def test_sequences_are_runs_of_frames(snippets: Path) -> None:
    layout = CityscapesSequences(length=2)
    train, val = layout.listing(snippets, "train"), layout.listing(snippets, "val")
    assert not train.problems and not val.problems
    values = [(entry.values["sequence"], entry.values["frame"]) for entry in (*train.entries, *val.entries)]
    starts = ["aachen_000001_000000", "aachen_000001_000002", "bochum_000001_000020", "bochum_000001_000030"]
    assert values == [(start, frame) for start in [*starts, "ulm_000001_000007"] for frame in (0, 1)]
    assert [entry.parts["target"].read()[0, 0, 0] for entry in train.entries] == [0, 1, 2, 3]
    np.testing.assert_array_equal(train.entries[0].parts["labels"].read(), LABELS)
    np.testing.assert_array_equal(train.entries[0].parts["source"].read(), np.array(ID_COLOURS)[IDS])


def test_predicted_train_ids(snippets: Path) -> None:
    file = snippets / "predicted/train/aachen/aachen_000001_000000_leftImg8bit.png"
    save(file, np.array([[0, 18, 19, 255]], np.uint8))
    parts = CityscapesSequences(ids="trainIds", length=2).listing(snippets, "train").entries[0].parts
    assert parts["labels"].read().tolist() == [[0, 18, 255, 255]]
    assert parts["source"].read().tolist() == [[[128, 64, 128], [119, 11, 32], [0, 0, 0], [0, 0, 0]]]


def test_broken_snippets_are_problems_and_used_as_they_are(snippets: Path) -> None:
    (snippets / "predicted/train/aachen/aachen_000001_000001_leftImg8bit.png").unlink()
    listing = CityscapesSequences(length=4).listing(snippets, "train")
    found = [(entry.values["sequence"][-1], entry.values["frame"]) for entry in listing.entries]
    assert found == [("0", 0), ("2", 0), ("2", 1)]
    assert [problem.reason.split(":")[0].split(" in ")[0] for problem in listing.problems] == [
        "has no predicted label map",
        "begins a sequence of 1 frames, not 4",
        "begins a sequence of 2 frames, not 4",
    ]
    with pytest.raises(ValidationError, match="ids"):
        CityscapesSequences(ids="colours")  # type: ignore[arg-type]
    with pytest.raises(BenchError, match="predicted"):
        CityscapesSequences(labels="absent").listing(snippets, "train")
