from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2ibench.data.layouts.layout import Entry, Problem
from i2ibench.data.layouts.parts import Photo
from i2ibench.data.layouts.trees import (
    by_stem,
    find_root,
    listed,
    lowest,
    natural,
    partners,
    picture_files,
    safe,
    subfolders,
)
from i2ibench.errors import BenchError


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_picture_files_are_told_by_extension_and_hidden_ones_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "b.PNG", "a.jpeg", "c.TiF", "notes.txt", ".hidden.png", "._a.png", "Thumbs.db", "__MACOSX/x.png")
    touch(tmp_path, "deep/d.webp", ".git/e.png")
    assert [file.name for file in picture_files(tmp_path)] == ["a.jpeg", "b.PNG", "c.TiF"]
    assert [file.name for file in picture_files(tmp_path, deep=True)] == ["a.jpeg", "b.PNG", "c.TiF", "d.webp"]
    assert [folder.name for folder in subfolders(tmp_path)] == ["deep"]
    with pytest.raises(BenchError, match="cannot be listed"):
        picture_files(tmp_path / "absent")


def test_stems_with_an_ending(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a_x.png", "b_x.png", "a_x.jpg", "c.png", "_x.png")]
    found, problems, others = by_stem(files, "_x")
    assert {stem: file.name for stem, file in found.items()} == {"a": "a_x.png", "b": "b_x.png"}
    assert [problem.file for problem in problems] == [str(tmp_path / "a_x.jpg")] and "a_x.png" in problems[0].reason
    assert [file.name for file in others] == ["c.png", "_x.png"]


def test_partners_and_who_has_none() -> None:
    photos, maps = {"a": Path("a.jpg"), "b": Path("b.jpg")}, {"b": Path("b.png"), "c": Path("c.png")}
    both, lone = partners(photos, maps, "map")
    assert both == [("b", Path("b.jpg"), Path("b.png"))]
    assert lone == [Problem("a.jpg", "has no map"), Problem("c.png", "is a map without its photo")]


def test_the_root_may_be_one_level_off(tmp_path: Path) -> None:
    (tmp_path / "top/set/images").mkdir(parents=True)
    for root in (tmp_path / "top/set", tmp_path / "top", tmp_path / "top/set/images"):
        assert find_root(root, "images", "TREE") == tmp_path / "top/set"
    for root in (tmp_path, tmp_path / "absent"):
        with pytest.raises(BenchError, match="TREE"):
            find_root(root, "images", "TREE")
    (tmp_path / "top/other/images").mkdir(parents=True)
    with pytest.raises(BenchError, match="several folders"):
        find_root(tmp_path / "top", "images", "TREE")


@given(st.lists(st.text(min_size=1, max_size=200), min_size=2, max_size=8, unique=True))
def test_names_are_safe_and_apart(paths: list[str]) -> None:
    paths = [path.encode(errors="replace").decode() for path in paths]
    names = [safe(path) for path in paths]
    assert all(re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,170}", name) for name in names)
    plain = {path.replace("/", "-") for path in paths}
    assert len(set(names)) == len(plain)


def test_plain_names_stay() -> None:
    assert safe("seq_01/frame.003") == "seq_01-frame.003"
    assert safe("münchen") != safe("mänchen")


def test_what_is_listed(tmp_path: Path) -> None:
    entries = [Entry(name, {"source": Photo(tmp_path / file)}) for name, file in (("a", "1"), ("b", "2"), ("a", "3"))]
    listing = listed(entries, [Problem("x", "y")], tmp_path, "train", "TREE")
    assert [entry.name for entry in listing.entries] == ["a", "b"]
    assert listing.problems[0] == Problem("x", "y") and listing.problems[1].file == str(tmp_path / "3")
    with pytest.raises(BenchError, match=r"no example of 'val'.*'x' y.*\n?TREE"):
        listed([], [Problem("x", "y")], tmp_path, "val", "TREE")


def test_the_lowest_stay_the_lowest() -> None:
    entries = [Entry(f"{number}", {}) for number in range(100)]
    held = lowest(entries, 10)
    assert len(held) == 10 and held == lowest(entries[::-1], 10)
    without = [entry for entry in entries if entry.name not in sorted(held)[:1]]
    assert len(lowest(without, 10) & held) == 9


def test_numbers_in_names_sort_by_value() -> None:
    assert sorted(["f10", "f9", "f1b2", "f1b10", "e"], key=natural) == ["e", "f1b2", "f1b10", "f9", "f10"]
