"""Splits that are not copied: their pictures are decoded and fitted whenever they are read, from where they lie."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from i2ibench.data import rows
from i2ibench.data.columns import Example
from i2ibench.data.entries import layout_of, row
from i2ibench.data.layouts.layout import Entry, Listing
from i2ibench.errors import BenchError
from i2ibench.task import Files, Fit, Resolution, Task


def remember(place: Path, root: Path, listing: Listing, leave_out: bool) -> rows.SplitRecord:
    """Record in `place` that a split is read from `root`. Raises `BenchError` on problems that are not left out."""
    left_out = {problem.file: problem.reason for problem in listing.problems}
    if left_out and not leave_out:
        file, reason = next(iter(left_out.items()))
        raise BenchError(
            f"{len(left_out)} files under {str(root)!r} cannot be used, first {file}: {reason}. Mend them, or leave "
            "them out with --leave-out"
        )
    sources = sum("source" in entry.parts for entry in listing.entries)
    record = rows.SplitRecord(
        fingerprint=_fingerprint(listing),
        rows=sources,
        targets=len(listing.entries) - sources,
        left_out=left_out,
        streamed=str(root.resolve()),
    )
    rows.keep(place, record)
    return record


def load(task: Task, resolution: Resolution, split: str, record: rows.SplitRecord) -> rows.Split:
    """The split that `remember` recorded. Raises `BenchError` where other files lie there now."""
    assert isinstance(task.data, Files) and record.streamed is not None
    listing = layout_of(task).listing(Path(record.streamed), split)
    if _fingerprint(listing) != record.fingerprint:
        raise BenchError(
            f"under {record.streamed!r} lie other files than when {task.id!r} was prepared to be streamed from there: "
            f"put them back, or remove {str(rows.split_folder(task, resolution, split))!r} and prepare it again"
        )
    sides = [
        tuple(entry for entry in listing.entries if ("source" in entry.parts) is is_source)
        for is_source in (True, False)
    ]
    tables = [Listed(side, task.data.fit, resolution) if side else None for side in sides]
    assert tables[0] is not None
    return rows.Split(task, resolution, split, tables[0], record.fingerprint, tables[1])


class Listed:
    """A table whose examples are read from their files. Raises `BenchError`, naming it, on one that cannot be."""

    def __init__(self, entries: Sequence[Entry], fit: Fit, resolution: Resolution) -> None:
        self.entries = entries
        self.fit = fit
        self.resolution = resolution

    @property
    def columns(self) -> list[str]:
        """The columns that every example has."""
        first = self.entries[0]
        return ["name", *first.parts, *first.values]

    @cached_property
    def names(self) -> list[str]:
        """The examples' names, in order."""
        return [entry.name for entry in self.entries]

    def without(self, columns: Collection[str]) -> Listed:
        """The same examples without these columns, if it has them; their files are not read."""
        kept = [
            dataclasses.replace(
                entry,
                parts={name: part for name, part in entry.parts.items() if name not in columns},
                values={name: value for name, value in entry.values.items() if name not in columns},
            )
            for entry in self.entries
        ]
        return Listed(kept, self.fit, self.resolution)

    def column(self, name: str) -> list[Any]:
        """All values of a column that is no picture."""
        return self.names if name == "name" else [entry.values[name] for entry in self.entries]

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> Example:
        return dict(row(self.entries[index], self.fit, self.resolution))


def _fingerprint(listing: Listing) -> str:
    """sha256 over the entries' names and files in order: their pixels would cost a pass over everything."""
    digest = hashlib.sha256(b"streamed")
    for entry in listing.entries:
        for column, part in entry.parts.items():
            digest.update(f"{entry.name}:{column}:{Path(part.file).name}\n".encode())
    return digest.hexdigest()
