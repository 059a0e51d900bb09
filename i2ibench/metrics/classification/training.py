"""Each task's classifier: fitted once to real pictures of one split, tried on those of others, kept in the cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor

from i2ibench.cache import cache_folder
from i2ibench.data import rows
from i2ibench.data.rows import Split
from i2ibench.errors import BenchError
from i2ibench.metrics import extractors
from i2ibench.metrics.classification.classifier import EXTRACTOR, HEAD, Classifier, fit
from i2ibench.metrics.features import TargetFeatures
from i2ibench.metrics.walk import Walk
from i2ibench.progress import Progress, Silent
from i2ibench.store import written
from i2ibench.task import Need, Resolution, ResolutionField, Task

TOP = 5
"""Of how many likeliest classes the one wanted must be, for the second accuracy."""


class RealAccuracy(BaseModel):
    """How well the classifier knows the real pictures of a split: the ceiling of scores by it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    split: str
    n: int
    top1: float
    top5: float | None
    """None where there are no more than five classes."""
    chance: float
    """What naming the commonest class for every picture would reach."""


class ClassifierCard(BaseModel):
    """What a task's classifier is; kept in the file of its weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    """The task's id, with its version."""
    resolution: ResolutionField
    head: str
    extractor: dict[str, str]
    """The protocol fields of the network that gives the features."""
    training_hash: str
    """sha256 over the training pictures' content."""
    n_training: int
    classes: tuple[int, ...]
    """Ids of those that the training pictures are of."""
    real: tuple[RealAccuracy, ...]
    """On the real validation and test pictures."""

    def distrust(self) -> str | None:
        """Why scores by it would mean nothing; None where it knows real test pictures better than by chance.

        Well enough is twice chance or, where that is less, half-way from chance to all.
        """
        found = next(one for one in self.real if one.split == "test")
        wanted = min(2 * found.chance, (1 + found.chance) / 2)
        if found.top1 >= wanted:
            return None
        return (
            f"the classifier of {self.task} at {self.resolution} knows {found.top1:.1%} of the {found.n} real test "
            f"pictures, less than the {wanted:.1%} from which its judgement is taken (chance is {found.chance:.1%})"
        )


@dataclass(frozen=True)
class Trained:
    """A task's classifier with its card."""

    card: ClassifierCard
    classifier: Classifier


def unclassed(task: Task) -> str | None:
    """Why outputs of `task` are asked to be of no class; None where they are."""
    if task.paired or Need.CLASSES not in task.gives:
        return f"task {task.id!r} asks for no class: its outputs are one set"
    return None


def unavailable(task: Task, resolution: Resolution) -> str | None:
    """Why `task` can have no classifier; None where it can."""
    if (reason := unclassed(task)) is not None:
        return reason
    lacking = [name for name in (task.shown, "test") if name not in task.splits]
    if lacking:
        return f"task {task.id!r} has no {lacking[0]} split, whose real pictures its classifier would be fitted to"
    try:
        rows.require(task, resolution)
    except BenchError as error:
        return str(error)
    return None


def of_task(
    task: Task, resolution: Resolution, *, device: torch.device | str = "cpu", progress: Progress | None = None
) -> Trained:
    """The classifier of `task` at `resolution`: from the cache, or fitted on the features of all pictures it is shown.

    These are the real pictures of the target domain of its split `shown` (of all classes, where there is one pool),
    mostly the training split; accuracies are of other splits that have any of their classes. `device`
    extracts features; the fit is on the CPU. Raises `BenchError` where pictures have no classes or fewer than two.
    """
    progress = progress or Silent()
    names = [name for name in ("train", "val", "test") if name in task.splits]
    splits: dict[str, Split] = {name: rows.load(task, resolution, name, progress=progress) for name in names}
    file = _file(splits)
    kept = _read(file)
    if kept is not None:
        return kept
    classes = {name: _classes(split) for name, split in splits.items()}
    features = {name: _features(split, torch.device(device), progress) for name, split in splits.items()}
    shown = task.shown
    classifier = fit(features[shown], classes[shown])
    known = [name for name in names if name != shown and set(classes[name]) & set(classifier.classes)]
    card = ClassifierCard(
        task=task.id,
        resolution=resolution,
        head=HEAD,
        extractor=extractors.fields(EXTRACTOR),
        training_hash=splits[shown].fingerprint,
        n_training=len(classes[shown]),
        classes=classifier.classes,
        real=tuple(_accuracy(classifier, name, features[name], classes[name]) for name in known),
    )
    trained = Trained(card, classifier)
    try:
        _write(file, trained)
    except BenchError as error:
        progress.say(f"the classifier of {task.id} will be fitted again next time: {error}")
    return trained


def _accuracy(classifier: Classifier, split: str, features: Tensor, classes: Sequence[int]) -> RealAccuracy:
    first, five = (
        float(classifier.among_first(features, classes, k).double().mean()) if k <= len(classifier.classes) else None
        for k in (1, TOP)
    )
    assert first is not None
    commonest = max(classes.count(category) for category in set(classes))
    return RealAccuracy(
        split=split,
        n=len(classes),
        top1=first,
        top5=five if len(classifier.classes) > TOP else None,
        chance=commonest / len(classes),
    )


def _classes(split: Split) -> list[int]:
    table, _ = split.reals
    if "category" not in table.columns:
        raise BenchError(
            f"the real {split.name} pictures of task {split.task.id!r} have no classes to fit a classifier to: prepare "
            "the task from data that have, or leave out the metrics that recognise classes"
        )
    return [int(category) for category in table.column("category")]


def _features(split: Split, device: torch.device, progress: Progress) -> Tensor:
    """`[n, d]` of all real pictures of the target domain; kept where metrics of sets look for them too."""
    table, _ = split.reals
    cached = TargetFeatures(split, len(table), [EXTRACTOR], device)
    if EXTRACTOR in cached.kept:
        return cached.kept[EXTRACTOR]
    found = []
    with progress.track(f"features of {split.task.id} {split.name}", len(table), "pictures") as advance:
        for chunk in Walk(split, cached, device=device).reals(range(len(table))):
            found.append(chunk.features(EXTRACTOR, "target"))
            advance(len(chunk.names))
    cached.save(progress)
    return torch.cat(found)


def _file(splits: Mapping[str, Split]) -> Path:
    """Where the classifier of these pictures is kept, by everything that changes it or its card."""
    test = splits["test"]
    key = {
        "task": test.task.id,
        "resolution": str(test.resolution),
        "pictures": {name: split.fingerprint for name, split in splits.items()},
        "head": HEAD,
        **extractors.fields(EXTRACTOR),
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return cache_folder() / "classifiers" / f"{digest}.safetensors"


def _write(file: Path, trained: Trained) -> None:
    from safetensors.torch import save_file

    made = trained.classifier
    tensors = {"mean": made.mean, "scale": made.scale, "weight": made.weight, "bias": made.bias}
    with written(file) as aside:
        contiguous = {name: value.contiguous() for name, value in tensors.items()}
        save_file(contiguous, aside, metadata={"card": trained.card.model_dump_json()})


def _read(file: Path) -> Trained | None:
    """The classifier from its file; None where there is none or the file is damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as opened:
            card = ClassifierCard.model_validate_json((opened.metadata() or {})["card"])
            tensors = {name: opened.get_tensor(name) for name in ("mean", "scale", "weight", "bias")}
    except (OSError, SafetensorError, KeyError, ValidationError):
        return None
    return Trained(card, Classifier(card.classes, **tensors))
