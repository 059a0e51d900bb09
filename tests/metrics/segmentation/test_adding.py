from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from i2ibench import cli, registry
from i2ibench.data.rows import Row, load
from i2ibench.errors import BenchError
from i2ibench.metrics.metric import Setting
from i2ibench.metrics.psp import PSP
from i2ibench.metrics.segmentation import segmenter
from i2ibench.metrics.segmentation.adding import SEMSEG, _published, add
from i2ibench.metrics.segmentation.card import ForeignFile
from i2ibench.metrics.segmentation.checkpoints import Checkpoint
from i2ibench.metrics.segmentation.feeding import Feeding
from i2ibench.metrics.segmentation.networks import ResNetArchitecture, build, logits
from i2ibench.task import LabelTable, Level, Need, Resolution, Task
from i2ibench.tasks.labels import CITYSCAPES

SIZE, OTHER = Resolution(24, 40), Resolution(40, 64)
TINY = ResNetArchitecture(depth=18, head_channels=8, auxiliary_channels=6)


def roads(**changes: object) -> Task:
    values: dict[str, object] = {
        "name": "roads",
        "title": "",
        "description": "",
        "level": Level.STRONG,
        "gives": frozenset({Need.PAIRS, Need.LABELS}),
        "resolutions": (SIZE, OTHER),
        "splits": {"test": 4},
        "data": "roads_world:rows",
        "labels": CITYSCAPES,
        "metrics": {"psp": "labels"},
        "source": "",
        "licence": "",
    }
    return Task.model_validate({**values, **changes})


def rows(split: str, resolution: Resolution) -> Iterator[Row]:
    for index in range(4):
        draws = np.random.default_rng(index)
        labels = draws.integers(0, 19, (resolution.height // 8, resolution.width // 8)).repeat(8, 0).repeat(8, 1)
        target = np.array(CITYSCAPES.palette, np.uint8)[labels]
        yield Row(name=f"road-{index}", source=target, target=target, labels=labels.astype(np.uint8))


@pytest.fixture(autouse=True)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("I2IBENCH_CACHE", str(tmp_path))
    module = ModuleType("roads_world")
    module.rows, module.TASK = rows, roads()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return tmp_path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = build(TINY, 19, auxiliary=True)
    path = tmp_path / "pspnet_r18.pth"
    torch.save({"meta": {"CLASSES": CITYSCAPES.names}, "state_dict": network.state_dict()}, path)
    return path


def test_added_network_scores_as_it_was(file: Path, world: Path) -> None:
    load(roads(), SIZE, "test")
    card = add(roads(), str(file), size=Resolution(48, 80))
    assert card.origin is not None
    assert (card.origin.file, card.origin.format) == ("pspnet_r18.pth", "mmseg")
    assert (card.recipe, card.seed, card.resolutions) == (None, None, (SIZE, OTHER))
    assert "48x80" in card.resize and card.feeding.size == Resolution(48, 80)
    assert [(ceiling.resolution, ceiling.n) for ceiling in card.ceilings] == [(SIZE, 4)]  # where data were at hand

    reader = segmenter.load(roads(), SIZE)
    assert reader is not None and reader.card == card
    assert not any(name.startswith("auxiliary_head") for name in reader.network.state_dict())
    original = build(TINY, 19, auxiliary=True).eval()
    original.load_state_dict(torch.load(file, weights_only=True)["state_dict"])
    fed = torch.randn(1, 3, 48, 80)
    assert torch.equal(logits(reader.network, fed, TINY), logits(original, fed, TINY))

    assert PSP.unavailable(Setting(roads(), SIZE, "test", 4, 4, "")) is None
    metric = PSP(Setting(roads(), OTHER, "test", 4, 4, ""))  # measured at the first scoring
    assert [ceiling.resolution for ceiling in metric.found.card.ceilings] == [SIZE, OTHER]
    protocol = metric.protocol()
    assert protocol.extractor == "pspnet_resnet18 (dilation contracted)"
    assert protocol.feeding is not None and "123.675" in protocol.feeding


def test_from_an_address(file: Path) -> None:
    card = add(roads(), file.as_uri())
    assert card.origin is not None and card.origin.file == file.as_uri()
    with pytest.raises(BenchError, match="cannot be fetched"):
        add(roads(), (file.parent / "none.pth").as_uri())


def test_other_classes_are_refused(file: Path, tmp_path: Path) -> None:
    two = LabelTable(name="two", names=("a", "b"), palette=((0, 0, 0), (1, 1, 1)))
    with pytest.raises(BenchError, match=r"2 classes of 'two'.*segmenter train roads"):
        add(roads(labels=two), str(file))
    with pytest.raises(BenchError, match="no label maps"):
        add(roads(labels=None), str(file))
    content = torch.load(file, weights_only=True)
    torch.save({**content, "meta": {"CLASSES": tuple(reversed(CITYSCAPES.names))}}, file)
    with pytest.raises(BenchError, match=r"19 classes \(bicycle, motorcycle, train"):
        add(roads(), str(file))
    torch.save(build(TINY, 7).state_dict(), file)
    with pytest.raises(BenchError, match="knows 7 classes"):
        add(roads(), str(file))
    assert segmenter.find(roads(), SIZE) is None


def test_where_it_would_not_be_found_it_is_refused(file: Path) -> None:
    with pytest.raises(BenchError, match="goes first"):
        add(registry.task("streets-label2photo"), str(file))
    with pytest.raises(BenchError, match="read by the segmenter of streets-label2photo"):
        add(registry.task("streets-sim2real"), str(file))
    with pytest.raises(BenchError, match="did you mean 'mmseg'"):
        add(roads(), str(file), form="mseg")


def test_published_figures_are_stated_where_they_hold() -> None:
    full = Resolution(1024, 2048)
    whole = roads(resolutions=(SIZE, full))
    checkpoint = Checkpoint(
        ForeignFile(file="x", format="semseg", sha256="0"),
        ResNetArchitecture(depth=50),
        Feeding(),
        None,
        torch.nn.ReLU(),
    )
    (ceiling,) = _published(checkpoint, full, whole, None)
    assert (ceiling.resolution, ceiling.n, ceiling.fingerprint) == (full, 500, None)
    assert (ceiling.pixel_accuracy, ceiling.miou) == SEMSEG == (0.9597, 0.7730)
    assert _published(checkpoint, full, roads(), None) == ()
    assert _published(checkpoint, SIZE, whole, None) == ()
    assert _published(checkpoint, full, whole, (0.9, 0.6))[0].miou == 0.6


def test_published_figures_are_to_be_found_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("i2ibench.metrics.segmentation.adding.CITYSCAPES_SIZE", SIZE)
    add(roads(), str(file), size=SIZE, figures=(0.96, 0.77))
    reason = PSP.unavailable(Setting(roads(), SIZE, "test", 4, 4, "")) or ""
    assert "must find pixel accuracy 0.9600 and mIoU 0.7700, as published" in reason
    assert "add it again with `i2ibench segmenter add roads --from pspnet_r18.pth`" in reason


def test_command(file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], world: Path) -> None:
    monkeypatch.setitem(registry._TASKS, "roads", "roads_world:TASK")
    monkeypatch.setattr(registry, "_table", registry._table.__wrapped__)
    command = ["i2ibench", "segmenter", "add", "roads", "--from", str(file), "--size", "24x40", "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", [*command, "--published", "0.5", "0.4", "--format", "mmseg"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    told = capsys.readouterr()
    assert stop.value.code in (0, None), told.err
    assert "pspnet_r18.pth" in told.out
    assert (world / "segmenters" / "roads.safetensors").exists()
