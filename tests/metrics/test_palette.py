from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from i2ibench import registry
from i2ibench.data import rows
from i2ibench.data.pictures import to_tensor
from i2ibench.data.worlds import streets
from i2ibench.metrics.confusion import bootstrap_intervals
from i2ibench.metrics.evaluate import evaluate
from i2ibench.metrics.metric import Chunk, Setting
from i2ibench.metrics.palette import Palette, nearest
from i2ibench.metrics.psp import PSP
from i2ibench.task import Resolution
from i2ibench.tasks.labels import CITYSCAPES

TASK = registry.task("streets-photo2label")
SIZE = Resolution(64, 128)
SETTING = Setting(task=TASK, resolution=SIZE, split="test", n=2, n_reference=2, reference_hash="x")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_nearest_colour_is_that_of_a_brute_force(seed: int) -> None:
    pictures = np.random.default_rng(seed).integers(0, 256, (2, 3, 5, 7), dtype=np.uint8)
    palette = np.array(CITYSCAPES.palette, int)
    away = ((pictures.astype(int)[:, None] - palette[None, :, :, None, None]) ** 2).sum(2)
    np.testing.assert_array_equal(nearest(torch.from_numpy(pictures), CITYSCAPES.palette).numpy(), away.argmin(1))


def test_of_two_equally_near_colours_the_first_counts() -> None:
    grey = torch.full((1, 3, 1, 1), 10, dtype=torch.uint8)
    assert nearest(grey, ((20, 10, 10), (0, 10, 10))).item() == 0


def chunk(index: int, noise: float) -> Chunk:
    row = streets.render(streets.SEED, index, SIZE)
    spoilt = row["source"] + np.random.default_rng(index).normal(0, noise, row["source"].shape)
    picture = np.clip(np.rint(spoilt), 0, 255).astype(np.uint8)
    return Chunk((row["name"],), to_tensor([picture]), labels=torch.from_numpy(row["labels"].astype(np.int64))[None])


def test_label_pictures_score_1_and_spoilt_ones_less() -> None:
    values = []
    for noise in (0.0, 20.0, 60.0):
        metric = Palette(SETTING)
        for index in (1200, 1201):
            metric.update(chunk(index, noise))
        values.append([score.value for score in metric.compute()])
    assert values[0] == [1.0, 1.0, 1.0]
    assert all(a > b > c for a, b, c in zip(*values, strict=True))


def test_two_shards_give_the_number_of_one_walk() -> None:
    whole, parts = Palette(SETTING), [Palette(SETTING), Palette(SETTING)]
    for part, index in zip(parts, (1200, 1201), strict=True):
        whole.update(chunk(index, 30))
        part.update(chunk(index, 30))
    parts[1].merge(parts[0])
    assert parts[1].compute() == whole.compute()
    intervals = bootstrap_intervals(np.stack([whole.matrices[name] for name in sorted(whole.matrices)]))
    assert tuple(score.interval for score in whole.compute()) == intervals and None not in intervals


def test_each_label_metric_is_n_a_where_the_other_applies() -> None:
    photos = Setting(registry.task("streets-label2photo"), SIZE, "test", 2, 2, "x")
    assert "does not translate to label pictures" in (Palette.unavailable(photos) or "")
    assert "see `palette`" in (PSP.unavailable(SETTING) or "")
    assert Palette.unavailable(SETTING) is None and PSP.unavailable(photos) is None


@pytest.mark.parametrize("column", ["palette_pixel_accuracy", "palette_miou"])
def test_the_tasks_own_targets_score_1(column: str) -> None:
    made = rows.load(TASK, SIZE, "val")
    pictures = {name: made.rows[index]["target"] for index, name in enumerate(made.rows.names[:4])}
    scores = {score.name: score for score in evaluate(pictures, made, ["palette"], limit=4).scores}
    assert scores[column].value == 1.0 and scores[column].protocol is not None
    assert scores[column].protocol.label_table == "cityscapes"
