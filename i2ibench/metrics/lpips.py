"""LPIPS: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", arXiv:1801.03924.

The package `lpips`, version 0.1: its own calibrated heads on torchvision's ImageNet trunk, which comes from
`i2ibench.weights`. `lpips` is on AlexNet, the package's default, and `lpips_vgg` on VGG16: two scales that do not
compare. Pictures are in [-1, 1] as the network expects; the value is a distance between each output and its own target,
or its own source (`lpips_source`).

`load`, `unit_features` and `distance` are the same arithmetic with the features of a picture taken apart from the
comparison of two, for metrics that compare a picture with several others (`metrics.diversity`).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn
from typing_extensions import Self

from i2ibench import weights
from i2ibench.metrics.extractors import full_precision, parts
from i2ibench.metrics.metric import Chunk, Metric, Setting, counterpart, mean_score
from i2ibench.protocol import Score

_EPSILON = 1e-10
"""Keeps places without any feature at 0, as the package has it."""


class LPIPS(Metric):
    """The mean LPIPS distance between outputs and their targets."""

    name = "lpips"
    title = "Learned perceptual distance to the target (Zhang et al. 2018), AlexNet v0.1"
    columns: ClassVar = {"lpips": False}
    pairwise = True
    weights = ("alexnet",)
    net: ClassVar[str] = "alex"
    """The package's name of the trunk in `weights`."""
    layers: ClassVar[str] = "relu1 to relu5"
    smallest: ClassVar[int] = 31
    """Pixels a side below which the trunk's last pooling has nothing left."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.values: dict[str, float] = {}

    @classmethod
    def unavailable(cls, setting: Setting) -> str | None:
        """Besides the usual reasons: the trunk takes no smaller pictures than `smallest` pixels a side."""
        if min(setting.resolution) < cls.smallest:
            (trunk,) = cls.weights
            return (
                f"pictures of {setting.resolution} are too small for the trunk {trunk!r}, which takes {cls.smallest} "
                "pixels a side"
            )
        return super().unavailable(setting)

    @torch.inference_mode()
    def update(self, chunk: Chunk) -> None:
        """Compare each output with its counterpart."""
        network = load(self.net, "0.1", *self.weights, chunk.output.device)
        sides = (parts(pictures, pictures.device) for pictures in (chunk.output, counterpart(self, chunk)))
        with full_precision():
            distances = [network(*pair).flatten() for pair in zip(*sides, strict=True)]
        self.values.update(zip(chunk.names, torch.cat(distances).tolist(), strict=True))

    def merge(self, other: Self) -> None:
        """Keep the values of other pictures."""
        self.values.update(other.values)

    def compute(self) -> tuple[Score, ...]:
        """The mean over pictures."""
        protocol = self.setting.protocol(
            self.name,
            reference="source" if self.reads_source else "target of each source",
            **fields(self.net, "0.1", *self.weights, self.layers),
        )
        return (mean_score(self, list(self.values.values()), protocol),)

    def per_picture(self) -> Mapping[str, Mapping[str, float]]:
        """Each picture's distance."""
        return {self.name: self.values}


class LPIPSVGG(LPIPS):
    """The mean LPIPS distance between outputs and their targets on VGG16."""

    name = "lpips_vgg"
    title = "Learned perceptual distance to the target (Zhang et al. 2018), VGG16 v0.1"
    columns: ClassVar = {"lpips_vgg": False}
    weights = ("vgg16",)
    net = "vgg"
    layers = "relu1_2, relu2_2, relu3_3, relu4_3, relu5_3"
    smallest = 16


class LPIPSSource(LPIPS):
    """The mean LPIPS distance between outputs and their sources: how far a translation went from what it was given."""

    name = "lpips_source"
    title = "Content preservation: learned perceptual distance to the source (Zhang et al. 2018), AlexNet v0.1"
    columns: ClassVar = {"lpips_source": False}
    pairwise = False
    reads_source = True


def load(net: str, version: str, trunk: str, device: torch.device) -> nn.Module:
    """The package's network `net` with the heads of `version`, "0.0" or "0.1", on the weights named `trunk`."""
    return _load(net, version, *_file(trunk), device)


def fields(net: str, version: str, trunk: str, layers: str) -> dict[str, str]:
    """The protocol fields by which that network changes a number."""
    return {
        "value_range": "[-1, 1]",
        "extractor": f"lpips {version}, {net}",
        "layer": f"{layers}, calibrated heads of the lpips package",
        "weights_sha256": _file(trunk)[1],
        "resize": "none",
    }


def unit_features(network: nn.Module, pictures: Tensor) -> tuple[Tensor, ...]:
    """What `distance` needs of pictures `[B, 3, H, W]` in [-1, 1]: each layer's features `[B, C, h, w]`, brought to
    length 1 over the channels of each place (Zhang et al. 2018, section 3).
    """
    scale, trunk = network.get_submodule("scaling_layer"), network.get_submodule("net")
    layers = trunk(scale(pictures) if network.version == "0.1" else pictures)  # 0.0 had left the scaling out
    return tuple(layer / (layer.square().sum(1, keepdim=True).sqrt() + _EPSILON) for layer in layers)


def distance(network: nn.Module, first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
    """LPIPS float32 `[B]` between pictures of which `unit_features` were taken; Zhang et al. 2018, equation 1."""
    layers = zip(network.get_submodule("lins").children(), first, second, strict=True)
    return torch.stack([head((one - other).square()).mean((1, 2, 3)) for head, one, other in layers]).sum(0)


def _file(name: str) -> tuple[Path, str]:
    file = weights.path(name)
    assert file is not None, "`unavailable` is asked before"
    return file, weights.sha256(file)


@lru_cache(maxsize=4)
def _load(net: str, version: str, trunk: Path, sha256: str, device: torch.device) -> nn.Module:
    """The package's network with the trunk's convolutions put into its slices, which keep torchvision's indices."""
    import lpips
    from safetensors.torch import load_file

    with warnings.catch_warnings():  # the package asks torchvision in a way that has become old
        warnings.simplefilter("ignore")
        network: nn.Module = lpips.LPIPS(net=net, version=version, pnet_rand=True, verbose=False)
    state = load_file(trunk)
    names = {name: name.split(".", 2)[2] for name in network.state_dict() if name.startswith("net.slice")}
    missing, unexpected = network.load_state_dict(
        {name: state[f"features.{rest}"] for name, rest in names.items()}, strict=False
    )
    assert not unexpected and not any(name in names for name in missing)
    return network.eval().requires_grad_(False).to(device)
