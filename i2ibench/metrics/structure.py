"""Structure distance: how far the self-similarity of an output's deep features is from that of its source.

The descriptor of Tumanyan et al., "Splicing ViT Features for Semantic Appearance Transfer", arXiv:2201.00424: the
cosine similarity between the features of every two positions of one picture, `S_ij = cos(k_i, k_j)`, which says what
belongs together and not what it looks like. The distance of two pictures is the mean squared difference of
their matrices over all pairs of positions, the diagonal included; the paper's loss is the Frobenius norm. Where it
differs:

- The paper's features are keys of a DINO ViT, which no package ships. These are relu4_3 of the VGG16 trunk of LPIPS, as
  the name says, so values never compare with structure distances on DINO. It is the deepest block by which each of
  twelve generated streets was nearer to itself at night, in winter or drawn as in a game than to any of the others so
  rendered; by relu5_3 it was not.
- Pictures are not resized. A position is 8x8 pixels; features of pictures with more than `POSITIONS` positions are
  averaged over the smallest squares of k x k positions that leave no more, and the protocol says k.

Each output goes through the network with its source and no other picture, so the number does not depend on batches.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from typing_extensions import Self

from i2ibench import weights
from i2ibench.metrics.extractors import full_precision
from i2ibench.metrics.metric import Chunk, Metric, Setting, mean_score
from i2ibench.protocol import Score
from i2ibench.task import Resolution

LAYER = "relu4_3"
STRIDE = 8
POSITIONS = 1024
"""Positions of a picture that are compared at most: those of 256x256 pixels."""
SMALLEST = 32
"""Pixels a side below which there are fewer than 4x4 positions."""


class StructureVGG16(Metric):
    """The mean structure distance between outputs and their sources on VGG16."""

    name = "structure_vgg16"
    title = "Content preservation: distance of self-similarity to the source (Tumanyan et al. 2022), VGG16 for DINO-ViT"
    columns: ClassVar = {"structure_vgg16": False}
    reads_source = True
    weights = ("vgg16",)

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.values: dict[str, float] = {}

    @classmethod
    def unavailable(cls, setting: Setting) -> str | None:
        """Besides the usual reasons: pictures must have enough positions to have a structure."""
        if min(setting.resolution) < SMALLEST:
            return (
                f"pictures of {setting.resolution} are too small for VGG16's {LAYER}: it takes {SMALLEST} pixels a side"
            )
        return super().unavailable(setting)

    @torch.inference_mode()
    def update(self, chunk: Chunk) -> None:
        """Compare each output with its source."""
        assert chunk.source is not None, "outputs have sources"
        network, side = _load(*_trunk(), chunk.output.device), pooled(self.setting.resolution)
        for name, output, source in zip(chunk.names, chunk.output, chunk.source, strict=True):
            with full_precision():
                features = network(torch.stack((output, source)))
            self.values[name] = float(structure_distance(*F.avg_pool2d(features, side, ceil_mode=True)))

    def merge(self, other: Self) -> None:
        """Keep the values of other pictures."""
        self.values.update(other.values)

    def compute(self) -> tuple[Score, ...]:
        """The mean over pictures."""
        side = pooled(self.setting.resolution)
        protocol = self.setting.protocol(
            self.name,
            reference="source",
            value_range="[-1, 1], then ImageNet's mean and standard deviation",
            extractor="vgg16",
            layer=f"{LAYER}, averaged over {side}x{side} positions, cosine between all that are left",
            weights_sha256=_trunk()[1],
            resize="none",
        )
        return (mean_score(self, list(self.values.values()), protocol),)

    def per_picture(self) -> Mapping[str, Mapping[str, float]]:
        """Each picture's distance."""
        return {self.name: self.values}


def structure_distance(first: Tensor, second: Tensor) -> Tensor:
    """Mean squared difference of the self-similarities of two pictures' features `[d, h, w]`, float64 scalar."""
    return (self_similarity(first) - self_similarity(second)).square().mean()


def self_similarity(features: Tensor) -> Tensor:
    """Cosines between all positions of features `[d, h, w]`, float64 `[h w, h w]`; 0 where a position has none."""
    rows = F.normalize(features.double().flatten(1), dim=0)
    return rows.T @ rows


def pooled(resolution: Resolution) -> int:
    """Positions a side that features are averaged over: as few as leave at most `POSITIONS`."""
    height, width = (pixels // STRIDE for pixels in resolution)
    side = 1
    while -(-height // side) * -(-width // side) > POSITIONS:
        side += 1
    return side


class _VGG16(nn.Module):
    """Pictures `[B, 3, H, W]` in [-1, 1] to relu4_3, `[B, 512, H // 8, W // 8]`."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for convolutions, wider in ((2, 64), (2, 128), (3, 256), (3, 512)):
            if layers:
                layers.append(nn.MaxPool2d(2))
            for _ in range(convolutions):
                layers += [nn.Conv2d(channels, wider, 3, padding=1), nn.ReLU(inplace=True)]
                channels = wider
        self.features = nn.Sequential(*layers)  # torchvision's name and indices
        self.register_buffer("mean", torch.tensor((0.485, 0.456, 0.406)).reshape(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor((0.229, 0.224, 0.225)).reshape(3, 1, 1), persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        features: Tensor = self.features(((pictures + 1) / 2 - self.mean) / self.deviation)
        return features


def _trunk() -> tuple[Path, str]:
    (name,) = StructureVGG16.weights
    file = weights.path(name)
    assert file is not None, "`unavailable` is asked before"
    return file, weights.sha256(file)


@lru_cache(maxsize=4)
def _load(trunk: Path, sha256: str, device: torch.device) -> nn.Module:
    from safetensors.torch import load_file

    network, state = _VGG16(), load_file(trunk)
    network.load_state_dict({name: state[name] for name in network.state_dict()})
    return network.eval().requires_grad_(False).to(device)
