"""Trains a task's pose reader on its real target pictures, and measures how well it reads the real others."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from itertools import count, islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from i2ibench.data.examples import Examples
from i2ibench.data.pictures import to_tensor
from i2ibench.data.rows import Split, is_made, load, split_folder
from i2ibench.errors import BenchError
from i2ibench.metrics.posing.augmentation import lit, moved
from i2ibench.metrics.posing.keypoints import keypoint_scores
from i2ibench.metrics.posing.network import Architecture, PoseNetwork, brought, centres, places
from i2ibench.metrics.posing.reader import (
    Found,
    PoseReader,
    PoseReaderCard,
    RealScores,
    Recipe,
    encode,
    read,
    trained_folder,
)
from i2ibench.models.method import generator, seeded
from i2ibench.progress import Progress, Silent
from i2ibench.store import write_record, written
from i2ibench.task import Need, Resolution, Task


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
) -> PoseReaderCard:
    """Train the pose reader of `task`, write it with its card, and return the card.

    One network serves all `resolutions`: by default the task's, of users' files those prepared. It goes to the folder
    `out`, by default the user's cache, where `pose` finds it. `limit` takes the first so many pictures of each split
    only: good for a smoke test. Equal arguments give equal weights on one machine's CPU with as many threads.

    Raises `BenchError` for a task whose real target pictures come without keypoints, and where the loss stops being a
    number.
    """
    if Need.KEYPOINTS not in task.gives:
        raise BenchError(
            f"task {task.id} has no keypoints, so there is nothing to train a pose reader on: choose one that does "
            "(i2ibench list tasks --needs keypoints)"
        )
    recipe, architecture = recipe or Recipe(), architecture or Architecture()
    resolutions, progress = tuple(resolutions or _at_hand(task)), progress or Silent()
    splits = {
        (size, name): load(task, size, name, progress=progress)
        for size in resolutions
        for name in ("train", "val", "test")
    }
    reals = [_Reals(splits[size, "train"], limit) for size in resolutions]
    keypoints = len(reals[0][0][1])

    with seeded(seed, "pose reader weights"):
        network = PoseNetwork(architecture, keypoints)
    _fit(network.to(device), architecture, reals, recipe, seed, progress)

    content = encode(network)
    card = PoseReaderCard(
        task=task.id,
        resolutions=resolutions,
        keypoints=keypoints,
        architecture=architecture,
        resize=architecture.resize,
        recipe=recipe,
        seed=seed,
        limit=limit,
        train_fingerprints={str(size): splits[size, "train"].fingerprint for size in resolutions},
        weights_sha256=hashlib.sha256(content).hexdigest(),
    )
    found = Found(card, (out or trained_folder()) / f"{task.name}.safetensors")
    with written(found.weights) as aside:
        aside.write_bytes(content)
    reader = read(found, device)  # from the file, whose half precision is what scores are read with
    scores = tuple(real_scores(reader, splits[size, name], limit) for size in resolutions for name in ("val", "test"))
    card = card.model_copy(update={"scores": scores})
    write_record(found.weights.with_suffix(".json"), card)
    return card


def real_scores(reader: PoseReader, split: Split, limit: int | None = None, batch_size: int = 32) -> RealScores:
    """How well `reader` reads the first `limit` real target pictures of `split`: means over pictures."""
    device = next(reader.network.parameters()).device
    reals = _Reals(split, limit)
    pck, error = [], []
    for start in range(0, len(reals), batch_size):
        pictures, true = reals.batch(range(start, min(start + batch_size, len(reals))))
        scores = keypoint_scores(reader(pictures.to(device)).cpu(), true)
        pck.append(scores.pck)
        error.append(scores.error)
    means = [torch.cat(values).nanmean().item() for values in (pck, error)]
    if any(math.isnan(mean) for mean in means):
        raise BenchError(f"no real picture of {split.task.id} {split.name} has two known keypoints to be found")
    return RealScores(resolution=split.resolution, split=split.name, n=len(reals), pck=means[0], error=means[1])


def pose_loss(heatmaps: Tensor, keypoints: Tensor, recipe: Recipe) -> Tensor:
    """The mean loss over the keypoints `[B, K, 2]` (shares of width and height) that are known and in the frame.

    0 where there are none.
    """
    inside = ((keypoints >= 0) & (keypoints <= 1)).all(-1)  # NaN is neither
    true = torch.where(inside[..., None], keypoints, 0.5)
    height, width = heatmaps.shape[-2:]
    across, down = (
        ((centres(cells, heatmaps.device) - at) * cells / recipe.spread).square().div(-2).exp()
        for cells, at in ((width, true[..., :1]), (height, true[..., 1:]))
    )
    gaussian = (down[..., :, None] * across[..., None, :]).flatten(2)
    gaussian = gaussian / gaussian.sum(-1, keepdim=True)
    entropy = -(gaussian * heatmaps.flatten(2).log_softmax(-1)).sum(-1)
    sides = torch.tensor([width, height], device=heatmaps.device)
    distance = ((places(heatmaps) - true).abs() * sides).sum(-1)
    return ((entropy + recipe.distance * distance) * inside).sum() / inside.sum().clamp(min=1)


def _at_hand(task: Task) -> tuple[Resolution, ...]:
    made = tuple(size for size in task.resolutions if is_made(split_folder(task, size, "train")))
    return task.resolutions if task.embedded else made or task.resolutions[:1]


class _Reals:
    """The real target pictures of a split with their keypoints."""

    def __init__(self, split: Split, limit: int | None) -> None:
        table, self.column = split.reals
        if "keypoints" not in table.columns:
            raise BenchError(
                f"the real target pictures of {split.task.id} come without keypoints, and a pose reader is trained on "
                "and held against pictures that have them: use a task whose targets do"
            )
        self.size = str(split.resolution)
        self.examples = Examples(table, split.resolution, limit)

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        example = self.examples[index]
        return example[self.column], example["keypoints"]

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Pictures `[B, 3, H, W]` in [-1, 1] and keypoints float32 `[B, K, 2]` in pixels."""
        pictures, keypoints = zip(*(self[index] for index in indices), strict=True)
        return to_tensor(pictures), torch.from_numpy(np.stack(keypoints))

    def batches(self, size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of `size` without end: every picture once an epoch, in another order each."""
        indices = (
            index
            for epoch in count()
            for index in torch.randperm(len(self), generator=generator(seed, "pose order", self.size, epoch)).tolist()
        )
        while True:
            yield self.batch(list(islice(indices, size)))


def _fit(
    network: PoseNetwork,
    architecture: Architecture,
    reals: Sequence[_Reals],
    recipe: Recipe,
    seed: int,
    progress: Progress,
) -> None:
    """Train `network` in place, resolutions taking turns."""
    device = next(network.parameters()).device
    steps = max(1, round(recipe.epochs * len(reals[0]) / recipe.batch_size))
    optimizer = torch.optim.AdamW(network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    network.to(memory_format=torch.channels_last).train()
    batches = [pictures.batches(recipe.batch_size, seed) for pictures in reals]
    with progress.track("train the pose reader", steps, "steps") as advance:
        for step in range(steps):
            pictures, keypoints = next(batches[step % len(batches)])
            shares = keypoints / torch.tensor([pictures.shape[-1], pictures.shape[-2]])
            pictures, shares = moved(brought(pictures.to(device), architecture), shares.to(device), recipe, seed, step)
            pictures = lit(pictures, recipe, seed, step).contiguous(memory_format=torch.channels_last)
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * _factor((step + 0.5) / steps, recipe)
            loss = pose_loss(network(pictures), shares, recipe)
            if not torch.isfinite(loss):
                raise BenchError(
                    f"training the pose reader: the loss is {loss.item()} at step {step}: try a learning rate below "
                    f"{recipe.learning_rate}"
                )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            advance(1)
    network.eval()


def _factor(done: float, recipe: Recipe) -> float:
    """The factor on the learning rate with this part of the steps done."""
    rise = min(1.0, done / recipe.warm_up) if recipe.warm_up else 1.0
    return rise * (1 + math.cos(math.pi * done)) / 2
