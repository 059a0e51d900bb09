"""The columns that every source of pictures yields, and their Arrow cache.

A task's `data` names a function `(split, resolution) -> Iterator[Row]`. Its rows are written once to
`<cache>/data/<task>/<resolution>/<split>` as a `datasets.Dataset` and read from there ever after.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from i2ibench.cache import cache_folder
from i2ibench.errors import BenchError, nearest
from i2ibench.progress import Progress, Silent
from i2ibench.store import writing
from i2ibench.task import Resolution, Task

if TYPE_CHECKING:
    from datasets import Dataset


HIDDEN = -32768
"""In `Row.flow`: this pixel was not to be seen in the frame before."""


class Row(TypedDict, total=False):
    """One example. Pictures are uint8 `[H, W, 3]` RGB; what a task lacks is left out of all its rows.

    A row of an unpaired task is a picture of one domain: it has `source` or `target`, and the other fields belong to
    that picture.
    """

    name: str
    source: NDArray[np.uint8]
    target: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    """Class ids `[H, W]`, 255 ignored."""
    instances: NDArray[np.uint16]
    """Instance ids `[H, W]`; pixels of no object carry their class's id."""
    boxes: NDArray[np.float32]
    """Objects `[N, 5]`: left, top, right, bottom in pixels (right and bottom excluded), class id."""
    category: int
    """Which of the task's classes the picture shows."""
    keypoints: NDArray[np.float32]
    """Pose `[K, 2]`: x and y in pixels of the same K points in every picture; NaN where there is none."""
    sequence: str
    """Which sequence the picture is a frame of. Frames of a sequence follow each other, from 0 on."""
    frame: int
    flow: NDArray[np.int16]
    """Exact backward flow `[H, W, 2]`: for each pixel, where it was in the frame before minus where it is, x (right)
    then y (down), in 1/64 pixels; `HIDDEN` where it could not be seen there."""


@dataclass(frozen=True)
class Split:
    """One split of a task at one resolution."""

    task: Task
    resolution: Resolution
    name: str
    rows: Dataset
    fingerprint: str
    """sha256 over the names and pixels of all rows in order: the same wherever the pictures are the same."""

    def __len__(self) -> int:
        return len(self.rows)


def load(task: Task, resolution: Resolution, split: str, *, progress: Progress | None = None) -> Split:
    """A split of `task`, made on first use. `progress` shows the making.

    Raises `BenchError` on a split that the task does not have and on a cache that cannot be written.
    """
    import datasets

    if split not in task.splits:
        raise BenchError(f"task {task.id!r} has no split {split!r}: {nearest(split, task.splits)}")
    folder = cache_folder() / "data" / task.id / str(resolution) / split
    if not (folder / "card.json").exists():
        _make(task, resolution, split, folder, progress or Silent())
    card = json.loads((folder / "card.json").read_text())
    return Split(task, resolution, split, datasets.load_from_disk(str(folder)), card["fingerprint"])


def _make(task: Task, resolution: Resolution, split: str, folder: Path, progress: Progress) -> None:
    """Write the split beside its place and move it there, so that a killed or second maker leaves no half."""
    import datasets

    datasets.disable_progress_bars()  # ours is the one
    module, _, function = task.data.partition(":")
    source: Callable[[str, Resolution], Iterator[Row]] = getattr(importlib.import_module(module), function)
    digest, columns = hashlib.sha256(), dict[str, list[Any]]()
    with progress.track(f"make {task.id} {resolution} {split}", task.splits[split], "pictures") as advance:
        for row in source(split, resolution):
            for column, value in sorted(row.items()):
                content = value.encode() if isinstance(value, str) else np.ascontiguousarray(value).tobytes()
                digest.update(f"{column}:{len(content)}:".encode() + content)
                columns.setdefault(column, []).append(value if isinstance(value, str) else _png(value))
            advance(1)
    features = {name: datasets.Value("string") if name == "name" else datasets.Image() for name in columns}
    rows = datasets.Dataset.from_dict(columns, features=datasets.Features(features))
    with writing(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{split}-"))
        try:
            rows.save_to_disk(aside)
            (aside / "card.json").write_text(json.dumps({"fingerprint": digest.hexdigest(), "rows": len(rows)}))
            if not (folder / "card.json").exists():  # another process may have been quicker: same pictures
                shutil.rmtree(folder, ignore_errors=True)
                aside.rename(folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _png(picture: Any) -> dict[str, bytes]:
    """The picture as the bytes of a PNG: what Arrow stores and `datasets.Image` decodes."""
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "png", compress_level=1)
    return {"bytes": buffer.getvalue()}
