from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from i2ibench.data.layouts.sequences import Sequences
from i2ibench.errors import BenchError


def make(root: Path, *trees: str, videos: int = 30, frames: int = 3) -> None:
    for tree in trees:
        for video in range(videos):
            folder = root / tree / f"seq{video}"
            folder.mkdir(parents=True)
            for frame in range(8, 8 + frames):
                Image.fromarray(np.full((2, 3), frame, np.uint8)).save(folder / f"f{frame}.png")


def test_frames_in_order_of_their_numbers(tmp_path: Path) -> None:
    make(tmp_path, "test_A", "test_B", "test_inst", "test_labels", videos=2)
    listing = Sequences(labels="{split}_labels", instances="{split}_inst").listing(tmp_path, "test")
    assert [(entry.name, entry.values["sequence"], entry.values["frame"]) for entry in listing.entries] == [
        (f"seq{video}-f{8 + frame}", f"seq{video}", frame) for video in (0, 1) for frame in range(3)
    ]
    parts = listing.entries[2].parts
    assert sorted(parts) == ["instances", "labels", "source", "target"] and not listing.problems
    assert parts["source"].read()[0, 0].tolist() == [10] * 3 and parts["labels"].read()[0, 0] == 10


def test_whole_sequences_validate(tmp_path: Path) -> None:
    make(tmp_path, "train_A", "train_B")
    listings = {split: Sequences(one_in=4).listing(tmp_path, split) for split in ("train", "val")}
    found = {split: {entry.values["sequence"] for entry in listings[split].entries} for split in listings}
    assert len(found["train"]) + len(found["val"]) == 30 and not found["train"] & found["val"]
    assert len(listings["val"].entries) == 3 * len(found["val"])
    make(tmp_path, "val_A", "val_B", videos=1)
    assert len(Sequences().listing(tmp_path, "val").entries) == 3


def test_unpaired_trees(tmp_path: Path) -> None:
    make(tmp_path, "test_A", videos=1)
    make(tmp_path, "test_B", videos=2, frames=2)
    entries = Sequences(paired=False).listing(tmp_path, "test").entries
    assert [list(entry.parts) for entry in entries] == [["source"]] * 3 + [["target"]] * 4
    assert entries[0].values == {"sequence": "source-seq0", "frame": 0}
    assert len({entry.name for entry in entries}) == 7


def test_broken_trees(tmp_path: Path) -> None:
    make(tmp_path, "test_A", "test_B", videos=4)
    (tmp_path / "test_B/seq0/f9.png").unlink()
    (tmp_path / "test_A/seq1").rename(tmp_path / "test_A/other")
    for side in "AB":
        for file in (tmp_path / f"test_{side}/seq2").iterdir():
            file.unlink()
    listing = Sequences().listing(tmp_path, "test")
    assert [entry.name for entry in listing.entries] == ["seq0-f8", "seq3-f8", "seq3-f9", "seq3-f10"]
    assert sorted(problem.reason.split(" in ")[0] for problem in listing.problems) == [
        "has no folder of the same name for source",
        "has no folder of the same name for target",
        "has no frame of the same name",
        "has no frames",
    ]
    assert "1 frames after it" in next(p.reason for p in listing.problems if "frame of" in p.reason)


def test_what_cannot_be_used(tmp_path: Path) -> None:
    make(tmp_path, "train_A", videos=1)
    with pytest.raises(BenchError, match="train_B"):
        Sequences().listing(tmp_path, "train")
    with pytest.raises(BenchError, match="test_A"):
        Sequences().listing(tmp_path, "test")
    for options, reason in (
        ({"source": "A"}, "source 'A'"),
        ({"source": "{split}", "target": "{split}"}, "are both"),
        ({"one_in": 0}, "one_in 0"),
    ):
        with pytest.raises(BenchError, match=reason):
            Sequences(**options)  # type: ignore[arg-type]
