"""The verbs `i2ibench train` and `i2ibench pretrain`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from i2ibench import options as o
from i2ibench.errors import BenchError, nearest

if TYPE_CHECKING:
    from i2ibench.record import RunSpec


def train(
    method: o.Method,
    task: o.Task,
    budget: o.Budget,
    preset: o.Preset = "paper",
    set_: o.Set = None,
    resolution: o.Resolution = None,
    seed: o.Seed = 0,
    batch_size: o.BatchSize = None,
    precision: o.Precision = "fp32",
    out: o.Out = Path("runs"),
    device: o.Device = None,
    limit: o.Limit = None,
    checkpoint_steps: o.CheckpointSteps = None,
    checkpoint_minutes: o.CheckpointMinutes = 1.0,
) -> None:
    """Train a method on a task.

    The same command again continues where it was stopped, bit for bit on the same device.
    """
    from i2ibench import console
    from i2ibench.run import Run
    from i2ibench.training.precision import device as find_device

    spec = _spec(method, task, budget, preset, set_, resolution, seed, batch_size, precision, limit)
    one = Run(spec, out, find_device(device), console.Bars(), None, checkpoint_steps, checkpoint_minutes)
    one.perform("train")
    console.out.print(f"trained: {one.folder.path}\nnext: i2ibench evaluate {one.folder.path}", highlight=False)


def pretrain(
    method: o.Method,
    task: o.Task,
    budget: o.Budget,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", help="What the networks are to be called; by default by method, preset, task and resolution."
        ),
    ] = None,
    preset: o.Preset = "paper",
    set_: o.Set = None,
    resolution: o.Resolution = None,
    seed: o.Seed = 0,
    batch_size: o.BatchSize = None,
    precision: o.Precision = "fp32",
    out: o.Out = Path("runs"),
    device: o.Device = None,
    limit: o.Limit = None,
    checkpoint_steps: o.CheckpointSteps = None,
    checkpoint_minutes: o.CheckpointMinutes = 1.0,
) -> None:
    """Train networks that other methods start from: BigGAN or StyleGAN, which DeepI2I transfers.

    Trains as `train` does, and keeps the networks in the cache under a name, which a method's config then takes. The
    same command again continues where it was stopped.
    """
    from i2ibench import console
    from i2ibench.run import Run, check_pretrains
    from i2ibench.training.precision import device as find_device

    check_pretrains(method)
    spec = _spec(method, task, budget, preset, set_, resolution, seed, batch_size, precision, limit)
    one = Run(spec, out, find_device(device), console.Bars(), None, checkpoint_steps, checkpoint_minutes)
    kept, file = one.keep_networks(name)
    console.out.print(f"networks {kept}: {file}", highlight=False)
    for other in one.adapter.card.starts:
        console.out.print(f"next: i2ibench train {other} TASK --set gan={kept}", highlight=False)


def _spec(
    method: str,
    task: str,
    budget: str,
    preset: str,
    set_: list[str] | None,
    resolution: str | None,
    seed: int,
    batch_size: int | None,
    precision: str,
    limit: int | None,
) -> RunSpec:
    """What was asked for, checked. Raises `BenchError` before any work."""
    from i2ibench.record import Budget
    from i2ibench.run import plan

    if precision not in ("fp32", "bf16"):
        raise BenchError(f"precision {precision!r} is none: {nearest(precision, ('fp32', 'bf16'))}")
    return plan(
        method,
        task,
        preset=preset,
        overrides=o.pairs(set_),
        resolution=resolution,
        seed=seed,
        budget=Budget.parse(budget),
        batch_size=batch_size,
        precision=cast(Literal["fp32", "bf16"], precision),
        limit=limit,
    )
