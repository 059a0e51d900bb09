from __future__ import annotations

from pathlib import Path

import datasets
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from i2ibench.data import tables
from i2ibench.data.columns import decoded, features, stored
from i2ibench.data.rows import HIDDEN, Row
from i2ibench.data.tables import ArrowTable, Writer

sides = st.tuples(st.integers(1, 6), st.integers(1, 6))


def make_row(number: int, size: tuple[int, int] = (4, 6)) -> Row:
    draws = np.random.default_rng(number)
    flow = draws.integers(HIDDEN, 32768, (*size, 2)).astype(np.int16)
    return Row(
        name=f"row {number}",
        source=draws.integers(0, 256, (*size, 3), dtype=np.uint8),
        target=draws.integers(0, 256, (*size, 3), dtype=np.uint8),
        labels=draws.integers(0, 256, size, dtype=np.uint8),
        instances=draws.integers(0, 65536, size, dtype=np.uint16),
        boxes=draws.normal(0, 100, (number % 3, 5)).astype(np.float32),
        category=number,
        keypoints=np.array([[1.5, np.nan], [number, -3]], np.float32),
        sequence="s",
        frame=number,
        flow=flow,
    )


def same(got: dict, wanted: Row) -> None:
    assert set(got) == set(wanted)
    for column, value in wanted.items():
        np.testing.assert_array_equal(got[column], value, err_msg=column)
        if isinstance(value, np.ndarray):
            assert got[column].dtype == value.dtype and got[column].shape == value.shape


def test_rows_of_every_column_come_back_from_a_file(tmp_path: Path) -> None:
    writer, wanted = Writer(tmp_path / "t.arrow"), [make_row(number) for number in range(70)]
    for row in wanted:
        writer.write(row)
    writer.close()
    table = ArrowTable.read(tmp_path / "t.arrow")
    assert writer.count == len(table) == 70
    assert isinstance(table.dataset, datasets.Dataset) and set(table.columns) == set(wanted[0])
    assert table.names == [row["name"] for row in wanted] and table.column("frame") == list(range(70))
    for index in (0, 1, 2, 31, 32, 69):
        same(table[index], wanted[index])


def test_columns_can_be_left_out(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "rows.arrow")
    wanted = make_row(3)
    writer.write(wanted)
    writer.close()
    table = ArrowTable.read(tmp_path / "rows.arrow").without({"source", "boxes", "unheard of"})
    assert set(table.columns) == set(wanted) - {"source", "boxes"}
    same(table[0], {column: value for column, value in wanted.items() if column in table.columns})


def test_few_rows_are_held_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_WRITE_ROWS", 4)
    writer = Writer(tmp_path / "t.arrow")
    for number in range(10):
        writer.write(make_row(number))
    before = (tmp_path / "t.arrow").stat().st_size
    assert before > 0  # what was written is on disk before the end
    writer.close()
    assert len(ArrowTable.read(tmp_path / "t.arrow")) == 10


def test_datasets_decodes_the_pictures_too(tmp_path: Path) -> None:
    """Whoever opens the file with `datasets` alone sees pictures, not bytes."""
    writer = Writer(tmp_path / "t.arrow")
    writer.write(make_row(3))
    writer.close()
    record = datasets.Dataset.from_file(str(tmp_path / "t.arrow"))[0]
    np.testing.assert_array_equal(np.asarray(record["source"]), make_row(3)["source"])


@settings(max_examples=50, deadline=None)
@given(sides.flatmap(lambda size: arrays.arrays(np.int16, (*size, 2))))
def test_flow_survives_storage(flow: np.ndarray) -> None:
    np.testing.assert_array_equal(decoded(stored({"flow": flow}))["flow"], flow)


@settings(max_examples=50, deadline=None)
@given(sides.flatmap(lambda size: arrays.arrays(np.uint16, size)))
def test_instances_survive_storage(ids: np.ndarray) -> None:
    np.testing.assert_array_equal(decoded(stored({"instances": ids}))["instances"], ids)


def test_arrow_columns_follow_the_row() -> None:
    kinds = features({"name": "x", "source": 0, "boxes": 0, "category": 0})
    assert isinstance(kinds["source"], datasets.Image) and kinds["category"] == datasets.Value("int64")
