from __future__ import annotations

import math
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from i2ibench.errors import BenchError
from i2ibench.metrics.confusion import confusion_matrices, jackknife, label_scores
from i2ibench.metrics.metric import Chunk, Setting
from i2ibench.metrics.psp import PSP
from i2ibench.metrics.segmentation import check as segmenter_check
from i2ibench.metrics.segmentation import segmenter
from i2ibench.metrics.segmentation.card import Found, Recipe, SegmenterCard
from i2ibench.metrics.segmentation.feeding import IMAGENET_MEAN, IMAGENET_STD, Feeding
from i2ibench.metrics.segmentation.networks import ARCHITECTURES, ResNetArchitecture, UNetArchitecture
from i2ibench.metrics.segmentation.segmenter import Segmenter
from i2ibench.task import IGNORE, LabelTable, Level, Need, Resolution, Task


def test_scores_by_hand() -> None:
    # True 0: three pixels, two found; true 1: one pixel, found; class 2 neither occurs nor is found; one pixel ignored.
    labels = torch.tensor([[[0, 0, 0, 1, IGNORE]]])
    found = torch.tensor([[[0, 0, 1, 1, 0]]])
    matrix = confusion_matrices(labels, found, 3)[0]
    assert matrix.tolist() == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]
    scores = label_scores(matrix)
    assert scores.pixel_accuracy == pytest.approx(3 / 4)
    assert scores.class_accuracy == pytest.approx((2 / 3 + 1) / 2)
    assert scores.iou[:2] == pytest.approx([2 / 3, 1 / 2])
    assert math.isnan(scores.iou[2])
    assert scores.miou == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_class_found_but_not_there_counts_in_iou_alone() -> None:
    scores = label_scores(np.array([[3, 1], [0, 0]]))
    assert scores.iou.tolist() == [0.75, 0.0]
    assert scores.miou == pytest.approx(0.375)
    assert scores.class_accuracy == pytest.approx(0.75)


def test_nothing_labelled_has_no_score() -> None:
    scores = label_scores(np.zeros((2, 3, 3), np.int64))
    assert np.isnan(scores.pixel_accuracy).all()
    assert np.isnan(scores.class_accuracy).all()
    assert np.isnan(scores.miou).all()


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), classes=st.integers(2, 19), present=st.integers(1, 19))
def test_equals_mmseg(seed: int, classes: int, present: int) -> None:
    from mmseg.evaluation import IoUMetric

    draws = np.random.default_rng(seed)
    labels = torch.from_numpy(draws.integers(0, min(present, classes), (3, 9, 13)))
    found = torch.from_numpy(np.where(draws.random((3, 9, 13)) < 0.6, labels, draws.integers(0, classes, (3, 9, 13))))
    labels[torch.from_numpy(draws.random((3, 9, 13)) < 0.1)] = IGNORE
    areas = [
        IoUMetric.intersect_and_union(f, t.long(), classes, IGNORE) for f, t in zip(found.long(), labels, strict=True)
    ]
    summed = [torch.stack(area).sum(0).double() for area in zip(*areas, strict=True)]
    theirs: OrderedDict[str, np.ndarray] = IoUMetric.total_area_to_metrics(*summed)

    ours = label_scores(confusion_matrices(labels, found, classes).sum(0))
    assert ours.pixel_accuracy == pytest.approx(float(theirs["aAcc"]), rel=1e-12)
    assert ours.class_accuracy == pytest.approx(np.nanmean(theirs["Acc"]), rel=1e-12)
    assert ours.miou == pytest.approx(np.nanmean(theirs["IoU"]), rel=1e-12)
    np.testing.assert_allclose(ours.iou, theirs["IoU"], rtol=1e-12, equal_nan=True)


def test_jackknife_of_a_mean_is_its_standard_error() -> None:
    # Pictures of one size: pixel accuracy is the mean over pictures, whose jackknife error is std / sqrt(n).
    draws = np.random.default_rng(3)
    labels = torch.from_numpy(draws.integers(0, 4, (20, 6, 6)))
    found = torch.from_numpy(draws.integers(0, 4, (20, 6, 6)))
    matrices = confusion_matrices(labels, found, 4)
    accuracies = label_scores(matrices).pixel_accuracy
    assert jackknife(matrices)[0] == pytest.approx(accuracies.std(ddof=1) / math.sqrt(20), rel=1e-9)


def test_jackknife_of_miou_by_hand() -> None:
    matrices = np.array([[[3, 1], [0, 2]], [[1, 1], [2, 4]], [[5, 0], [1, 1]]])
    left = [float(label_scores(matrices.sum(0) - one).miou) for one in matrices]
    expected = math.sqrt(2 / 3 * sum((value - sum(left) / 3) ** 2 for value in left))
    assert jackknife(matrices)[2] == pytest.approx(expected, rel=1e-12)
    assert all(math.isnan(error) for error in jackknife(matrices[:1]))


def test_sizes_that_differ_are_an_error() -> None:
    with pytest.raises(BenchError, match=r"label maps are 4x8 .* segmented 8x16"):
        confusion_matrices(torch.zeros(1, 4, 8).long(), torch.zeros(1, 8, 16).long(), 3)


@pytest.mark.parametrize("strange", [-1, 3, 34])
def test_ids_outside_the_table_are_an_error(strange: int) -> None:
    with pytest.raises(BenchError, match=rf"ids \[{strange}\]"):
        confusion_matrices(torch.full((1, 2, 2), strange), torch.zeros(1, 2, 2).long(), 3)


TABLE = LabelTable(
    name="stripes",
    names=("ground", "box", "disc", "never"),
    palette=((110, 90, 70), (30, 60, 200), (230, 200, 40), (255, 255, 255)),
)


class Palette(nn.Module):
    """A network that knows a class by its colour."""

    def forward(self, pictures: torch.Tensor, mode: str) -> torch.Tensor:
        assert mode == "tensor"
        colours = torch.tensor(TABLE.palette, dtype=torch.float32) / 127.5 - 1
        return -(pictures[:, None] - colours[None, :, :, None, None]).square().sum(2)


def card(**changes: object) -> SegmenterCard:
    values: dict[str, object] = {
        "task": "stripes@1",
        "resolutions": (Resolution(24, 36),),
        "label_table": "stripes",
        "classes": TABLE.names,
        "architecture": UNetArchitecture(),
        "recipe": Recipe(),
        "seed": 0,
        "train_fingerprints": {},
        "weights_sha256": "f" * 64,
        "scores": (),
    }
    return SegmenterCard.model_validate({**values, **changes})


def setting(**changes: object) -> Setting:
    values: dict[str, object] = {
        "name": "stripes",
        "title": "",
        "description": "",
        "level": Level.STRONG,
        "gives": frozenset({Need.PAIRS, Need.LABELS}),
        "resolutions": (Resolution(24, 36),),
        "splits": {"test": 6},
        "data": "",
        "labels": TABLE,
        "metrics": {"psp": "labels"},
        "source": "",
        "licence": "",
    }
    task = Task.model_validate({**values, **changes})
    return Setting(task, Resolution(24, 36), "test", n=6, n_reference=6, reference_hash="")


@pytest.fixture
def at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """A segmenter that has passed its test; `segmentation/test_check.py` is about that."""
    found = Found(card(), Path("stripes.safetensors"))
    monkeypatch.setattr(segmenter, "find", lambda task, resolution: found)
    monkeypatch.setattr(segmenter, "read", lambda found, device: Segmenter(found.card, Palette(), device))
    monkeypatch.setattr(segmenter_check, "failing", lambda found, task, resolution, device: None)


def chunk(indices: list[int]) -> Chunk:
    """Pictures in stripes of the first three classes, each with a grey patch of its own size that reads as ground."""
    labels = (torch.arange(36) // 5 % 3).expand(len(indices), 24, 36).clone()
    output = torch.tensor(TABLE.palette)[labels].movedim(-1, 1) / 127.5 - 1
    for picture, index in zip(output, indices, strict=True):
        picture[:, : 2 * index + 1, :20] = 0
    labels[:, 0] = IGNORE
    return Chunk(tuple(f"stripes-{index}" for index in indices), output, output, labels=labels)


@pytest.mark.usefixtures("at_hand")
def test_shards_merge_to_the_whole() -> None:
    whole, left, right = PSP(setting()), PSP(setting()), PSP(setting())
    for part in ([0, 1], [2, 3], [4, 5]):
        whole.update(chunk(part))
    right.update(chunk([4, 5]))
    right.update(chunk([0, 1]))
    left.update(chunk([2, 3]))
    left.merge(right)
    assert left.compute() == whole.compute()
    assert left.per_picture() == whole.per_picture()


@pytest.mark.usefixtures("at_hand")
def test_scores_carry_what_changes_them() -> None:
    metric = PSP(setting())
    metric.update(chunk([0, 1, 2, 3, 4, 5]))
    scores = metric.compute()
    assert [score.name for score in scores] == list(PSP.columns)
    assert all(score.n == 6 and score.higher_is_better for score in scores)
    assert all(score.value is not None and 0.5 < score.value < 1 for score in scores)
    assert all(score.standard_error is not None and 0 < score.standard_error < 0.2 for score in scores)
    protocol = scores[0].protocol
    assert protocol is not None
    assert (protocol.extractor, protocol.weights_sha256) == ("pspnet", "f" * 64)
    assert (protocol.label_table, protocol.ignore_label) == ("stripes", IGNORE)
    assert protocol.resize is not None
    accuracies = metric.per_picture()["psp_pixel_accuracy"]
    assert np.mean(list(accuracies.values())) == pytest.approx(scores[0].value)  # pictures of one size
    assert sorted(accuracies, key=accuracies.__getitem__, reverse=True) == [f"stripes-{index}" for index in range(6)]


def test_protocol_of_the_shipped_segmenter_stays() -> None:
    """The id under which boards hold the streets' scores, and the same picture read by a ResNet fed in crops."""
    from i2ibench import registry

    streets = registry.task("streets-label2photo")
    metric = PSP.__new__(PSP)
    metric.setting = Setting(streets, Resolution(64, 128), "test", n=200, n_reference=200, reference_hash="")
    found = segmenter.find(streets, Resolution(64, 128))
    assert found is not None
    metric.found = found
    assert metric.protocol().id == "c0465f311bed"
    ids = {metric.protocol().id}
    crops = Feeding(crop=Resolution(32, 32), stride=Resolution(16, 16))
    for update in (
        {"architecture": ARCHITECTURES["resnet50"]},
        {"architecture": ResNetArchitecture(depth=50, align_corners=True)},
        {"feeding": Feeding(mean=IMAGENET_MEAN, std=IMAGENET_STD)},
        {"feeding": crops},
        {"feeding": crops.model_copy(update={"mirror": True})},
        {"feeding": crops.model_copy(update={"average": "probabilities"})},
        {"resize": Feeding(size=Resolution(64, 64)).resize},
    ):
        metric.found = Found(found.card.model_copy(update=update), found.weights)
        ids.add(metric.protocol().id)
    assert len(ids) == 8


def test_no_score_where_the_segmenter_fails_its_test(monkeypatch: pytest.MonkeyPatch, at_hand: None) -> None:
    monkeypatch.setattr(segmenter_check, "failing", lambda found, task, resolution, device: f"{task.id} {resolution}")
    assert PSP.unavailable(setting()) == "stripes@1 24x36"
    with pytest.raises(BenchError, match="stripes@1 24x36"):
        PSP(setting())


@pytest.mark.usefixtures("at_hand")
def test_only_ignored_pixels_is_not_available() -> None:
    metric = PSP(setting())
    one = chunk([0])
    assert one.labels is not None
    metric.update(Chunk(one.names, one.output, one.source, labels=torch.full_like(one.labels, IGNORE)))
    assert all(score.value is None and score.reason for score in metric.compute())


def test_unavailable_without_labels_or_segmenter(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no label maps" in (PSP.unavailable(setting(labels=None)) or "")
    monkeypatch.setattr(segmenter, "find", lambda task, resolution: None)
    assert "`i2ibench segmenter train stripes`" in (PSP.unavailable(setting()) or "")
    with pytest.raises(BenchError, match="no segmenter of stripes@1 at 24x36"):
        PSP(setting())
    other = Found(card(classes=("a", "b"), label_table="other"), Path("stripes.safetensors"))
    monkeypatch.setattr(segmenter, "find", lambda task, resolution: other)
    assert "'other'" in (PSP.unavailable(setting()) or "")


@pytest.mark.usefixtures("at_hand")
def test_available_with_both() -> None:
    assert PSP.unavailable(setting()) is None
