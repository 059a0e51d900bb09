from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from i2ibench.data.layouts.attributes import Attributes
from i2ibench.errors import BenchError

NAMES = ("Bald", "Eyeglasses", "Male", "Young")


@pytest.fixture(params=["flat", "official"])
def celeba(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Picture i has attribute k where bit k of i is set; three in four train."""
    home = {"flat": ("", "", ""), "official": ("CelebA/Img", "CelebA/Anno", "CelebA/Eval")}[request.param]
    images, attributes, partition = (tmp_path / folder for folder in home)
    for folder in (images / "img_align_celeba", attributes, partition):
        folder.mkdir(parents=True, exist_ok=True)
    names = [f"{number:06d}.jpg" for number in range(64)]
    lines = []
    for number, name in enumerate(names):
        Image.new("RGB", (4, 5)).save(images / "img_align_celeba" / name)
        lines.append(" ".join([name, *(f"{1 if number >> place & 1 else -1: d}" for place in range(4))]))
    (attributes / "list_attr_celeba.txt").write_text("64\n" + " ".join(NAMES) + " \n" + "\n".join(lines) + "\n")
    splits = [0 if number < 48 else 1 + (number >= 56) for number in range(64)]
    text = "".join(f"{name} {split}\n" for name, split in zip(names, splits, strict=True))
    (partition / "list_eval_partition.txt").write_text(text)
    return tmp_path


def text_of(root: Path, name: str) -> Path:
    return next(root.rglob(name))


def test_two_domains(celeba: Path) -> None:
    for split, count in (("train", 24), ("val", 4), ("test", 4)):
        listing = Attributes(target="Eyeglasses").listing(celeba, split)
        sides = ["".join(entry.parts) for entry in listing.entries]
        assert sides == ["source"] * count + ["target"] * count and not listing.problems
    targets = [entry.name for entry in listing.entries if "target" in entry.parts]
    assert targets == ["000058", "000059", "000062", "000063"]
    assert listing.entries[0].parts["source"].read().shape == (5, 4, 3)


def test_classes_are_combinations(celeba: Path) -> None:
    listing = Attributes(classes=("Male", "Bald")).listing(celeba, "train")
    assert len(listing.entries) == 48
    for entry in listing.entries:
        number = int(entry.name)
        assert entry.values == {"category": (number >> 2 & 1) + 2 * (number & 1)}
        assert set(entry.parts) == {"source"}


def test_what_is_wrong(celeba: Path) -> None:
    attributes, partition = text_of(celeba, "list_attr_celeba.txt"), text_of(celeba, "list_eval_partition.txt")
    images = next(celeba.rglob("img_align_celeba"))
    (images / "000001.jpg").unlink()
    Image.new("RGB", (2, 2)).save(images / "900000.jpg")
    attributes.write_text(attributes.read_text().replace("000002.jpg -1  1 -1 -1", "000002.jpg 0 7 -1 -1"))
    partition.write_text(partition.read_text().replace("000003.jpg 0", "000003.jpg 3"))
    listing = Attributes(target="Eyeglasses").listing(celeba, "train")
    assert len(listing.entries) == 45
    assert {problem.reason for problem in listing.problems} == {
        "is listed but not there",
        "list_attr_celeba.txt lacks it",
        "line 5 should have 4 values, each 1 or -1",
        "has '3' for '000003.jpg', and should have 0, 1 or 2",
        "list_eval_partition.txt lacks it",
    }
    with pytest.raises(BenchError, match="has no attribute 'Eyeglases': did you mean 'Eyeglasses'"):
        Attributes(target="Eyeglases").listing(celeba, "train")
    with pytest.raises(BenchError, match="this was expected"):
        Attributes(target="Bald").listing(celeba / "nowhere", "train")
    partition.unlink()
    with pytest.raises(BenchError, match=r"list_eval_partition\.txt"):
        Attributes(target="Bald").listing(celeba, "train")


def test_one_domain_alone_is_no_task(celeba: Path) -> None:
    text = text_of(celeba, "list_attr_celeba.txt")
    lines = text.read_text().splitlines()
    text.write_text("\n".join([*lines[:2], *(line.split()[0] + " 1 1 1 1" for line in lines[2:])]))
    with pytest.raises(BenchError, match="choose another attribute"):
        Attributes(target="Bald").listing(celeba, "train")


def test_options() -> None:
    for options in ({}, {"target": "Bald", "classes": ("Male",)}, {"classes": NAMES * 2}):
        with pytest.raises(BenchError, match="needs either option target"):
            Attributes(**options)
