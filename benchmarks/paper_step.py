"""One update of each method at its paper's size: python benchmarks/paper_step.py [METHOD[:PRESET]...].

Each method is built by its preset `paper` for its paper's resolution, in a process of its own, and takes one whole step
of the training loop on one random example: every forward and backward pass, every optimiser. Printed are the
parameters, seconds of building and of the step, by the clock and of the processor, and the process's peak memory.
Networks that losses read get random weights; they cost as much.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Annotated

import torch
import typer

from i2ibench import registry
from i2ibench.adapter import Shape
from i2ibench.console import show_list
from i2ibench.models.method import Batch, Method, Update
from i2ibench.task import Resolution
from i2ibench.training.loop import perform

UNTRAINED = {"hierarchy_flow": {"perceptual": "untrained"}}
"""Settings that stand in for files of weights."""


def main(methods: Annotated[list[str] | None, typer.Argument()] = None) -> None:
    """Measure each of METHODS, by default all, and print a table."""
    rows = []
    for name in methods or [name for name in registry.methods() if name != "identity"]:
        done = subprocess.run([sys.executable, __file__, "--one", name], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{name}: {done.stderr}")
        rows.append(json.loads(done.stdout))
    show_list(rows, as_json=False)


def measure(name: str) -> dict[str, str]:
    """The row of one method, in this process."""
    method, _, preset = name.partition(":")
    adapter = registry.adapter(method)
    started = time.perf_counter()
    config = adapter.configure(preset or "paper", UNTRAINED.get(method))
    size = adapter.card.resolution
    built = adapter.build(config, Shape(resolution=size, classes=2))
    batch = example(size)
    built.initialize(batch)
    optimizers = built.optimizers()
    building = time.perf_counter() - started
    clock, processor = time.perf_counter(), time.process_time()
    logged = {}
    for together in updates(built, batch):
        perform(together, optimizers)
        logged.update({update.optimizer: round(update.loss.item(), 3) for update in together})
    seconds = time.perf_counter() - clock, time.process_time() - processor
    return {
        "method": name,
        "at": str(size),
        "parameters": f"{sum(p.numel() for p in built.parameters()):,}",
        "building s": f"{building:.1f}",
        "step s": f"{seconds[0]:.1f}",
        "processor s": f"{seconds[1]:.1f}",
        "peak GiB": f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f}",
        "loss": ", ".join(f"{key} {value}" for key, value in logged.items()),
    }


def updates(method: Method, batch: Batch) -> Iterator[tuple[Update, ...]]:
    """Those of one step, as the loop takes them."""
    for yielded in method.updates(batch, 0):
        yield yielded if isinstance(yielded, tuple) else (yielded,)


def example(size: Resolution) -> Batch:
    """One random pair, with classes."""
    stream = torch.Generator().manual_seed(0)
    source, target = torch.randint(0, 256, (2, 1, 3, *size), generator=stream) / 127.5 - 1
    return Batch(("one",), source, target, classes=torch.tensor([[0, 1]]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(sys.argv[2])))
    else:
        typer.run(main)
