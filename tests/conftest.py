"""A toy task and a toy method, small enough to run the whole harness in a second, and a cache of the tests' own."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from i2ibench import registry
from i2ibench.adapter import Adapter, Augmentation, MethodCard, Shape
from i2ibench.data.rows import Row
from i2ibench.models.method import Batch, Method, Update, frozen, generator, inference
from i2ibench.task import LabelTable, Level, Need, Resolution, Task

TABLE = LabelTable(name="toy", names=("sky", "ground"), palette=((0, 0, 255), (90, 60, 30)))
TOY_TASK = Task(
    name="toy",
    title="Two-colour pictures to brighter ones",
    description="Made for tests.",
    level=Level.STRONG,
    gives=frozenset({Need.PAIRS, Need.LABELS}),
    resolutions=(Resolution(16, 16), Resolution(16, 32)),
    splits={"train": 12, "val": 6, "test": 6},
    data="i2ibench_toy_world:load",
    labels=TABLE,
    metrics={"ssim": "pairs", "psnr": "pairs", "bpd": "pairs"},
    source="generated",
    licence="Apache-2.0",
)


def toy_rows(split: str, resolution: Resolution) -> Iterator[Row]:
    """Smooth random pictures; the target is the source, brighter."""
    first = {"train": 0, "val": 100, "test": 200}[split]
    for index in range(TOY_TASK.splits[split]):
        draw = torch.rand(1, 3, 4, 4, generator=generator("toy", first + index))
        smooth = nn.functional.interpolate(draw, tuple(resolution), mode="bilinear")[0].movedim(0, -1).numpy()
        yield {
            "name": f"toy-{first + index:03d}",
            "source": (160 * smooth).astype(np.uint8),
            "target": (160 * smooth + 60).astype(np.uint8),
            "labels": (smooth[..., 0] > 0.5).astype(np.uint8),
        }


@dataclass(frozen=True)
class ToyConfig:
    """Fields of each kind that `--set` must read."""

    width: int = 8
    lr: float = 2e-3
    dropout: bool = True
    kernels: tuple[int, ...] = (3, 3)
    poison_step: int | None = None
    brightness: float = inference(0.0)

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"width must be at least 1, not {self.width}")


class ToyMethod(Method):
    """A tiny conditional GAN with dropout, an average and a schedule: everything the loop must keep in step."""

    averages: ClassVar[Mapping[str, float]] = {"generator": 0.9}

    def __init__(self, config: ToyConfig) -> None:
        super().__init__()
        self.config = config
        self.generator = nn.Sequential(
            nn.Conv2d(3, config.width, 3, padding=1),
            nn.BatchNorm2d(config.width),
            nn.ReLU(),
            nn.Dropout(0.5 if config.dropout else 0.0),
            nn.Conv2d(config.width, 3, 3, padding=1),
            nn.Tanh(),
        )
        self.discriminator = nn.Conv2d(6, 1, 4, stride=2)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {
            name: torch.optim.Adam(getattr(self, name).parameters(), self.config.lr, fused=True)
            for name in ("discriminator", "generator")
        }

    def learning_rate(self, optimizer: str, step: int, fraction: float) -> float:
        return 1 - fraction / 2

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        assert batch.target is not None
        fake = self.generator(batch.source)
        real_score = self.discriminator(torch.cat([batch.source, batch.target], 1))
        fake_score = self.discriminator(torch.cat([batch.source, fake.detach()], 1))
        yield Update("discriminator", (real_score - 1).square().mean() + fake_score.square().mean(), clip_norm=1.0)
        with frozen(self.discriminator):
            adversarial = (self.discriminator(torch.cat([batch.source, fake], 1)) - 1).square().mean()
        l1 = (fake - batch.target).abs().mean()
        if step == self.config.poison_step:
            l1 = l1 * float("nan")
        yield Update("generator", adversarial + 10 * l1, {"l1": l1})

    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        return (self.generator(batch.source) + self.config.brightness).clamp(-1, 1)

    def bits_per_dim(self, batch: Batch, *, seed: int, draw: int = 0) -> Tensor:
        return torch.stack([torch.rand((), generator=generator(seed, "bits", name, draw)) for name in batch.names])


class Toy(Adapter):
    """The toy's adapter."""

    card = MethodCard(
        name="toy-gan", title="Toy", levels=frozenset({Level.STRONG}), needs=frozenset({Need.PAIRS}), likelihood=True
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"paper": {}, "small": {"width": 4}}
    batch_size: ClassVar[Mapping[str, int]] = {"small": 2}

    @classmethod
    def config(cls) -> type[Any]:
        return ToyConfig

    @classmethod
    def build(cls, config: Any, shape: Shape) -> Method:
        return ToyMethod(config)

    @classmethod
    def augmentation(cls, config: Any) -> Augmentation:
        return Augmentation(scale=1.25, mirror=True)


class NeedsBoxes(Toy):
    """Needs what the toy task lacks."""

    card = Toy.card.model_copy(update={"name": "toy-boxes", "needs": frozenset({Need.PAIRS, Need.BOXES})})


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's cache; all share one, so that data are made once."""
    monkeypatch.setenv("I2IBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Task:
    """Register the toy task as `toy` and the toy methods as `toy-gan` and `toy-boxes`."""
    world = ModuleType("i2ibench_toy_world")
    world.load = toy_rows  # type: ignore[attr-defined]
    home = ModuleType("i2ibench_toy_home")
    home.TASK, home.GAN, home.BOXES = TOY_TASK, Toy, NeedsBoxes  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, world.__name__, world)
    monkeypatch.setitem(sys.modules, home.__name__, home)
    monkeypatch.setitem(registry._TASKS, "toy", "i2ibench_toy_home:TASK")
    monkeypatch.setitem(registry._ADAPTERS, "toy-gan", "i2ibench_toy_home:GAN")
    monkeypatch.setitem(registry._ADAPTERS, "toy-boxes", "i2ibench_toy_home:BOXES")
    registry._table.cache_clear()
    monkeypatch.setattr(registry, "_table", registry._table.__wrapped__)
    return TOY_TASK


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder for run folders."""
    return tmp_path / "runs"
