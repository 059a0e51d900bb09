"""Pictures a second and core of every generated or degraded source of pictures: python benchmarks/worlds.py [TASK...].

Each task's first training rows are made in turn, several times; the best round counts. One thread by nature: the
renderers are numpy without linear algebra.
"""

from __future__ import annotations

import importlib
import sys
import time
from itertools import islice

from i2ibench import registry
from i2ibench.task import Resolution, Task

ROUNDS, PICTURES = 3, 24


def seconds(task: Task, resolution: Resolution) -> float:
    """Seconds that one picture takes, at best."""
    assert isinstance(task.data, str)
    module, _, function = task.data.partition(":")
    load = getattr(importlib.import_module(module), function)
    best = float("inf")
    for _ in range(ROUNDS):
        rows = load("train", resolution)
        next(rows)  # rasters are read and textures made
        started = time.perf_counter()
        made = sum(1 for _ in islice(rows, PICTURES))
        best = min(best, (time.perf_counter() - started) / made)
    return best


def main(*names: str) -> None:
    """Print a line for each task and resolution."""
    print(f"{'task':24} {'size':>9} {'pictures/s':>11}")
    for name in names or registry.tasks():
        task = registry.task(name)
        if task.embedded:
            for resolution in task.resolutions:
                print(f"{name:24} {resolution!s:>9} {1 / seconds(task, resolution):11.0f}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
