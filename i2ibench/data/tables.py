"""Tables of examples on disk: written row by row into Arrow, read by number, decoded when asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from i2ibench.data.columns import Example, decoded, features, stored

if TYPE_CHECKING:
    from datasets import Dataset

    from i2ibench.data.rows import Row

_WRITE_ROWS = 32
"""Rows held in memory while a table is written."""


class Table(Protocol):
    """Examples by number."""

    @property
    def columns(self) -> Sequence[str]:
        """The columns that every example has."""

    @property
    def names(self) -> Sequence[str]:
        """The examples' names, in order."""

    def column(self, name: str) -> list[Any]:
        """All values of a column that is no picture."""

    def without(self, columns: Collection[str]) -> Table:
        """The same examples without these columns, if it has them: what is not looked at need not be decoded."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Example:
        """One example, decoded anew."""


class ArrowTable:
    """A table in an Arrow file, memory-mapped; `dataset` is the same as a `datasets.Dataset`."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._raw = dataset.with_format("arrow")

    @classmethod
    def read(cls, file: Path) -> ArrowTable:
        """The table in a file that `write` made."""
        import datasets

        return cls(datasets.Dataset.from_file(str(file)))

    @property
    def columns(self) -> list[str]:
        """The columns that every example has."""
        return list(self.dataset.column_names)

    @cached_property
    def names(self) -> list[str]:
        """The examples' names, in order."""
        return list(self.dataset["name"])

    def __len__(self) -> int:
        return len(self.dataset)

    def __iter__(self) -> Iterator[Example]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Example:
        return decoded(self._raw[index : index + 1].to_pylist()[0])

    def without(self, columns: Collection[str]) -> ArrowTable:
        """The same examples without these columns, if it has them."""
        return ArrowTable(self.dataset.remove_columns([name for name in self.columns if name in columns]))

    def column(self, name: str) -> list[Any]:
        """All values of a column that is no picture."""
        return list(self.dataset[name])


class Writer:
    """Writes rows into an Arrow file, few at a time."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.count = 0
        self._writer: Any = None

    def write(self, row: Row) -> None:
        """Add a row; all rows have the columns of the first."""
        from datasets.arrow_writer import ArrowWriter

        if self._writer is None:
            self._writer = ArrowWriter(path=str(self.file), features=features(row), writer_batch_size=_WRITE_ROWS)
        self._writer.write(stored(row))
        self.count += 1

    def close(self) -> None:
        """Finish the file; without rows there is none."""
        if self._writer is not None:
            self._writer.finalize()
