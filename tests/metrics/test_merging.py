"""States merge: pictures shared out in any way, fed in any order and merged in any order give the same scores.

Every registered metric is tried, other packages' too: each on the first of `TASKS` on which it is available. One that
none of them serves fails here, and gets a task.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from i2ibench import registry, weights
from i2ibench.data.pictures import to_tensor
from i2ibench.metrics import extractors
from i2ibench.metrics.classification import training as classifier_training
from i2ibench.metrics.classification.classifier import HEAD, fit
from i2ibench.metrics.classification.training import ClassifierCard, RealAccuracy, Trained
from i2ibench.metrics.metric import Chunk, Metric, Setting
from i2ibench.metrics.palette import nearest
from i2ibench.metrics.posing import reader as pose_reader
from i2ibench.metrics.posing.network import Architecture
from i2ibench.metrics.posing.reader import PoseReaderCard
from i2ibench.metrics.segmentation import check as segmenter_check
from i2ibench.metrics.segmentation import segmenter
from i2ibench.metrics.segmentation.card import Found, Recipe, SegmenterCard
from i2ibench.metrics.segmentation.networks import UNetArchitecture
from i2ibench.protocol import Score
from i2ibench.task import LabelTable, Level, Need, Resolution, Task

COUNT, REALS, SAMPLES = 9, 8, 38
SIZE = Resolution(32, 40)
TABLE = LabelTable(name="three", names=("ground", "thing", "sky"), palette=((20, 20, 20), (200, 30, 30), (90, 90, 250)))
CLASSES = ("cat", "dog", "bird")
EXACT = 0.0
ROUNDING: Mapping[str, float] = {
    # A network, or a convolution in float64, rounds differently in batches of another size.
    **dict.fromkeys(("lpips", "lpips_vgg", "lpips_source"), 2e-6),
    **dict.fromkeys(("diversity_bicyclegan", "diversity_munit", "diversity_stargan2"), 2e-6),
    **dict.fromkeys(("ssim", "ssim_y", "ssim_source", "gmsd_source"), 1e-12),
    **{name: 2e-6 for name in registry.metrics() if name.startswith("artfd_")},  # LPIPS is a factor
}
"""Largest relative difference, by metric; every other one is exact, whatever the split."""


def task(name: str, *gives: Need, **fields: object) -> Task:
    card = {"title": "", "description": "", "level": Level.STRONG, "resolutions": (SIZE,), "metrics": {}}
    card |= {"splits": {"train": 1, "test": COUNT}, "data": "nowhere:none", "source": "", "licence": ""}
    return Task.model_validate({**card, "name": name, "gives": frozenset(gives), **fields})


TASKS = (
    task("pairs", Need.PAIRS, Need.LABELS, Need.VIDEO, Need.FLOW, labels=TABLE),
    task("boxes", Need.LABELS, Need.BOXES, labels=TABLE, targets={"train": 1, "test": REALS}),
    task("to-labels", Need.PAIRS, Need.LABELS, labels=TABLE, to_labels=True),
    task("classes", Need.CLASSES, Need.KEYPOINTS, classes=CLASSES),
    task("unpaired-classes", Need.CLASSES, classes=CLASSES, targets={"train": 1, "test": REALS}),
)


def setting(card: Task) -> Setting:
    names = tuple(f"{number:02d}" for number in range(COUNT))
    samples = dict.fromkeys(names, SAMPLES)
    return Setting(card, SIZE, "test", COUNT, REALS, "0", names=names, samples=samples, likelihood_draws=3)


def kind_and_task(name: str) -> tuple[type[Metric], Task]:
    """The metric and the first task on which it is available."""
    kind, reasons = registry.metric(name), {}
    for card in TASKS:
        reasons[card.name] = kind.unavailable(setting(card))
        if reasons[card.name] is None:
            return kind, card
    raise AssertionError(f"no task here serves the metric {name!r}: {reasons}")


class World:
    """All that metrics look at, of some sources and of some real targets."""

    def __init__(self, card: Task) -> None:
        draw = np.random.default_rng(0)
        self.task = card
        names = setting(card).names
        self.outputs = self._chunk(draw, names)
        self.reals = self._chunk(draw, tuple(f"real{number:02d}" for number in range(REALS)))
        self.samples = torch.stack([self.outputs.output, *(self._pictures(draw, COUNT) for _ in range(SAMPLES - 1))])

    def chunk(self, rows: Sequence[int], *, real: bool) -> Chunk:
        """Some of the pictures, in this order."""
        whole, chosen = self.reals if real else self.outputs, list(rows)
        fields = {field.name: getattr(whole, field.name) for field in dataclasses.fields(whole) if field.init}
        for name, value in fields.items():
            if isinstance(value, torch.Tensor):
                fields[name] = value[chosen]
            elif isinstance(value, tuple):
                fields[name] = tuple(value[row] for row in chosen)
        output, target = fields["output"], fields["target"]
        mine = self.samples[:, chosen] if not real else None
        return Chunk(
            **{
                **fields,
                "extract": lambda name, side: features(name, output if side == "output" else target),
                "read_samples": lambda number, places: mine[number][list(places)],
            }
        )

    def _chunk(self, draw: np.random.Generator, names: tuple[str, ...]) -> Chunk:
        count = len(names)
        whole = Chunk(
            names=names,
            output=self._pictures(draw, count),
            source=self._pictures(draw, count),
            target=self._pictures(draw, count),
            labels=torch.from_numpy(draw.choice([0, 1, 2, 255], (count, *SIZE))),
            classes=torch.arange(count) % len(CLASSES),
            source_classes=(torch.arange(count) + 1) % len(CLASSES),
            frames=tuple((f"sequence{row // 4}", row % 4) for row in range(count)),
            flow=torch.from_numpy(draw.normal(0, 3, (count, 2, *SIZE)).astype(np.float32)),
            keypoints=torch.from_numpy(draw.uniform(0, 32, (count, 4, 2)).astype(np.float32)),
            boxes=tuple(torch.tensor([[2.0 + row, 3, 20, 25, row % 3], [0, 0, 9, 9, 1]]) for row in range(count)),
            bits_per_dim=torch.from_numpy(draw.normal(4, 1, (count, 3))),
        )
        assert whole.flow is not None and whole.keypoints is not None
        whole.flow[draw.random((count, 2, *SIZE)) < 0.1] = math.nan
        whole.keypoints[draw.random((count, 4)) < 0.2] = math.nan
        return whole

    @staticmethod
    def _pictures(draw: np.random.Generator, count: int) -> torch.Tensor:
        blocks = draw.normal(128, 60, (count, 8, 8, 3)).repeat(4, 1).repeat(5, 2)
        return to_tensor(list(np.clip(blocks + draw.normal(0, 10, blocks.shape), 0, 255).astype(np.uint8)))


def features(name: str, pictures: torch.Tensor) -> torch.Tensor:
    """What stands for a network: some pixels. On one extractor fewer than there are pictures, on the others more."""
    step = 64 if name == "efficientnet_lite0" else 800
    return pictures.flatten(1)[:, ::step].clone()


def trained() -> Trained:
    draw = np.random.default_rng(1)
    rows = features("efficientnet_lite0", World._pictures(draw, 30))
    real = RealAccuracy(split="test", n=9, top1=1, top5=None, chance=0.1)
    card = ClassifierCard(
        task="classes@1",
        resolution=SIZE,
        head=HEAD,
        extractor=extractors.fields("efficientnet_lite0"),
        training_hash="0",
        n_training=30,
        classes=(0, 1, 2),
        real=(real,),
    )
    return Trained(card, fit(rows, [number % 3 for number in range(30)]))


def pose_card() -> PoseReaderCard:
    return PoseReaderCard(
        task="classes@1",
        resolutions=(SIZE,),
        keypoints=4,
        architecture=Architecture(),
        resize="none",
        recipe=pose_reader.Recipe(),
        seed=0,
        train_fingerprints={},
        weights_sha256="f" * 64,
    )


def segmenter_card() -> SegmenterCard:
    return SegmenterCard(
        task="pairs@1",
        resolutions=(SIZE,),
        label_table=TABLE.name,
        classes=TABLE.names,
        architecture=UNetArchitecture(),
        recipe=Recipe(),
        seed=0,
        train_fingerprints={},
        weights_sha256="f" * 64,
        scores=(),
    )


@pytest.fixture(scope="module")
def trunks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Random trunks of LPIPS with torchvision's names; what stands for every other network needs no file of its own."""
    from safetensors.torch import save_file
    from torchvision.models import alexnet
    from torchvision.models.vgg import cfgs, make_layers

    torch.manual_seed(0)
    folder, layers = tmp_path_factory.mktemp("trunks"), {"alexnet": alexnet().features, "vgg16": make_layers(cfgs["D"])}
    files = {name: folder / f"{name}.safetensors" for name in layers}
    for name, trunk in layers.items():
        save_file({f"features.{key}": value for key, value in trunk.state_dict().items()}, files[name])
    return files


@pytest.fixture
def networks(trunks: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """No network but the trunks of LPIPS: others would make this slow, and their features are handed over anyway."""
    judge = Found(segmenter_card(), Path("none"))
    monkeypatch.setattr(weights, "path", lambda name: trunks.get(name, trunks["alexnet"]))
    monkeypatch.setattr(extractors, "load", lambda name, device="cpu": lambda pictures: features(name, pictures))
    monkeypatch.setattr(segmenter, "find", lambda card, resolution: judge)
    monkeypatch.setattr(segmenter_check, "failing", lambda *arguments: None)
    monkeypatch.setattr(
        segmenter, "read", lambda found, device: lambda pictures: nearest(extractors.to_bytes(pictures), TABLE.palette)
    )
    poses = Poses(pose_card(), Path("none"))
    monkeypatch.setattr(pose_reader, "find", lambda card, resolution: poses)
    monkeypatch.setattr(pose_reader, "read", lambda found, device: lambda pictures: pictures[:, 0, :4, :2] * 16 + 16)
    known = trained()
    monkeypatch.setattr(classifier_training, "of_task", lambda *arguments, **named: known)


class Poses(pose_reader.Found):
    """A reader of pixels, without a file of weights."""

    failing = None  # type: ignore[assignment]


@dataclasses.dataclass(frozen=True)
class Division:
    """How the work is shared out: for each shard its outputs and its reals, in chunks; and who takes in whom."""

    shards: tuple[tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]], ...]
    merges: tuple[tuple[int, int], ...]


@st.composite
def divisions(draw: st.DrawFn) -> Division:
    count = draw(st.integers(2, 4))

    def parts(total: int) -> list[tuple[tuple[int, ...], ...]]:
        order = draw(st.permutations(range(total)))
        cuts = sorted(draw(st.lists(st.integers(0, total), min_size=count - 1, max_size=count - 1)))  # some are empty
        size = draw(st.integers(1, 4))
        pieces = [order[start:stop] for start, stop in zip([0, *cuts], [*cuts, total], strict=True)]
        return [tuple(tuple(piece[at : at + size]) for at in range(0, len(piece), size)) for piece in pieces]

    shards = tuple(zip(parts(COUNT), parts(REALS), strict=True))
    merges = tuple(tuple(draw(st.permutations(range(left)))[:2]) for left in range(count, 1, -1))
    return Division(shards, merges)


WHOLE = Division((((tuple(range(COUNT)),), (tuple(range(REALS)),)),), ())


def fed(kind: type[Metric], world: World, division: Division) -> Metric:
    states = []
    for outputs, reals in division.shards:
        states.append(kind(setting(world.task)))
        for rows in outputs:
            states[-1].update(world.chunk(rows, real=False))
        for rows in reals:
            states[-1].update_reference(world.chunk(rows, real=True))
    for into, taken in division.merges:
        states[into].merge(states[taken])
        del states[taken]
    (state,) = states
    return state


def assert_close(found: float | None, wanted: float | None, relative: float) -> None:
    if found is None or wanted is None:
        assert found == wanted
    elif relative == EXACT:
        assert found == wanted or (math.isnan(found) and math.isnan(wanted))
    else:
        assert found == pytest.approx(wanted, rel=relative, nan_ok=True)


def assert_same(found: Score, wanted: Score, relative: float) -> None:
    numbers = {"value", "standard_error", "interval"}
    assert found.model_dump(exclude=numbers) == wanted.model_dump(exclude=numbers)
    assert_close(found.value, wanted.value, relative)
    assert_close(found.standard_error, wanted.standard_error, 100 * relative)  # differences of values that are close
    for end, expected in zip(found.interval or (), wanted.interval or (), strict=True):
        assert_close(end, expected, 100 * relative)


@pytest.mark.parametrize("name", registry.metrics())
def test_any_division_gives_the_same_scores(name: str, networks: None) -> None:
    kind, card = kind_and_task(name)
    world, relative = World(card), ROUNDING.get(name, EXACT)
    whole = fed(kind, world, WHOLE)
    scores, values = whole.compute(), whole.per_picture()
    assert [score.name for score in scores] == list(kind.columns)
    assert any(score.value is not None for score in scores), scores

    @settings(deadline=None, max_examples=6, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(divisions())
    def same(division: Division) -> None:
        state = fed(kind, world, division)
        for found, wanted in zip(state.compute(), scores, strict=True):
            assert_same(found, wanted, relative)
        parts = state.per_picture()
        assert {column: set(kept) for column, kept in parts.items()} == {
            column: set(kept) for column, kept in values.items()
        }
        for column, kept in values.items():
            for picture, value in kept.items():
                assert_close(parts[column][picture], value, relative)

    same()


def test_what_rounding_is_granted_to_is_a_metric() -> None:
    assert set(ROUNDING) <= set(registry.metrics())
