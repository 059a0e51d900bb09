"""The networks whose features sets of pictures are compared by. Each is loaded once per process and device.

Pictures reach a network as 8-bit integers, exactly as they are stored, so a score of tensors and a score of the PNG
files written from them are one number.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn

from i2ibench import registry, weights
from i2ibench.errors import BenchError
from i2ibench.metrics.networks import ExtractorCard


@dataclass(frozen=True)
class Extractor:
    """A loaded network."""

    card: ExtractorCard
    weights_sha256: str
    device: torch.device
    network: nn.Module

    @torch.inference_mode()
    def __call__(self, pictures: Tensor) -> Tensor:
        """float `[B, 3, H, W]` in [-1, 1] on any device to features, float32 `[B, dimension]` on the CPU."""
        with full_precision():
            features = [self.network(to_bytes(part.to(self.device))) for part in parts(pictures, self.device)]
        return torch.cat(features).float().cpu()


def load(name: str, device: torch.device | str = "cpu") -> Extractor:
    """The extractor `name` on `device`. Raises `BenchError` where it is unknown or its weights are not at hand."""
    card, file = _card(name), _file(name)
    return _load(card.name, file, weights.sha256(file), torch.device(device))


def fields(name: str) -> dict[str, str]:
    """The protocol fields by which the extractor `name` changes a number. Raises `BenchError` like `load`."""
    card = _card(name)
    return {
        "extractor": card.name,
        "layer": card.layer,
        "weights_sha256": weights.sha256(_file(name)),
        "resize": card.resize,
        "value_range": "[0, 255], 8 bits",
    }


def parts(pictures: Tensor, device: torch.device, few: int = 4) -> tuple[Tensor, ...]:
    """`pictures` as many at a time as are worked on: on the CPU a `few`, which with all made of them stay in its caches
    and need little memory.
    """
    return torch.split(pictures, few if device.type == "cpu" else max(len(pictures), 1))


def to_bytes(pictures: Tensor) -> Tensor:
    """float in [-1, 1] to uint8, exact for pictures that came from 8 bits."""
    return pictures.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)


@contextmanager
def full_precision() -> Iterator[None]:
    """No TF32 in convolutions and products: on CUDA it alone moves features by a part in a thousand."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    allowed, matmul.allow_tf32 = matmul.allow_tf32, False
    try:
        with cudnn.flags(
            enabled=cudnn.enabled, benchmark=cudnn.benchmark, deterministic=cudnn.deterministic, allow_tf32=False
        ):
            yield
    finally:
        matmul.allow_tf32 = allowed


def _card(name: str) -> ExtractorCard:
    card: ExtractorCard = registry.extractor(name)
    return card


def _file(name: str) -> Path:
    wanted = _card(name).weights
    file = weights.path(wanted)
    if file is None:
        raise BenchError(f"extractor {name!r} needs weights that are not at hand: `i2ibench weights get {wanted}`")
    return file


@lru_cache(maxsize=4)
def _load(name: str, file: Path, sha256: str, device: torch.device) -> Extractor:
    card = _card(name)
    try:
        network = card.build(file).eval().requires_grad_(False).to(device)
    except Exception as error:  # a foreign file makes torch.load raise anything
        raise BenchError(
            f"{str(file)!r} does not hold the weights of extractor {name!r} ({type(error).__name__}): get them "
            f"again with `i2ibench weights get {card.weights}`"
        ) from error
    return Extractor(card, sha256, device, network)
