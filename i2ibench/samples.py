"""The sample grid that people look at: source, outputs and target of the same pictures side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from i2ibench.data.examples import Examples
from i2ibench.data.pictures import grid, read_picture, write_png
from i2ibench.data.rows import Split

ROWS = 6
"""Pictures a grid shows."""


def draw(path: Path, split: Split, outputs: Mapping[str, Path], limit: int | None = None) -> None:
    """Write a grid of pictures spread over `split` (its first `limit`) to `path`.

    `outputs` gives a folder of translations for each column's title; sources stand left of them and, in paired tasks,
    targets right.
    """
    examples = Examples(split.rows, split.resolution, limit)
    rows = []
    for index in np.linspace(0, len(examples) - 1, min(ROWS, len(examples))).astype(int).tolist():
        example = examples[index]
        translated = [read_picture(folder / f"{example['name']}.png", split.resolution) for folder in outputs.values()]
        rows.append([example["source"], *translated, *([example["target"]] if split.task.paired else [])])
    titles = ["source", *outputs, "target"][: len(rows[0])]
    write_png(path, grid(rows, titles, zoom=max(1, 128 // split.resolution.height)))
