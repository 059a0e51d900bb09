"""What people look at: source, outputs and target of the same pictures side by side, and of a sequence in motion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from i2ibench.data.columns import Example
from i2ibench.data.examples import Examples
from i2ibench.data.pictures import Pixels, grid, read_picture, spread, write_png
from i2ibench.data.rows import Split
from i2ibench.store import written

ROWS = 6
"""Pictures a grid shows."""
FRAMES_A_SECOND = 8


def draw(path: Path, split: Split, outputs: Mapping[str, Path], limit: int | None = None) -> None:
    """Write a grid of pictures spread over `split` (its first `limit`) to `path`.

    `outputs` gives a folder of translations for each column's title; sources stand left of them and, in paired tasks,
    targets right.
    """
    examples = Examples(split.rows, split.resolution, limit)
    write_png(path, _side_by_side(split, [examples[number] for number in shown(split, limit)], outputs))


def shown(split: Split, limit: int | None = None) -> list[int]:
    """The numbers of `ROWS` sources spread over `split` (its first `limit`), class by class where they have any."""
    count = len(split) if limit is None else min(limit, len(split))
    order = list(range(count))
    if "category" in split.rows.columns:  # else classes that take turns might be shown by one of them alone
        order.sort(key=split.rows.column("category").__getitem__)
    return [order[place] for place in spread(count, ROWS)]


def animate(path: Path, split: Split, outputs: Mapping[str, Path], limit: int | None = None) -> None:
    """Write the first sequence of a video task to `path` as an animated GIF, `FRAMES_A_SECOND`, with columns as `draw`.

    GIF shows 256 colours a frame: it is for looking at motion, not at colours.
    """
    from PIL import Image

    examples = Examples(split.rows, split.resolution, limit)
    sequences = split.rows.column("sequence")[: len(examples)]
    shown = [examples[index] for index, sequence in enumerate(sequences) if sequence == sequences[0]]
    frames = [Image.fromarray(_side_by_side(split, [example], outputs)) for example in shown]
    with written(path) as aside:
        pause = 1000 // FRAMES_A_SECOND
        frames[0].save(aside, "gif", save_all=True, append_images=frames[1:], duration=pause, loop=0)


def _side_by_side(split: Split, examples: Sequence[Example], outputs: Mapping[str, Path]) -> Pixels:
    rows = []
    for example in examples:
        translated = [read_picture(folder / f"{example['name']}.png", split.resolution) for folder in outputs.values()]
        rows.append([example["source"], *translated, *([example["target"]] if split.task.paired else [])])
    titles = ["source", *outputs, "target"][: len(rows[0])]
    return grid(rows, titles, zoom=max(1, 128 // split.resolution.height))
