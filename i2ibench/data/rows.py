"""The columns that every source of pictures yields, and the splits that are made of them.

The rows of a task are written once to `<cache>/data/<task>/<resolution>/<split>` and read from there ever after:
those of generated and packaged tasks on first use, those of users' files by `data.prepare`.
"""

from __future__ import annotations

import hashlib
import importlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from i2ibench.cache import cache_folder
from i2ibench.data.columns import content
from i2ibench.data.tables import ArrowTable, Table, Writer
from i2ibench.errors import BenchError, nearest
from i2ibench.progress import Progress, Silent
from i2ibench.store import read_record, write_record, writing
from i2ibench.task import Resolution, Task

FORMAT = 2
"""Of a split's files; those of another are made again."""
_TABLES = ("rows.arrow", "targets.arrow")
HIDDEN = -32768
"""In `Row.flow`: this pixel was not to be seen in the frame before."""


class Row(TypedDict, total=False):
    """One example. Pictures are uint8 `[H, W, 3]` RGB; what a task lacks is left out of all its rows.

    A row of an unpaired task is a picture of one domain: it has `source` or `target`, and the other fields belong to
    that picture. The rows of a many-class task have `source` and `category`: each is the target of others.
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
    """Pose `[K, 2]`: x and y in pixels of the same K points in every picture; NaN where there is none. Left and right
    are the creature's own, so a mirrored picture has them exchanged."""
    sequence: str
    """Which sequence the picture is a frame of. Frames of a sequence follow each other, from 0 on."""
    frame: int
    flow: NDArray[np.int16]
    """Exact backward flow `[H, W, 2]`: for each pixel, where it was in the frame before minus where it is, x (right)
    then y (down), in 1/64 pixels; `HIDDEN` where it could not be seen there."""


class SplitRecord(BaseModel):
    """What is known of a split on disk."""

    format: int = FORMAT
    fingerprint: str
    """sha256 over the names and pixels of all rows in order: the same wherever the pictures are the same."""
    rows: int
    targets: int = 0
    left_out: dict[str, str] = {}
    """Files that could not be used, with the reason."""
    streamed: str | None = None
    """The folder that pictures are read from, where they are not kept here; the fingerprint is then of names alone."""


@dataclass(frozen=True)
class Split:
    """One split of a task at one resolution."""

    task: Task
    resolution: Resolution
    name: str
    rows: Table
    """One example a source picture, in paired tasks with its target."""
    fingerprint: str
    targets: Table | None = None
    """The target domain's pictures, where they are other than the sources' partners."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def reals(self) -> tuple[Table, str]:
        """The real pictures of the target domain: their table and the column they are in."""
        if self.targets is not None:
            return self.targets, "target"
        return self.rows, "target" if self.task.paired else "source"


def load(task: Task, resolution: Resolution, split: str, *, progress: Progress | None = None) -> Split:
    """A split of `task`: read, and made before where it can be. `progress` shows the making.

    Raises `BenchError` on a split that the task does not have, on users' data that were not prepared, and on a cache
    that cannot be written.
    """
    if split not in task.splits:
        raise BenchError(f"task {task.id!r} has no split {split!r}: {nearest(split, task.splits)}")
    require(task, resolution, split)
    folder = split_folder(task, resolution, split)
    if isinstance(task.data, str) and not is_made(folder):
        module, _, function = task.data.partition(":")
        rows: Callable[[str, Resolution], Iterator[Row]] = getattr(importlib.import_module(module), function)
        total = task.splits[split] + task.targets.get(split, 0)
        with (progress or Silent()).track(f"make {task.id} {resolution} {split}", total, "pictures") as advance:
            make(folder, rows(split, resolution), advance=advance)
    made = record(task, resolution, split)
    if made.streamed is not None:
        from i2ibench.data import streams

        return streams.load(task, resolution, split, made)
    tables = [ArrowTable.read(folder / name) if (folder / name).exists() else None for name in _TABLES]
    if tables[0] is None:
        raise BenchError(f"{str(folder)!r} has lost its {_TABLES[0]}: remove that folder, and it is made again")
    return Split(task, resolution, split, tables[0], made.fingerprint, tables[1])


def require(task: Task, resolution: Resolution, split: str = "train") -> None:
    """Raise `BenchError` where a split is read from users' files and was not prepared."""
    if not isinstance(task.data, str) and not is_made(split_folder(task, resolution, split)):
        raise BenchError(
            f"the data of task {task.id!r} are not prepared at {resolution}: i2ibench data prepare {task.name} "
            f"--root FOLDER --resolution {resolution}\n{task.data.obtain}".rstrip()
        )


def record(task: Task, resolution: Resolution, split: str) -> SplitRecord:
    """What is known of a split that was made."""
    return read_record(split_folder(task, resolution, split) / "split.json", SplitRecord)


def split_folder(task: Task, resolution: Resolution, split: str) -> Path:
    """Where a split is kept."""
    return cache_folder() / "data" / task.id / str(resolution) / split


def keep(folder: Path, made: SplitRecord) -> None:
    """Record a split that lies elsewhere."""
    write_record(folder / "split.json", made)


def is_made(folder: Path) -> bool:
    """Whether a split lies in `folder`, in today's format."""
    file = folder / "split.json"
    try:
        return file.is_file() and read_record(file, SplitRecord).format == FORMAT
    except BenchError:
        return False


def make(
    folder: Path,
    rows: Iterable[Row],
    *,
    left_out: dict[str, str] | None = None,
    advance: Callable[[float], None] = lambda _: None,
) -> SplitRecord:
    """Write a split beside its place and move it there, so that a killed or second maker leaves no half.

    `left_out` is read when all rows were taken. Raises `BenchError` where there is no row with a source.
    """
    with writing(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
        try:
            written = _write(aside, rows, {} if left_out is None else left_out, advance)
            if not is_made(folder):  # another process may have been quicker: same pictures
                shutil.rmtree(folder, ignore_errors=True)
                aside.rename(folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return written


def _write(
    folder: Path, rows: Iterable[Row], left_out: dict[str, str], advance: Callable[[float], None]
) -> SplitRecord:
    digest = hashlib.sha256()
    sources, targets = (Writer(folder / name) for name in _TABLES)
    for row in rows:
        for column, value in sorted(row.items()):
            taken = content(value)
            digest.update(f"{column}:{len(taken)}:".encode() + taken)
        (sources if "source" in row else targets).write(row)
        advance(1)
    sources.close()
    targets.close()
    if not sources.count:
        raise BenchError("there are no pictures of the source domain: a split needs at least one")
    record = SplitRecord(
        fingerprint=digest.hexdigest(), rows=sources.count, targets=targets.count, left_out=dict(left_out)
    )
    write_record(folder / "split.json", record)
    return record
