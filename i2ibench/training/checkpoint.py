"""Checkpoints as one safetensors file: weights, averages, every optimiser's state, the step and the run's spec.

No random state is kept (draws are functions of the step) and no clock, so equal trainings give equal bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from i2ibench.errors import BenchError
from i2ibench.models.method import Method
from i2ibench.record import RunSpec
from i2ibench.store import written
from i2ibench.training.averages import Averages, load_averages


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds."""

    step: int
    """Steps done."""
    spec: RunSpec
    tensors: dict[str, dict[str, Tensor]]
    """By part: "model", "averages", "optimizers"."""


def save(
    path: Path, step: int, spec: RunSpec, method: Method, optimizers: Mapping[str, Optimizer], averages: Averages
) -> None:
    """Write a checkpoint, atomically."""
    from safetensors.torch import save_file

    parts = {"model": method.state_dict(), "averages": averages.state(), "optimizers": _optimizer_state(optimizers)}
    tensors = {
        f"{part}/{name}": tensor.detach().cpu().contiguous()
        for part, named in parts.items()
        for name, tensor in named.items()
    }
    about = json.dumps({"step": step, "spec": spec.model_dump(mode="json")}, sort_keys=True)
    with written(path) as aside:
        # one metadata key: the order of several is not fixed, and equal checkpoints should be equal files
        save_file(_unshared(tensors), str(aside), metadata={"i2ibench": about})


def load(path: Path, spec: RunSpec | None = None) -> Checkpoint:
    """Read a checkpoint. Raises `BenchError` where it is not one of ours, or of another spec than `spec`."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            about = json.loads((file.metadata() or {})["i2ibench"])
            flat = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
    except (OSError, SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise BenchError(
            f"{str(path)!r} is no checkpoint of i2ibench ({type(error).__name__}: {error}): remove it to train anew"
        ) from error
    found = RunSpec.model_validate(about["spec"])
    if spec is not None and spec != found:
        told = "; ".join(
            f"{name} is {was!r} there and {now!r} here" for name, (was, now) in found.difference(spec).items()
        )
        raise BenchError(
            f"checkpoint {str(path)!r} is of another config ({told}): use that config, or another run folder"
        )
    tensors: dict[str, dict[str, Tensor]] = {"model": {}, "averages": {}, "optimizers": {}}
    for name, tensor in flat.items():
        part, _, rest = name.partition("/")
        tensors[part][rest] = tensor
    return Checkpoint(about["step"], found, tensors)


def restore(checkpoint: Checkpoint, method: Method, optimizers: Mapping[str, Optimizer], averages: Averages) -> None:
    """Bring a method and its optimisers to where the checkpoint was."""
    method.load_state_dict(checkpoint.tensors["model"])
    averages.load(checkpoint.tensors["averages"])
    _load_optimizer_state(optimizers, checkpoint.tensors["optimizers"])


def restore_for_translation(checkpoint: Checkpoint, method: Method) -> None:
    """Load the weights that translate: the averages where the method keeps any, else the last."""
    try:
        method.load_state_dict(checkpoint.tensors["model"])
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise BenchError(f"the checkpoint does not fit {type(method).__name__} as configured: {reason}") from error
    load_averages(method, checkpoint.tensors["averages"])


def _optimizer_state(optimizers: Mapping[str, Optimizer]) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}
    for name, optimizer in optimizers.items():
        for index, values in optimizer.state_dict()["state"].items():
            for key, value in values.items():
                state[f"{name}/{index}/{key}"] = torch.as_tensor(value)
    return state


def _load_optimizer_state(optimizers: Mapping[str, Optimizer], state: Mapping[str, Tensor]) -> None:
    for name, optimizer in optimizers.items():
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        values: dict[int, dict[str, Any]] = {}
        for key, value in state.items():
            owner, index, field = key.split("/")
            if owner == name:
                like = parameters[int(index)]
                if value.shape == like.shape:  # fused kernels walk state and parameter alike: same memory layout
                    value = torch.empty_like(like, dtype=value.dtype).copy_(value)
                values.setdefault(int(index), {})[field] = value
        optimizer.load_state_dict({"state": values, "param_groups": optimizer.state_dict()["param_groups"]})


def _unshared(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copies of tensors that share memory (tied weights), which safetensors refuses to write."""
    seen: set[int] = set()
    out: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr()
        out[name] = tensor.clone() if place in seen else tensor
        seen.add(place)
    return out
