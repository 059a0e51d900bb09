"""Trains a task's segmenter on its real training pictures, and measures how well it reads the real others."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.adapter import Augmentation
from i2ibench.data.batches import Batches, in_order
from i2ibench.data.examples import Examples
from i2ibench.data.rows import Split, is_made, load, split_folder
from i2ibench.errors import BenchError
from i2ibench.metrics.confusion import confusion_matrices, label_scores
from i2ibench.metrics.segmenter import (
    Architecture,
    Found,
    RealScores,
    Recipe,
    Segmenter,
    SegmenterCard,
    build,
    encode,
    file_stem,
    logits,
    read,
    trained_folder,
)
from i2ibench.models.method import generator, seeded
from i2ibench.progress import Progress, Silent
from i2ibench.store import write_record, written
from i2ibench.task import IGNORE, LabelTable, Resolution, Task


def train(
    task: Task,
    *,
    seed: int = 0,
    resolutions: Sequence[Resolution] | None = None,
    limit: int | None = None,
    recipe: Recipe | None = None,
    architecture: Architecture | None = None,
    device: torch.device | str = "cpu",
    out: Path | None = None,
    progress: Progress | None = None,
) -> SegmenterCard:
    """Train the segmenter of `task`, write it with its card, and return the card.

    One network serves all `resolutions`: by default the task's, of users' files those prepared. It goes to the folder
    `out`, by default the user's cache, where `psp` finds it. `limit` takes the first so many pictures of each split
    only: good for a smoke test. Equal arguments give equal weights on one machine's CPU with as many threads.
    Raises `BenchError` for a task without label maps and where the loss stops being a number.
    """
    if task.labels is None:
        raise BenchError(f"task {task.id} has no label maps, so there is nothing to train a segmenter on")
    recipe, architecture = recipe or Recipe(), architecture or Architecture()
    resolutions, progress = tuple(resolutions or _at_hand(task)), progress or Silent()
    splits = {
        (size, name): load(task, size, name, progress=progress)
        for size in resolutions
        for name in ("train", "val", "test")
    }

    batches = [_batches(splits[size, "train"], resolutions[0], recipe, seed, limit) for size in resolutions]
    with seeded(seed, "segmenter weights"):
        network = initialized(build(architecture, len(task.labels))).to(device)
    weights = class_weights(batches[0].examples, task.labels, recipe.rarity)
    _fit(network, architecture.multiple, batches, weights, recipe, seed, progress)

    content = encode(network)
    card = SegmenterCard(
        task=task.id,
        resolutions=resolutions,
        label_table=task.labels.name,
        classes=task.labels.names,
        architecture=architecture,
        recipe=recipe,
        seed=seed,
        limit=limit,
        train_fingerprints={str(size): splits[size, "train"].fingerprint for size in resolutions},
        weights_sha256=hashlib.sha256(content).hexdigest(),
        scores=(),
    )
    files = (out or trained_folder()) / file_stem(task)
    with written(files.with_suffix(".safetensors")) as aside:
        aside.write_bytes(content)
    reader = read(Found(card, files.with_suffix(".safetensors")), device)
    scores = tuple(real_scores(reader, splits[size, name], limit) for size in resolutions for name in ("val", "test"))
    card = card.model_copy(update={"scores": scores})
    write_record(files.with_suffix(".json"), card)
    return card


def real_scores(reader: Segmenter, split: Split, limit: int | None = None, batch_size: int = 20) -> RealScores:
    """How well `reader` reads the real target pictures of `split`."""
    classes = reader.card.classes
    total = np.zeros((len(classes), len(classes)), np.int64)
    device = next(reader.network.parameters()).device
    for batch in in_order(split, batch_size, limit):
        pictures, labels = _target_and_labels(batch.to(device).target, batch.labels)
        total += confusion_matrices(labels, reader(pictures).cpu(), len(classes)).sum(0)
    scores = label_scores(total)
    iou = {name: None if value != value else float(value) for name, value in zip(classes, scores.iou, strict=True)}
    return RealScores(
        resolution=split.resolution,
        split=split.name,
        n=min(len(split), limit or len(split)),
        pixel_accuracy=float(scores.pixel_accuracy),
        class_accuracy=float(scores.class_accuracy),
        miou=float(scores.miou),
        iou=iou,
    )


def initialized(network: nn.Module) -> nn.Module:
    """`network` with its convolutions drawn anew by He et al., arXiv:1502.01852, which halves the training it needs."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network


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
    share = (first.height * first.width) / (split.resolution.height * split.resolution.width)
    size = max(2, round(recipe.batch_size * share))
    return Batches(split, size, seed, Augmentation(mirror=recipe.mirror), limit)


def _fit(
    network: nn.Module,
    multiple: int,
    batches: Sequence[Batches],
    weights: Tensor,
    recipe: Recipe,
    seed: int,
    progress: Progress,
) -> None:
    """Train `network` in place, resolutions taking turns."""
    device = next(network.parameters()).device
    steps = max(1, round(recipe.epochs * len(batches[0].examples) / recipe.batch_size)) * len(batches)
    optimizer = torch.optim.AdamW(
        network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    weights = weights.to(device)
    network.to(memory_format=torch.channels_last).train()
    with progress.track("train the segmenter", steps, "steps") as advance:
        for step in range(steps):
            turn, which = divmod(step, len(batches))
            batch = batches[which](turn)
            pictures, labels = _target_and_labels(batch.target, batch.labels)
            pictures = vary(pictures, recipe, seed, step).to(device, memory_format=torch.channels_last)
            labels = labels.to(device)
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * _factor((step + 0.5) / steps, recipe)
            with seeded(seed, "segmenter dropout", step):
                found = logits(network, pictures, multiple)
            summed = F.cross_entropy(found, labels, weights, ignore_index=IGNORE, reduction="sum")
            loss = summed / (labels != IGNORE).sum().clamp(min=1)  # the weights' mean over pixels is 1
            if not torch.isfinite(loss):
                raise BenchError(
                    f"training the segmenter: the loss is {loss.item()} at step {step}: try a learning rate below "
                    f"{recipe.learning_rate}"
                )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            advance(1)


def _factor(done: float, recipe: Recipe) -> float:
    """The factor on the learning rate with this part of the steps done."""
    rise = min(1.0, done / recipe.warm_up) if recipe.warm_up else 1.0
    return rise * math.pow(1 - done, recipe.power)


def _target_and_labels(target: Tensor | None, labels: Tensor | None) -> tuple[Tensor, Tensor]:
    if target is None or labels is None:
        raise BenchError(
            "a segmenter is trained on target pictures with label maps, and the task's rows lack one of them"
        )
    return target, labels
