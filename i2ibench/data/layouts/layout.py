"""What a layout is: it lists a data set's examples, without decoding a picture, and what is wrong with their files.

Layouts are frozen dataclasses whose fields are a card's `Files.options`. They know names and folders; `parts` know
how a file becomes an array; `data.prepare` decodes, fits to size and stores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from i2ibench.errors import BenchError


class Part(Protocol):
    """A picture, label map, instance map or the like, still on disk."""

    @property
    def file(self) -> str:
        """The file, for people: a path, perhaps with what inside it."""

    def read(self) -> NDArray[Any]:
        """Decode it at its own size. Raises `BenchError` that says what is wrong with the file."""


@dataclass(frozen=True)
class Entry:
    """One example to be: columns of a `Row`, pictures as parts still to be read."""

    name: str
    """Unique in its split, safe as a file name."""
    parts: Mapping[str, Part]
    """`source`, `target`, `labels`, `instances`: what the example has of them."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """The other columns: `category`, `sequence`, `frame`, and `boxes` in pixels of `source` or `target` as it lies."""


@dataclass(frozen=True)
class Problem:
    """Something wrong with a file or its absence."""

    file: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """What lies under a root for one split."""

    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...] = ()


class Layout(Protocol):
    """How a data set lies on disk.

    One that needs no folder of the user's has a property `rootless` that is true.
    """

    @property
    def tree(self) -> str:
        """The expected files and folders, a line each, as an error shows them."""

    def listing(self, root: Path, split: str) -> Listing:
        """The examples of `train`, `val` or `test` under `root`, in order of their names.

        Raises `BenchError` with the tree where folders are missing.
        """


def missing(root: Path, lacking: Path, tree: str) -> BenchError:
    """The error of a folder or file without which nothing can be listed."""
    return BenchError(f"there is no {str(lacking)!r}: under {str(root)!r} this was expected:\n{tree}")
