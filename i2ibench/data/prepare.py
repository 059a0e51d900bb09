"""Users' files to splits: every picture decoded, checked, fitted to the task's resolution and stored, once."""

from __future__ import annotations

import os
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from i2ibench import own_tasks, registry
from i2ibench.cache import cache_folder
from i2ibench.data import rows, streams
from i2ibench.data.archives import unpack
from i2ibench.data.entries import layout_of, row
from i2ibench.data.layouts.layout import Entry, Listing
from i2ibench.data.rows import Row
from i2ibench.errors import BenchError
from i2ibench.progress import Progress
from i2ibench.store import write_record
from i2ibench.task import Files, Fit, Resolution, Task

SPLITS = ("train", "val", "test")
_SHOWN = 10
"""Problems that an error tells before it refers to the check."""


def prepare(
    task: Task,
    root: Path | None,
    resolution: Resolution,
    *,
    leave_out: bool = False,
    stream: bool = False,
    progress: Progress,
) -> dict[str, rows.SplitRecord]:
    """Make every split of `task` at `resolution`, from the files under `root` where it needs any.

    `root` may be an archive. With `leave_out` files that cannot be used are left out and recorded; without, they are
    an error. With `stream` nothing is copied: pictures are read from where they lie whenever they are needed, which is
    for sets too large to be kept twice. Counts that differ from the card's are told. What is already made stays.

    Raises `BenchError` on a missing root, with the expected tree, and on unusable files.
    """
    if not isinstance(task.data, Files):
        for name in task.splits:
            rows.load(task, resolution, name, progress=progress)
        return {name: rows.record(task, resolution, name) for name in task.splits}
    _require_same_card(task)
    if stream and (root is None or not root.is_dir()):
        raise BenchError(f"task {task.id!r} can only be streamed from a folder: give one with --root, not an archive")
    made = {}
    with opened(task, root, progress) as folder:
        layout = layout_of(task)
        for name in SPLITS:
            place = rows.split_folder(task, resolution, name)
            if rows.is_made(place):
                progress.say(f"{task.id} {name} is prepared already; to read it again, remove {str(place)!r}")
            else:
                listing = layout.listing(folder, name)
                tell_counts(task, name, listing, progress)
                if stream:
                    streams.remember(place, folder, listing, leave_out)
                else:
                    _make(place, task, task.data.fit, resolution, listing, leave_out, progress)
            made[name] = rows.record(task, resolution, name)
    if task.name not in registry.tasks(own=False):
        found = {"splits": {name: record.rows for name, record in made.items()}}
        found["targets"] = {name: record.targets for name, record in made.items() if record.targets}
        write_record(cache_folder() / "data" / task.id / own_tasks.CARD, task.model_copy(update=found))
    return made


@contextmanager
def opened(task: Task, root: Path | None, progress: Progress) -> Iterator[Path]:
    """The folder to read from: `root`, or what the archive `root` holds, unpacked for as long as it is needed."""
    assert isinstance(task.data, Files)
    if root is None and getattr(layout_of(task), "rootless", False):
        yield Path()
        return
    if root is None or not root.exists():
        found = "no root was given" if root is None else f"there is no {str(root)!r}"
        raise BenchError(
            f"task {task.id!r} is read from your files, and {found}: give their folder or archive with --root. "
            f"{task.data.obtain}\nExpected under it:\n{layout_of(task).tree}"
        )
    if root.is_dir():
        yield root
        return
    aside = cache_folder() / "unpacked" / f"{task.id}-{os.getpid()}"
    progress.say(f"unpacking {root.name}")
    try:
        unpack(root, aside)
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def tell_counts(task: Task, split: str, listing: Listing, progress: Progress) -> None:
    """Say where there are other numbers of pictures than the card has."""
    for found, expected, kind in counts(task, split, listing):
        if expected not in (None, found):
            progress.say(f"{task.id} {split}: found {found} {kind}, the card says {expected}")


def counts(task: Task, split: str, listing: Listing) -> list[tuple[int, int | None, str]]:
    """Found and expected numbers of pictures, with what they are."""
    sources = sum("source" in entry.parts for entry in listing.entries)
    found = [(sources, task.splits.get(split), "pairs" if task.paired else "source pictures")]
    if task.targets or len(listing.entries) > sources:
        found.append((len(listing.entries) - sources, task.targets.get(split), "target pictures"))
    return found


def ahead(entries: Sequence[Entry], work: Callable[[Entry], Any]) -> Iterator[tuple[Entry, Future[Any]]]:
    """Each entry with its work, done some entries ahead by threads."""
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        waiting = iter(entries)
        running = deque((entry, pool.submit(work, entry)) for entry in islice(waiting, 4 * workers))
        try:
            while running:
                entry, future = running.popleft()
                yield entry, future
                running.extend((entry, pool.submit(work, entry)) for entry in islice(waiting, 1))
        finally:
            pool.shutdown(cancel_futures=True)


def _require_same_card(task: Task) -> None:
    """Raise `BenchError` where a user's task has a name of ours, or was prepared from another card of this version."""
    if task.name in registry.tasks(own=False) and task != registry.task(task.name):
        raise BenchError(f"there is a task {task.name!r} already: give yours another name")
    known = own_tasks.remembered().get(task.name)
    counted = {"splits", "targets"}
    if known and known.id == task.id and known.model_dump(exclude=counted) != task.model_dump(exclude=counted):
        raise BenchError(
            f"task {task.id!r} was prepared from another card: give the new one another version, or remove "
            f"{str(cache_folder() / 'data' / task.id)!r}"
        )


def _make(
    place: Path, task: Task, fit: Fit, resolution: Resolution, listing: Listing, leave_out: bool, progress: Progress
) -> None:
    unusable = {problem.file: problem.reason for problem in listing.problems}
    title = f"prepare {task.id} {resolution} {place.name}"
    with progress.track(title, len(listing.entries), "pictures") as advance:

        def read() -> Iterable[Row]:
            for entry, future in ahead(listing.entries, lambda entry: row(entry, fit, resolution)):
                advance(1)
                try:
                    yield future.result()
                except BenchError as error:
                    unusable[entry.name] = str(error)
            if unusable and not leave_out:
                raise _unusable(task, unusable)

        rows.make(place, read(), left_out=unusable)
    if unusable:
        progress.say(f"{task.id} {place.name}: {len(unusable)} files left out, as {place / 'split.json'} tells")


def _unusable(task: Task, unusable: dict[str, str]) -> BenchError:
    shown = "\n".join(f"- {file}: {reason}" for file, reason in list(unusable.items())[:_SHOWN])
    more = f"\nand {len(unusable) - _SHOWN} more" if len(unusable) > _SHOWN else ""
    return BenchError(
        f"{len(unusable)} files of task {task.id!r} cannot be used. Their split was not written: mend them (i2ibench "
        f"data check {task.name} lists all), or leave them out with --leave-out\n{shown}{more}"
    )
