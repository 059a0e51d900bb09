from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from i2ibench.data.rows import Row, load
from i2ibench.errors import BenchError
from i2ibench.metrics.metric import Setting
from i2ibench.metrics.psp import PSP
from i2ibench.metrics.segmentation import check as segmenter_check
from i2ibench.metrics.segmentation import segmenter
from i2ibench.metrics.segmentation.card import Ceiling, Found, RealScores, SegmenterCard
from i2ibench.metrics.segmentation.check import failing
from i2ibench.metrics.segmentation.networks import UNetArchitecture
from i2ibench.metrics.segmentation.reals import read_reals, real_pictures
from i2ibench.metrics.segmentation.segmenter import Segmenter
from i2ibench.store import read_record, write_record
from i2ibench.task import LabelTable, Level, Need, Resolution, Task

TABLE = LabelTable(name="stripes", names=("ground", "box"), palette=((110, 90, 70), (30, 60, 200)))
SIZE = Resolution(16, 24)


def stripes(**changes: object) -> Task:
    values: dict[str, object] = {
        "name": "stripes",
        "title": "",
        "description": "",
        "level": Level.STRONG,
        "gives": frozenset({Need.PAIRS, Need.LABELS}),
        "resolutions": (SIZE,),
        "splits": {"test": 8},
        "data": "stripes_world:rows",
        "labels": TABLE,
        "metrics": {"psp": "labels"},
        "source": "",
        "licence": "",
    }
    return Task.model_validate({**values, **changes})


def rows(split: str, resolution: Resolution) -> Iterator[Row]:
    """Stripes in their colours; in picture i the first i + 1 rows are in the other class's colour."""
    for index in range(8):
        labels = np.tile(np.arange(resolution.width) // 5 % 2, (resolution.height, 1)).astype(np.uint8)
        shown = labels.copy()
        shown[: index + 1] = 1 - shown[: index + 1]
        target = np.array(TABLE.palette, np.uint8)[shown]
        yield Row(name=f"stripes-{index}", source=target, target=target, labels=labels)


def unpaired(split: str, resolution: Resolution) -> Iterator[Row]:
    """Sources that read as nothing of theirs, then targets as above."""
    for index, row in enumerate(rows(split, resolution)):
        yield Row(name=f"grey-{index}", source=np.full_like(row["source"], 128), labels=1 - row["labels"])
    for row in rows(split, resolution):
        yield Row(name=row["name"], target=row["target"], labels=row["labels"])


class Palette(nn.Module):
    """A network that knows a class by its colour; counts what it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(TABLE.palette, dtype=torch.float32) / 127.5 - 1)
        self.pictures = 0

    def forward(self, pictures: torch.Tensor, mode: str) -> torch.Tensor:
        self.pictures += len(pictures)
        return -(pictures[:, None] - self.weight[None, :, :, None, None]).square().sum(2)


FIRST = 1 - np.mean([(index + 1) / 16 for index in range(8)])
"""Pixel accuracy on all eight."""


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Palette:
    monkeypatch.setenv("I2IBENCH_CACHE", str(tmp_path))
    world = ModuleType("stripes_world")
    world.rows, world.unpaired = rows, unpaired  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, world.__name__, world)
    palette = Palette()
    monkeypatch.setattr(segmenter, "read", lambda found, device="cpu": Segmenter(found.card, palette, device))
    monkeypatch.setattr("i2ibench.metrics.segmentation.adding.read", segmenter.read)
    monkeypatch.setattr(segmenter_check, "_READ", {})
    return palette


@pytest.fixture
def put(network: Palette, tmp_path: Path) -> Callable[..., Found]:
    """Lays a segmenter with its card into the cache."""

    def lay(content: bytes = b"palette", **changes: object) -> Found:
        weights = tmp_path / "segmenters" / "stripes.safetensors"
        weights.parent.mkdir(exist_ok=True)
        weights.write_bytes(content)
        values: dict[str, object] = {
            "task": "stripes@1",
            "resolutions": (SIZE,),
            "label_table": "stripes",
            "classes": TABLE.names,
            "architecture": UNetArchitecture(stages=1),
            "weights_sha256": hashlib.sha256(b"palette").hexdigest(),
        }
        found = Found(SegmenterCard.model_validate({**values, **changes}), weights)
        write_record(found.card_file, found.card)
        return found

    return lay


def stated(pixel_accuracy: float = FIRST, miou: float | None = None, **changes: object) -> Ceiling:
    values = {"resolution": SIZE, "n": 8, "pixel_accuracy": pixel_accuracy, "miou": miou or exact_miou()}
    return Ceiling.model_validate({**values, **changes})


def exact_miou() -> float:
    """Of the eight pictures, in all of which a class has the same share."""
    right, wrong = FIRST, 1 - FIRST
    share = np.bincount(np.arange(24) // 5 % 2) / 24
    return float(np.mean([right * part / (part + wrong * (1 - part)) for part in share]))


def test_passes_and_is_remembered(put: Callable[..., Found], network: Palette, tmp_path: Path) -> None:
    found = put(ceilings=(stated(),))
    assert failing(found, stripes(), SIZE) is None
    assert network.pictures == 8
    segmenter_check._READ.clear()  # as in another process
    assert failing(found, stripes(), SIZE) is None
    assert network.pictures == 8
    (kept,) = (tmp_path / "segmenters" / "passed").iterdir()
    assert read_record(kept, Ceiling).pixel_accuracy == pytest.approx(FIRST)


@pytest.mark.parametrize("changes", [{"pixel_accuracy": FIRST + 0.006}, {"miou": 0.3}])
def test_fails_with_both_figures_and_the_way_out(
    put: Callable[..., Found], network: Palette, changes: dict[str, float], tmp_path: Path
) -> None:
    found = put(ceilings=(stated(**changes),))
    reason = failing(found, stripes(), SIZE) or ""
    wanted = stated(**changes)
    assert f"pixel accuracy {wanted.pixel_accuracy:.4f} and mIoU {wanted.miou:.4f}" in reason
    assert f"finds {FIRST:.4f} and {exact_miou():.4f} in 8" in reason
    assert "`i2ibench segmenter train stripes`" in reason
    assert failing(found, stripes(), SIZE) == reason
    assert network.pictures == 8  # asked twice, read once
    assert not (tmp_path / "segmenters" / "passed").exists()


def test_other_pictures_are_told(put: Callable[..., Found]) -> None:
    found = put(ceilings=(stated(0.99, fingerprint="0" * 64),))
    assert "other pictures" in (failing(found, stripes(), SIZE) or "")
    same = load(stripes(), SIZE, "test").fingerprint
    found = put(ceilings=(stated(0.99, fingerprint=same),))
    assert "wrong weights" in (failing(found, stripes(), SIZE) or "")


def test_within_the_tolerance_passes(put: Callable[..., Found]) -> None:
    assert failing(put(ceilings=(stated(FIRST + 0.004),)), stripes(), SIZE) is None


def test_only_as_many_as_the_card_speaks_of(put: Callable[..., Found], network: Palette) -> None:
    accuracy = 1 - np.mean([1, 2, 3]) / 16
    found = put(ceilings=(stated(accuracy, miou=0.01, n=3),))
    assert f"first 3 real test pictures at 16x24 it must find pixel accuracy {accuracy:.4f}" in (
        failing(found, stripes(), SIZE) or ""
    )
    assert network.pictures == 3


def test_scores_of_the_test_split_serve_as_well(put: Callable[..., Found]) -> None:
    values = {"resolution": SIZE, "n": 8, "class_accuracy": 0.1, "miou": exact_miou(), "iou": {}}
    val = RealScores(split="val", pixel_accuracy=0.1, **values)
    test = RealScores(split="test", pixel_accuracy=FIRST, **values)
    assert failing(put(scores=(val, test)), stripes(), SIZE) is None


def test_what_changes_is_tested_again(put: Callable[..., Found], network: Palette) -> None:
    assert failing(put(ceilings=(stated(),)), stripes(), SIZE) is None
    with torch.no_grad():
        network.weight.copy_(network.weight.flip(0).clone())
    changed = b"other weights"
    found = put(changed, ceilings=(stated(),), weights_sha256=hashlib.sha256(changed).hexdigest())
    assert "cannot be trusted" in (failing(found, stripes(), SIZE) or "")


def test_weights_that_are_not_the_cards_are_told(put: Callable[..., Found]) -> None:
    assert failing(put(ceilings=(stated(),)), stripes(), SIZE) is None
    found = put(b"damaged", ceilings=(stated(),))
    assert "sha256" in (failing(found, stripes(), SIZE) or "")
    found.weights.unlink()
    assert "no weights" in (failing(found, stripes(), SIZE) or "")


def test_nothing_stated_is_measured_once_and_put_on_the_card(put: Callable[..., Found], network: Palette) -> None:
    found = put()
    assert failing(found, stripes(), SIZE) is None
    assert network.pictures == 8
    again = segmenter.find(stripes(), SIZE)
    assert again is not None
    ceiling = again.card.ceiling(SIZE)
    assert ceiling is not None
    assert (ceiling.n, ceiling.fingerprint) == (8, load(stripes(), SIZE, "test").fingerprint)
    assert (ceiling.pixel_accuracy, ceiling.miou) == pytest.approx((FIRST, exact_miou()))
    assert failing(again, stripes(), SIZE) is None
    assert network.pictures == 8


def test_without_pictures_there_is_no_trust(put: Callable[..., Found]) -> None:
    found = put(ceilings=(stated(),))
    for task in (stripes(data="no_such_world:rows"), stripes(data={"layout": "cityscapes", "obtain": "Ask."})):
        assert "are not at hand" in (failing(found, task, SIZE) or "")
    assert "i2ibench data prepare stripes" in (failing(found, task, SIZE) or "")


def test_a_cache_that_cannot_be_written_costs_no_score(
    put: Callable[..., Found], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise BenchError("the disk is full")

    monkeypatch.setattr(segmenter_check, "write_record", full)
    assert failing(put(ceilings=(stated(),)), stripes(), SIZE) is None


def test_the_metric_asks(put: Callable[..., Found]) -> None:
    put(ceilings=(stated(),))
    setting = Setting(stripes(), SIZE, "test", 8, 8, "")
    assert PSP.unavailable(setting) is None
    put(ceilings=(stated(0.5),))
    assert "cannot be trusted" in (PSP.unavailable(setting) or "")


def test_unpaired_reals_are_targets_with_their_own_labels(put: Callable[..., Found], network: Palette) -> None:
    task = stripes(gives=frozenset({Need.LABELS}), targets={"test": 8}, data="stripes_world:unpaired")
    split = load(task, SIZE, "test")
    assert list(real_pictures(split).rows.names) == [f"stripes-{index}" for index in range(8)]
    matrices = read_reals(Segmenter(put().card, network), split)
    assert np.trace(matrices.sum(0)) / matrices.sum() == pytest.approx(FIRST)
    assert failing(put(ceilings=(stated(),)), task, SIZE) is None


def test_reals_without_labels_are_refused(put: Callable[..., Found]) -> None:
    def no_labels(split: str, resolution: Resolution) -> Iterator[Row]:
        for row in unpaired(split, resolution):
            if "target" in row:
                del row["labels"]
            yield row

    sys.modules["stripes_world"].unlabelled = no_labels  # type: ignore[attr-defined]
    task = stripes(gives=frozenset({Need.LABELS}), targets={"test": 8}, data="stripes_world:unlabelled")
    with pytest.raises(BenchError, match="without label maps"):
        real_pictures(load(task, SIZE, "test"))
    assert "without label maps" in (failing(put(ceilings=(stated(),)), task, SIZE) or "")
