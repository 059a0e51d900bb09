"""The PSPNets that read classes out of pictures, built by mmseg: on a U-Net, and on a ResNet as published.

PSPNet: "Pyramid Scene Parsing Network", arXiv:1612.01105. Configs follow mmseg's `pspnet_unet`, `pspnet_r18-d8` and
`pspnet_r50-d8`, in names that mmsegmentation 1.2 and its maintained distribution share.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.nn import functional as F

_NORM = {"type": "BN"}


class UNetArchitecture(BaseModel):
    """A pyramid pooling head on a U-Net, for pictures so small that a stride of 8 would lose whatever is thin."""

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

    @property
    def align_corners(self) -> bool:
        """Whether resizing maps corners onto corners."""
        return False

    @property
    def extractor(self) -> str:
        """What protocols call the network."""
        return "pspnet"

    def config(self, classes: int, auxiliary: bool) -> dict[str, Any]:
        """mmseg's config; there is no `auxiliary` head."""
        stages = self.stages
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
            "norm_cfg": _NORM,
        }
        return _config(backbone, _pyramid_head(self, self.base_channels, stages - 1, classes), None)


class ResNetArchitecture(BaseModel):
    """The published PSPNet: a pyramid pooling head on a ResNet of output stride 8, and an auxiliary FCN head."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    depth: int
    """18, 34, 50, 101 or 152."""
    deep_stem: bool = True
    """Three 3x3 convolutions instead of one of 7x7: the variant C of arXiv:1812.01187."""
    stem_channels: int = 64
    """That the stem ends with; a deep one starts with half as many."""
    contract_dilation: bool = True
    """The first block of a dilated layer has half the dilation of the others, as mmseg trains it; semseg does not."""
    head_channels: int = 512
    auxiliary_channels: int = 256
    pool_scales: tuple[int, ...] = (1, 2, 3, 6)
    dropout: float = 0.1
    align_corners: bool = False
    """Whether resizing within the network and of what it finds maps corners onto corners."""

    @property
    def multiple(self) -> int:
        """What the network's input sides are multiples of: any will do."""
        return 1

    @property
    def extractor(self) -> str:
        """What protocols call the network, with what its weights do not show."""
        habits = ("dilation contracted", self.contract_dilation), ("corners aligned", self.align_corners)
        return f"pspnet_resnet{self.depth} ({', '.join(name for name, has in habits if has) or 'plain'})"

    def config(self, classes: int, auxiliary: bool) -> dict[str, Any]:
        """mmseg's config, with the `auxiliary` head or without."""
        widest = 512 if self.depth < 50 else 2048
        backbone = {
            "type": "ResNetV1c" if self.deep_stem else "ResNet",
            "depth": self.depth,
            "stem_channels": self.stem_channels,
            "num_stages": 4,
            "out_indices": (0, 1, 2, 3),
            "dilations": (1, 1, 2, 4),
            "strides": (1, 2, 1, 1),
            "norm_cfg": _NORM,
            "norm_eval": False,
            "style": "pytorch",
            "contract_dilation": self.contract_dilation,
        }
        second = {
            **_head(widest // 2, 2, self.auxiliary_channels, classes, self.dropout, self.align_corners),
            "type": "FCNHead",
            "num_convs": 1,
            "concat_input": False,
        }
        return _config(backbone, _pyramid_head(self, widest, 3, classes), second if auxiliary else None)


Architecture = UNetArchitecture | ResNetArchitecture

ARCHITECTURES: Mapping[str, Architecture] = {
    "unet": UNetArchitecture(),
    "resnet18": ResNetArchitecture(depth=18, head_channels=128, auxiliary_channels=64),
    "resnet50": ResNetArchitecture(depth=50),
}
"""Those that can be trained, by name."""


def build(architecture: Architecture, classes: int, *, auxiliary: bool = False) -> nn.Module:
    """The network with random weights from the global generator. Importing mmseg takes seconds.

    The `auxiliary` head, where the architecture has one, is for training alone.
    """
    with _quiet():
        import mmseg.models  # noqa: F401  (fills the registry)
        from mmengine.registry import DefaultScope
        from mmseg.registry import MODELS

        with DefaultScope.overwrite_default_scope("mmseg"):
            return cast(nn.Module, MODELS.build(architecture.config(classes, auxiliary)))


def initialized(network: nn.Module) -> nn.Module:
    """`network` with its convolutions drawn anew by He et al., arXiv:1502.01852, which halves the training it needs."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network


def logits(network: nn.Module, pictures: Tensor, architecture: Architecture) -> Tensor:
    """float `[B, classes, H, W]` of pictures `[B, 3, H, W]` as the network takes them.

    Sides that are no multiple of what it takes are filled up with edge pixels and cut again.
    """
    padded = _padded(pictures, architecture.multiple)
    with _quiet():
        return _cut(network(padded, mode="tensor"), padded, pictures, architecture)


def training_logits(network: nn.Module, pictures: Tensor, architecture: Architecture) -> tuple[Tensor, ...]:
    """As `logits`, then those of the auxiliary head where there is one."""
    padded = _padded(pictures, architecture.multiple)
    features = cast(Any, network).extract_feat(padded)
    heads = [head for name in ("decode_head", "auxiliary_head") if (head := getattr(network, name, None)) is not None]
    with _quiet():
        return tuple(_cut(head(features), padded, pictures, architecture) for head in heads)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without mmcv's warnings of compiled operations that no network here has, and mmseg's of odd sizes of maps."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _config(backbone: dict[str, Any], head: dict[str, Any], auxiliary: dict[str, Any] | None) -> dict[str, Any]:
    config = {"type": "EncoderDecoder", "backbone": backbone, "decode_head": head, "test_cfg": {"mode": "whole"}}
    return config if auxiliary is None else {**config, "auxiliary_head": auxiliary}


def _pyramid_head(architecture: Architecture, channels: int, stage: int, classes: int) -> dict[str, Any]:
    values = _head(
        channels, stage, architecture.head_channels, classes, architecture.dropout, architecture.align_corners
    )
    return {**values, "type": "PSPHead", "pool_scales": architecture.pool_scales}


def _head(
    in_channels: int, stage: int, channels: int, classes: int, dropout: float, align_corners: bool
) -> dict[str, Any]:
    return {
        "in_channels": in_channels,
        "in_index": stage,
        "channels": channels,
        "dropout_ratio": dropout,
        "num_classes": classes,
        "out_channels": classes,
        "norm_cfg": _NORM,
        "align_corners": align_corners,
    }


def _padded(pictures: Tensor, multiple: int) -> Tensor:
    height, width = pictures.shape[-2:]
    padding = (0, -width % multiple, 0, -height % multiple)
    return F.pad(pictures, padding, mode="replicate") if any(padding) else pictures


def _cut(found: Tensor, padded: Tensor, pictures: Tensor, architecture: Architecture) -> Tensor:
    """Logits at the size of what was fed, then without what was filled up."""
    if found.shape[-2:] != padded.shape[-2:]:
        corners = architecture.align_corners
        found = F.interpolate(found, padded.shape[-2:], mode="bilinear", align_corners=corners)
    height, width = pictures.shape[-2:]
    cut: torch.Tensor = found[..., :height, :width]
    return cut
