from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kernel_mmd

from i2ibench.metrics.kernel import squared_mmd
from i2ibench.metrics.metric import Chunk, Setting
from i2ibench.metrics.per_class import PerClass, mfd, mkd
from i2ibench.task import Level, Need, Resolution, Task

NAMES = ("ant", "bee", "cat")
TASK = Task(
    name="zoo",
    title="",
    description="",
    level=Level.WEAK,
    gives=frozenset({Need.CLASSES}),
    resolutions=(Resolution(8, 8),),
    splits={"test": 24},
    data="nowhere:none",
    classes=NAMES,
    metrics={},
    source="",
    licence="",
)
SETTING = Setting(task=TASK, resolution=Resolution(8, 8), split="test", n=24, n_reference=24, reference_hash="x")


def features(count: int, seed: int) -> torch.Tensor:
    return torch.randn(count, 6, generator=torch.Generator().manual_seed(seed)) + seed % 3


def chunk(names: list[str], classes: list[int], rows: torch.Tensor) -> Chunk:
    return Chunk(
        names=tuple(names),
        output=torch.zeros(len(names), 3, 8, 8),
        classes=torch.tensor(classes),
        extract=lambda name, side: rows,
    )


def fed(kind: type[PerClass], outputs: torch.Tensor, targets: torch.Tensor, classes: list[int]) -> PerClass:
    metric = kind(SETTING)
    metric.update(chunk([f"o{n:02d}" for n in range(len(outputs))], classes[: len(outputs)], outputs))
    metric.update_reference(chunk([f"t{n:02d}" for n in range(len(targets))], classes[: len(targets)], targets))
    return metric


CLASSES = [0, 1, 2, 2, 1, 0, 0, 2, 1, 1, 2, 0] * 2
OUTPUTS, TARGETS = features(24, 1), features(24, 2)


def test_the_kernel_distance_is_the_mean_over_classes() -> None:
    (score,) = fed(mkd("efficientnet_lite0"), OUTPUTS, TARGETS, CLASSES).compute()
    picked = [np.array(CLASSES) == category for category in range(3)]
    wanted = [kernel_mmd(OUTPUTS[which].numpy(), TARGETS[which].numpy()) for which in picked]
    assert score.value == pytest.approx(np.mean(wanted), rel=1e-5)
    assert score.standard_error == pytest.approx(np.std(wanted, ddof=1) / np.sqrt(3), rel=1e-4)
    assert score.n == 24 and score.protocol is not None and score.protocol.classes == 3


def test_the_frechet_distance_is_the_mean_over_classes() -> None:
    (score,) = fed(mfd("efficientnet_lite0"), OUTPUTS, TARGETS, CLASSES).compute()
    wanted = []
    for category in range(3):
        which = torch.tensor(CLASSES) == category
        statistics = [fid_features_to_statistics(rows[which]) for rows in (OUTPUTS, TARGETS)]
        wanted.append(fid_statistics_to_metric(*statistics, verbose=False)[KEY_METRIC_FID])
    assert score.value == pytest.approx(np.mean(wanted), rel=1e-6)
    assert not score.ranks and fed(mkd("efficientnet_lite0"), OUTPUTS, TARGETS, CLASSES).compute()[0].ranks


def test_it_sees_which_class_was_asked_for() -> None:
    """The same pictures under exchanged classes: a pooled distance would not move."""
    apart = torch.tensor(CLASSES, dtype=torch.float32)[:, None] * 4 + features(24, 3) * 0.1
    right = fed(mkd("efficientnet_lite0"), apart, apart + 0.01, CLASSES).compute()[0].value
    metric = mkd("efficientnet_lite0")(SETTING)
    exchanged = [(category + 1) % 3 for category in CLASSES]
    metric.update(chunk([f"o{n:02d}" for n in range(24)], exchanged, apart))
    metric.update_reference(chunk([f"t{n:02d}" for n in range(24)], CLASSES, apart))
    wrong = metric.compute()[0].value
    assert right is not None and wrong is not None and wrong > 100 * abs(right)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 23), st.integers(1, 23))
def test_shards_merge_to_the_same_number(first: int, second: int) -> None:
    whole = fed(mkd("efficientnet_lite0"), OUTPUTS, TARGETS, CLASSES).compute()
    parts = [mkd("efficientnet_lite0")(SETTING), mkd("efficientnet_lite0")(SETTING)]
    names = [f"{side}{n:02d}" for side in "ot" for n in range(24)]
    for part, rows in zip(parts, (slice(0, first), slice(first, 24)), strict=True):
        part.update(chunk(names[:24][rows], CLASSES[rows], OUTPUTS[rows]))
    for part, rows in zip(parts, (slice(second, 24), slice(0, second)), strict=True):
        part.update_reference(chunk(names[24:][rows], CLASSES[rows], TARGETS[rows]))
    parts[1].merge(parts[0])
    assert parts[1].compute() == whole


def test_a_class_with_too_few_pictures_makes_it_n_a() -> None:
    (score,) = fed(mkd("efficientnet_lite0"), OUTPUTS[:5], TARGETS, CLASSES).compute()
    assert score.value is None
    assert score.reason is not None and "1 classes have fewer than two outputs or real pictures (ant)" in score.reason


def test_it_is_n_a_where_no_class_is_asked_for() -> None:
    for gives in (frozenset[Need](), frozenset({Need.PAIRS, Need.CLASSES})):
        setting = replace(SETTING, task=TASK.model_copy(update={"gives": gives}))
        assert "asks for no class" in (mkd("efficientnet_lite0").unavailable(setting) or "")


def test_the_unbiased_distance_equals_a_sum_over_pairs() -> None:
    first, second = features(5, 4).double(), features(7, 5).double()

    def kernel(x: torch.Tensor, y: torch.Tensor) -> float:
        return (float(x @ y) / len(x) + 1) ** 3

    within = [np.mean([kernel(x, y) for x, y in itertools.permutations(rows, 2)]) for rows in (first, second)]
    wanted = sum(within) - 2 * np.mean([kernel(x, y) for x in first for y in second])
    assert squared_mmd(first, second) == pytest.approx(wanted, rel=1e-9)
