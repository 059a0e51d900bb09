"""The command line's options, each in one place; verbs name those they take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from i2ibench.errors import BenchError

Method = Annotated[str, typer.Argument(help="i2ibench list methods")]
Task = Annotated[str, typer.Argument(help="i2ibench list tasks")]
Json = Annotated[bool, typer.Option("--json", help="Print data for programs instead of a table for people.")]
Device = Annotated[
    str | None,
    typer.Option("--device", help="cpu, cuda or cuda:N; by default CUDA where there is one.", show_default=False),
]
Seed = Annotated[int, typer.Option("--seed", help="Everything random is a function of it.")]
Seeds = Annotated[
    list[int] | None,
    typer.Option("--seed", help="Seeds instead of the suite's; repeat the option for several.", show_default=False),
]
Out = Annotated[Path, typer.Option("--out", help="Folder under which results are written.")]
Limit = Annotated[
    int | None,
    typer.Option(
        "--limit", min=1, help="Only that many pictures of each split; results are marked quick.", show_default=False
    ),
]
Resolution = Annotated[
    str | None,
    typer.Option("--resolution", help="HEIGHTxWIDTH offered by the task; by default its first.", show_default=False),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="KEY=VALUE for a field of the method's config; repeat for several.", show_default=False),
]
Preset = Annotated[str, typer.Option("--preset", help="paper: the published numbers; small: fits the embedded tasks.")]
Budget = Annotated[
    str,
    typer.Option(
        "--budget", help="How long to train: '3000 steps', '20000 pictures' (sequences, of video), '5 minutes'."
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option("--batch-size", min=1, help="Pictures a step; by default the preset's.", show_default=False),
]
Precision = Annotated[str, typer.Option("--precision", help="fp32, or bf16 autocast.")]
Metrics = Annotated[
    list[str] | None,
    typer.Option(
        "--metrics",
        help="Metrics instead of the task's, separated by commas (i2ibench list metrics); may be repeated.",
        callback=lambda texts: (
            [name.strip() for text in texts or () for name in text.split(",") if name.strip()] or None
        ),
        show_default=False,
    ),
]
Reference = Annotated[
    str,
    typer.Option("--reference", help="Compare sets with the real targets of this split: test, or train."),
]
Rescore = Annotated[bool, typer.Option("--rescore", help="Score again what was scored, say with weights now at hand.")]
CheckpointSteps = Annotated[
    int | None,
    typer.Option("--checkpoint-steps", min=1, help="Checkpoint every so many steps.", show_default=False),
]
CheckpointMinutes = Annotated[float, typer.Option("--checkpoint-minutes", help="Checkpoint at least this often.")]


def pairs(texts: list[str] | None) -> dict[str, str]:
    """`KEY=VALUE` texts as a mapping. Raises `BenchError` on a text without `=`."""
    found = {}
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not equals:
            raise BenchError(f"--set {text!r} is not KEY=VALUE")
        found[key.strip()] = value
    return found
