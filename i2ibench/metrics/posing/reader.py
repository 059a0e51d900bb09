"""The network that finds keypoints in pictures, for the metric `pose`: one for each task.

`training` makes them; the card beside the weights says how, and how well they read real pictures, which is the
ceiling of every score. Weights are half precision in the file and computed with in single precision.

A reader that has seen the target domain alone finds less in any other, though the pose be kept to the pixel. Where
that may be helped, a task has the reader of a wider one (`Task.pose_reader`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from i2ibench import registry, weights
from i2ibench.cache import cache_folder
from i2ibench.errors import BenchError
from i2ibench.metrics.extractors import full_precision
from i2ibench.metrics.posing.network import Architecture, PoseNetwork, brought, places
from i2ibench.store import read_record
from i2ibench.task import Resolution, ResolutionField, Task

SHIPPED = Path(__file__).parent / "shipped"
"""The readers that i2ibench brings along."""


class Recipe(BaseModel):
    """How a reader was trained: AdamW, a warm-up, then a cosine decay to 0; pictures moved and in other light.

    The loss is the cross-entropy of each heatmap's softmax with a Gaussian at the keypoint, plus the distance of the
    mean place to it along both axes. Pictures are not mirrored: left and right are the creature's own, and a task does
    not say which keypoints would change places.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: float = 30
    """Passes over the training pictures, all resolutions together; they take turns."""
    batch_size: int = 16
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    warm_up: float = 0.05
    """Part of the steps over which the learning rate rises from 0."""
    spread: float = 1.5
    """Standard deviation of the Gaussian, in cells of the heatmap."""
    distance: float = 1.0
    """Weight of the distance, in cells, beside the cross-entropy."""
    turn: float = 15.0
    """Largest turn of a picture, in degrees; all of these are drawn for each picture."""
    zoom: float = 1.25
    """Largest factor by which it is enlarged or made smaller."""
    shift: float = 0.075
    """Largest shift along each axis, as a share of the side."""
    gamma: float = 1.65
    """Largest exponent of intensities in [0, 1]; the smallest is its inverse."""
    contrast: float = 1.5
    """Largest factor; the smallest is its inverse."""
    saturation: float = 0.9
    """Largest relative change."""
    tint: float = 0.1
    """Largest shift of each channel, of intensities in [0, 1]."""
    noise: float = 0.06
    """Largest standard deviation of added Gaussian noise, of intensities in [0, 1]."""
    blur: float = 0.9
    """Largest share of a picture at half its size and back that is mixed in, in half of the pictures."""


class RealScores(BaseModel):
    """How well the reader reads the first `n` real pictures of a split: the ceiling of `pose` there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resolution: ResolutionField
    split: str
    n: int
    pck: float
    error: float


class PoseReaderCard(BaseModel):
    """What a reader is; the JSON file beside its weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    """The task's id, with its version."""
    resolutions: tuple[ResolutionField, ...]
    """Those it was trained on; it serves no others."""
    keypoints: int
    architecture: Architecture
    resize: str
    """How pictures are brought to the network: `architecture`'s, as protocols say it."""
    recipe: Recipe
    seed: int
    limit: int | None = None
    """Trained and scored on only the first so many pictures of each split: for a smoke test."""
    train_fingerprints: dict[str, str]
    """sha256 of the training pictures' content, by resolution."""
    weights_sha256: str
    scores: tuple[RealScores, ...] = ()

    def serves(self, task: Task, resolution: Resolution) -> bool:
        """Whether it is of this task and version, and was trained at this resolution."""
        return self.task == task.id and resolution in self.resolutions


@dataclass(frozen=True)
class Found:
    """A reader at hand."""

    card: PoseReaderCard
    weights: Path

    @property
    def failing(self) -> str | None:
        """Why it cannot be trusted, with the way out: its weights are missing or not those of the card. Else None."""
        task = self.card.task.partition("@")[0]
        again = (
            "install i2ibench again"
            if self.weights.parent == SHIPPED
            else f"train it again with `i2ibench pose train {task}`"
        )
        try:
            digest = weights.sha256(self.weights)
        except FileNotFoundError:
            return f"the pose reader of {self.card.task} has a card but no weights {str(self.weights)!r}: {again}"
        if digest != self.card.weights_sha256:
            return (
                f"the pose reader's weights {str(self.weights)!r} have sha256 {digest[:12]}..., their card says "
                f"{self.card.weights_sha256[:12]}...: {again}"
            )
        return None


class PoseReader:
    """Finds keypoints. Every picture is read on its own, whatever its batch."""

    def __init__(self, card: PoseReaderCard, network: PoseNetwork, device: torch.device | str = "cpu") -> None:
        self.card = card
        self.network = network.to(memory_format=torch.channels_last).to(device).eval()

    @torch.inference_mode()
    def __call__(self, pictures: Tensor) -> Tensor:
        """Keypoints float32 `[B, K, 2]`, x and y in pixels, of pictures float `[B, 3, H, W]` in [-1, 1]."""
        height, width = pictures.shape[-2:]
        with full_precision(), torch.autocast(pictures.device.type, enabled=False):
            taken = brought(pictures.float(), self.card.architecture)
            shares = places(self.network(taken.contiguous(memory_format=torch.channels_last)))
        return shares * torch.tensor([width, height], device=shares.device)


def trained_folder() -> Path:
    """Where a user's own readers are kept."""
    return cache_folder() / "pose_readers"


def find(task: Task, resolution: Resolution) -> Found | None:
    """The reader of `task` at `resolution`: the one shipped, else the user's own, else None.

    The shipped one goes first so that everybody's scores share a protocol. Raises `BenchError` on a card that cannot
    be read.
    """
    whose = registry.task(task.pose_reader) if task.pose_reader else task
    for folder in (SHIPPED, trained_folder()):
        card_file = folder / f"{whose.name}.json"
        if card_file.exists():
            card = read_record(card_file, PoseReaderCard)
            if card.serves(whose, resolution):
                return Found(card, card_file.with_suffix(".safetensors"))
    return None


def read(found: Found, device: torch.device | str = "cpu") -> PoseReader:
    """The reader from its files. Raises `BenchError` on weights that are missing or not those of the card."""
    from safetensors.torch import load_file

    if found.failing is not None:
        raise BenchError(found.failing)
    network = PoseNetwork(found.card.architecture, found.card.keypoints)
    stored = load_file(found.weights)
    network.load_state_dict({name: v.float() if v.is_floating_point() else v for name, v in stored.items()})
    return PoseReader(found.card, network, device)


def encode(network: PoseNetwork) -> bytes:
    """The network's weights as the bytes of a safetensors file, in half precision."""
    from safetensors.torch import save

    stored = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
    return save({name: value.half() if value.is_floating_point() else value for name, value in stored.items()})
