from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import ClassVar, cast

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from i2ibench import registry
from i2ibench.adapter import Adapter, MethodCard, Shape
from i2ibench.data import rows
from i2ibench.data.exemplars import Exemplars
from i2ibench.data.pictures import read_picture, to_tensor
from i2ibench.data.rows import Split
from i2ibench.metrics.metric import Chunk, Metric
from i2ibench.models.method import Batch, Method, generator
from i2ibench.progress import Silent
from i2ibench.protocol import Score
from i2ibench.record import Budget
from i2ibench.run import Run, plan
from i2ibench.store import RunFolder
from i2ibench.task import Resolution, Task
from i2ibench.translation import Translation, coded, is_coded, withheld


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


def exemplary(run: Run, monkeypatch: pytest.MonkeyPatch) -> list[Batch]:
    """Lets the toy hand back its exemplar as the translation; what it was handed is listed."""
    handed: list[Batch] = []

    def styled(method, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        handed.append(batch)
        (exemplar,) = batch.exemplars or ()
        return exemplar

    card = run.adapter.card.model_copy(update={"exemplars": 1, "stochastic": True})
    monkeypatch.setattr(run.adapter, "translate", styled)
    monkeypatch.setattr(run.adapter, "card", card)
    return handed


def kind_of(adapter: type[Adapter]) -> type[Method]:
    return type(adapter.build(adapter.configure("small"), Shape(resolution=Resolution(32, 32))))


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


def test_exemplars_are_training_targets_one_for_each_source_and_sample(run: Run, monkeypatch, toy: Task) -> None:
    exemplary(run, monkeypatch)
    run.metrics = ["spread"]
    run.perform()
    splits = {name: rows.load(toy, run.spec.resolution, name).rows for name in ("train", "test")}
    targets = {name: [table[n]["target"].tobytes() for n in range(len(table))] for name, table in splits.items()}
    folders = run.folder.translations, *sorted(run.folder.variations.iterdir())
    shown = {file: read_picture(file, run.spec.resolution).tobytes() for one in folders for file in one.glob("*.png")}
    assert len(shown) == 6 + 2 + 2
    assert set(shown.values()) <= set(targets["train"]) and not set(shown.values()) & set(targets["test"])
    assert len(set(shown.values())) > 4
    of_one = [shown[folder / "toy-200.png"] for folder in folders]
    assert len(set(of_one)) > 1
    (run.folder.translations / "toy-203.png").unlink()
    before = files(run.folder.variations)
    run._mark("translate", "pending")  # type: ignore[arg-type]
    run.perform("translate")
    assert {f: read_picture(f, run.spec.resolution).tobytes() for f in shown} == shown
    assert files(run.folder.variations) == before


def test_a_translation_is_not_handed_what_it_is_compared_with(run: Run, monkeypatch) -> None:
    handed, seen = exemplary(run, monkeypatch), []
    kind = kind_of(run.adapter)
    bits = kind.bits_per_dim
    monkeypatch.setattr(kind, "bits_per_dim", lambda self, batch, **key: seen.append(batch) or bits(self, batch, **key))
    run.perform("translate")
    assert len(handed) == 1 and handed[0].target is None and handed[0].labels is not None
    assert len(seen) == 3 and all(batch.target is not None for batch in seen)


def test_targets_that_are_labels_are_withheld_with_their_labels(toy: Task) -> None:
    picture, ids = torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2, dtype=torch.int64)
    boxes = (torch.zeros(1, 5),)
    batch = Batch(("a",), picture, picture, labels=ids, instances=ids, boxes=boxes, target_boxes=boxes)
    bare = withheld(batch, toy)
    assert bare.target is None and bare.target_boxes is None and bare.boxes is boxes and bare.labels is ids
    bare = withheld(batch, registry.task("streets-photo2label"))
    assert bare.target is None and bare.labels is None and bare.instances is None and bare.source is picture


def test_a_likelihood_of_digits_is_of_each_test_picture_under_its_own_class(runs, toy, monkeypatch) -> None:
    adapter, seen = registry.adapter("toy-gan"), []

    def bits(self, batch: Batch, *, seed: int, draw: int = 0) -> Tensor:
        seen.append(batch)
        assert batch.target is not None and batch.classes is not None
        return batch.classes[:, 1] + batch.target.mean((1, 2, 3)) + draw

    monkeypatch.setattr(adapter, "card", adapter.card.model_copy(update={"needs": frozenset()}))
    monkeypatch.setattr(kind_of(adapter), "bits_per_dim", bits)
    spec = plan("toy-gan", "digits", preset="small", budget=Budget(steps=1))
    run = Run(spec, runs, torch.device("cpu"), metrics=["bpd"])
    run.perform()
    (score,) = run.folder.result().scores
    table = run.split("test").rows
    pictures = to_tensor([table[index]["source"] for index in range(len(table))])
    classes = torch.tensor(table.column("category"))
    expected = classes.double().mean() + pictures.double().mean() + 1  # the mean of draws 0, 1 and 2
    assert score.value == pytest.approx(float(expected), abs=1e-5) and score.n == 500
    assert score.protocol is not None
    assert score.protocol.model_dump()["reference"] == "each picture, under its own class"
    assert torch.equal(torch.cat([batch.target for batch in seen[::3]]), pictures)
    assert torch.equal(torch.cat([batch.classes for batch in seen[::3]]), torch.stack([classes, classes], 1))
    assert not any(batch.source.any() for batch in seen), "what is coded is not given beside it"


def test_what_is_coded_depends_on_the_supervision(toy: Task) -> None:
    batch = Batch(("a",), torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2))
    assert is_coded(toy) and coded(batch, toy) is batch
    assert is_coded(registry.task("digits"))
    assert not is_coded(registry.task("creatures-many"))  # its card does not ask
    bits = {"metrics": {"bpd": "asked"}}
    assert not is_coded(registry.task("photo2painting").model_copy(update=bits))  # its sources have no targets
    assert not is_coded(toy.model_copy(update={"metrics": {}}))


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


class Sequential:
    """An adapter whose translations are the source and a share of the frame before, as it was translated."""

    card = MethodCard(name="sequential", title="", levels=frozenset(), history=2)

    def __init__(self, stop: int | None = None) -> None:
        self.stop = stop
        self.seen: list[int] = []

    def translate(self, method: Method, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        assert batch.target is None
        if self.stop == len(self.seen):
            raise InterruptedError
        self.seen.append(len(batch.frames or ()))
        before = torch.zeros_like(batch.source) if batch.frames is None else batch.frames[-1].target
        assert before is not None
        return 0.9 * batch.source + 0.0973 * before


@pytest.mark.parametrize("stop", [1, 3, 4])
def test_a_sequence_is_translated_frame_by_frame_and_goes_on_where_it_was_stopped(video, tmp_path, stop: int) -> None:
    def translated(folder: Path, adapter: Sequential) -> dict[str, bytes]:
        place = RunFolder(folder)
        Translation(
            cast("type[Adapter]", adapter), adapter.card, video, place, 0, None, torch.device("cpu"), Silent()
        ).outputs(Method())
        return files(place.translations)

    whole = translated(tmp_path / "whole", adapter := Sequential())
    assert adapter.seen == [0, 1, 2, 2, 2]
    assert len(whole) == 10
    with pytest.raises(InterruptedError):
        translated(tmp_path / "cut", Sequential(stop))
    again = Sequential()
    assert translated(tmp_path / "cut", again) == whole
    assert len(again.seen) == 5 - stop
    values = [
        int(read_picture(RunFolder(tmp_path / "whole").translations / f"s1-f{n}.png", video.resolution)[0, 0, 0])
        for n in range(5)
    ]
    expected, before = [], 0.0
    for n in range(5):
        pixel = round((0.9 * ((10 + n) / 127.5 - 1) + 0.0973 * before + 1) * 127.5)
        before = pixel / 127.5 - 1  # as it was written
        expected.append(pixel)
    assert values == expected


def test_batches_give_the_pictures_listed() -> None:
    pictures = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 2, 2)
    frame = Batch(names=tuple("abcd"), source=pictures + 10)
    boxes = tuple(torch.full((1, 5), float(i)) for i in range(4))
    batch = Batch(names=tuple("abcd"), source=pictures, exemplars=(pictures + 20,), boxes=boxes, frames=(frame,))
    found = batch[[3, 1]]
    assert found.exemplars is not None and found.exemplars[0][:, 0, 0, 0].tolist() == [23, 21]
    assert batch.to("meta").exemplars[0].device.type == "meta"
    assert found.names == ("d", "b") and found.source[:, 0, 0, 0].tolist() == [3, 1]
    assert [float(box[0, 0]) for box in found.boxes] == [3, 1]
    assert found.frames[0].names == ("d", "b") and found.target is None
    assert batch[1:3].names == ("b", "c") and batch[2].names == ("c",)


def test_values_that_are_no_numbers_become_grey_and_are_told(run: Run, monkeypatch, tmp_path) -> None:
    def overflowing(method, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        outputs = batch.source.clone()
        outputs[0, :, 0, 0], outputs[1, :, 0, 0] = math.nan, math.inf
        return outputs

    told: list[str] = []
    monkeypatch.setattr(run.adapter, "translate", overflowing)
    monkeypatch.setattr(run.progress, "say", told.append)
    run.perform("translate")
    names = run._translation().names
    (line,) = [one for one in told if "no numbers" in one]
    assert line.startswith(f"2 of {len(names)} translations") and f"{names[0]}, {names[1]};" in line
    pixels = read_picture(run.folder.translations / f"{names[1]}.png", run.spec.resolution)
    assert pixels[0, 0].tolist() == [128, 128, 128] and pixels[0, 1].tolist() != [128, 128, 128]


class Painter(Adapter):
    """Shows the number of the class asked for in red, and in green what its exemplar shows."""

    card = MethodCard(name="painter", title="", levels=frozenset(), classes=True, exemplars=1)

    @classmethod
    def translate(cls, method: Method, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        assert batch.target is None and batch.classes is not None and batch.exemplars is not None
        painted = batch.source.clone()
        painted[:, 0] = batch.classes[:, 1, None, None] / 127.5 - 1
        painted[:, 1] = batch.exemplars[0][:, 1]
        return painted


def test_each_class_has_a_column_of_the_grid(many: Split, tmp_path: Path) -> None:
    translation = Translation(
        adapter=Painter,
        card=Painter.card,
        split=many,
        folder=RunFolder(tmp_path),
        seed=0,
        limit=None,
        device=torch.device("cpu"),
        progress=Silent(),
        exemplars=Exemplars(many, 0),
    )
    translation.class_by_class(Method(), tmp_path / "classes.png")
    zoom, categories = 128 // many.resolution.height, many.rows.column("category")
    cell = 128 + 4
    with Image.open(tmp_path / "classes.png") as picture:
        sheet = np.asarray(picture)
    assert sheet.shape[:2] == (18 + 6 * cell, 4 + 4 * cell) and zoom > 1
    for row in range(6):
        for column in range(3):
            red, green, _ = sheet[18 + row * cell + 5, 4 + (column + 1) * cell + 5]
            assert (red, categories[green]) == (column, column)
    (tmp_path / "classes.png").unlink()
    told_none = Painter.card.model_copy(update={"classes": False, "exemplars": 0})
    of_none = replace(many, rows=many.rows.without({"category"}))
    for changed in (replace(translation, card=told_none), replace(translation, split=of_none)):
        changed.class_by_class(Method(), tmp_path / "classes.png")
        assert not (tmp_path / "classes.png").exists()
