from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from itertools import combinations, islice

import numpy as np
import pytest

from i2ibench.data.rows import Row
from i2ibench.data.worlds import streets, streets_tasks
from i2ibench.data.worlds.boxes import boxes
from i2ibench.data.worlds.scene import Label
from i2ibench.task import Resolution

SMALL, LARGE = Resolution(64, 128), Resolution(128, 256)
LOADERS: dict[str, Callable[[str, Resolution], Iterator[Row]]] = {
    "sim2real": streets_tasks.sim2real,
    "day2night": streets_tasks.day2night,
    "summer2winter": streets_tasks.summer2winter,
}
DOMAINS = {
    "sim2real": (streets_tasks.SIM2REAL, 0),
    "day2night": (streets_tasks.DAY2NIGHT, 10_000),
    "summer2winter": (streets_tasks.SUMMER2WINTER, 20_000),
}
GOLDEN = {
    ("sim2real", 0, 2000, SMALL): "050a9b72af70f05283154d3be07590a7570120ebce4cafda56a9e9be4eb6a90e",
    ("sim2real", 0, 3100, LARGE): "345675b6fea9a579c09e3ceb01e6530e13e5d13b24c49bdf86b242a7c74fcb3d",
    ("sim2real", 1, 5100, SMALL): "a94802deb5d1cbb879a211dce1fda698e9cf74bcb5a61e8ffe1be034a92e9ad2",
    ("day2night", 0, 3101, SMALL): "d988d434b6f1d9b7dea2bb92bff920e7cb5d2c7434713df63bf876d4b50a4fff",
    ("day2night", 1, 5100, SMALL): "f43539c650ba450d09f9d1c9a5bdaa86b475a2116a83b7e6008d2a738c9e4dff",
    ("day2night", 1, 5102, LARGE): "e3f1f9bab4b360ea25e29cb88489eb0cb8f45799aed0a2b9e8548f29250a1729",
    ("summer2winter", 0, 3100, SMALL): "be4322e2e851ba788d45d6d7cac7abb47b42881442aee6d89c2d8ff488958513",
    ("summer2winter", 1, 5101, SMALL): "114cc4230a9685041a2e1d905f2e2dedbc1e495933136c27239b28a31718732b",
    ("summer2winter", 1, 5102, LARGE): "a0926ba8cc7c8ccbcb174d28e010a6b172a67a3747141e86c9af909f7432a0d4",
}


@pytest.mark.parametrize(("task", "side", "index", "resolution"), GOLDEN)
def test_pictures_are_the_same_bytes_everywhere(task: str, side: int, index: int, resolution: Resolution) -> None:
    domains, first = DOMAINS[task]
    made = streets_tasks._row(domains[side], first + index, resolution)
    content = b"".join(made[column].tobytes() for column in ("target", "labels", "instances", "boxes"))  # type: ignore[literal-required]
    assert hashlib.sha256(content).hexdigest() == GOLDEN[task, side, index, resolution]


def test_no_scene_is_in_two_tasks_splits_or_domains() -> None:
    scenes = {("label2photo", split): set(indices) for split, indices in streets.SPLITS.items()}
    for task, (_, first) in DOMAINS.items():
        for side, splits in (("source", streets_tasks.SOURCES), ("target", streets_tasks.TARGETS)):
            for split, indices in splits.items():
                scenes[f"{task} {side}", split] = {first + index for index in indices}
    assert len(scenes) == 21
    for one, other in combinations(scenes.values(), 2):
        assert not one & other


@pytest.mark.parametrize("task", LOADERS)
@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_sources_come_before_targets_and_names_are_unique(
    task: str, split: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blank(seed: int, index: int, resolution: Resolution, **options: object) -> Row:
        empty = np.zeros((1, 1), np.uint16)
        return Row(name=f"streets-{index:06d}", target=empty, labels=empty, instances=empty)  # type: ignore[typeddict-item]

    monkeypatch.setattr(streets_tasks, "render", blank)
    rows = list(LOADERS[task](split, SMALL))
    count = {"train": 1000, "val": 100, "test": 200}[split]
    assert ["source" in row for row in rows] == [True] * count + [False] * count
    assert all(("source" in row) != ("target" in row) for row in rows)
    assert len({row["name"] for row in rows}) == 2 * count
    assert all(re.fullmatch("[a-z0-9-]+", row["name"]) for row in rows)


@pytest.mark.parametrize("resolution", [SMALL, LARGE])
@pytest.mark.parametrize("task", LOADERS)
def test_columns_have_their_shapes_and_types(task: str, resolution: Resolution) -> None:
    row = next(islice(LOADERS[task]("val", resolution), 1))
    assert row["source"].shape == (*resolution, 3) and row["source"].dtype == np.uint8
    assert row["labels"].shape == row["instances"].shape == tuple(resolution)
    assert row["labels"].dtype == np.uint8 and row["instances"].dtype == np.uint16
    np.testing.assert_array_equal(row["boxes"], boxes(row["instances"]))
    for left, top, right, bottom, kind in row["boxes"].astype(int):
        assert (row["labels"][top:bottom, left:right] == kind).any()


def test_both_resolutions_show_the_same_picture() -> None:
    for task, (domains, first) in DOMAINS.items():
        for domain, index in zip(domains, (3104, 5104), strict=True):
            small = streets_tasks._row(domain, first + index, SMALL)["target"].astype(float)
            large = streets_tasks._row(domain, first + index, LARGE)["target"].astype(float)
            halved = large.reshape(64, 2, 128, 2, 3).mean((1, 3))
            coarse = [plane.reshape(8, 8, 16, 8, 3).mean((1, 3)) for plane in (small, halved)]
            assert np.abs(coarse[0] - coarse[1]).mean() < 4, task


def test_two_nights_in_five_are_rainy_and_no_day_is_told_by_it() -> None:
    night = streets_tasks.DAY2NIGHT[1]
    drawn = [
        streets_tasks.Stream(streets.SEED, 10_000 + index, 61).chance(night.rain)
        for index in streets_tasks.TARGETS["train"]
    ]
    assert 0.35 < np.mean(drawn) < 0.45


def test_domains_do_not_differ_in_what_they_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both domains of a task have the same classes in the same places on average, bare trees aside."""
    monkeypatch.setattr(streets, "photograph", lambda scene, canvas, look: np.zeros((1, 1, 3), np.uint8))
    monkeypatch.setattr(streets, "simulate", lambda scene, canvas: np.zeros((1, 1, 3), np.uint8))
    small = Resolution(32, 64)
    for task in ("sim2real", "day2night"):
        domains, first = DOMAINS[task]
        shares = []
        for domain, indices in zip(domains, (streets_tasks.SOURCES, streets_tasks.TARGETS), strict=True):
            labels = [
                streets_tasks._row(domain, first + index, small)["labels"] for index in list(indices["train"])[:150]
            ]
            shares.append(np.stack([(np.stack(labels) == label).mean((1, 2)) for label in Label]))
        error = np.sqrt((shares[0].var(1) + shares[1].var(1)) / 150)
        assert (np.abs(shares[0].mean(1) - shares[1].mean(1)) < 4 * error + 1e-4).all()
