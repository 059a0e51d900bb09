from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from i2ibench.data.examples import Examples
from i2ibench.data.pictures import to_tensor
from i2ibench.data.rows import Row
from i2ibench.data.rows import load as load_split
from i2ibench.errors import BenchError
from i2ibench.metrics import segmenter
from i2ibench.metrics.confusion import confusion_matrices, label_scores
from i2ibench.metrics.metric import Setting
from i2ibench.metrics.psp import PSP
from i2ibench.metrics.segmenter import Architecture, Recipe, SegmenterCard, build, find, load, logits
from i2ibench.metrics.segmenter_training import class_weights, real_scores, train, vary
from i2ibench.task import IGNORE, LabelTable, Level, Need, Resolution, Task

TABLE = LabelTable(
    name="shapes",
    names=("ground", "box", "disc", "never"),
    palette=((110, 90, 70), (30, 60, 200), (230, 200, 40), (255, 255, 255)),
)


def shapes(**changes: object) -> Task:
    values: dict[str, object] = {
        "name": "shapes",
        "title": "labels to rectangles",
        "description": "",
        "level": Level.STRONG,
        "gives": frozenset({Need.PAIRS, Need.LABELS}),
        "resolutions": (Resolution(24, 36), Resolution(48, 72)),
        "splits": {"train": 24, "val": 6, "test": 6},
        "data": "shapes_world:rows",
        "labels": TABLE,
        "metrics": {"psp": "labels"},
        "source": "generated",
        "licence": "Apache-2.0",
    }
    return Task.model_validate({**values, **changes})


def rows(split: str, resolution: Resolution) -> Iterator[Row]:
    """Ground with a box and a disc; a strip of ignored pixels on the left; the class `never` does not occur."""
    height, width = resolution
    for index in range(shapes().splits[split]):
        draws = np.random.default_rng([index, ["train", "val", "test"].index(split)])
        top, left, across, down = draws.uniform(0.05, 0.55, 4)
        y, x = (np.mgrid[:height, :width] + 0.5) / np.array([height, width]).reshape(2, 1, 1)
        labels = np.zeros((height, width), np.uint8)
        labels[(y > top) & (y < top + 0.4) & (x > left) & (x < left + 0.3)] = 1
        labels[(y - down - 0.2) ** 2 + (x - across - 0.2) ** 2 < 0.03] = 2
        source = np.array(TABLE.palette, np.uint8)[labels]
        target = np.clip(source + draws.normal(0, 12, source.shape), 0, 255).astype(np.uint8)
        labels[:, 0] = IGNORE
        yield Row(name=f"shapes-{split}-{index}", source=source, target=target, labels=labels)


SMALL, LARGE = shapes().resolutions
TINY = Architecture(base_channels=6, stages=3, head_channels=8)
BRISK = Recipe(epochs=20, batch_size=6, learning_rate=1e-2)


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
    module = ModuleType("shapes_world")
    module.rows = rows  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return tmp_path


def test_learns_and_is_found(world: Path) -> None:
    assert find(shapes(), SMALL) is None
    card = train(shapes(), seed=1, recipe=BRISK, architecture=TINY)
    assert [(score.resolution, score.split, score.n) for score in card.scores] == [
        (SMALL, "val", 6),
        (SMALL, "test", 6),
        (LARGE, "val", 6),
        (LARGE, "test", 6),
    ]
    assert min(score.miou for score in card.scores) > 0.85
    assert card.scores[0].iou["never"] is None

    found = find(shapes(), LARGE)
    assert found is not None and found.card == card
    reader = load(shapes(), SMALL)
    assert reader is not None
    assert real_scores(reader, load_split(shapes(), SMALL, "val")) == card.scores[0]
    assert PSP.unavailable(Setting(shapes(), SMALL, "test", 6, 6, "")) is None


def test_weights_are_a_function_of_the_seed(world: Path) -> None:
    cards = [
        train(shapes(), seed=seed, recipe=Recipe(epochs=1, batch_size=6), architecture=TINY, limit=12, out=world / name)
        for seed, name in ((1, "one"), (1, "again"), (2, "other"))
    ]
    assert cards[0] == cards[1]
    assert cards[0].weights_sha256 != cards[2].weights_sha256


def test_serves_no_other_version_nor_resolution(world: Path) -> None:
    train(shapes(), resolutions=[SMALL], recipe=Recipe(epochs=1, batch_size=4), architecture=TINY, limit=8)
    assert find(shapes(), SMALL) is not None
    assert find(shapes(), LARGE) is None
    assert find(shapes(version=2), SMALL) is None


def test_foreign_weights_are_refused(world: Path) -> None:
    card = train(shapes(), resolutions=[SMALL], recipe=Recipe(epochs=1, batch_size=4), architecture=TINY, limit=8)
    assert (card.limit, card.scores[0].n) == (8, 6)
    weights = world / "segmenters" / "shapes.safetensors"
    weights.write_bytes(weights.read_bytes()[:-2] + b"\0\1")
    with pytest.raises(BenchError, match=r"sha256 .* `i2ibench segmenter train shapes`"):
        load(shapes(), SMALL)
    weights.unlink()
    with pytest.raises(BenchError, match="no weights"):
        load(shapes(), SMALL)
    weights.with_suffix(".json").write_text("{}")
    with pytest.raises(BenchError, match="SegmenterCard"):
        load(shapes(), SMALL)


def test_task_without_labels_is_refused() -> None:
    with pytest.raises(BenchError, match="no label maps"):
        train(shapes(labels=None))


def test_reading_is_independent_of_the_batch_and_of_odd_sizes(world: Path) -> None:
    torch.manual_seed(0)
    network = build(TINY, 4).eval()
    pictures = torch.rand(3, 3, 30, 45) * 2 - 1
    together = logits(network, pictures, TINY.multiple)
    assert together.shape == (3, 4, 30, 45)
    alone = torch.cat([logits(network, picture[None], TINY.multiple) for picture in pictures])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_network_is_a_pyramid_pooling_head_of_mmseg() -> None:
    network = build(Architecture(), 19)
    assert type(network).__name__ == "EncoderDecoder"
    assert type(network.decode_head).__name__ == "PSPHead"
    assert network.decode_head.pool_scales == (1, 2, 3, 6)
    assert len(segmenter.encode(network)) < 3_000_000


def test_class_weights_favour_the_rare_and_leave_the_mean(world: Path) -> None:
    examples = Examples(load_split(shapes(), SMALL, "train").rows, SMALL)
    labels = torch.cat([torch.tensor(examples[index]["labels"]).flatten() for index in range(len(examples))])
    weights = class_weights(examples, TABLE, 0.5)
    assert weights[3] == 0
    counts = torch.bincount(labels.int(), minlength=4)[:4]
    assert (weights[1] / weights[0]).item() == pytest.approx((counts[0] / counts[1]).sqrt().item(), rel=1e-5)
    assert weights[labels[labels < 4].long()].mean().item() == pytest.approx(1, rel=1e-5)
    assert class_weights(examples, TABLE, 0.0)[:3].tolist() == pytest.approx([1, 1, 1])


def test_varied_light_is_a_function_of_seed_and_step() -> None:
    pictures = torch.rand(4, 3, 8, 8) * 2 - 1
    recipe = Recipe()
    assert torch.equal(vary(pictures, recipe, 0, 5), vary(pictures, recipe, 0, 5))
    assert not torch.equal(vary(pictures, recipe, 0, 5), vary(pictures, recipe, 0, 6))
    assert not torch.equal(vary(pictures, recipe, 0, 5), vary(pictures, recipe, 1, 5))
    assert vary(pictures, recipe, 0, 5).abs().max() <= 1
    still = Recipe(brightness=0, contrast=0, saturation=0, noise=0)
    torch.testing.assert_close(vary(pictures, still, 0, 5), pictures)


SHIPPED = sorted((Path(segmenter.__file__).parent / "segmenters").glob("*.json"))


@pytest.mark.parametrize("card_file", SHIPPED, ids=lambda path: path.stem)
def test_shipped_segmenter_is_that_of_its_card(
    card_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from i2ibench import registry

    monkeypatch.setenv("I2IBENCH_CACHE", str(tmp_path))
    card = SegmenterCard.model_validate_json(card_file.read_bytes())
    weights = card_file.with_suffix(".safetensors").read_bytes()
    assert hashlib.sha256(weights).hexdigest() == card.weights_sha256
    assert len(weights) < 3_000_000
    assert card.limit is None
    task = registry.task(card.task)
    assert task.labels is not None
    assert (card.label_table, card.classes) == (task.labels.name, task.labels.names)
    assert {(score.resolution, score.split) for score in card.scores} == {
        (size, split) for size in task.resolutions for split in ("val", "test")
    }
    assert all(find(task, size) is not None for size in task.resolutions)


@pytest.mark.parametrize("card_file", SHIPPED, ids=lambda path: path.stem)
def test_shipped_segmenter_reads_real_pictures_as_its_card_says(card_file: Path) -> None:
    from i2ibench import registry

    card = SegmenterCard.model_validate_json(card_file.read_bytes())
    task = registry.task(card.task)
    reader = load(task, task.resolutions[0])
    assert reader is not None
    module, _, function = task.data.partition(":")
    world = getattr(importlib.import_module(module), function)
    chosen = list(islice(world("val", task.resolutions[0]), 8))
    found = reader(to_tensor([row["target"] for row in chosen]))
    labels = torch.tensor(np.stack([row["labels"] for row in chosen]), dtype=torch.int64)
    scores = label_scores(confusion_matrices(labels, found, len(card.classes)).sum(0))
    assert scores.pixel_accuracy == pytest.approx(card.scores[0].pixel_accuracy, abs=0.05)
