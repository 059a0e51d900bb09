"""The networks behind the extractors, each with its own way of bringing pictures to size and scale.

A network takes uint8 `[B, 3, H, W]` and gives float32 `[B, d]`. Other packages add theirs by entry points in the group
`i2ibench.extractors`, each `name = "module:attribute"` of an `ExtractorCard` of that name; the metrics `fd_<name>`,
`kd_<name>` and their kin then exist.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class ExtractorCard:
    """What an extractor is: everything that changes its features."""

    name: str
    layer: str
    resize: str
    dimension: int
    weights: str
    """A name in `i2ibench.weights.cards()`."""
    build: Callable[[Path], nn.Module]
    """The network from the file of its weights."""


class Inception(nn.Module):
    """torch-fidelity's own network: its resize, its scaling, its pooled layer."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        _state(file)  # torch-fidelity itself would unpickle anything
        network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], feature_extractor_weights_path=str(file))
        self.network = network.to(memory_format=torch.channels_last)

    def forward(self, pictures: Tensor) -> Tensor:
        """uint8 `[B, 3, H, W]` to float32 `[B, d]`."""
        (features,) = self.network(pictures.contiguous(memory_format=torch.channels_last))
        return features  # type: ignore[no-any-return]


class TorchvisionInception(nn.Module):
    """torchvision's port, whose features StarGAN v2 and BigGAN-PyTorch score by: not TensorFlow's, other numbers.

    The pooled layer before the classifier; pictures in ImageNet's mean and standard deviation, without the port's
    second scaling to TensorFlow's range, as both codes do.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        import torchvision

        network = torchvision.models.inception_v3(weights=None, transform_input=False, init_weights=False)
        network.load_state_dict(_state(file))
        network.fc = nn.Identity()
        self.network = network.to(memory_format=torch.channels_last)

    def forward(self, pictures: Tensor) -> Tensor:
        """uint8 `[B, 3, H, W]` to float32 `[B, d]`."""
        resized = F.interpolate(pictures.float(), (299, 299), mode="bilinear", align_corners=False)
        features: Tensor = self.network(_imagenet(resized))
        return features


class EfficientNetLite0(nn.Module):
    """Scaled as its package asks, (x - 127) / 128."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        from efficientnet_lite_pytorch import EfficientNet

        network = EfficientNet.from_name("efficientnet-lite0")
        network.load_state_dict(_state(file))
        self.network = network.to(memory_format=torch.channels_last)

    def forward(self, pictures: Tensor) -> Tensor:
        """uint8 `[B, 3, H, W]` to float32 `[B, d]`."""
        resized = F.interpolate(pictures.float(), (224, 224), mode="bicubic", antialias=True, align_corners=False)
        scaled = (resized.clamp(0, 255) - 127) / 128
        features: Tensor = self.network.extract_features(scaled.contiguous(memory_format=torch.channels_last))
        return features.mean((2, 3))


class DINOv2(nn.Module):
    """Oquab et al., "DINOv2", arXiv:2304.07193: the class token at 224x224, as FD-DINOv2 is computed by (Stein et al.,
    "Exposing Flaws of Generative Model Evaluation Metrics", arXiv:2306.04675).
    """

    def __init__(self, file: Path, size: str) -> None:
        super().__init__()
        import timm

        state = {name: value for name, value in _state(file).items() if name != "mask_token"}
        state["pos_embed"] = _position_embedding(state["pos_embed"], 224 // 14)
        self.network = timm.create_model(f"vit_{size}_patch14_dinov2.lvd142m", img_size=224, num_classes=0)
        self.network.load_state_dict(state)

    def forward(self, pictures: Tensor) -> Tensor:
        """uint8 `[B, 3, H, W]` to float32 `[B, d]`."""
        resized = F.interpolate(pictures.float(), (224, 224), mode="bicubic", antialias=True, align_corners=False)
        features: Tensor = self.network(_imagenet(resized.clamp(0, 255)))
        return features


INCEPTION = ExtractorCard(
    "inception-v3-compat",
    "2048 (global average pool)",
    "299x299, bilinear as in TensorFlow 1.x, not antialiased (torch-fidelity)",
    2048,
    "inception",
    Inception,
)
INCEPTION_TORCHVISION = ExtractorCard(
    "inception_torchvision",
    "2048 (global average pool)",
    "299x299, bilinear, not antialiased",
    2048,
    "inception_torchvision",
    TorchvisionInception,
)
EFFICIENTNET_LITE0 = ExtractorCard(
    "efficientnet_lite0",
    "head convolution (global average pool)",
    "224x224, bicubic, antialiased, clipped to [0, 255]",
    1280,
    "efficientnet_lite0",
    EfficientNetLite0,
)


def _dinov2(size: str, letter: str, dimension: int) -> ExtractorCard:
    name = f"dinov2_vit{letter}14"
    resize = "224x224, bicubic, antialiased, clipped to [0, 255]"
    return ExtractorCard(name, "class token, normalised", resize, dimension, name, lambda file: DINOv2(file, size))


DINOV2_VITS14 = _dinov2("small", "s", 384)
DINOV2_VITB14 = _dinov2("base", "b", 768)
DINOV2_VITL14 = _dinov2("large", "l", 1024)


def _state(file: Path) -> dict[str, Tensor]:
    state: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    return state


def _imagenet(pictures: Tensor) -> Tensor:
    """[0, 255] to ImageNet's mean and standard deviation."""
    mean, deviation = (
        torch.tensor(values, device=pictures.device).reshape(3, 1, 1)
        for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    return ((pictures / 255 - mean) / deviation).contiguous(memory_format=torch.channels_last)


def _position_embedding(embedding: Tensor, side: int) -> Tensor:
    """The class token's and the grid's embeddings `[1, 1 + n^2, d]` for a grid of `side`, as the authors' code resizes
    them: bicubic by a factor with 0.1 added to the new side, which moves the sampling points a little.
    """
    token, grid = embedding[:, :1], embedding[:, 1:]
    before = round(grid.shape[1] ** 0.5)
    maps = grid.reshape(1, before, before, -1).permute(0, 3, 1, 2)
    factor = (side + 0.1) / before
    resized = F.interpolate(maps, scale_factor=(factor, factor), mode="bicubic")
    return torch.cat([token, resized.permute(0, 2, 3, 1).reshape(1, side * side, -1)], 1)
