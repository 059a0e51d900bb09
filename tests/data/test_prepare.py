from __future__ import annotations

import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from i2ibench import own_tasks, registry
from i2ibench.data import preview, rows
from i2ibench.data.batches import Batches
from i2ibench.data.checks import check
from i2ibench.data.prepare import prepare
from i2ibench.errors import BenchError
from i2ibench.progress import Silent
from i2ibench.record import Budget
from i2ibench.run import plan
from i2ibench.task import Resolution, Task

SIZE = Resolution(8, 8)
CARD = """
name = "{name}"
title = "left to right"
level = "strong"
gives = ["pairs"]
resolutions = ["8x8", "4x4"]

[data]
layout = "side-by-side"
"""


class Told(Silent):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def picture(seed: int, size: tuple[int, int] = (8, 16)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder, count in (("train", 6), ("val", 2), ("test", 3)):
        (tmp_path / "set" / folder).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(picture(number)).save(tmp_path / "set" / folder / f"{number}.png")
    return tmp_path / "set"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I2IBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def card(tmp_path: Path) -> Callable[..., Task]:
    def make(name: str = "mine", **changes: Any) -> Task:
        file = tmp_path / f"{name}.toml"
        file.write_text(CARD.format(name=name))
        return own_tasks.read(file).model_copy(update=changes)

    return make


def test_a_task_of_ones_own_is_known_once_it_is_prepared(root: Path, card: Callable[..., Task]) -> None:
    with pytest.raises(BenchError, match="no task 'mine'"):
        registry.task("mine")
    made = prepare(card(), root, SIZE, progress=Silent())
    assert {name: record.rows for name, record in made.items()} == {"train": 6, "val": 2, "test": 3}
    known = registry.task("mine")
    assert known.splits == {"train": 6, "val": 2, "test": 3} and "mine" in registry.tasks()
    split = rows.load(known, SIZE, "train")
    for number, example in enumerate(split.rows):  # type: ignore[arg-type]
        np.testing.assert_array_equal(example["source"], picture(number)[:, :8])
        np.testing.assert_array_equal(example["target"], picture(number)[:, 8:])


def test_another_card_of_the_same_version_is_refused(root: Path, card: Callable[..., Task]) -> None:
    prepare(card(), root, SIZE, progress=Silent())
    told = Told()
    prepare(card(), root, SIZE, progress=told)
    assert len(told.lines) == 3 and "is prepared already" in told.lines[0]
    with pytest.raises(BenchError, match="'mine@1' was prepared from another card: give the new one another version"):
        prepare(card(title="right to left"), root, SIZE, progress=Silent())
    prepare(card(title="right to left", version=2), root, SIZE, progress=Silent())
    assert registry.task("mine").version == 2
    with pytest.raises(BenchError, match="there is a task 'facades' already"):
        prepare(card("facades"), root, SIZE, progress=Silent())


def test_a_run_on_data_that_were_not_prepared_is_refused_before_any_work(card: Callable[..., Task], root: Path) -> None:
    prepare(card(), root, SIZE, progress=Silent())
    with pytest.raises(BenchError, match="not prepared at 4x4"):
        plan("identity", "mine", preset="small", resolution="4x4", budget=Budget(steps=1))


def test_pictures_are_fitted_with_pillows_bicubic(root: Path, card: Callable[..., Task]) -> None:
    prepare(card(), root, Resolution(4, 4), progress=Silent())
    got = rows.load(registry.task("mine"), Resolution(4, 4), "train").rows[2]["target"]
    wanted = Image.fromarray(picture(2)[:, 8:]).resize((4, 4), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(got, np.asarray(wanted))


def test_data_that_were_not_prepared_are_told(card: Callable[..., Task]) -> None:
    with pytest.raises(BenchError, match="not prepared at 8x8: i2ibench data prepare mine --root"):
        rows.load(card(splits={"train": 6}), SIZE, "train")


def test_a_missing_root_shows_the_expected_tree(tmp_path: Path, card: Callable[..., Task]) -> None:
    for root in (None, tmp_path / "nowhere"):
        with pytest.raises(BenchError, match=r"(?s)Expected under it:.*train/NAME.jpg"):
            prepare(card(), root, SIZE, progress=Silent())


def test_an_archive_is_as_good_as_its_folder(root: Path, card: Callable[..., Task], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for file in root.rglob("*.png"):
            archive.write(file, Path("set") / file.relative_to(root))
    from_folder = prepare(card("one"), root, SIZE, progress=Silent())
    from_archive = prepare(card("two"), tmp_path / "set.zip", SIZE, progress=Silent())
    assert [one.fingerprint for one in from_folder.values()] == [two.fingerprint for two in from_archive.values()]
    assert not list((tmp_path / "cache" / "unpacked").glob("*"))


def test_counts_that_differ_are_told_with_both_numbers(root: Path, card: Callable[..., Task]) -> None:
    told = Told()
    prepare(card(splits={"train": 7, "val": 2, "test": 3}), root, SIZE, progress=told)
    assert told.lines == ["mine@1 train: found 6 pairs, the card says 7"]


def test_unusable_files_stop_everything_unless_left_out(root: Path, card: Callable[..., Task]) -> None:
    (root / "train" / "3.png").write_bytes(b"no picture")
    Image.fromarray(picture(0, (8, 15))).save(root / "train" / "4.png")
    with pytest.raises(
        BenchError, match=r"(?s)2 files of task 'mine@1' cannot be used. Their split was not written.*3.png"
    ):
        prepare(card(), root, SIZE, progress=Silent())
    assert not rows.is_made(rows.split_folder(card(), SIZE, "train"))
    told = Told()
    made = prepare(card(), root, SIZE, leave_out=True, progress=told)
    assert made["train"].rows == 4 and set(made["train"].left_out) == {"3", "4"}
    assert any("2 files left out" in line for line in told.lines)


def test_a_check_lists_everything_at_once(root: Path, card: Callable[..., Task]) -> None:
    (root / "train" / "3.png").write_bytes(b"no picture")
    (root / "test" / "1.png").write_bytes((root / "test" / "0.png").read_bytes()[:60])
    Image.fromarray(picture(9, (10, 20))).save(root / "test" / "9.png")
    train, val, test = check(card(splits={"train": 5, "val": 2, "test": 4}), root, progress=Silent())
    assert train.found == {"pairs": 6} and train.expected == {"pairs": 5} and not val.problems
    assert len(train.problems) == 2 and all("3.png" in file for file in train.problems)  # both halves
    assert not test.usable and all("1.png" in file for file in test.problems)
    assert test.sizes == {"source 8x8": 2, "target 8x8": 2, "source 10x10": 1, "target 10x10": 1}
    assert test.kinds["PNG RGB"] == 4


def test_a_stream_shows_what_a_copy_holds_and_copies_nothing(root: Path, card: Callable[..., Task]) -> None:
    prepare(card("copied"), root, SIZE, progress=Silent())
    prepare(card("streamed"), root, SIZE, stream=True, progress=Silent())
    copied, streamed = (rows.load(registry.task(name), SIZE, "train") for name in ("copied", "streamed"))
    assert list(streamed.rows.names) == list(copied.rows.names) and set(streamed.rows.columns) == set(
        copied.rows.columns
    )
    for index in range(len(copied)):
        for column in ("source", "target"):
            np.testing.assert_array_equal(streamed.rows[index][column], copied.rows[index][column])
    unlike = [split.rows.without({"source"}) for split in (copied, streamed)]
    assert set(unlike[0][0]) == set(unlike[1][0]) == set(copied.rows.columns) - {"source"}
    batches = [Batches(split, 3, seed=4)(7) for split in (copied, streamed)]
    assert batches[0].names == batches[1].names and (batches[0].source == batches[1].source).all()
    folder = rows.split_folder(registry.task("streamed"), SIZE, "train")
    assert [file.name for file in folder.iterdir()] == ["split.json"]
    (root / "train" / "5.png").unlink()
    with pytest.raises(BenchError, match="lie other files than when 'streamed@1' was prepared"):
        rows.load(registry.task("streamed"), SIZE, "train")


def test_shards_are_streamed_from_where_they_lie(root: Path, tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    shards.mkdir()
    for split, count in (("train", 6), ("val", 2), ("test", 3)):
        with tarfile.open(shards / f"{split}-000000.tar", "w") as archive:
            for number in range(count):
                for side, half in (("source", picture(number)[:, :8]), ("target", picture(number)[:, 8:])):
                    Image.fromarray(half).save(tmp_path / "one.png")
                    archive.add(tmp_path / "one.png", f"{number}.{side}.png")
    file = tmp_path / "tar.toml"
    file.write_text(CARD.format(name="tar").replace("side-by-side", "shards"))
    prepare(own_tasks.read(file), shards, SIZE, stream=True, progress=Silent())
    split = rows.load(registry.task("tar"), SIZE, "train")
    assert len(split) == 6
    for number in range(6):
        np.testing.assert_array_equal(split.rows[number]["target"], picture(number)[:, 8:])


def test_only_a_folder_can_be_streamed(root: Path, card: Callable[..., Task], tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(b"")
    with pytest.raises(BenchError, match="can only be streamed from a folder"):
        prepare(card(), tmp_path / "set.zip", SIZE, stream=True, progress=Silent())


def test_only_files_can_be_checked(toy: Task) -> None:
    with pytest.raises(BenchError, match="reads no files of yours"):
        check(toy, None, progress=Silent())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name = ", "is not TOML"),
        ('name = "x"', "key 'level'"),
        (CARD.format(name="x").replace('"strong"', '"strange"'), "key 'level'"),
        (CARD.format(name="x").partition("[data]")[0] + 'data = "a:b"', "expected a table with a layout"),
    ],
)
def test_a_wrong_card_is_told(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(BenchError, match=told):
        own_tasks.read(tmp_path / "x.toml")


def test_unknown_layouts_and_options_are_told(root: Path, card: Callable[..., Task]) -> None:
    data = card().data
    assert not isinstance(data, str)
    with pytest.raises(BenchError, match="no layout 'side-by-sied': did you mean 'side-by-side'"):
        prepare(card(data=data.model_copy(update={"layout": "side-by-sied"})), root, SIZE, progress=Silent())
    with pytest.raises(BenchError, match=r"option 'sauce' of layout 'side-by-side': Unexpected.*did you mean 'source'"):
        prepare(card(data=data.model_copy(update={"options": {"sauce": "left"}})), root, SIZE, progress=Silent())


def test_a_preview_shows_the_pictures_as_they_are(root: Path, card: Callable[..., Task], tmp_path: Path) -> None:
    prepare(card(), root, SIZE, progress=Silent())
    preview.draw(tmp_path / "sheet.png", rows.load(registry.task("mine"), SIZE, "train"), 3)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    first = sheet[18 : 18 + 128, 4 : 4 + 128]
    np.testing.assert_array_equal(first[::16, ::16], picture(0)[:, :8])
    assert sheet.shape == (18 + 3 * 132, 4 + 2 * 132, 3)


def test_every_kind_of_task_has_a_preview(
    unpaired: rows.Split, many: rows.Split, video: rows.Split, tmp_path: Path
) -> None:
    sizes = {}
    for name, split in {"unpaired": unpaired, "many": many, "video": video}.items():
        preview.draw(tmp_path / f"{name}.png", split, 2)
        sizes[name] = Image.open(tmp_path / f"{name}.png").size
    cell = 8 * 16 + 4
    # two rows of two sources and two targets; three classes with one picture each; two sequences of five frames
    assert sizes["unpaired"] == (4 + 4 * cell, 18 + 2 * cell)
    assert sizes["many"] == (4 + cell, 18 + 3 * cell)
    assert sizes["video"] == (4 + 5 * cell, 18 + 2 * cell)


def test_the_record_tells_what_was_left_out(root: Path, card: Callable[..., Task]) -> None:
    (root / "val" / "1.png").write_bytes(b"")
    prepare(card(), root, SIZE, leave_out=True, progress=Silent())
    record = json.loads((rows.split_folder(card(), SIZE, "val") / "split.json").read_text())
    assert record["rows"] == 1 and "is empty" in record["left_out"]["1"]
