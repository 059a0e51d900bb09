"""What a segmenter is: the JSON file beside its weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from i2ibench.metrics.segmentation.feeding import AS_THEY_ARE, Feeding
from i2ibench.metrics.segmentation.networks import Architecture
from i2ibench.task import Resolution, ResolutionField, Task

Format = Literal["mmseg", "semseg", "torchvision"]
"""Whose names and shapes a foreign checkpoint has."""


class Recipe(BaseModel):
    """How a segmenter was trained: cross-entropy on real training pictures, a polynomial decay of the learning rate."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: float = 24
    """Passes over the training pictures at the first resolution; every other resolution takes as many steps."""
    batch_size: int = 4
    """At the first resolution; batches of others have about as many pixels, and at least two pictures."""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    momentum: float = 0.9
    """Of SGD; AdamW has PyTorch's betas."""
    learning_rate: float = 1e-2
    end_learning_rate: float = 0.0
    """What it falls to."""
    weight_decay: float = 1e-2
    warm_up: float = 0.05
    """Part of the steps over which the learning rate rises from 0."""
    power: float = 0.9
    """The learning rate falls as (1 - part done) to this power."""
    auxiliary: float = 0.4
    """Weight of the auxiliary head's loss, where the network has one."""
    rarity: float = 0.5
    """A class weighs its share of the training pixels to minus this power, to favour rare classes."""
    crop: ResolutionField | None = None
    """Trained on random crops of this size; None trains on whole pictures."""
    area: tuple[float, float] | None = None
    """With `crop`: of windows of such shares of the picture's area, resized to it; None crops pixel for pixel."""
    mirror: bool = True
    brightness: float = 0.15
    contrast: float = 0.15
    saturation: float = 0.15
    """Largest relative change of each, drawn for each picture."""
    noise: float = 0.02
    """Largest standard deviation of added Gaussian noise, in units of the range [-1, 1]."""


class RealScores(BaseModel):
    """How well the segmenter reads a split of real pictures: the ceiling of `psp` there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resolution: ResolutionField
    split: str
    n: int
    pixel_accuracy: float
    class_accuracy: float
    miou: float
    iou: dict[str, float | None]
    """By class; None where the split has none of it and none was found."""


class Ceiling(BaseModel):
    """What the segmenter finds in the first `n` real test pictures: what it must find again before it is trusted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resolution: ResolutionField
    n: int
    pixel_accuracy: float
    miou: float
    fingerprint: str | None = None
    """sha256 of the content of the split they are from; None where only the figures were published."""


class ForeignFile(BaseModel):
    """A checkpoint that was trained elsewhere."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    """Its name or address."""
    format: Format
    sha256: str


class SegmenterCard(BaseModel):
    """What a segmenter is, how it was come by, and how well it reads real pictures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    """The task's id, with its version."""
    resolutions: tuple[ResolutionField, ...]
    """Those it was trained on, or of a published network those of the task; it serves no others."""
    label_table: str
    classes: tuple[str, ...]
    architecture: Architecture
    resize: str = AS_THEY_ARE
    """How pictures are brought to the network: `feeding`'s, as protocols say it."""
    feeding: Feeding = Feeding()
    recipe: Recipe | None = None
    """None where it was trained elsewhere."""
    seed: int | None = None
    limit: int | None = None
    """Trained and scored on only the first so many pictures of each split: for a smoke test."""
    train_fingerprints: dict[str, str] = {}
    """sha256 of the training pictures' content, by resolution."""
    backbone: ForeignFile | None = None
    """What the training began with."""
    origin: ForeignFile | None = None
    """Where the whole network is from, if it was trained elsewhere."""
    weights_sha256: str
    scores: tuple[RealScores, ...] = ()
    ceilings: tuple[Ceiling, ...] = ()
    """Where `scores` has none of the test split, or it would take long to find them again."""

    def serves(self, task: Task, resolution: Resolution) -> bool:
        """Whether it is of this task and version, and was made for this resolution."""
        return self.task == task.id and resolution in self.resolutions

    def ceiling(self, resolution: Resolution) -> Ceiling | None:
        """What it must find again in the test split at `resolution`; None where that was never measured."""
        for ceiling in self.ceilings:
            if ceiling.resolution == resolution:
                return ceiling
        for score in self.scores:
            if (score.resolution, score.split) == (resolution, "test"):
                return Ceiling(resolution=resolution, n=score.n, pixel_accuracy=score.pixel_accuracy, miou=score.miou)
        return None


@dataclass(frozen=True)
class Found:
    """A segmenter at hand."""

    card: SegmenterCard
    weights: Path

    @property
    def card_file(self) -> Path:
        """Where the card lies."""
        return self.weights.with_suffix(".json")
