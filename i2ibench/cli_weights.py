"""The verbs of `i2ibench weights` and `i2ibench segmenter`: the networks that metrics read pictures with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from i2ibench import options as o
from i2ibench.errors import BenchError

weights = typer.Typer(help="List, get and add pretrained weights.", no_args_is_help=True)
segmenter = typer.Typer(help="Train or add a task's segmenter.", no_args_is_help=True)


@weights.command("get")
def get(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="alexnet, vgg16, inception, dinov2_vitl14...; none: what the tasks' own metrics lack."),
    ] = None,
    source: Annotated[Path | None, typer.Option("--from", help="A file to take them from instead of fetching.")] = None,
) -> None:
    """Fetch weights once, check them by sha256 and convert them into the cache."""
    from i2ibench import console
    from i2ibench import weights as files

    wanted = names or [name for name, card in files.cards().items() if not card.on_demand and files.path(name) is None]
    if source is not None and len(wanted) != 1:
        raise BenchError(f"--from names one file, and {len(wanted)} weights were asked for: name one")
    for name in wanted:
        console.out.print(f"{name}: {files.get(name, source, progress=console.Bars())}", highlight=False)


@weights.command("add")
def add_own(
    name: Annotated[str, typer.Argument(help="What the networks are to be called, say in --set gan=NAME.")],
    source: Annotated[Path, typer.Option("--from", help="Their file, .safetensors or .pth.")],
) -> None:
    """Take networks of your own into the cache, for methods that start from such."""
    from i2ibench import console
    from i2ibench import weights as files

    console.out.print(f"{name}: {files.add(name, source)}", highlight=False)


@weights.command("list")
def list_(json: o.Json = False) -> None:
    """List weights, and where those at hand lie."""
    from i2ibench import console
    from i2ibench.doctor import report

    console.show_list([entry.model_dump() for entry in report().weights], json)


@segmenter.command("train")
def train(
    task: Annotated[str, typer.Argument(help="A labelled task.")],
    network: Annotated[
        str, typer.Option("--network", help="unet: for small pictures; resnet18, resnet50: as published, for large.")
    ] = "unet",
    backbone: Annotated[
        Path | None,
        typer.Option("--backbone", help="ImageNet checkpoint that a ResNet begins with.", show_default=False),
    ] = None,
    resolution: Annotated[
        list[str] | None,
        typer.Option(
            "--resolution",
            help="One to train for; repeat for several. By default the task's, of your own files those prepared.",
            show_default=False,
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="KEY=VALUE for a field of the recipe, say crop=512x1024; repeat.", show_default=False
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
    from i2ibench.metrics.segmentation.training import recipe_of
    from i2ibench.metrics.segmentation.training import train as train_segmenter
    from i2ibench.training.precision import device as find_device

    labelled = registry.task(task)
    card = train_segmenter(
        labelled,
        seed=seed,
        resolutions=[labelled.resolution(size) for size in resolution or ()],
        network=network,
        recipe=recipe_of(network, set_ or ()),
        backbone=backbone,
        device=find_device(device),
        out=out,
        limit=limit,
        progress=console.Bars(),
    )
    console.show(card, False)


@segmenter.command("add")
def add(
    task: Annotated[str, typer.Argument(help="A task with the classes of Cityscapes.")],
    source: Annotated[str, typer.Option("--from", help="The checkpoint: a file or an address.")],
    format_: Annotated[
        str | None,
        typer.Option("--format", help="mmseg or semseg; by default as its names say.", show_default=False),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            "--size", help="HEIGHTxWIDTH that pictures are brought to; by default 1024x2048.", show_default=False
        ),
    ] = None,
    figures: Annotated[
        tuple[float, float] | None,
        typer.Option(
            "--published",
            help="Its published pixel accuracy and mIoU on Cityscapes' validation at 1024x2048, in [0, 1]: to be "
            "found again there. By default those of semseg's PSPNet50.",
            show_default=False,
        ),
    ] = None,
    device: o.Device = None,
) -> None:
    """Make a published PSPNet, trained on Cityscapes, the segmenter that scores a task."""
    from i2ibench import console, registry
    from i2ibench.metrics.segmentation.adding import add as add_segmenter
    from i2ibench.task import Resolution
    from i2ibench.training.precision import device as find_device

    card = add_segmenter(
        registry.task(task),
        source,
        form=format_,
        size=None if size is None else Resolution.parse(size),
        figures=figures,
        device=find_device(device),
        progress=console.Bars(),
    )
    console.show(card, False)
