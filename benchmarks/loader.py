"""Batches a second of the loader against the training step that it feeds: python benchmarks/loader.py [TASK...].

For each task the batches of pix2pix's recipe (resize, crop, mirror) are drawn by the stream that training uses, decoded
before and decoded each time; beside them the steps a second of pix2pix's small preset, the fastest method, on pictures
of the task's size. Rounds take turns, so that ratios hold when the machine's speed drifts.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from itertools import islice

import torch

from i2ibench import registry
from i2ibench.adapter import Augmentation, Shape
from i2ibench.data import examples, rows
from i2ibench.data.batches import Batches
from i2ibench.models.method import Batch
from i2ibench.task import Task
from i2ibench.training.loop import perform
from i2ibench.training.precision import device, lay_out

ROUNDS, BATCHES = 5, 40
RECIPE = Augmentation(scale=286 / 256, mirror=True)


def loader(task: Task, batch_size: int, kept: bool) -> Callable[[], int]:
    """Draws `BATCHES` batches; pictures are decoded before if `kept`, else on each access."""
    examples.IN_MEMORY = (2 << 30) if kept else 0
    batches = Batches(rows.load(task, task.resolution(), "train"), batch_size, 0, RECIPE)
    if kept:
        for side in {batches.examples, batches.targets} - {None}:
            for index in range(len(side)):
                side[index]
    stream = batches.stream()
    return lambda: sum(1 for _ in islice(stream, BATCHES))


def trainer(task: Task, batch_size: int) -> Callable[[], int]:
    """Takes a few steps of pix2pix small on a fixed batch."""
    where, adapter = device(), registry.adapter("pix2pix")
    shape = Shape(resolution=task.resolution())
    method = adapter.build(adapter.configure("small"), shape).to(where)
    lay_out(method, torch.channels_last)
    picture = torch.rand(batch_size, 3, *task.resolution()) * 2 - 1
    batch = Batch(tuple(map(str, range(batch_size))), picture, picture.flip(3)).to(where, torch.channels_last)
    optimizers, steps = method.optimizers(), 6

    def step() -> int:
        for number in range(steps):
            for update in method.updates(batch, number):
                perform(update if isinstance(update, tuple) else (update,), optimizers)
        if where.type == "cuda":
            torch.cuda.synchronize()
        return steps

    return step


def main(*names: str) -> None:
    """Print a line for each task."""
    batch_size = registry.adapter("pix2pix").batch_size["small"]
    print(
        f"batches of {batch_size} a second\n"
        f"{'task':24} {'size':>9} {'kept':>7} {'decoded':>8} {'steps':>7} {'kept/steps':>11}"
    )
    for name in names or ("aerial2map", "streets-label2photo", "streets-day2night", "creatures-many", "photo2painting"):
        task = registry.task(name)
        work = {"kept": loader(task, batch_size, True), "decoded": loader(task, batch_size, False)}
        work["steps"] = trainer(task, batch_size)
        rates: dict[str, list[float]] = {kind: [] for kind in work}
        for _ in range(ROUNDS + 1):
            for kind, run in work.items():
                started = time.perf_counter()
                count = run()
                rates[kind].append(count / (time.perf_counter() - started))
        middle = {kind: statistics.median(found[1:]) for kind, found in rates.items()}
        ratio = middle["kept"] / middle["steps"]
        print(
            f"{name:24} {task.resolution()!s:>9} {middle['kept']:7.0f} {middle['decoded']:8.0f} "
            f"{middle['steps']:7.1f} {ratio:10.1f}x",
            flush=True,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
