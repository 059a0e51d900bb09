"""The networks whose features sets of pictures are compared by. Each is loaded once per process and device.

Pictures reach a network as 8-bit integers, exactly as they are stored, so a score of tensors and a score of the PNG
files written from them are one number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench import weights
from i2ibench.errors import BenchError, nearest

Network = Callable[[Tensor], Tensor]
"""uint8 `[B, 3, H, W]` to float32 `[B, d]`."""


@dataclass(frozen=True)
class ExtractorCard:
    """What an extractor is: everything that changes its features."""

    name: str
    layer: str
    resize: str
    dimension: int
    weights: str
    """A name in `i2ibench.weights.CARDS`."""
    build: Callable[[Path], nn.Module]


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
            features: Tensor = self.network(to_bytes(pictures.to(self.device)))
        return features.float().cpu()


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


def to_bytes(pictures: Tensor) -> Tensor:
    """float in [-1, 1] to uint8, exact for pictures that came from 8 bits."""
    return pictures.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)


@contextmanager
def full_precision() -> Iterator[None]:
    """No TF32 in convolutions: on CUDA it alone moves features by a part in a thousand."""
    cudnn = torch.backends.cudnn
    with cudnn.flags(
        enabled=cudnn.enabled, benchmark=cudnn.benchmark, deterministic=cudnn.deterministic, allow_tf32=False
    ):
        yield


class _Inception(nn.Module):
    """torch-fidelity's own network: its resize, its scaling, its pooled layer."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        torch.load(file, map_location="cpu", weights_only=True)  # torch-fidelity itself would unpickle anything
        network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], feature_extractor_weights_path=str(file))
        self.network = network.to(memory_format=torch.channels_last)

    def forward(self, pictures: Tensor) -> Tensor:
        features: Tensor = self.network(pictures)[0]
        return features


class _EfficientNetLite0(nn.Module):
    """Scaled as its package asks, (x - 127) / 128."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        from efficientnet_lite_pytorch import EfficientNet

        network = EfficientNet.from_name("efficientnet-lite0")
        network.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
        self.network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    def forward(self, pictures: Tensor) -> Tensor:
        resized = F.interpolate(pictures.float(), (224, 224), mode="bicubic", antialias=True, align_corners=False)
        scaled = (resized.clamp(0, 255) - 127) / 128
        features: Tensor = self.network.extract_features(scaled.contiguous(memory_format=torch.channels_last))
        return features.mean((2, 3))


CARDS: Mapping[str, ExtractorCard] = {
    card.name: card
    for card in (
        ExtractorCard(
            "inception-v3-compat",
            "2048 (global average pool)",
            "299x299, bilinear as in TensorFlow 1.x, not antialiased (torch-fidelity)",
            2048,
            "inception",
            _Inception,
        ),
        ExtractorCard(
            "efficientnet_lite0",
            "head convolution (global average pool)",
            "224x224, bicubic, antialiased, clipped to [0, 255]",
            1280,
            "efficientnet_lite0",
            _EfficientNetLite0,
        ),
    )
}


def _card(name: str) -> ExtractorCard:
    if name not in CARDS:
        raise BenchError(f"there is no feature extractor {name!r}: {nearest(name, CARDS)}")
    return CARDS[name]


def _file(name: str) -> Path:
    wanted = _card(name).weights
    file = weights.path(wanted)
    if file is None:
        raise BenchError(f"extractor {name!r} needs weights that are not at hand: `i2ibench weights get {wanted}`")
    return file


@lru_cache(maxsize=4)
def _load(name: str, file: Path, sha256: str, device: torch.device) -> Extractor:
    card = CARDS[name]
    try:
        network = card.build(file).eval().to(device)
    except Exception as error:  # a foreign file makes torch.load raise anything
        raise BenchError(
            f"{str(file)!r} does not hold the weights of extractor {name!r} ({type(error).__name__}): get them "
            f"again with `i2ibench weights get {card.weights}`"
        ) from error
    return Extractor(card, sha256, device, network)
