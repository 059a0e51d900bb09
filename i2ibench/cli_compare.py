"""The verb `i2ibench compare`: two methods on the same pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from i2ibench import options as o


def compare(
    a: Annotated[
        Path,
        typer.Argument(
            help="A run's folder or one that `evaluate` made; or, in quotes, a pattern of its seeds' folders."
        ),
    ],
    b: Annotated[Path, typer.Argument(help="The same of the other method.")],
    metrics: o.Metrics = None,
    json: o.Json = False,
) -> None:
    """Test whether one method is better than another on the same pictures.

    Picture by picture: the mean difference with its 95 % interval, a paired test, and its p-value after Holm's
    correction for all metrics compared, by default all that were scored. Several seeds of a method are averaged
    picture by picture first. Scores of sets have no values of single pictures, so they are shown and not tested.
    """
    from i2ibench import console
    from i2ibench.comparison import compare as perform

    console.show_comparison(perform(a, b, metrics), json)
