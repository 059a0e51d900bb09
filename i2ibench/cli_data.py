"""The verbs of `i2ibench data`: prepare, check and look at a task's pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from i2ibench import options as o

if TYPE_CHECKING:
    from i2ibench.task import Task

app = typer.Typer(
    help=(
        "Prepare, check and look at a task's pictures.\n\nTasks that run at once need none of this: their pictures "
        "are made on first use."
    ),
    no_args_is_help=True,
)

TaskName = Annotated[
    str, typer.Argument(metavar="TASK", help="A task's name (i2ibench list tasks), or a .toml file with a card.")
]
Root = Annotated[
    Path | None,
    typer.Option(
        "--root", help="The data set as it was distributed: its folder, or its zip or tar.", show_default=False
    ),
]


@app.command()
def prepare(
    task: TaskName,
    root: Root = None,
    resolution: o.Resolution = None,
    leave_out: Annotated[
        bool, typer.Option("--leave-out", help="Go on without files that cannot be used, and record which.")
    ] = False,
    stream: Annotated[
        bool,
        typer.Option("--stream", help="Copy nothing: read pictures where they lie, each time. For very large sets."),
    ] = False,
    json: o.Json = False,
) -> None:
    """Read a data set once, so that its task can be run.

    Every picture is decoded, checked, brought to the task's resolution and kept in the cache; the data set itself is
    only read. A card of your own (see i2ibench list layouts) is known by its name from then on.
    """
    from i2ibench import console
    from i2ibench.data.prepare import prepare as prepare_task

    card = _card(task)
    size = card.resolution(resolution)
    made = prepare_task(card, root, size, leave_out=leave_out, stream=stream, progress=console.Bars())
    rows = [
        {"split": name, **record.model_dump(exclude={"format", "left_out", "streamed"})}
        for name, record in made.items()
    ]
    console.show_list(rows, json)
    if not json:
        console.out.print(f"next: i2ibench data preview {card.name}", highlight=False)


@app.command()
def check(task: TaskName, root: Root = None, json: o.Json = False) -> None:
    """Read every file of a data set and tell everything that is wrong with it at once.

    Counts against the card's, sizes, formats, unreadable files, partners that are missing, labels outside the table.
    Nothing is written. Exits with 1 where files cannot be used.
    """
    from i2ibench import console
    from i2ibench.data.checks import check as check_task

    checks = check_task(_card(task), root, progress=console.Bars())
    if json:
        console.print_json([one.model_dump(mode="json") for one in checks])
    else:
        for one in checks:
            console.show(one, False)
    raise typer.Exit(0 if all(one.usable for one in checks) else 1)


@app.command()
def preview(
    task: TaskName,
    split: Annotated[str, typer.Option("--split", help="train, val or test.")] = "train",
    count: Annotated[int, typer.Option("--count", min=1, help="Rows of the sheet, or pictures in one.")] = 8,
    resolution: o.Resolution = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The PNG to write; by default TASK-SPLIT.png.", show_default=False)
    ] = None,
) -> None:
    """Draw a contact sheet of a task's pictures."""
    from i2ibench import console
    from i2ibench.data import preview as previews
    from i2ibench.data import rows

    card = _card(task)
    made = rows.load(card, card.resolution(resolution), split, progress=console.Bars())
    path = out or Path(f"{card.name}-{split}.png")
    previews.draw(path, made, count)
    console.out.print(f"contact sheet: {path}", highlight=False)


def _card(name: str) -> Task:
    from i2ibench import own_tasks, registry

    return own_tasks.read(Path(name)) if name.endswith(".toml") else registry.task(name)
