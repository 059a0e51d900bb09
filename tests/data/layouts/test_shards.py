from __future__ import annotations

import io
import json
import pickle
import random
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from i2ibench.data.layouts.shards import Shards, expanded
from i2ibench.errors import BenchError

ONE = {"train": "train-{0..1}.tar", "val": "train-0.tar", "test": "train-0.tar"}


def png(value: int, mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (3, 2), value if mode == "L" else (value, 0, 0)).save(buffer, "png")
    return buffer.getvalue()


def shard(path: Path, *members: tuple[str, bytes]) -> None:
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def pair(key: str, value: int) -> list[tuple[str, bytes]]:
    return [(f"{key}.source.png", png(value)), (f"{key}.target.png", png(value + 1)), (f"{key}.txt", b"caption")]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in range(2):
        shard(tmp_path / f"train-{number}.tar", *(m for k in range(4) for m in pair(f"dir/{k:04d}", 10 * number + k)))
    return tmp_path


def test_pairs_are_read_by_a_seek(root: Path) -> None:
    listing = Shards(shards=ONE).listing(root, "train")
    assert len(listing.entries) < 8 or not listing.problems
    everything = Shards(shards={"train": "x", "val": "x", "test": ONE["train"]}).listing(root, "test")
    assert [entry.name for entry in everything.entries] == [f"train-{s}-dir-{k:04d}" for s in (0, 1) for k in range(4)]
    entry = everything.entries[5]
    assert list(entry.parts) == ["source", "target"] and len(entry.parts) == 2 and "labels" not in entry.parts
    assert entry.parts["source"].read()[0, 0].tolist() == [11, 0, 0]
    assert entry.parts["target"].read()[0, 0].tolist() == [12, 0, 0]
    assert entry.parts["source"].file == f"{root / 'train-1.tar'}/dir/0001.source.png"
    assert not everything.problems
    copy = pickle.loads(pickle.dumps(entry))
    assert copy.parts["target"].read()[0, 0].tolist() == [12, 0, 0]


def test_splits_that_are_not_named_are_carved(root: Path) -> None:
    layout = Shards(shards={"train": "train-*.tar"}, one_in=3)
    names = [{entry.name for entry in layout.listing(root, split).entries} for split in ("train", "val", "test")]
    assert sum(map(len, names)) == len(set.union(*names)) == 8


def test_classes_labels_and_boxes(tmp_path: Path) -> None:
    boxes = json.dumps({"boxes": [[0, 0, 2, 1, "dog"]]}).encode()
    members = [("a.jpg", png(1)), ("a.cls", b" 1\n"), ("a.seg.png", png(7, "L")), ("a.json", boxes)]
    others = [("b.jpg", png(2)), ("b.cls", b"cat"), ("b.seg.png", png(255, "L")), ("b.json", b"[]")]
    shard(tmp_path / "test.tar", *members, *others)
    layout = Shards(source="jpg;png", target="", labels="seg.png", category="cls", boxes="json", classes=("cat", "dog"))
    first, second = layout.listing(tmp_path, "test").entries
    assert (first.values["category"], second.values["category"]) == (1, 0)
    np.testing.assert_array_equal(first.values["boxes"], [[0, 0, 2, 1, 1]])
    assert second.values["boxes"].shape == (0, 5)
    assert first.parts["labels"].read().tolist() == [[7] * 3] * 2 and list(first.parts) == ["source", "labels"]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ([("a.jpg", b""), ("a.cls", b"7")], "its class '7'"),
        ([("a.jpg", b""), ("a.cls", b"\xff")], "its class"),
        ([("a.jpg", b"")], "has no member .cls (category)"),
        ([("a.cls", b"0")], "has no member .jpg (source)"),
        ([("a.jpg", b""), ("a.cls", b"0"), ("a.JPG", b"")], "is a second source of its key, after 'a.jpg'"),
    ],
)
def test_incomplete_examples_are_problems(tmp_path: Path, bad: list[tuple[str, bytes]], reason: str) -> None:
    shard(tmp_path / "test.tar", *bad, ("b.jpg", png(2)), ("b.cls", b"1"))
    listing = Shards(source="jpg", target="", category="cls", classes=("x", "y")).listing(tmp_path, "test")
    assert listing.entries[-1].name == "test-b" and len(listing.problems) == 1
    assert reason in listing.problems[0].reason and str(tmp_path / "test.tar") in listing.problems[0].file


def test_many_problems_of_a_kind_are_counted(tmp_path: Path) -> None:
    shard(tmp_path / "test.tar", *pair("a", 0), *((f"{k}.source.png", b"") for k in range(50)))
    problems = Shards().listing(tmp_path, "test").problems
    assert len(problems) == 21 and problems[-1].reason == "has 30 more problems of this kind"


def test_shards_without_any_example_are_told(tmp_path: Path) -> None:
    shard(tmp_path / "test-0.tar", *pair("a", 0))
    shard(tmp_path / "test-1.tar", *pair("cat.1", 0))
    shard(tmp_path / "test-2.tar")
    reasons = [
        problem.reason
        for problem in Shards(shards={"train": "x", "test": "test-*.tar"}).listing(tmp_path, "test").problems
    ]
    assert "as counted from the first dot" in reasons[0] and "'cat.1.source.png'" in reasons[0]
    assert reasons[1:] == ["has no members"]


def test_members_that_do_not_count(tmp_path: Path) -> None:
    strangers = [("__MACOSX/b.source.png", b""), (".b.source.png", b""), ("README", b""), ("./c/d.source.png", png(1))]
    shard(tmp_path / "test.tar", *pair("a", 0), *strangers, ("c/d.target.png", png(2)), ("../../e.target.png", png(3)))
    listing = Shards().listing(tmp_path, "test")
    assert [entry.name for entry in listing.entries] == ["test-a", "test-c-d"]
    assert [problem.file for problem in listing.problems] == [f"{tmp_path / 'test.tar'}/../../e"]


def test_unpaired_shards(root: Path, tmp_path: Path) -> None:
    shard(tmp_path / "b.tar", *((f"{k}.target.png", png(k)) for k in range(2)))
    shards = {"train": "train-*.tar", "test": "train-*.tar", "val": "train-*.tar"}
    layout = Shards(shards=shards, targets={"train": "b.tar", "val": "b.tar", "test": "b.tar"})
    entries = layout.listing(root, "test").entries
    assert [list(entry.parts) for entry in entries] == [["source"]] * 8 + [["target"]] * 2


def test_broken_shards_are_problems_beside_whole_ones(root: Path) -> None:
    (root / "train-1.tar").write_bytes(b"\x1f\x8b" + bytes(600))
    listing = Shards(shards={"train": "x", "test": "train-*.tar"}).listing(root, "test")
    assert len(listing.entries) == 4 and ["compressed" in problem.reason for problem in listing.problems] == [True]
    (root / "train-0.tar").write_bytes(b"")
    with pytest.raises(BenchError, match=r"no example of 'test'.*is empty"):
        Shards(shards={"train": "x", "test": "train-*.tar"}).listing(root, "test")


def test_braces() -> None:
    assert expanded("a-{08..10}.tar") == ["a-08.tar", "a-09.tar", "a-10.tar"]
    assert expanded("{a,b}/{0..1}") == ["a/0", "a/1", "b/0", "b/1"]
    assert expanded("plain") == ["plain"]
    for wrong in ("{9..1}", "{0..99999999}"):
        with pytest.raises(BenchError, match="do not count up"):
            expanded(wrong)


def test_what_cannot_be_used(root: Path) -> None:
    for shards, reason in (
        ("train-{0..2}.tar", r"there is no '.*train-2.tar'"),
        ("none*.tar", "there is no"),
        ("https://example.org/a.tar", "not local files"),
        ("pipe:cat a.tar", "not local files"),
        ("a**b.tar", "pattern"),
    ):
        with pytest.raises(BenchError, match=reason):
            Shards(shards={"train": "x", "test": shards}).listing(root, "test")
    with pytest.raises(BenchError, match="'train' is needed"):
        Shards(shards={"test": "x"}).listing(root, "test")
    for options in ({"source": "png", "target": "png"}, {"source": "", "target": ""}):
        with pytest.raises(BenchError, match="extension of its own"):
            Shards(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(60))
def test_any_damage_is_an_error_or_a_problem(root: Path, seed: int) -> None:
    rng = random.Random(seed)
    file = root / "train-0.tar"
    content = bytearray(file.read_bytes())
    for _ in range(rng.randint(1, 5)):
        start, length = rng.randrange(len(content)), rng.choice([1, 8, 512])
        content[start : start + length] = rng.randbytes(length)
    file.write_bytes(content[: rng.randrange(len(content))] if seed % 3 == 0 else content)
    try:
        entries = Shards(shards={"train": "x", "test": "train-0.tar"}).listing(root, "test").entries
    except BenchError:
        return
    for entry in entries:
        for part in entry.parts.values():
            try:
                assert part.read().shape == (2, 3, 3)
            except BenchError as error:
                assert "train-0.tar" in str(error)
