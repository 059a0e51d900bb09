"""Trains a task's segmenter on its real training pictures, and measures how well it reads the real others."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.adapter import Augmentation
from i2ibench.data.batches import Batches
from i2ibench.data.examples import Examples
from i2ibench.data.rows import Split, is_made, load, split_folder
from i2ibench.errors import BenchError, nearest
from i2ibench.metrics.segmentation.card import Ceiling, Found, RealScores, Recipe, SegmenterCard
from i2ibench.metrics.segmentation.checkpoints import load_backbone
from i2ibench.metrics.segmentation.feeding import IMAGENET_MEAN, IMAGENET_STD, Feeding
from i2ibench.metrics.segmentation.networks import (
    ARCHITECTURES,
    Architecture,
    ResNetArchitecture,
    build,
    initialized,
    training_logits,
)
from i2ibench.metrics.segmentation.reals import CEILING, ceiling_of, read_reals, real_pictures, scores_of
from i2ibench.metrics.segmentation.segmenter import encode, file_stem, read, trained_folder
from i2ibench.models.method import generator, seeded
from i2ibench.progress import Progress, Silent
from i2ibench.store import write_record, written
from i2ibench.task import IGNORE, LabelTable, Resolution, Task

PUBLISHED = Recipe(
    epochs=108,
    batch_size=8,
    optimizer="sgd",
    end_learning_rate=1e-4,
    weight_decay=5e-4,
    warm_up=0.0,
    rarity=0.0,
    brightness=0.125,
    contrast=0.5,
    saturation=0.5,
    noise=0.0,
)
"""mmseg's schedule of 40,000 steps on the 2,975 pictures of Cityscapes. Deviations: the hue is not varied, and pictures
are neither resized at random nor cropped unless `crop` and `area` say so."""
RECIPES: Mapping[str, Recipe] = {"unet": Recipe(), "resnet18": PUBLISHED, "resnet50": PUBLISHED}
"""By network, as in `ARCHITECTURES`."""


def train(
    task: Task,
    *,
    seed: int = 0,
    resolutions: Sequence[Resolution] | None = None,
    limit: int | None = None,
    network: str = "unet",
    recipe: Recipe | None = None,
    architecture: Architecture | None = None,
    backbone: Path | None = None,
    device: torch.device | str = "cpu",
    out: Path | None = None,
    progress: Progress | None = None,
) -> SegmenterCard:
    """Train the segmenter of `task`, write it with its card, and return the card.

    `network` is a name from `ARCHITECTURES`; `recipe` and `architecture` stand in for its own. `backbone` is an
    ImageNet checkpoint that a ResNet begins with. One network serves all `resolutions`: by default the task's, of
    users' files those prepared. It goes to the folder `out`, by default the user's cache, where `psp` finds it. `limit`
    takes the first so many pictures of each split only: good for a smoke test. Equal arguments give equal weights on
    one machine's CPU with as many threads.

    Raises `BenchError` for a task without label maps, for a backbone that does not fit, and where the loss stops being
    a number.
    """
    if task.labels is None:
        raise BenchError(f"task {task.id} has no label maps, so there is nothing to train a segmenter on")
    recipe, architecture = recipe or recipe_of(network), architecture or ARCHITECTURES[network]
    published = isinstance(architecture, ResNetArchitecture)
    feeding = Feeding(mean=IMAGENET_MEAN, std=IMAGENET_STD) if published else Feeding()
    resolutions, progress = tuple(resolutions or _at_hand(task)), progress or Silent()

    with seeded(seed, "segmenter weights"):
        fresh = initialized(build(architecture, len(task.labels), auxiliary=True))
    begun = None if backbone is None else load_backbone(fresh, architecture, backbone)

    splits = {
        (size, name): load(task, size, name, progress=progress)
        for size in resolutions
        for name in ("train", "val", "test")
    }
    pictures = [real_pictures(splits[size, "train"]) for size in resolutions]
    batches = [_batches(split, resolutions[0], recipe, seed, limit) for split in pictures]
    weights = class_weights(batches[0].examples, task.labels, recipe.rarity)
    _fit(fresh.to(device), architecture, feeding, batches, weights, recipe, seed, progress)

    content = encode(fresh)
    card = SegmenterCard(
        task=task.id,
        resolutions=resolutions,
        label_table=task.labels.name,
        classes=task.labels.names,
        architecture=architecture,
        resize=feeding.resize,
        feeding=feeding,
        recipe=recipe,
        seed=seed,
        limit=limit,
        train_fingerprints={str(size): splits[size, "train"].fingerprint for size in resolutions},
        backbone=begun,
        weights_sha256=hashlib.sha256(content).hexdigest(),
    )
    found = Found(card, ((out or trained_folder()) / file_stem(task)).with_suffix(".safetensors"))
    with written(found.weights) as aside:
        aside.write_bytes(content)
    scores, ceilings = _on_real_pictures(found, list(splits.values()), limit, device, progress)
    card = card.model_copy(update={"scores": scores, "ceilings": ceilings})
    write_record(found.card_file, card)
    return card


def recipe_of(network: str, changes: Sequence[str] = ()) -> Recipe:
    """The recipe of `network` with `changes`, each KEY=VALUE. Raises `BenchError` on unknown names and wrong values."""
    if network not in RECIPES:
        raise BenchError(f"there is no network {network!r} for a segmenter: {nearest(network, RECIPES)}")
    values: dict[str, object] = RECIPES[network].model_dump()
    for change in changes:
        key, given, text = change.partition("=")
        if not given:
            raise BenchError(f"--set {change!r} is not KEY=VALUE: say --set epochs=12")
        if key not in values:
            raise BenchError(f"a segmenter's recipe has no field {key!r}: {nearest(key, values)}")
        values[key] = None if text == "none" else text.split(",") if key == "area" else text
        try:
            Recipe.model_validate(values)
        except ValidationError as error:
            raise BenchError(f"a segmenter's recipe cannot have {change!r}: {error.errors()[0]['msg']}") from error
    return Recipe.model_validate(values)


def _on_real_pictures(
    found: Found, splits: Sequence[Split], limit: int | None, device: torch.device | str, progress: Progress
) -> tuple[tuple[RealScores, ...], tuple[Ceiling, ...]]:
    """How well the weights, as they are on disk, read the splits that they were not trained on."""
    reader = read(found, device)
    scores, ceilings = [], []
    for split in splits:
        if split.name != "train":
            matrices = read_reals(reader, split, limit, progress=progress)
            scores.append(scores_of(matrices, found.card.classes, split))
            if split.name == "test" and len(matrices) > CEILING:
                ceilings.append(ceiling_of(matrices[:CEILING], split))
    return tuple(scores), tuple(ceilings)


def class_weights(examples: Examples, table: LabelTable, rarity: float) -> Tensor:
    """float32 `[classes]`: each class's share of the pixels to the power -`rarity`, with mean 1 over the pixels.

    Classes that do not occur weigh 0.
    """
    counts = torch.zeros(256, dtype=torch.float64)
    for index in range(len(examples)):
        counts += torch.bincount(torch.tensor(examples[index]["labels"]).flatten().int(), minlength=256)
    shares = counts[: len(table)] / counts[: len(table)].sum()
    weights = torch.where(shares > 0, shares.clamp(min=1e-12) ** -rarity, 0)
    return (weights / (weights * shares).sum()).float()


def vary(pictures: Tensor, recipe: Recipe, seed: int, step: int) -> Tensor:
    """Pictures `[B, 3, H, W]` in other light and with noise, by draws that are a function of (seed, step)."""
    draws = generator(seed, "segmenter light", step)
    strengths = torch.tensor([recipe.brightness, recipe.contrast, recipe.saturation])
    factors = 1 + (2 * torch.rand(len(pictures), 3, generator=draws) - 1) * strengths
    brightness, contrast, saturation = (f.reshape(-1, 1, 1, 1).to(pictures) for f in factors.T)
    levels = torch.rand(len(pictures), 1, 1, 1, generator=draws) * recipe.noise
    noise = torch.randn(pictures.shape, generator=draws) * levels
    light = (pictures + 1) * brightness  # black stays black
    mean = light.mean((1, 2, 3), keepdim=True)
    light = mean + (light - mean) * contrast
    grey = light.mean(1, keepdim=True)
    light = grey + (light - grey) * saturation
    varied: Tensor = (light - 1 + noise.to(pictures)).clamp(-1, 1)
    return varied


def _at_hand(task: Task) -> tuple[Resolution, ...]:
    made = tuple(size for size in task.resolutions if is_made(split_folder(task, size, "train")))
    return task.resolutions if task.embedded else made or task.resolutions[:1]


def _batches(split: Split, first: Resolution, recipe: Recipe, seed: int, limit: int | None) -> Batches:
    """Batches of about as many pixels at every resolution, at least two pictures: batch norm needs them."""
    share = 1.0
    if recipe.crop is None:
        share = (first.height * first.width) / (split.resolution.height * split.resolution.width)
    size = max(2, round(recipe.batch_size * share))
    window = Augmentation(crop=recipe.crop, area=recipe.area, aspect=(1.0, 1.0), mirror=recipe.mirror)
    return Batches(split, size, seed, window, limit)


def _fit(
    network: nn.Module,
    architecture: Architecture,
    feeding: Feeding,
    batches: Sequence[Batches],
    weights: Tensor,
    recipe: Recipe,
    seed: int,
    progress: Progress,
) -> None:
    """Train `network` in place, resolutions taking turns."""
    device = next(network.parameters()).device
    steps = max(1, round(recipe.epochs * len(batches[0].examples) / recipe.batch_size)) * len(batches)
    optimizer = _optimizer(network, recipe)
    weights = weights.to(device)
    network.to(memory_format=torch.channels_last).train()
    with ExitStack() as stack:
        advance = stack.enter_context(progress.track("train the segmenter", steps, "steps"))
        streams = [each.stream() for each in batches]
        for stream in streams:
            stack.callback(stream.close)
        for step in range(steps):
            batch = next(streams[step % len(batches)])
            assert batch.labels is not None
            pictures = vary(batch.source, recipe, seed, step).to(device, memory_format=torch.channels_last)
            labels = batch.labels.to(device)
            for group in optimizer.param_groups:
                group["lr"] = _learning_rate((step + 0.5) / steps, recipe)
            with seeded(seed, "segmenter dropout", step):
                found = training_logits(network, feeding.prepared(pictures), architecture)
            main, *auxiliary = (_loss(logits, labels, weights) for logits in found)
            loss = main + recipe.auxiliary * sum(auxiliary)
            if not torch.isfinite(loss):
                raise BenchError(
                    f"training the segmenter: the loss is {loss.item()} at step {step}: try a learning rate below "
                    f"{recipe.learning_rate}"
                )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            advance(1)


def _loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy, the mean over pixels; the weights' own mean over pixels is 1."""
    summed = F.cross_entropy(logits, labels, weights, ignore_index=IGNORE, reduction="sum")
    return summed / (labels != IGNORE).sum().clamp(min=1)


def _optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    parameters, decay = network.parameters(), recipe.weight_decay
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(parameters, recipe.learning_rate, momentum=recipe.momentum, weight_decay=decay)
    return torch.optim.AdamW(parameters, recipe.learning_rate, weight_decay=decay, fused=True)


def _learning_rate(done: float, recipe: Recipe) -> float:
    """With this part of the steps done."""
    rise = min(1.0, done / recipe.warm_up) if recipe.warm_up else 1.0
    end = recipe.end_learning_rate
    return rise * (end + (recipe.learning_rate - end) * math.pow(1 - done, recipe.power))
