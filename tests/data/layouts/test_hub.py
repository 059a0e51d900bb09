from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from i2ibench.data.layouts.hub import Hub
from i2ibench.errors import BenchError


def png(value: int, mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (3, 2), value if mode == "L" else (value, 0, 0)).save(buffer, "png")
    return buffer.getvalue()


def columns(count: int, first: int = 0) -> dict[str, list[Any]]:
    numbers = range(first, first + count)
    return {
        "photo": [{"bytes": png(n), "path": None} for n in numbers],
        "painting": [{"bytes": png(n + 100), "path": None} for n in numbers],
        "map": [png(n, "L") for n in numbers],
        "key": [f"row {n}" for n in numbers],
        "kind": [n % 2 for n in numbers],
        "things": [[[0.0, 0.0, 1.0, 2.0, float(n % 2)]] * (n % 3) for n in numbers],
    }


FEATURES = datasets.Features(
    {
        "photo": datasets.Image(),
        "painting": datasets.Image(),
        "map": datasets.Value("binary"),
        "key": datasets.Value("string"),
        "kind": datasets.ClassLabel(names=["oil", "ink"]),
        "things": datasets.Sequence(datasets.Sequence(datasets.Value("float32"))),
    }
)
PAIRS = Hub(source="photo", target="painting")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Training rows in two files, validation and test in one."""
    (tmp_path / "data").mkdir()
    for name, first, count in (
        ("train-00000-of-00002", 0, 5),
        ("train-00001-of-00002", 5, 5),
        ("validation", 20, 2),
        ("test", 30, 3),
    ):
        table = datasets.Dataset.from_dict(columns(count, first), features=FEATURES)
        table.to_parquet(tmp_path / "data" / f"{name}.parquet")
    return tmp_path


def test_pairs_by_columns(root: Path) -> None:
    listings = {split: PAIRS.listing(root, split) for split in ("train", "val", "test")}
    assert {split: len(listing.entries) for split, listing in listings.items()} == {"train": 10, "val": 2, "test": 3}
    entry = listings["train"].entries[7]
    assert entry.name == "7" and list(entry.parts) == ["source", "target"] and not listings["train"].problems
    assert entry.parts["source"].read().tolist() == [[[7, 0, 0]] * 3] * 2
    assert entry.parts["target"].read()[0, 0, 0] == 107
    assert entry.parts["target"].file == f"{root}, row 7, painting"


def test_labels_names_classes_and_boxes(root: Path) -> None:
    layout = Hub(source="photo", target="", labels="map", name="key", category="kind", boxes="things")
    entries = layout.listing(root, "test").entries
    assert [entry.name.rsplit("-", 1)[0] for entry in entries] == ["row_30", "row_31", "row_32"]
    assert [entry.values["category"] for entry in entries] == [0, 1, 0]
    assert entries[1].parts["labels"].read().tolist() == [[31] * 3] * 2
    np.testing.assert_array_equal(entries[1].values["boxes"], [[0, 0, 1, 2, 1]])
    assert entries[0].values["boxes"].shape == (0, 5)


def test_splits_that_are_not_named_are_carved(root: Path) -> None:
    layout = Hub(source="photo", target="painting", splits={"train": "train"}, one_in=3)
    names = [{entry.name for entry in layout.listing(root, split).entries} for split in ("train", "val", "test")]
    assert sum(map(len, names)) == len(set.union(*names)) == 10


def test_one_file_may_be_the_root(root: Path) -> None:
    file = root / "data/test.parquet"
    layout = Hub(source="photo", target="painting", splits={"train": "train", "test": "any"})
    assert len(layout.listing(file, "test").entries) == 3


def test_arrow_files(tmp_path: Path) -> None:
    table = datasets.Dataset.from_dict(columns(3), features=FEATURES)
    with pa.OSFile(str(tmp_path / "test.arrow"), "wb") as sink:
        arrow = table.data.table
        with pa.ipc.new_stream(sink, arrow.schema) as writer:
            writer.write_table(arrow)
    entries = PAIRS.listing(tmp_path, "test").entries
    assert [entry.parts["source"].read()[0, 0, 0] for entry in entries] == [0, 1, 2]
    datasets.Dataset.from_dict(columns(1), features=FEATURES).to_parquet(tmp_path / "test.parquet")
    with pytest.raises(BenchError, match="both Parquet and Arrow"):
        PAIRS.listing(tmp_path, "test")


def test_plain_parquet_of_bytes_or_paths(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(5))
    table = pa.table({"photo": ["a.png", "absent.png"], "painting": [png(6), png(7)]})
    pq.write_table(table, tmp_path / "test.parquet")
    first, second = PAIRS.listing(tmp_path, "test").entries
    assert first.parts["source"].read()[0, 0, 0] == 5 and first.parts["target"].read()[0, 0, 0] == 6
    with pytest.raises(BenchError, match="row 1, photo.*No such file"):  # noqa: RUF043
        second.parts["source"].read()


def test_unpaired_columns_may_be_lacking(tmp_path: Path) -> None:
    rows = columns(4)
    rows["photo"][1] = rows["photo"][3] = rows["painting"][0] = None
    datasets.Dataset.from_dict(rows, features=FEATURES).to_parquet(tmp_path / "test.parquet")
    entries = Hub(source="photo", target="painting", paired=False, category="kind").listing(tmp_path, "test").entries
    assert [(entry.name, list(entry.parts)) for entry in entries] == [
        *((f"source-{n}", ["source"]) for n in (0, 2)),
        *((f"target-{n}", ["target"]) for n in (1, 2, 3)),
    ]
    assert entries[0].values == {"category": 0} and entries[-1].values == {}
    paired = PAIRS.listing(tmp_path, "test")
    assert [entry.name for entry in paired.entries] == ["2"] and len(paired.problems) == 3
    assert paired.problems[0].reason == "has nothing in column painting: left out"


def test_broken_rows_and_names_that_occur_twice(tmp_path: Path) -> None:
    rows = columns(3)
    rows["photo"][1] = {"bytes": b"no picture", "path": None}
    rows["photo"][2] = {"bytes": b"", "path": None}
    rows["key"] = ["a", "b", "b"]
    rows["kind"] = ["oil", "ink", "sand"]
    features = datasets.Features({**FEATURES, "kind": datasets.Value("string")})
    datasets.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "test.parquet")
    listing = Hub(source="photo", target="painting", name="key").listing(tmp_path, "test")
    assert [entry.name for entry in listing.entries] == ["a", "b"] and "would have the name 'b'" in listing.problems[
        0
    ].reason
    with pytest.raises(BenchError, match="row 1, photo"):
        listing.entries[1].parts["source"].read()
    entries = PAIRS.listing(tmp_path, "test").entries
    with pytest.raises(BenchError, match="row 2, photo.*empty"):  # noqa: RUF043
        entries[2].parts["source"].read()
    classes = Hub(source="photo", target="painting", category="kind", classes=("ink", "oil"))
    listing = classes.listing(tmp_path, "test")
    assert [entry.values["category"] for entry in listing.entries] == [1, 0]
    assert "its class 'sand' is not known; names: ink, oil" in listing.problems[0].reason


def test_what_cannot_be_used(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(BenchError, match=r"no column 'photos': did you mean 'photo'"):
        Hub(source="photos", target="painting").listing(root, "train")
    with pytest.raises(BenchError, match="column 'kind' holds"):
        Hub(source="kind", target="painting").listing(root, "train")
    with pytest.raises(BenchError, match=r"train.parquet"):
        PAIRS.listing(tmp_path_factory.mktemp("empty"), "train")
    for content in (b"", b"PAR1" + bytes(300) + b"PAR1", (root / "data/test.parquet").read_bytes()[:-50]):
        (root / "data/test.parquet").write_bytes(content)
        with pytest.raises(BenchError, match="cannot be read as a table"):
            PAIRS.listing(root, "test")
    for options, reason in (({"source": ""}, "set option source"), ({"target": "", "paired": False}, "option target")):
        with pytest.raises(BenchError, match=reason):
            Hub(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionError("Couldn't reach the Hub"), "the hub cannot be reached"),
        (
            datasets.exceptions.DatasetNotFoundError("Dataset 'a/b' doesn't exist on the Hub"),
            "doesn't exist on the Hub",
        ),
        (ValueError('Unknown split "dev".\nmore'), "cannot be had from the hub: Unknown split"),
    ],
)
def test_a_hub_that_fails_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    asked = list[dict[str, Any]]()

    def failing(path: str, name: str | None, **options: Any) -> None:
        asked.append({"path": path, "name": name, **options})
        raise error

    monkeypatch.setattr(datasets, "load_dataset", failing)
    with pytest.raises(BenchError, match=reason) as told:
        Hub(dataset="a/b", config="c", revision="d").listing(tmp_path, "val")
    assert "data set 'a/b' (revision 'd', split 'validation')" in str(told.value) and "\n" not in str(told.value)
    assert asked[0].items() >= {"path": "a/b", "name": "c", "revision": "d", "split": "validation"}.items()


def test_rows_of_the_hub(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = datasets.Dataset.from_dict(columns(3), features=FEATURES).select([2, 0])
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: table)
    entries = Hub(dataset="a/b", source="photo", target="painting").listing(tmp_path, "test").entries
    assert [entry.parts["source"].read()[0, 0, 0] for entry in entries] == [2, 0]
