"""What lies under a root against what a task's card expects: everything wrong at once, nothing written."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from i2ibench.data.decode import kind_of
from i2ibench.data.entries import layout_of
from i2ibench.data.layouts.layout import Entry, Part
from i2ibench.data.layouts.parts import LabelIds
from i2ibench.data.prepare import SPLITS, ahead, counts, opened
from i2ibench.errors import BenchError
from i2ibench.progress import Progress
from i2ibench.task import Files, Resolution, Task


class SplitCheck(BaseModel):
    """One split's files."""

    split: str
    found: dict[str, int]
    """Numbers of pictures by what they are."""
    expected: dict[str, int]
    """What the card says of them, where it says something else."""
    sizes: dict[str, int]
    """Files by column and size (height x width)."""
    kinds: dict[str, int]
    """Files by format and mode."""
    problems: dict[str, str]
    """Files that cannot be used, with the reason."""
    strange_labels: dict[str, str]
    """Label maps with ids that the table lacks, which are ignored."""

    @property
    def usable(self) -> bool:
        """Whether every file can be used."""
        return not self.problems


def check(task: Task, root: Path | None, *, progress: Progress) -> list[SplitCheck]:
    """Read every file of `task` under `root` (a folder or archive) and tell what is there.

    Raises `BenchError` where the task reads no files and where folders are missing.
    """
    if not isinstance(task.data, Files):
        raise BenchError(
            f"task {task.id!r} reads no files of yours: its pictures are generated or come with a package, so there "
            f"is nothing to check. Look at them: i2ibench data preview {task.name}"
        )
    with opened(task, root, progress) as folder:
        return [_split(task, folder, name, progress) for name in SPLITS]


@dataclass(frozen=True)
class _Seen:
    """What one entry's files are."""

    sizes: dict[str, Resolution]
    kinds: tuple[str, ...]
    problems: dict[str, str]
    strange: dict[str, str]


def _split(task: Task, root: Path, name: str, progress: Progress) -> SplitCheck:
    listing = layout_of(task).listing(root, name)
    found = counts(task, name, listing)
    problems = {problem.file: problem.reason for problem in listing.problems}
    sizes, kinds, strange = Counter[str](), Counter[str](), dict[str, str]()
    with progress.track(f"check {task.id} {name}", len(listing.entries), "pictures") as advance:
        for entry, future in ahead(listing.entries, _look):
            seen: _Seen = future.result()
            sizes.update(f"{column} {size}" for column, size in seen.sizes.items())
            kinds.update(seen.kinds)
            problems |= seen.problems
            strange |= seen.strange
            if len(set(seen.sizes.values())) > 1:
                told = ", ".join(f"{column} {size}" for column, size in seen.sizes.items())
                problems[entry.name] = f"what belongs together should be of one size, and is {told}"
            advance(1)
    return SplitCheck(
        split=name,
        found={kind: number for number, _, kind in found},
        expected={kind: wanted for number, wanted, kind in found if wanted not in (None, number)},
        sizes=dict(sizes.most_common()),
        kinds=dict(kinds.most_common()),
        problems=problems,
        strange_labels=strange,
    )


def _look(entry: Entry) -> _Seen:
    seen = _Seen({}, tuple(dict.fromkeys(kind for part in entry.parts.values() if (kind := _kind(part)))), {}, {})
    for column, part in entry.parts.items():
        try:
            seen.sizes[column] = Resolution(*part.read().shape[:2])
        except BenchError as error:
            seen.problems[part.file] = str(error)
            continue
        if isinstance(part, LabelIds) and not part.strict:
            try:
                dataclasses.replace(part, strict=True).read()
            except BenchError as error:
                seen.strange[part.file] = str(error)
    return seen


def _kind(part: Part) -> str | None:
    """Format and mode of the file that a part is in; None where it lies in no file of its own or is no picture."""
    path = getattr(part, "content", None)
    return kind_of(path) if isinstance(path, Path) else None
