"""A contact sheet of a split: what its pictures are, at a glance."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from i2ibench.data.columns import Example
from i2ibench.data.labels import painted
from i2ibench.data.pictures import Pixels, grid, write_png
from i2ibench.data.rows import Split
from i2ibench.data.tables import Table
from i2ibench.task import Task

_SIDE = 128
"""Pixels that the shorter side of a small picture is enlarged to."""


def draw(path: Path, split: Split, count: int = 8) -> None:
    """Write a sheet of `count` examples spread over `split` to `path`.

    Paired: an example a row, with its labels. Unpaired: sources left, targets right. Many-class: a class a row.
    Video: a sequence a row.
    """
    zoom = max(1, _SIDE // min(split.resolution))
    if "sequence" in split.rows.columns:
        rows, titles = _strips(split.rows, count)
    elif split.task.supervision == "many-class":
        rows, titles = _classes(split, count)
    elif split.targets is not None:
        left, right = (_spread(table, count * 2) for table in (split.rows, split.targets))
        pictures = [one["source"] for one in left], [one["target"] for one in right]
        count = min(count, len(left) // 2, len(right) // 2)
        rows = [[side[at * 2 + column] for side in pictures for column in (0, 1)] for at in range(count)]
        titles = ["source", "", "target", ""]
    else:
        examples = _spread(split.rows, count)
        rows = [_example(example, split.task) for example in examples]
        titles = [column for column in ("source", "target", "labels") if column in examples[0]]
    write_png(path, grid(rows, titles, zoom))


def _spread(table: Table, count: int) -> list[Example]:
    """`count` examples at equal distances."""
    return [table[int(index)] for index in np.linspace(0, len(table) - 1, min(count, len(table)))]


def _example(example: Example, task: Task) -> list[Pixels]:
    pictures = [example[column] for column in ("source", "target") if column in example]
    if "labels" in example and task.labels is not None:
        pictures.append(painted(example["labels"], task.labels.palette))
    return pictures


def _strips(table: Table, count: int) -> tuple[list[list[Pixels]], list[str]]:
    """The first frames of some sequences, as many of each."""
    frames = table.column("frame")
    starts = [index for index, frame in enumerate(frames) if frame == 0]
    length = min(8, min(np.diff([*starts, len(frames)]).tolist()))
    chosen = [starts[int(index)] for index in np.linspace(0, len(starts) - 1, min(count, len(starts)))]
    shown = "target" if "target" in table.columns else "source"
    rows: list[list[Pixels]] = [[table[start + at][shown] for at in range(length)] for start in chosen]
    return rows, [f"frame {at}" for at in range(length)]


def _classes(split: Split, count: int) -> tuple[list[list[Pixels]], list[str]]:
    """A row for each class that has pictures, as many of each."""
    members: dict[int, list[int]] = {}
    for index, category in enumerate(split.rows.column("category")):
        members.setdefault(category, []).append(index)
    width = min(count, min(map(len, members.values())))
    rows: list[list[Pixels]] = [
        [split.rows[index]["source"] for index in members[category][:width]] for category in sorted(members)
    ]
    return rows, ["one class a row", *[""] * (width - 1)]
