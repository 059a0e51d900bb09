from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from i2ibench.data import rows
from i2ibench.errors import BenchError
from i2ibench.task import Resolution, Task

SIZE = Resolution(16, 16)


def test_rows_come_back_as_they_were_made(toy: Task) -> None:
    from i2ibench_toy_world import load as toy_rows

    split = rows.load(toy, SIZE, "val")
    made = list(toy_rows("val", SIZE))
    assert split.rows.names == [row["name"] for row in made]
    for got, row in zip(split.rows, made, strict=True):
        for column in ("source", "target", "labels"):
            np.testing.assert_array_equal(np.asarray(got[column]), row[column])


def test_pictures_are_made_once_and_fingerprinted_by_content(
    toy: Task, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = rows.load(toy, SIZE, "val").fingerprint
    monkeypatch.setattr(rows, "make", lambda *_, **__: pytest.fail("made again"))
    assert rows.load(toy, SIZE, "val").fingerprint == first


def test_the_fingerprint_does_not_depend_on_where_it_was_made(
    toy: Task, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = rows.load(toy, SIZE, "test").fingerprint
    assert rows.load(toy, SIZE, "val").fingerprint != first
    monkeypatch.setenv("I2IBENCH_CACHE", str(tmp_path))
    assert rows.load(toy, SIZE, "test").fingerprint == first


def test_an_unknown_split_is_told(toy: Task) -> None:
    with pytest.raises(BenchError, match="no split 'tset': did you mean 'test'"):
        rows.load(toy, SIZE, "tset")


def test_an_unwritable_cache_is_told(toy: Task, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("I2IBENCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(BenchError, match="cannot write"):
        rows.load(toy, SIZE, "val")
