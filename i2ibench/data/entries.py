"""A card's layout, and its entries as rows."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

from pydantic import ValidationError

from i2ibench import registry
from i2ibench.data.layouts.layout import Entry, Layout
from i2ibench.data.rows import Row
from i2ibench.data.window import Window
from i2ibench.errors import BenchError, nearest
from i2ibench.task import Files, Fit, Resolution, Task


def layout_of(task: Task) -> Layout:
    """The layout that the card names, with its options. Raises `BenchError` on options that it has not."""
    assert isinstance(task.data, Files)
    kind = registry.layout(task.data.layout)
    try:
        made: Layout = kind(**task.data.options)
    except ValidationError as error:
        first = error.errors()[0]
        option, known = ".".join(map(str, first["loc"])), [field.name for field in dataclasses.fields(kind)]
        hint = "" if option.partition(".")[0] in known else f": {nearest(option, known)}"
        raise BenchError(
            f"task {task.id!r}: option {option!r} of layout {task.data.layout!r}: {first['msg']}{hint}"
        ) from error
    return made


def row(entry: Entry, fit: Fit, resolution: Resolution) -> Row:
    """An entry as a row. Raises `BenchError` on what cannot be read and on partners of different sizes."""
    arrays = {column: part.read() for column, part in entry.parts.items()}
    sizes = {column: Resolution(*array.shape[:2]) for column, array in arrays.items()}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{column} {size}" for column, size in sizes.items())
        file = next(iter(entry.parts.values())).file
        raise BenchError(f"{file!r}: what belongs together should be of one size (height x width), and is {told}")
    window = Window.fit(next(iter(sizes.values())), resolution, fit)
    example: dict[str, Any] = window.of_example({**arrays, **entry.values})
    return cast(Row, {"name": entry.name, **example})
