"""The network that reads classes out of pictures, for the metric `psp`: a PSPNet from mmseg, one for each task.

PSPNet: "Pyramid Scene Parsing Network", arXiv:1612.01105. The pyramid pooling head sits on a U-Net, as in mmseg's
configs `pspnet_unet`: on pictures as small as ours the published ResNet's stride of 8 would lose whatever is a pixel
or two wide. Weights are half precision in the file and computed with in single precision. `segmenter_training`
makes them; the card beside them says how, and how well they read real pictures, which is the ceiling of every score.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench import registry
from i2ibench.cache import cache_folder
from i2ibench.errors import BenchError
from i2ibench.store import read_record
from i2ibench.task import Resolution, ResolutionField, Task

RESIZE = "none: pictures at their own size"
"""How pictures are brought to the network."""

_SHIPPED = Path(__file__).parent / "segmenters"


class Architecture(BaseModel):
    """The values that mmseg's config of the network is made from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_channels: int = 16
    """Of the U-Net's first stage; each further stage has twice as many."""
    stages: int = 4
    """Of the U-Net, each at half the size of the one before."""
    head_channels: int = 16
    pool_scales: tuple[int, ...] = (1, 2, 3, 6)
    dropout: float = 0.0

    @property
    def multiple(self) -> int:
        """What the network's input sides are multiples of."""
        return 1 << (self.stages - 1)

    def config(self, classes: int) -> dict[str, Any]:
        """mmseg's config, in names that mmsegmentation 1.2 and its maintained distribution share."""
        stages, norm = self.stages, {"type": "BN"}
        backbone = {
            "type": "UNet",
            "base_channels": self.base_channels,
            "num_stages": stages,
            "strides": (1,) * stages,
            "enc_num_convs": (2,) * stages,
            "dec_num_convs": (2,) * (stages - 1),
            "downsamples": (True,) * (stages - 1),
            "enc_dilations": (1,) * stages,
            "dec_dilations": (1,) * (stages - 1),
            "norm_cfg": norm,
        }
        head = {
            "type": "PSPHead",
            "in_channels": self.base_channels,
            "in_index": stages - 1,
            "channels": self.head_channels,
            "pool_scales": self.pool_scales,
            "dropout_ratio": self.dropout,
            "num_classes": classes,
            "out_channels": classes,
            "norm_cfg": norm,
            "align_corners": False,
        }
        return {"type": "EncoderDecoder", "backbone": backbone, "decode_head": head, "test_cfg": {"mode": "whole"}}


class Recipe(BaseModel):
    """How a segmenter was trained: cross-entropy on real training pictures, AdamW, a polynomial decay."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: float = 24
    """Passes over the training pictures at the first resolution; every other resolution takes as many steps."""
    batch_size: int = 4
    """At the first resolution; batches of others have about as many pixels, and at least two pictures."""
    learning_rate: float = 1e-2
    weight_decay: float = 1e-2
    warm_up: float = 0.05
    """Part of the steps over which the learning rate rises from 0."""
    power: float = 0.9
    """The learning rate falls as (1 - part done) to this power."""
    rarity: float = 0.5
    """A class weighs its share of the training pixels to minus this power, to favour rare classes."""
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


class SegmenterCard(BaseModel):
    """What a segmenter is; the JSON file beside its weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    """The task's id, with its version."""
    resolutions: tuple[ResolutionField, ...]
    """Those it was trained on; it serves no others."""
    label_table: str
    classes: tuple[str, ...]
    architecture: Architecture
    resize: str = RESIZE
    recipe: Recipe
    seed: int
    limit: int | None = None
    """Trained and scored on only the first so many pictures of each split: for a smoke test."""
    train_fingerprints: dict[str, str]
    """sha256 of the training pictures' content, by resolution."""
    weights_sha256: str
    scores: tuple[RealScores, ...]

    def serves(self, task: Task, resolution: Resolution) -> bool:
        """Whether it is of this task and version, and was trained at this resolution."""
        return self.task == task.id and resolution in self.resolutions


@dataclass(frozen=True)
class Found:
    """A segmenter at hand."""

    card: SegmenterCard
    weights: Path


class Segmenter:
    """Reads the class of each pixel. Every picture is read on its own, whatever its batch."""

    def __init__(self, card: SegmenterCard, network: nn.Module, device: torch.device | str = "cpu") -> None:
        self.card = card
        self.network = network.to(device).eval()

    @torch.inference_mode()
    def __call__(self, pictures: Tensor) -> Tensor:
        """Class ids int64 `[B, H, W]` of pictures float `[B, 3, H, W]` in [-1, 1]."""
        with torch.autocast(pictures.device.type, enabled=False):
            return logits(self.network, pictures.float(), self.card.architecture.multiple).argmax(1)


def file_stem(task: Task) -> str:
    """What the files of a task's segmenter are called, without `.safetensors` and `.json`."""
    return task.name


def trained_folder() -> Path:
    """Where a user's own segmenters are kept."""
    return cache_folder() / "segmenters"


def find(task: Task, resolution: Resolution) -> Found | None:
    """The segmenter of `task` at `resolution`: the one shipped, else the user's own, else None.

    The shipped one goes first so that everybody's scores share a protocol. Raises `BenchError` on a card that cannot
    be read.
    """
    whose = registry.task(task.segmenter) if task.segmenter else task
    for folder in (_SHIPPED, trained_folder()):
        card_file = folder / f"{file_stem(whose)}.json"
        if card_file.exists():
            card = read_record(card_file, SegmenterCard)
            if card.serves(whose, resolution):
                return Found(card, card_file.with_suffix(".safetensors"))
    return None


def load(task: Task, resolution: Resolution, device: torch.device | str = "cpu") -> Segmenter | None:
    """The segmenter of `task` at `resolution`, ready on `device`; None where there is none.

    Raises `BenchError` on a card that cannot be read and on weights that are missing or not those of the card.
    """
    found = find(task, resolution)
    return None if found is None else read(found, device)


def read(found: Found, device: torch.device | str = "cpu") -> Segmenter:
    """The segmenter from its files. Raises `BenchError` on weights that are missing or not those of the card."""
    from safetensors.torch import load as decode

    card = found.card
    try:
        content = found.weights.read_bytes()
    except FileNotFoundError as error:
        raise BenchError(
            f"the segmenter of {card.task} has a card but no weights {str(found.weights)!r}: {_again(found)}"
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != card.weights_sha256:
        raise BenchError(
            f"segmenter weights {str(found.weights)!r} have sha256 {digest[:12]}..., their card says "
            f"{card.weights_sha256[:12]}...: {_again(found)}"
        )
    network = build(card.architecture, len(card.classes))
    network.load_state_dict({name: _working(value) for name, value in decode(content).items()})
    return Segmenter(card, network, device)


def build(architecture: Architecture, classes: int) -> nn.Module:
    """The network with PyTorch's own random weights, from the global generator. Importing mmseg takes seconds."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mmcv's, on compiled operations that this network does without
        import mmseg.models  # noqa: F401  (fills the registry)
        from mmengine.registry import DefaultScope
        from mmseg.registry import MODELS

        with DefaultScope.overwrite_default_scope("mmseg"):
            return cast(nn.Module, MODELS.build(architecture.config(classes)))


def logits(network: nn.Module, pictures: Tensor, multiple: int) -> Tensor:
    """float `[B, classes, H, W]`; sides that are no `multiple` are filled up with edge pixels and cut again."""
    height, width = pictures.shape[-2:]
    padding = (0, -width % multiple, 0, -height % multiple)
    padded = F.pad(pictures, padding, mode="replicate") if any(padding) else pictures
    found = cast(Tensor, network(padded, mode="tensor"))
    return found[..., :height, :width]


def encode(network: nn.Module) -> bytes:
    """The network's weights as the bytes of a safetensors file, in half precision."""
    from safetensors.torch import save

    stored = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
    return save({name: value.half() if value.is_floating_point() else value for name, value in stored.items()})


def _working(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value


def _again(found: Found) -> str:
    task = found.card.task.partition("@")[0]
    if found.weights.parent == _SHIPPED:
        return "install i2ibench again"
    return f"train it again with `i2ibench segmenter train {task}`"
