"""A toy task and a toy method, small enough to run the whole harness in a second, splits of pictures that say by their
pixels which they are, and a cache of the tests' own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: threads of several workers would only fight

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from i2ibench import registry
from i2ibench.adapter import Adapter, Augmentation, MethodCard, Shape
from i2ibench.data.columns import Example
from i2ibench.data.rows import Row, Split
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
        name="toy-gan",
        title="Toy",
        levels=frozenset({Level.STRONG}),
        needs=frozenset({Need.PAIRS}),
        likelihood=True,
        starts=("toy-gan",),
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
def toy_method(toy: Task) -> type[Method]:
    """What `toy-gan` builds, registered with it."""
    return ToyMethod


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder for run folders."""
    return tmp_path / "runs"


SIZE = Resolution(8, 8)


class ListTable:
    """A table in memory."""

    def __init__(self, examples: list[Example]) -> None:
        self.examples = examples

    @property
    def columns(self) -> list[str]:
        return list(self.examples[0])

    @property
    def names(self) -> list[str]:
        return self.column("name")

    def column(self, name: str) -> list[Any]:
        return [example[name] for example in self.examples]

    def without(self, columns: Collection[str]) -> ListTable:
        return ListTable([{name: value for name, value in one.items() if name not in columns} for one in self.examples])

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> Example:
        return self.examples[index]


def picture(number: int) -> np.ndarray:
    return np.full((*SIZE, 3), number, np.uint8)


@pytest.fixture
def split_of() -> Callable[..., Split]:
    """Makes a split of given rows and, for unpaired tasks, targets."""

    def make(rows: list[Example], targets: list[Example] | None = None, **card: Any) -> Split:
        values = {
            "name": "listed",
            "title": "",
            "description": "",
            "level": Level.WEAK,
            "gives": frozenset[Need](),
            "resolutions": (SIZE,),
            "splits": {"train": len(rows)},
            "targets": {} if targets is None else {"train": len(targets)},
            "data": "nowhere:none",
            "metrics": {},
            "source": "",
            "licence": "",
        }
        task = Task.model_validate({**values, **card})
        tables = ListTable(rows), None if targets is None else ListTable(targets)
        return Split(task, SIZE, "train", tables[0], "fingerprint", tables[1])

    return make


@pytest.fixture
def unpaired(split_of: Callable[..., Split]) -> Split:
    """7 sources 0 to 6, 5 targets 100 to 104, each side with a box."""
    box = np.array([[1, 2, 5, 6, 3]], np.float32)
    sources = [{"name": f"a{n}", "source": picture(n), "boxes": box} for n in range(7)]
    return split_of(sources, [{"name": f"b{n}", "target": picture(100 + n), "boxes": box + 1} for n in range(5)])


@pytest.fixture
def many(split_of: Callable[..., Split]) -> Split:
    """12 pictures of 3 classes, number n of class n % 3, but four in five of class 0."""
    categories = [0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0]
    rows = [{"name": f"c{n}", "source": picture(n), "category": category} for n, category in enumerate(categories)]
    return split_of(rows, gives=frozenset({Need.CLASSES}), classes=("x", "y", "z"))


@pytest.fixture
def video(split_of: Callable[..., Split]) -> Split:
    """Two sequences of five frames."""
    rows = [
        {
            "name": f"s{sequence}-f{frame}",
            "source": picture(10 * sequence + frame),
            "target": picture(100 + 10 * sequence + frame),
            "sequence": f"s{sequence}",
            "frame": frame,
            "flow": np.full((*SIZE, 2), 64 * frame, np.int16),
        }
        for sequence in range(2)
        for frame in range(5)
    ]
    return split_of(rows, gives=frozenset({Need.PAIRS, Need.VIDEO, Need.FLOW}))
