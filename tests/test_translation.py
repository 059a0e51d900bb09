from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from i2ibench import registry
from i2ibench.metrics.metric import Chunk, Metric
from i2ibench.models.method import Batch, generator
from i2ibench.protocol import Score
from i2ibench.record import Budget
from i2ibench.run import Run, plan


class Pairs(Metric):
    """Three samples of two sources."""

    name = "spread"
    columns: ClassVar = {"spread": True}
    samples = 3
    sources = 2

    def __init__(self, setting) -> None:
        super().__init__(setting)
        self.seen: dict[str, list[Tensor]] = {}

    def update(self, chunk: Chunk) -> None:
        rows = [row for row, name in enumerate(chunk.names) if name in self.sampled(self.setting.names)]
        for number in range(self.samples):
            for row, picture in zip(rows, chunk.samples(number, rows), strict=True):
                self.seen.setdefault(chunk.names[row], []).append(picture)

    def merge(self, other) -> None:
        self.seen.update(other.seen)

    def compute(self) -> tuple[Score, ...]:
        spread = [float(torch.stack(pictures).std(0).mean()) for pictures in self.seen.values()]
        assert all(len(pictures) == self.samples for pictures in self.seen.values())
        return (Score(name="spread", value=sum(spread), n=len(spread), higher_is_better=True),)


class Triples(Pairs):
    """Two samples of all sources."""

    name = "twos"
    samples = 2
    sources = None


@pytest.fixture
def run(toy, runs, monkeypatch) -> Run:
    home = ModuleType("i2ibench_toy_metrics")
    home.PAIRS = Pairs  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, home.__name__, home)
    monkeypatch.setitem(registry._METRICS, "spread", "i2ibench_toy_metrics:PAIRS")
    return Run(plan("toy-gan", "toy", preset="small", budget=Budget(steps=2)), runs, torch.device("cpu"))


def stochastic(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the toy draw each picture's brightness."""
    translate = run.adapter.translate

    def drawn(method, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        outputs = translate(method, batch, seed=seed, sample=sample)
        levels = [torch.rand((), generator=generator(seed, "sample", name, sample)) for name in batch.names]
        return (outputs + torch.stack(levels).view(-1, 1, 1, 1) - 0.5).clamp(-1, 1)

    monkeypatch.setattr(run.adapter, "translate", drawn)
    monkeypatch.setattr(run.adapter, "card", run.adapter.card.model_copy(update={"stochastic": True}))


def files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*.png"))}


def test_a_metric_of_samples_gets_as_many_as_it_compares(run: Run, monkeypatch) -> None:
    stochastic(run, monkeypatch)
    run.metrics = ["spread"]
    run.perform()
    (score,) = run.folder.result().scores
    assert score.value > 0.1 and score.n == 2
    wanted = [f"{number}/toy-{index}.png" for number in ("01", "02") for index in (200, 203)]  # evenly over 200 to 205
    made = files(run.folder.variations)
    assert list(made) == wanted and len(set(made.values())) == 4

    (run.folder.variations / "02" / "toy-203.png").unlink()
    run.perform(rescore=True)
    assert files(run.folder.variations) == made


def test_metrics_share_samples(run: Run, monkeypatch) -> None:
    stochastic(run, monkeypatch)
    run.perform("translate")
    run._translation().samples(run.method(), [Pairs, Triples])
    made = files(run.folder.variations)
    assert sum(name.startswith("01/") for name in made) == 6 and sum(name.startswith("02/") for name in made) == 2
    assert not run._translation().lacks_samples([Pairs, Triples])


def test_a_deterministic_method_is_its_own_sample(run: Run) -> None:
    run.metrics = ["spread"]
    run.perform()
    (score,) = run.folder.result().scores
    assert score.value == 0 and score.n == 2
    assert not run.folder.variations.exists()


def test_a_split_of_its_own_can_be_the_reference(run: Run) -> None:
    run.metrics = ["kd_efficientnet_lite0"]
    run.perform()
    (test,) = run.folder.result().scores
    run.reference = "train"
    run.perform(rescore=True)
    (train,) = run.folder.result().scores
    assert test.value != train.value
    differing = test.protocol.difference(train.protocol)
    assert set(differing) == {"reference", "reference_hash", "n_reference"}
    assert differing["reference"] == ("all targets of test", "all targets of train")
    assert differing["n_reference"] == (6, 12)


def test_batches_give_the_pictures_listed() -> None:
    pictures = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 2, 2)
    frame = Batch(names=tuple("abcd"), source=pictures + 10)
    boxes = tuple(torch.full((1, 5), float(i)) for i in range(4))
    batch = Batch(names=tuple("abcd"), source=pictures, boxes=boxes, frames=(frame,))
    found = batch[[3, 1]]
    assert found.names == ("d", "b") and found.source[:, 0, 0, 0].tolist() == [3, 1]
    assert [float(box[0, 0]) for box in found.boxes] == [3, 1]
    assert found.frames[0].names == ("d", "b") and found.target is None
    assert batch[1:3].names == ("b", "c") and batch[2].names == ("c",)
