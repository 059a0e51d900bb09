"""Reads segmenters and backbones that others trained: checkpoints of mmseg, of hszhao/semseg and of ImageNet ResNets.

They are pickles, so they are read with PyTorch's `weights_only`, which builds tensors, plain containers and, allowed
here, numpy's arrays and numbers, and runs nothing. Networks are rebuilt in mmseg's names.
"""

from __future__ import annotations

import ast
import hashlib
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from i2ibench.errors import BenchError
from i2ibench.metrics.segmentation.card import ForeignFile, Format
from i2ibench.metrics.segmentation.feeding import IMAGENET_MEAN, IMAGENET_STD, Feeding
from i2ibench.metrics.segmentation.networks import Architecture, ResNetArchitecture, UNetArchitecture, build
from i2ibench.task import Resolution

State = dict[str, Tensor]

FORMATS: tuple[Format, ...] = ("mmseg", "semseg")
"""Of whole segmenters."""

_SEMSEG = (
    (r"layer0\.([013467])\.(.+)", r"backbone.stem.\1.\2"),
    (r"(layer[1-4]\..+)", r"backbone.\1"),
    (r"ppm\.features\.(\d+)\.1\.(.+)", r"decode_head.psp_modules.\1.1.conv.\2"),
    (r"ppm\.features\.(\d+)\.2\.(.+)", r"decode_head.psp_modules.\1.1.bn.\2"),
    (r"cls\.0\.(.+)", r"decode_head.bottleneck.conv.\1"),
    (r"cls\.1\.(.+)", r"decode_head.bottleneck.bn.\1"),
    (r"cls\.4\.(.+)", r"decode_head.conv_seg.\1"),
    (r"aux\.0\.(.+)", r"auxiliary_head.convs.0.conv.\1"),
    (r"aux\.1\.(.+)", r"auxiliary_head.convs.0.bn.\1"),
    (r"aux\.4\.(.+)", r"auxiliary_head.conv_seg.\1"),
)
"""semseg's names of a PSPNet and mmseg's. Its deep stem has the layers of mmseg's, in the same order."""
_TIMM_STEM = ((r"conv1\.([01346])\.(.+)", r"stem.\1.\2"), (r"bn1\.(.+)", r"stem.7.\1"))
"""timm's names of a deep stem (its resnet50c) and mmseg's."""
_DEPTHS = {(2, 2, 2, 2): 18, (3, 4, 6, 3): 50, (3, 4, 23, 3): 101, (3, 8, 36, 3): 152}
"""By blocks in each layer; where those of 50 are basic blocks, the depth is 34."""


@dataclass(frozen=True)
class Checkpoint:
    """A foreign PSPNet in our terms."""

    file: ForeignFile
    architecture: ResNetArchitecture
    feeding: Feeding
    classes: tuple[str, ...] | None
    """As the file names them, where it does."""
    network: nn.Module


def read_checkpoint(file: Path, name: str, form: Format | None = None) -> Checkpoint:
    """The PSPNet in `file`, which is called `name` on cards; its format is seen from the names unless `form` says it.

    Raises `BenchError` where the file is no such checkpoint, naming every tensor that is missing, left over or of
    another shape.
    """
    content = load_safely(file)
    state = _state(content, file)
    form = form or ("mmseg" if any(key.startswith("decode_head.") for key in state) else "semseg")
    if form == "semseg":
        state = _renamed(state, _SEMSEG)
    settings = _settings(content) if form == "mmseg" else {}
    architecture = _architecture(state, form, settings)
    weights = [value for key, value in state.items() if key == "decode_head.conv_seg.weight"]
    network = build(architecture, len(weights[0]) if weights else 19, auxiliary=True)
    wanted = network.state_dict()
    if not any(key.startswith("auxiliary_head.") for key in state):
        wanted = {key: value for key, value in wanted.items() if not key.startswith("auxiliary_head.")}
    problems = _differences(state, wanted)
    if problems:
        raise BenchError(
            f"checkpoint {str(file)!r}, read as {form}'s, is no PSPNet on a ResNet-{architecture.depth}: "
            f"{'; '.join(problems)}. Take a PSPNet of mmseg (pspnet_r18-d8, -r50-d8, -r101-d8) or hszhao/semseg's "
            "pspnet50, and name another format with --format if it was mistaken"
        )
    network.load_state_dict(state, strict=False)
    return Checkpoint(
        file=ForeignFile(file=name, format=form, sha256=_sha256(file)),
        architecture=architecture,
        feeding=_feeding(form, settings),
        classes=_classes(content),
        network=network,
    )


def load_backbone(network: nn.Module, architecture: Architecture, file: Path) -> ForeignFile:
    """Put the ImageNet checkpoint in `file`, in torchvision's names, into the backbone of `network`.

    Raises `BenchError` where it does not fit, and says what does.
    """
    if isinstance(architecture, UNetArchitecture):
        raise BenchError(
            f"backbone {str(file)!r} was given, and the segmenter's U-Net begins with none: leave --backbone out, or "
            "choose a ResNet with --network"
        )
    state = _state(load_safely(file), file)
    state = {key.removeprefix("backbone."): value for key, value in state.items()}
    if "conv1.0.weight" in state:
        state = _renamed(state, _TIMM_STEM)
    state = {key: value for key, value in state.items() if not key.startswith(("fc.", "head.", "classifier."))}
    backbone = network.get_submodule("backbone")
    problems = _differences(state, backbone.state_dict())
    if problems:
        stem = "its stem is one convolution of 7x7, as torchvision's own; " if "conv1.weight" in state else ""
        half, whole = architecture.stem_channels // 2, architecture.stem_channels
        raise BenchError(
            f"backbone {str(file)!r} does not fit the ResNet-{architecture.depth} that was asked for: {stem}"
            f"{'; '.join(problems)}. What fits is an ImageNet ResNet-{architecture.depth} of the variant C, with a "
            f"deep stem of three 3x3 convolutions ({half}, {half} and {whole} channels), in torchvision's names for "
            f"the rest: mmseg's resnet{architecture.depth}_v1c, or timm's resnet50c. Or leave --backbone out to begin "
            "from random weights"
        )
    backbone.load_state_dict(state, strict=False)
    return ForeignFile(file=file.name, format="torchvision", sha256=_sha256(file))


def load_safely(file: Path) -> Any:
    """What a `.pth` file holds, without running anything. Raises `BenchError` on objects that are not plain."""
    try:
        with torch.serialization.safe_globals(_numpy_names()):
            return torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise BenchError(f"there is no checkpoint {str(file)!r}") from error
    except pickle.UnpicklingError as error:
        culprit = re.search(r"(?:GLOBAL|global|class|function) ([\w.]+\.\w+)", str(error))
        what = f"an object of {culprit[1]}" if culprit else "what is neither tensor, number, text nor list of these"
        raise BenchError(
            f"checkpoint {str(file)!r} holds {what}, or is no checkpoint of PyTorch; objects could run code when read, "
            "so they are not. Where you trust the file, save its weights alone: torch.save({'state_dict': "
            "torch.load(FILE, weights_only=False)['state_dict']}, NEW)"
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError) as error:
        raise BenchError(f"checkpoint {str(file)!r} cannot be read as PyTorch's: {error}") from error


def _numpy_names() -> list[Any]:
    """numpy's numbers and arrays, under their names before and since numpy 2."""
    scalar, rebuild = np.float64(0).__reduce__()[0], np.zeros(1).__reduce__()[0]
    allowed: list[Any] = [np.dtype, np.ndarray, *{type(np.dtype(code)) for code in "?bBhHiIlLqQefd"}]
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        allowed += [(scalar, f"{module}.scalar"), (rebuild, f"{module}._reconstruct")]
    return allowed


def _state(content: Any, file: Path) -> State:
    """The tensors by name, without the prefix of data parallel training."""
    state = content
    if isinstance(content, Mapping):
        state = next((content[key] for key in ("state_dict", "model") if key in content), content)
    if not isinstance(state, Mapping) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise BenchError(
            f"checkpoint {str(file)!r} holds no table of tensors by name, neither by itself nor as 'state_dict': give "
            "the file of weights that a training saved"
        )
    return {str(key).removeprefix("module."): value for key, value in state.items()}


def _renamed(state: State, rules: tuple[tuple[str, str], ...]) -> State:
    renamed = {}
    for key, value in state.items():
        rule = next((rule for rule in rules if re.fullmatch(rule[0], key)), None)
        renamed[key if rule is None else re.sub(f"^{rule[0]}$", rule[1], key)] = value
    return renamed


def _differences(state: State, wanted: Mapping[str, Tensor]) -> list[str]:
    """What of `wanted` is missing, what is left over and what has another shape; [] for a fit."""
    missing = [key for key in wanted if key not in state and not key.endswith("num_batches_tracked")]
    left = [key for key in state if key not in wanted]
    shapes = [
        f"{key} is {_shape(value)} instead of {_shape(wanted[key])}"
        for key, value in state.items()
        if key in wanted and value.shape != wanted[key].shape
    ]
    told = [("missing", missing), ("left over", left), ("of another shape", shapes)]
    return [f"{len(names)} tensors are {what}: {', '.join(names)}" for what, names in told if names]


def _shape(value: Tensor) -> str:
    return "x".join(map(str, value.shape)) or "a number"


def _architecture(state: State, form: Format, settings: Mapping[str, Any]) -> ResNetArchitecture:
    """As the tensors' shapes and, where they do not tell, the file's settings or the code's habits say."""

    def channels(key: str, otherwise: int) -> int:
        return len(state[key]) if key in state else otherwise

    blocks = [re.fullmatch(r"backbone\.layer(\d)\.(\d+)\.conv1\.weight", key) for key in state]
    counts = tuple(sum(match is not None and match[1] == layer for match in blocks) for layer in "1234")
    depth = _DEPTHS.get(counts, 50)
    if depth == 50 and counts in _DEPTHS and "backbone.layer1.0.conv3.weight" not in state:
        depth = 34
    deep = "backbone.conv1.weight" not in state
    return ResNetArchitecture(
        depth=depth,
        deep_stem=deep,
        stem_channels=channels("backbone.stem.6.weight" if deep else "backbone.conv1.weight", 64),
        contract_dilation=form == "mmseg" and settings.get("contract_dilation", True),
        head_channels=channels("decode_head.bottleneck.conv.weight", 512),
        auxiliary_channels=channels("auxiliary_head.convs.0.conv.weight", 256),
        align_corners=form == "semseg" or settings.get("align_corners", False),
    )


def _feeding(form: Format, settings: Mapping[str, Any]) -> Feeding:
    """As semseg's and mmseg's own tests feed pictures of Cityscapes: 1024x2048."""
    full = Resolution(1024, 2048)
    if form == "semseg":
        return Feeding(
            mean=IMAGENET_MEAN,
            std=IMAGENET_STD,
            size=full,
            crop=Resolution(713, 713),
            stride=Resolution(476, 476),
            mirror=True,
            average="probabilities",
        )
    crop, stride = settings.get("crop_size"), settings.get("stride")
    return Feeding(
        mean=tuple(settings.get("mean", IMAGENET_MEAN)),
        std=tuple(settings.get("std", IMAGENET_STD)),
        size=full,
        crop=Resolution(*crop) if crop and stride else None,
        stride=Resolution(*stride) if crop and stride else None,
    )


def _settings(content: Any) -> dict[str, Any]:
    """What the config that mmseg stores as text says of head, dilation, numbers and crops; it is parsed, not run."""
    meta = content.get("meta") if isinstance(content, Mapping) else None
    text = (meta.get("cfg") or meta.get("config")) if isinstance(meta, Mapping) else None
    settings: dict[str, Any] = {}
    try:
        tree = ast.parse(text) if isinstance(text, str) else ast.Module([], [])
    except SyntaxError:
        return settings
    for call in ast.walk(tree):
        values = _literals(call)
        if values.get("type") == "PSPHead":
            settings["align_corners"] = bool(values.get("align_corners", False))
        if "contract_dilation" in values:
            settings["contract_dilation"] = bool(values["contract_dilation"])
        if values.get("mode") == "slide":
            settings |= {key: values[key] for key in ("crop_size", "stride") if key in values}
        if "mean" in values and "std" in values:
            settings |= {key: values[key] for key in ("mean", "std")}
    return settings


def _literals(call: ast.AST) -> dict[str, Any]:
    """The literal keyword arguments of `dict(...)`."""
    values = {}
    for keyword in call.keywords if isinstance(call, ast.Call) else ():
        try:
            values[str(keyword.arg)] = ast.literal_eval(keyword.value)
        except ValueError:
            continue
    return values


def _classes(content: Any) -> tuple[str, ...] | None:
    meta = content.get("meta") if isinstance(content, Mapping) else None
    if not isinstance(meta, Mapping):
        return None
    nested = meta.get("dataset_meta")
    names = meta.get("CLASSES") or (nested.get("classes") if isinstance(nested, Mapping) else None)
    return tuple(map(str, names)) if names else None


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
