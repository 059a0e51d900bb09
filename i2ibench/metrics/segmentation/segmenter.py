"""The network that reads classes out of pictures, for the metric `psp`: a PSPNet, one for each task.

`training` makes them and `adding` takes published ones; the card beside the weights says how, and
how well they read real pictures, which is the ceiling of every score. `check` holds them to that. Weights
that were trained here are half precision in the file; all are computed with in single precision.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from i2ibench import registry, weights
from i2ibench.cache import cache_folder
from i2ibench.errors import BenchError
from i2ibench.metrics.segmentation.card import Found, SegmenterCard
from i2ibench.metrics.segmentation.networks import build, logits
from i2ibench.store import read_record
from i2ibench.task import Resolution, Task

SHIPPED = Path(__file__).parent / "shipped"
"""The segmenters that i2ibench brings along."""


class Segmenter:
    """Reads the class of each pixel. Every picture is read on its own, whatever its batch."""

    def __init__(self, card: SegmenterCard, network: nn.Module, device: torch.device | str = "cpu") -> None:
        self.card = card
        self.network = network.to(device).eval()

    @torch.inference_mode()
    def __call__(self, pictures: Tensor) -> Tensor:
        """Class ids int64 `[B, H, W]` of pictures float `[B, 3, H, W]` in [-1, 1]."""
        network = partial(logits, self.network, architecture=self.card.architecture)
        with torch.autocast(pictures.device.type, enabled=False):
            return self.card.feeding.read(network, pictures.float()).argmax(1)


def file_stem(task: Task) -> str:
    """What the files of a task's segmenter are called, without `.safetensors` and `.json`."""
    return task.name


def trained_folder() -> Path:
    """Where a user's own segmenters are kept."""
    return cache_folder() / "segmenters"


def owner(task: Task) -> Task:
    """The task whose segmenter reads the translations of `task`: itself, unless its card says another."""
    return registry.task(task.segmenter) if task.segmenter else task


def find(task: Task, resolution: Resolution) -> Found | None:
    """The segmenter of `task` at `resolution`: the one shipped, else the user's own, else None.

    The shipped one goes first so that everybody's scores share a protocol. Raises `BenchError` on a card that cannot
    be read.
    """
    whose = owner(task)
    for folder in (SHIPPED, trained_folder()):
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
    from safetensors.torch import load_file

    verify(found)
    network = build(found.card.architecture, len(found.card.classes))
    network.load_state_dict({name: _working(value) for name, value in load_file(found.weights).items()})
    return Segmenter(found.card, network, device)


def verify(found: Found) -> None:
    """Raise `BenchError` on weights that are missing or not those of the card."""
    try:
        digest = weights.sha256(found.weights)
    except FileNotFoundError as error:
        raise BenchError(
            f"the segmenter of {found.card.task} has a card but no weights {str(found.weights)!r}: {again(found)}"
        ) from error
    if digest != found.card.weights_sha256:
        raise BenchError(
            f"segmenter weights {str(found.weights)!r} have sha256 {digest[:12]}..., their card says "
            f"{found.card.weights_sha256[:12]}...: {again(found)}"
        )


def encode(network: nn.Module, precision: torch.dtype = torch.float16) -> bytes:
    """The network's weights, without what only trains, as the bytes of a safetensors file in `precision`."""
    from safetensors.torch import save

    stored = {
        name: value.cpu().contiguous()
        for name, value in network.state_dict().items()
        if not name.startswith("auxiliary_head.")
    }
    return save({name: value.to(precision) if value.is_floating_point() else value for name, value in stored.items()})


def again(found: Found) -> str:
    """What to do about a segmenter that is not what its card says."""
    task = found.card.task.partition("@")[0]
    if found.weights.parent == SHIPPED:
        return "install i2ibench again"
    if found.card.origin is not None:
        return f"add it again with `i2ibench segmenter add {task} --from {found.card.origin.file}`"
    return f"train it again with `i2ibench segmenter train {task}`"


def _working(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value
