"""The keypoint reader: its network, how its training pictures are varied, and that it learns."""

from __future__ import annotations

import hashlib
import importlib
import math
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from i2ibench import registry
from i2ibench.data.pictures import to_tensor
from i2ibench.data.rows import Row, load
from i2ibench.errors import BenchError
from i2ibench.metrics.posing.augmentation import lit, moved
from i2ibench.metrics.posing.keypoints import keypoint_scores
from i2ibench.metrics.posing.network import Architecture, PoseNetwork, brought, places
from i2ibench.metrics.posing.reader import SHIPPED, Found, PoseReader, PoseReaderCard, Recipe, find, read
from i2ibench.metrics.posing.training import pose_loss, real_scores, train
from i2ibench.task import Level, Need, Resolution, Task

SMALL, LARGE = Resolution(32, 32), Resolution(48, 48)
COLOURS = ((230, 60, 40), (40, 200, 80), (60, 80, 240))
TINY = Architecture(side=32, channels=8, stages=3)
BRISK = Recipe(epochs=100, batch_size=8, learning_rate=1e-2, turn=5, zoom=1.05, shift=0.03, saturation=0.2, gamma=1.1)


def dots(**changes: object) -> Task:
    values: dict[str, object] = {
        "name": "dots",
        "title": "squares to dots",
        "description": "",
        "level": Level.WEAK,
        "gives": frozenset({Need.KEYPOINTS}),
        "resolutions": (SMALL, LARGE),
        "splits": {"train": 4, "val": 4, "test": 4},
        "targets": {"train": 32, "val": 6, "test": 6},
        "data": "dots_world:rows",
        "metrics": {"pose": "keypoints"},
        "source": "generated",
        "licence": "Apache-2.0",
    }
    return Task.model_validate({**values, **changes})


def rows(split: str, resolution: Resolution) -> Iterator[Row]:
    """Sources are grey; targets have three dots, whose middles are keypoints, the third of which is seldom known."""
    for index in range(dots().splits[split]):
        grey = np.full((*resolution, 3), 90, np.uint8)
        yield Row(name=f"{split}-grey-{index}", source=grey, keypoints=np.zeros((3, 2), np.float32))
    for index in range(dots().targets[split]):
        draws = np.random.default_rng([index, ["train", "val", "test"].index(split)])
        middles = draws.uniform(0.15, 0.85, (3, 2))
        y, x = (np.mgrid[: resolution.height, : resolution.width] + 0.5) / resolution.height
        target = draws.normal(128, 10, (*resolution, 3))
        for (across, down), colour in zip(middles, COLOURS, strict=True):
            target[(x - across) ** 2 + (y - down) ** 2 < 0.01] = colour
        keypoints = (middles * resolution.height).astype(np.float32)
        if index % 4 == 0:
            keypoints[2] = math.nan
        yield Row(name=f"{split}-{index}", target=target.clip(0, 255).astype(np.uint8), keypoints=keypoints)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small train many times slower on two threads of a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("I2IBENCH_CACHE", str(tmp_path))
    module = ModuleType("dots_world")
    module.rows = rows  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return tmp_path


def test_learns_and_is_found(world: Path) -> None:
    assert find(dots(), SMALL) is None
    card = train(dots(), seed=1, recipe=BRISK, architecture=TINY)
    assert [(score.resolution, score.split, score.n) for score in card.scores] == [
        (SMALL, "val", 6),
        (SMALL, "test", 6),
        (LARGE, "val", 6),
        (LARGE, "test", 6),
    ]
    assert min(score.pck for score in card.scores) > 0.75  # by chance about 0.03
    assert max(score.error for score in card.scores) < 0.12
    assert card.keypoints == 3

    found = find(dots(), LARGE)
    assert found is not None and found.card == card and found.failing is None
    assert real_scores(read(found), load(dots(), SMALL, "val")) == card.scores[0]


def test_weights_are_a_function_of_the_seed(world: Path) -> None:
    brief = Recipe(epochs=1, batch_size=8)
    cards = [
        train(dots(), seed=seed, recipe=brief, architecture=TINY, limit=12, out=world / name)
        for seed, name in ((1, "one"), (1, "again"), (2, "other"))
    ]
    assert cards[0] == cards[1]
    assert cards[0].weights_sha256 != cards[2].weights_sha256
    assert (cards[0].limit, cards[0].scores[0].n) == (12, 6)


def test_serves_no_other_version_nor_resolution(world: Path) -> None:
    train(dots(), resolutions=[SMALL], recipe=Recipe(epochs=1, batch_size=4), architecture=TINY, limit=4)
    assert find(dots(), SMALL) is not None
    assert find(dots(), LARGE) is None
    assert find(dots(version=2), SMALL) is None


def test_foreign_weights_are_refused(world: Path) -> None:
    train(dots(), resolutions=[SMALL], recipe=Recipe(epochs=1, batch_size=4), architecture=TINY, limit=4)
    found = find(dots(), SMALL)
    assert found is not None
    content = found.weights.read_bytes()
    found.weights.write_bytes(content[:-2] + bytes([content[-2] ^ 1, content[-1], 0]))
    with pytest.raises(BenchError, match=r"sha256 .* `i2ibench pose train dots`"):
        read(found)
    found.weights.unlink()
    with pytest.raises(BenchError, match="no weights"):
        read(found)
    found.weights.with_suffix(".json").write_text("{}")
    with pytest.raises(BenchError, match="PoseReaderCard"):
        find(dots(), SMALL)


def test_tasks_without_keypoints_are_refused(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BenchError, match=r"no keypoints, .*--needs keypoints"):
        train(dots(gives=frozenset()))

    def bare(split: str, resolution: Resolution) -> Iterator[Row]:
        for row in rows(split, resolution):
            if "target" in row:
                del row["keypoints"]
            yield row

    monkeypatch.setattr(sys.modules["dots_world"], "rows", bare)
    with pytest.raises(BenchError, match="come without keypoints"):
        train(dots())


def test_place_is_the_mean_of_the_softmax() -> None:
    heatmaps = torch.full((1, 2, 4, 8), -torch.inf)
    heatmaps[0, 0, 1, 6] = 0
    heatmaps[0, 1, 0, 0], heatmaps[0, 1, 2, 4] = math.log(1), math.log(3)
    expected = [[[6.5 / 8, 1.5 / 4], [(0.5 + 3 * 4.5) / 4 / 8, (0.5 + 3 * 2.5) / 4 / 4]]]
    torch.testing.assert_close(places(heatmaps), torch.tensor(expected))


def test_reading_is_independent_of_the_batch_and_scales_with_the_picture() -> None:
    torch.manual_seed(0)
    card = PoseReaderCard.model_construct(architecture=TINY)
    reader = PoseReader(card, PoseNetwork(TINY, 3))
    pictures = torch.rand(3, 3, 32, 40) * 2 - 1
    together = reader(pictures)
    alone = torch.cat([reader(picture[None]) for picture in pictures])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=0)
    assert (together > 0).all() and (together < torch.tensor([40, 32])).all()
    doubled = F.interpolate(pictures, scale_factor=2, mode="nearest")
    torch.testing.assert_close(reader(doubled), 2 * reader(brought(doubled, TINY)), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("picture", "size"), [((32, 32), (32, 32)), ((64, 128), (32, 64)), ((100, 75), (40, 32)), ((9, 9), (32, 32))]
)
def test_pictures_are_brought_to_a_size_the_network_takes(picture: tuple[int, int], size: tuple[int, int]) -> None:
    taken = brought(torch.rand(1, 3, *picture), TINY)
    assert taken.shape[-2:] == size
    assert PoseNetwork(TINY, 5)(taken).shape == (1, 5, size[0] // 2, size[1] // 2)


@pytest.mark.parametrize("size", [(32, 32), (32, 64)])
def test_keypoints_move_with_the_picture(size: tuple[int, int]) -> None:
    """A bright dot in a dark picture is afterwards where its keypoint went."""
    height, width = size
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    keypoints = torch.tensor([[[0.4, 0.55], [math.nan, math.nan]]]).repeat(6, 1, 1)
    dot = (-((x - 0.4 * width) ** 2 + (y - 0.55 * height) ** 2) / 8).exp()
    seen, places_ = moved(dot.expand(6, 3, -1, -1).contiguous(), keypoints, Recipe(), 0, 3)
    weights = seen[:, 0] / seen[:, 0].sum((1, 2), keepdim=True)
    found = torch.stack([(weights * x).sum((1, 2)) / width, (weights * y).sum((1, 2)) / height], -1)
    torch.testing.assert_close(places_[:, 0], found, atol=0.01, rtol=0)
    assert (places_[:, 0] - keypoints[:, 0]).norm(dim=-1).max() > 0.03
    assert places_[:, 1].isnan().all()


def test_variation_is_a_function_of_seed_and_step() -> None:
    pictures, keypoints = torch.rand(4, 3, 16, 16) * 2 - 1, torch.rand(4, 3, 2)
    recipe = Recipe()
    assert torch.equal(lit(pictures, recipe, 0, 5), lit(pictures, recipe, 0, 5))
    assert torch.equal(moved(pictures, keypoints, recipe, 0, 5)[1], moved(pictures, keypoints, recipe, 0, 5)[1])
    for seed, step in ((0, 6), (1, 5)):
        assert not torch.equal(lit(pictures, recipe, 0, 5), lit(pictures, recipe, seed, step))
        assert not torch.equal(
            moved(pictures, keypoints, recipe, 0, 5)[1], moved(pictures, keypoints, recipe, seed, step)[1]
        )
    assert lit(pictures, recipe, 0, 5).abs().max() <= 1
    still = Recipe(turn=0, zoom=1, shift=0, gamma=1, contrast=1, saturation=0, tint=0, noise=0, blur=0)
    torch.testing.assert_close(lit(pictures, still, 0, 5), pictures, atol=3e-3, rtol=0)
    torch.testing.assert_close(moved(pictures, keypoints, still, 0, 5), (pictures, keypoints), atol=1e-5, rtol=0)


def test_loss_sees_only_known_keypoints_in_the_frame() -> None:
    heatmaps = torch.randn(2, 3, 8, 8, requires_grad=True)
    keypoints = torch.rand(2, 3, 2)
    keypoints[0, 1], keypoints[1, 2] = math.nan, torch.tensor([0.5, 1.2])
    (gradient,) = torch.autograd.grad(pose_loss(heatmaps, keypoints, Recipe()), heatmaps)
    seen = gradient.abs().sum((2, 3)) > 0
    assert seen.tolist() == [[True, False, True], [True, True, False]]
    nothing = torch.full((2, 3, 2), math.nan)
    assert pose_loss(heatmaps, nothing, Recipe()).item() == 0


def test_loss_by_hand() -> None:
    heatmaps = torch.randn(1, 1, 4, 6).double()
    recipe = Recipe(spread=0.8, distance=0.5)
    probability = (heatmaps.exp() / heatmaps.exp().sum())[0, 0]
    gaussian = torch.tensor(
        [[math.exp(-((x + 0.5 - 3) ** 2 + (y + 0.5 - 1) ** 2) / 2 / 0.64) for x in range(6)] for y in range(4)]
    ).double()
    entropy = -(gaussian / gaussian.sum() * probability.log()).sum()
    mean_x = (probability.sum(0) * (torch.arange(6) + 0.5)).sum()
    mean_y = (probability.sum(1) * (torch.arange(4) + 0.5)).sum()
    expected = entropy + 0.5 * ((mean_x - 3).abs() + (mean_y - 1).abs())
    loss = pose_loss(heatmaps, torch.tensor([[[0.5, 0.25]]]).double(), recipe)
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=0)


CARDS = sorted(SHIPPED.glob("*.json"))


@pytest.mark.parametrize("name", ["creatures-cat2dog", "creatures-many"])
def test_the_generated_creatures_have_a_reader_of_all_their_kinds(name: str) -> None:
    task = registry.task(name)
    found = [find(task, size) for size in task.resolutions]
    assert [one.card.task for one in found if one is not None] == ["creatures-many@1"] * len(found)


@pytest.mark.parametrize("card_file", CARDS, ids=lambda path: path.stem)
def test_shipped_reader_is_that_of_its_card(card_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I2IBENCH_CACHE", str(tmp_path))
    card = PoseReaderCard.model_validate_json(card_file.read_bytes())
    weights = card_file.with_suffix(".safetensors").read_bytes()
    assert hashlib.sha256(weights).hexdigest() == card.weights_sha256
    assert len(weights) < 1_000_000
    assert card.limit is None and card.recipe == Recipe() and card.resize == card.architecture.resize
    task = registry.task(card.task)
    assert {(score.resolution, score.split) for score in card.scores} == {
        (size, split) for size in task.resolutions for split in ("val", "test")
    }
    for size in task.resolutions:
        found = find(task, size)
        assert found is not None and found.failing is None


@pytest.mark.parametrize("card_file", CARDS, ids=lambda path: path.stem)
def test_shipped_reader_reads_real_pictures_as_its_card_says(card_file: Path) -> None:
    card = PoseReaderCard.model_validate_json(card_file.read_bytes())
    task = registry.task(card.task)
    assert isinstance(task.data, str)
    module, _, function = task.data.partition(":")
    world = getattr(importlib.import_module(module), function)
    column = "target" if task.targets else "source"
    chosen = list(islice((row for row in world("val", task.resolutions[0]) if column in row), 8))
    found = read(Found(card, card_file.with_suffix(".safetensors")))(to_tensor([row[column] for row in chosen]))
    scores = keypoint_scores(found, torch.from_numpy(np.stack([row["keypoints"] for row in chosen])))
    assert scores.pck.mean().item() == pytest.approx(card.scores[0].pck, abs=0.05)
    assert scores.error.mean().item() == pytest.approx(card.scores[0].error, abs=0.02)
