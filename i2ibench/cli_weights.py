"""The verbs of `i2ibench weights` and `i2ibench segmenter`: the networks that metrics read pictures with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from i2ibench import options as o
from i2ibench.errors import BenchError

weights = typer.Typer(help="List and get pretrained weights.", no_args_is_help=True)
segmenter = typer.Typer(help="Train a task's segmenter.", no_args_is_help=True)


@weights.command("get")
def get(
    names: Annotated[
        list[str] | None, typer.Argument(help="alexnet, vgg16, inception...; none: all that are missing.")
    ] = None,
    source: Annotated[Path | None, typer.Option("--from", help="A file to take them from instead of fetching.")] = None,
) -> None:
    """Fetch weights once, check them by sha256 and convert them into the cache."""
    from i2ibench import console
    from i2ibench import weights as files

    wanted = names or [name for name in files.CARDS if files.path(name) is None]
    if source is not None and len(wanted) != 1:
        raise BenchError(f"--from names one file, and {len(wanted)} weights were asked for: name one")
    for name in wanted:
        console.out.print(f"{name}: {files.get(name, source, progress=console.Bars())}", highlight=False)


@weights.command("list")
def list_(json: o.Json = False) -> None:
    """List weights, and where those at hand lie."""
    from i2ibench import console
    from i2ibench.doctor import report

    console.show_list([entry.model_dump() for entry in report().weights], json)


@segmenter.command("train")
def train(
    task: Annotated[str, typer.Argument(help="A labelled task.")],
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
) -> None:
    """Train the PSPNet that scores a labelled task, on its real training pictures, and score it on real ones."""
    from i2ibench import console, registry
    from i2ibench.metrics.segmenter_training import train as train_segmenter
    from i2ibench.training.precision import device as find_device

    labelled = registry.task(task)
    card = train_segmenter(
        labelled,
        seed=seed,
        resolutions=[labelled.resolution(size) for size in resolution or ()],
        device=find_device(device),
        out=out,
        limit=limit,
        progress=console.Bars(),
    )
    console.show(card, False)
