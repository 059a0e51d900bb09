from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from i2ibench.data.layouts.style import Style
from i2ibench.errors import BenchError

SMALL = Style(validate=3, test=2)


def fill(folder: Path, count: int, prefix: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.new("RGB", (3, 2), (number, 0, 0)).save(folder / f"{prefix}{number:02d}.jpg")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    fill(tmp_path / "content", 20, "c")
    fill(tmp_path / "style/Cubism", 8, "s")
    fill(tmp_path / "style/Baroque", 8, "s")
    return tmp_path


def test_contents_then_styles_and_what_is_held_out(tree: Path) -> None:
    found = {split: SMALL.listing(tree, split).entries for split in ("train", "val", "test")}
    sides = {split: [next(iter(entry.parts)) for entry in entries] for split, entries in found.items()}
    assert sides == {
        "train": ["source"] * 15 + ["target"] * 11,
        "val": ["source"] * 3 + ["target"] * 3,
        "test": ["source"] * 2 + ["target"] * 2,
    }
    names = [entry.name for entries in found.values() for entry in entries]
    assert len(set(names)) == 36 and "content-c00" in names and "style-Baroque-s00" in names


def test_categories_are_the_top_folders(tree: Path) -> None:
    entries = Style(category=True, validate=3, test=2).listing(tree, "train").entries
    classes = {entry.name.split("-")[1]: entry.values.get("category") for entry in entries}
    assert classes.pop("Baroque") == 0 and classes.pop("Cubism") == 1 and set(classes.values()) == {None}
    fill(tree / "style", 1, "loose")
    problems = Style(category=True, validate=3, test=2).listing(tree, "train").problems
    assert [Path(problem.file).name for problem in problems] == ["loose00.jpg"]


def test_splits_of_their_own(tree: Path) -> None:
    fill(tree / "more/photos", 4, "t")
    layout = Style(content={"train": "content", "test": "more/photos"}, validate=3, test=2)
    sizes = {s: sum("source" in e.parts for e in layout.listing(tree, s).entries) for s in ("train", "val", "test")}
    assert sizes == {"train": 17, "val": 3, "test": 4}


def test_lists_of_paths(tree: Path) -> None:
    lines = ["content/c05.jpg", "", "./content/c01.jpg", "content/c05.jpg", "content/absent.jpg", "style", "a\0b.jpg"]
    (tree / "lists").mkdir()
    (tree / "lists/content.txt").write_text("\n".join(lines))
    (tree / "lists/style.txt").write_text("../style/Cubism/s00.jpg\r\n../style/Cubism/s01.jpg\r\n")
    (tree / "notes.md").touch()
    layout = Style(content={"train": "lists/content.txt", "val": "content", "test": "content"},
                   style={"train": "lists/style.txt", "val": "style", "test": "style"})  # fmt: skip
    listing = layout.listing(tree, "train")
    assert [Path(next(iter(entry.parts.values())).file).name for entry in listing.entries] == [
        "c01.jpg",
        "c05.jpg",
        "s00.jpg",
        "s01.jpg",
    ]
    assert [problem.reason.split(":")[0] for problem in listing.problems] == ["line 4", "line 5", "line 6", "line 7"]
    (tree / "lists/content.txt").write_bytes(b"\xff\xff")
    with pytest.raises(BenchError, match=r"content\.txt"):
        layout.listing(tree, "train")
    (tree / "lists/content.txt").unlink()
    with pytest.raises(BenchError, match=r"there is no '.*content.txt'"):
        layout.listing(tree, "train")


def test_what_cannot_be_used(tree: Path) -> None:
    with pytest.raises(BenchError, match="no example of 'train'"):
        Style(validate=15, test=15).listing(tree, "train")
    with pytest.raises(BenchError, match="photos"):
        Style(content={"train": "photos"}).listing(tree, "train")
    for options in ({"content": {"test": "a"}}, {"style": {"train": "a", "dev": "b"}}, {"validate": 0}):
        with pytest.raises(BenchError, match="layout 'style'"):
            Style(**options)  # type: ignore[arg-type]
