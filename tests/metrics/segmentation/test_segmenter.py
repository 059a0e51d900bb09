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
from i2ibench.metrics.confusion import confusion_matrices, label_scores
from i2ibench.metrics.metric import Setting
from i2ibench.metrics.psp import PSP
from i2ibench.metrics.segmentation import segmenter
from i2ibench.metrics.segmentation.card import Recipe, SegmenterCard
from i2ibench.metrics.segmentation.networks import ResNetArchitecture, UNetArchitecture, build, logits
from i2ibench.metrics.segmentation.reals import real_scores
from i2ibench.metrics.segmentation.segmenter import find, load
from i2ibench.metrics.segmentation.training import PUBLISHED, _learning_rate, class_weights, recipe_of, train, vary
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
TINY = UNetArchitecture(base_channels=6, stages=3, head_channels=8)
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
    together = logits(network, pictures, TINY)
    assert together.shape == (3, 4, 30, 45)
    alone = torch.cat([logits(network, picture[None], TINY) for picture in pictures])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_network_is_a_pyramid_pooling_head_of_mmseg() -> None:
    network = build(UNetArchitecture(), 19)
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


SHIPPED = sorted((Path(segmenter.__file__).parent / "shipped").glob("*.json"))


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
    targets = (row for row in world("val", task.resolutions[0]) if "target" in row)
    chosen = list(islice(targets, 8))
    found = reader(to_tensor([row["target"] for row in chosen]))
    labels = torch.tensor(np.stack([row["labels"] for row in chosen]), dtype=torch.int64)
    scores = label_scores(confusion_matrices(labels, found, len(card.classes)).sum(0))
    assert scores.pixel_accuracy == pytest.approx(card.scores[0].pixel_accuracy, abs=0.05)


def dusk(split: str, resolution: Resolution) -> Iterator[Row]:
    """Sources in flat colours, then darker targets of other shapes, each with labels of its own."""
    for row in rows(split, resolution):
        labels = row["labels"]
        source = np.array(TABLE.palette, np.uint8)[np.where(labels == IGNORE, 0, labels)]
        yield Row(name=f"day-{row['name']}", source=source, labels=labels)
    for row in rows(split, resolution):
        turned = {column: np.ascontiguousarray(row[column][::-1]) for column in ("target", "labels")}
        yield Row(name=f"dusk-{row['name']}", target=turned["target"] // 3, labels=turned["labels"])


def test_unpaired_task_is_trained_on_its_targets_with_their_labels(world: Path) -> None:
    sys.modules["shapes_world"].dusk = dusk  # type: ignore[attr-defined]
    task = shapes(gives=frozenset({Need.LABELS}), targets=shapes().splits, data="shapes_world:dusk")
    card = train(task, resolutions=[SMALL], recipe=BRISK, architecture=TINY)
    assert [(score.split, score.n) for score in card.scores] == [("val", 6), ("test", 6)]
    assert min(score.miou for score in card.scores) > 0.8
    assert PSP.unavailable(Setting(task, SMALL, "test", 6, 6, "")) is None


RESNET = ResNetArchitecture(depth=18, head_channels=8, auxiliary_channels=8)


def test_published_network_learns_from_a_backbone_on_crops(world: Path) -> None:
    donor = build(RESNET, 4).get_submodule("backbone").state_dict()
    torch.save({**donor, "fc.weight": torch.zeros(2, 2)}, world / "resnet18_v1c.pth")
    recipe = recipe_of("resnet18", ["crop=16x24", "area=0.3,1", "epochs=10", "batch_size=6", "mirror=false"])
    assert recipe == PUBLISHED.model_copy(
        update={"crop": Resolution(16, 24), "area": (0.3, 1.0), "epochs": 10.0, "batch_size": 6, "mirror": False}
    )
    backbone = world / "resnet18_v1c.pth"
    card = train(
        shapes(), resolutions=[SMALL], network="resnet18", recipe=recipe, architecture=RESNET, backbone=backbone
    )
    assert card.backbone is not None
    assert card.backbone.sha256 == hashlib.sha256(backbone.read_bytes()).hexdigest()
    assert (card.recipe, card.architecture) == (recipe, RESNET)
    assert card.feeding.mean == pytest.approx((123.675, 116.28, 103.53))
    assert card.scores[0].pixel_accuracy > 0.6
    assert SegmenterCard.model_validate_json(card.model_dump_json()) == card
    assert PSP.unavailable(Setting(shapes(), SMALL, "test", 6, 6, "")) is None


def test_auxiliary_head_trains_and_is_left_out_of_the_file(world: Path) -> None:
    few = {"resolutions": [SMALL], "architecture": RESNET, "limit": 6}
    cards = [
        train(shapes(), recipe=Recipe(epochs=1, batch_size=6, auxiliary=weight), out=world / str(weight), **few)
        for weight in (0.4, 0.0)
    ]
    assert cards[0].weights_sha256 != cards[1].weights_sha256
    from safetensors.torch import load_file

    stored = load_file(world / "0.4" / "shapes.safetensors")
    assert stored and not any(name.startswith("auxiliary_head.") for name in stored)


def test_learning_rate_falls_to_its_end() -> None:
    recipe = Recipe(learning_rate=0.01, end_learning_rate=1e-4, warm_up=0.1, power=0.9)
    assert _learning_rate(0.05, recipe) == pytest.approx(0.5 * (1e-4 + 0.0099 * 0.95**0.9))
    assert _learning_rate(1.0, recipe) == pytest.approx(1e-4)
    assert _learning_rate(0.0, PUBLISHED) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("network", "change", "told"),
    [
        ("resnet05", "epochs=1", "did you mean 'resnet50'"),
        ("unet", "epoch=1", "did you mean 'epochs'"),
        ("unet", "epochs", "not KEY=VALUE"),
        ("unet", "epochs=soon", "valid number"),
        ("unet", "crop=big", "HEIGHTxWIDTH"),
    ],
)
def test_wrong_recipes_are_told(network: str, change: str, told: str) -> None:
    with pytest.raises(BenchError, match=told):
        recipe_of(network, [change])


def test_many_test_pictures_have_a_ceiling_of_their_first(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("i2ibench.metrics.segmentation.training.CEILING", 4)
    card = train(shapes(), resolutions=[SMALL], recipe=Recipe(epochs=1, batch_size=4), architecture=TINY)
    (ceiling,) = card.ceilings
    reader = load(shapes(), SMALL)
    assert reader is not None
    first = real_scores(reader, load_split(shapes(), SMALL, "test"), 4)
    assert (ceiling.n, ceiling.pixel_accuracy, ceiling.miou) == (4, first.pixel_accuracy, first.miou)
    assert ceiling == card.ceiling(SMALL) and card.ceiling(LARGE) is None


@pytest.mark.parametrize("card_file", SHIPPED, ids=lambda path: path.stem)
def test_shipped_ceilings_are_near_the_whole_splits_scores(card_file: Path) -> None:
    card = SegmenterCard.model_validate_json(card_file.read_bytes())
    for ceiling in card.ceilings:
        (whole,) = (s for s in card.scores if (s.resolution, s.split) == (ceiling.resolution, "test"))
        assert 0 < ceiling.n < whole.n
        assert ceiling.pixel_accuracy == pytest.approx(whole.pixel_accuracy, abs=0.01)
        assert ceiling.miou == pytest.approx(whole.miou, abs=0.02)
    assert {ceiling.resolution for ceiling in card.ceilings} == set(card.resolutions)


def test_command_trains_by_the_recipe_it_is_given(
    toy: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from i2ibench import cli

    command = ["i2ibench", "segmenter", "train", "toy", "--network", "unet", "--resolution", "16x32", "--device", "cpu"]
    settings = ["--set", "epochs=1", "--set", "crop=16x16", "--limit", "4", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [*command, *settings])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code in (0, None), capsys.readouterr().err
    card = SegmenterCard.model_validate_json((tmp_path / "toy.json").read_bytes())
    assert card.recipe == Recipe(epochs=1, crop=Resolution(16, 16))
    assert (card.resolutions, card.limit, card.scores[1].n) == ((Resolution(16, 32),), 4, 4)
