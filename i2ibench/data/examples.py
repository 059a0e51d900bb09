"""Examples of a table, decoded: once and kept where they are small enough, else on each access."""

from __future__ import annotations

from i2ibench.data.columns import Example
from i2ibench.data.tables import Table
from i2ibench.task import Resolution

IN_MEMORY = 2 << 30
"""Bytes of decoded pictures up to which a table is kept decoded."""
_BYTES = {"source": 3, "target": 3, "labels": 1, "instances": 2, "flow": 4}
"""Bytes a pixel of the columns that are large."""


class Examples:
    """The first `limit` examples of a table by number, or all; those who vary them copy them."""

    def __init__(self, table: Table, resolution: Resolution, limit: int | None = None) -> None:
        self.table = table
        self._count = len(table) if limit is None else min(limit, len(table))
        pixel = sum(_BYTES.get(column, 0) for column in table.columns)
        small = self._count * resolution.height * resolution.width * pixel <= IN_MEMORY
        self._kept: dict[int, Example] | None = {} if small else None

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Example:
        if self._kept is None:
            return self.table[index]
        if index not in self._kept:
            self._kept[index] = self.table[index]
        return self._kept[index]
