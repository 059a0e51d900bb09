"""The verbs of `i2ibench pose`: the networks that find keypoints again in translations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from i2ibench import options as o

app = typer.Typer(help="Train a task's pose reader.", no_args_is_help=True)


@app.callback()
def _pose() -> None:
    """Train a task's pose reader."""


@app.command()
def train(
    task: Annotated[str, typer.Argument(help="A task with keypoints (i2ibench list tasks --needs keypoints).")],
    resolution: Annotated[
        list[str] | None,
        typer.Option(
            "--resolution",
            help="One to train for; repeat for several. By default the task's, of your own files those prepared.",
            show_default=False,
        ),
    ] = None,
    seed: o.Seed = 0,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for weights and card; by default the cache.")
    ] = None,
    device: o.Device = None,
    limit: o.Limit = None,
    json: o.Json = False,
) -> None:
    """Train the network that scores a task by `pose`, on its real target pictures, and score it on real others."""
    from i2ibench import console, registry
    from i2ibench.metrics.posing.training import train as train_reader
    from i2ibench.training.precision import device as find_device

    posed = registry.task(task)
    card = train_reader(
        posed,
        seed=seed,
        resolutions=[posed.resolution(size) for size in resolution or ()],
        device=find_device(device),
        out=out,
        limit=limit,
        progress=console.Bars(),
    )
    console.show(card, json)
