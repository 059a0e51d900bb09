"""Devices and number formats."""

from __future__ import annotations

import contextlib
import platform
from contextlib import AbstractContextManager
from itertools import chain
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from i2ibench.errors import BenchError

Precision = Literal["fp32", "bf16"]

_CLEAR = Path("/proc/self/clear_refs")
"""Linux: writing 5 starts the resident peak afresh."""


def device(name: str | None = None) -> torch.device:
    """The device `name`, or the best at hand. Raises `BenchError` where there is none of that name."""
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(name)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise BenchError(
            f"device {name!r} cannot be used ({reason}): choose cpu or cuda (see i2ibench doctor)"
        ) from error
    return found


def device_name(where: torch.device) -> str:
    """The hardware behind a device, for provenance."""
    if where.type == "cuda":
        return torch.cuda.get_device_name(where)
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"


def autocast(where: torch.device, precision: Precision) -> AbstractContextManager[None]:
    """Forward passes inside run in `precision`; parameters, gradients and optimiser states stay float32."""
    return torch.autocast(where.type, torch.bfloat16, enabled=precision == "bf16")


def memory_format(where: torch.device, precision: Precision) -> torch.memory_format:
    """The layout in which convolutions train fastest: channels last for tensor cores and for bf16, else contiguous."""
    return torch.channels_last if where.type == "cuda" or precision == "bf16" else torch.contiguous_format


def lay_out(module: nn.Module, layout: torch.memory_format) -> None:
    """Bring convolutions' weights to `layout`; those over time as well as space stay as they are."""
    for tensor in chain(module.parameters(), module.buffers()):
        if tensor.dim() == 4:
            tensor.data = tensor.data.contiguous(memory_format=layout)


def reset_peak_memory(where: torch.device) -> None:
    """Start `peak_memory` afresh, where the system can."""
    if where.type == "cuda":
        torch.cuda.reset_peak_memory_stats(where)
    elif _CLEAR.exists():
        with contextlib.suppress(OSError):
            _CLEAR.write_text("5")


def peak_memory(where: torch.device) -> int:
    """Bytes at the highest: the allocator's on CUDA, the whole resident process's on CPU."""
    if where.type == "cuda":
        return int(torch.cuda.max_memory_allocated(where))
    if _CLEAR.exists():
        status = Path("/proc/self/status").read_text()
        return 1024 * int(status.split("VmHWM:")[1].split()[0])
    import resource  # what is left: the peak since the process began, in bytes on macOS

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
