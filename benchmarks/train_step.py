"""Seconds of one training step, by memory layout and precision: python benchmarks/train_step.py pix2pix small 64x64.

Layouts and precisions are timed in turn, so that their ratios hold when the machine's speed drifts.
"""

from __future__ import annotations

import statistics
import sys
import time

import torch

from i2ibench import registry
from i2ibench.adapter import Shape
from i2ibench.models.method import Batch
from i2ibench.task import Resolution
from i2ibench.training.loop import perform
from i2ibench.training.precision import autocast, device, lay_out

ROUNDS, STEPS = 5, 4


def main(method: str = "pix2pix", preset: str = "small", resolution: str = "64x64") -> None:
    """Time each variant `ROUNDS` times, `STEPS` steps each, and print medians."""
    where = device()
    adapter = registry.adapter(method)
    size = Resolution.parse(resolution)
    count = adapter.batch_size.get(preset, 1)
    torch.manual_seed(0)
    picture = torch.rand(count, 3, *size) * 2 - 1
    variants = {}
    for layout in (torch.contiguous_format, torch.channels_last):
        built = adapter.build(adapter.configure(preset), Shape(resolution=size)).to(where)
        lay_out(built, layout)
        batch = Batch(tuple(map(str, range(count))), picture, picture.flip(3)).to(where, layout)
        built.initialize(batch)
        for precision in ("fp32", "bf16"):
            name = f"{str(layout).removeprefix('torch.')} {precision}"
            variants[name] = (built, built.optimizers(), batch, precision)
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(ROUNDS + 1):
        for name, (built, optimizers, batch, precision) in variants.items():
            started = time.perf_counter()
            for step in range(STEPS):
                updates = built.updates(batch, step)
                while True:
                    with autocast(where, precision):
                        update = next(updates, None)
                    if update is None:
                        break
                    perform(update if isinstance(update, tuple) else (update,), optimizers)
            if where.type == "cuda":
                torch.cuda.synchronize()
            seconds[name].append((time.perf_counter() - started) / STEPS)
    base = statistics.median(seconds["contiguous_format fp32"][1:])
    print(f"{method} {preset} {size}, batch {count}, {where}")
    for name, times in seconds.items():
        middle = statistics.median(times[1:])  # the first round warms up
        print(f"{name:26} {1000 * middle:9.1f} ms/step {count / middle:8.1f} pictures/s  x{base / middle:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
