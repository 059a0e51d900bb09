from __future__ import annotations

import numpy as np
import pytest
import torch

from i2ibench import registry
from i2ibench.data.pictures import to_tensor
from i2ibench.errors import BenchError
from i2ibench.metrics.metric import Chunk, Setting
from i2ibench.metrics.objects import Objects, object_matrix
from i2ibench.metrics.psp import PSP
from i2ibench.metrics.segmentation import check as segmenter_check
from i2ibench.metrics.segmentation import segmenter
from i2ibench.task import IGNORE, Resolution

SIZE = Resolution(64, 128)
TASK = registry.task("streets-day2night")
SETTING = Setting(TASK, SIZE, "test", n=2, n_reference=2, reference_hash="")


def test_each_object_counts_once_by_hand() -> None:
    labels = np.zeros((4, 6), np.int64)
    labels[:2, :3], labels[2:, 3:] = 1, 2
    found = labels.copy()
    found[0, :3] = 2  # half of the first object: the lower id of two with as many votes is what it is read as
    found[2, 3:] = 0
    found[3, 3] = 0  # most of the second
    boxes = np.array([[0, 0, 3, 2, 1], [3, 2, 6, 4, 2], [0, 2, 3, 4, 2]], np.float32)  # of the third nothing shows
    assert object_matrix(labels, found, boxes, 3).tolist() == [[0, 0, 0], [0, 1, 0], [1, 0, 0]]


def test_pixels_belong_to_a_box_by_their_centres() -> None:
    labels = np.ones((1, 4), np.int64)
    found = np.array([[0, 1, 1, 0]])
    for left, right, seen in ((0.5, 2.5, 0), (0.6, 3.4, 1), (0.4, 1.4, 0), (0.6, 4.0, 1)):
        matrix = object_matrix(labels, found, np.array([[left, 0, right, 1, 1]], np.float32), 2)
        assert matrix[1].argmax() == seen, (left, right)


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A segmenter that reads everything as road, and counts how often it looks."""
    looked: list[int] = []

    def look(pictures: torch.Tensor) -> torch.Tensor:
        looked.append(len(pictures))
        return torch.zeros(len(pictures), *pictures.shape[2:], dtype=torch.int64)

    monkeypatch.setattr(segmenter_check, "failing", lambda *_: None)
    monkeypatch.setattr(segmenter, "read", lambda found, device: look)
    return looked


def chunk() -> Chunk:
    picture = np.zeros((2, *SIZE, 3), np.uint8)
    labels = torch.full((2, *SIZE), IGNORE)
    labels[:, :10], labels[:, 20:30] = 0, 13
    boxes = (torch.tensor([[0.0, 0, 128, 10, 0], [0, 20, 9, 30, 13]]), torch.zeros(0, 5))
    return Chunk(("a", "b"), to_tensor(list(picture)), labels=labels, boxes=boxes)


def test_scores(reading: list[int]) -> None:
    metric = Objects(SETTING)
    metric.update(chunk())
    scores = {score.name: score for score in metric.compute()}
    assert scores["object_accuracy"].value == 0.5
    assert scores["object_class_accuracy"].value == 0.5
    assert scores["object_miou"].value == 0.25  # road: one of the two that were read as road
    protocol = scores["object_accuracy"].protocol
    assert protocol is not None and "each box" in str(protocol.reference)
    assert metric.per_picture()["object_accuracy"]["a"] == 0.5
    assert np.isnan(metric.per_picture()["object_accuracy"]["b"])


def test_outputs_are_segmented_once_for_both_metrics(reading: list[int]) -> None:
    one = chunk()
    for metric in (PSP(SETTING), Objects(SETTING)):
        metric.update(one)
    assert reading == [2]


def test_pictures_without_boxes_are_refused(reading: list[int]) -> None:
    one = chunk()
    with pytest.raises(BenchError, match="objects needs the label maps and boxes of streets-day2night@1"):
        Objects(SETTING).update(Chunk(one.names, one.output, labels=one.labels))


def test_unavailable_where_a_task_has_no_boxes() -> None:
    plain = registry.task("streets-label2photo")
    assert "has no boxes" in (Objects.unavailable(Setting(plain, SIZE, "test", 1, 1, "")) or "")
