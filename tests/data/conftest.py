"""Splits of examples that say by their pixels which they are."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pytest

from i2ibench.data.columns import Example
from i2ibench.data.rows import Split
from i2ibench.task import Level, Need, Resolution, Task

SIZE = Resolution(8, 8)


class ListTable:
    """A table in memory."""

    def __init__(self, examples: list[Example]) -> None:
        self.examples = examples

    @property
    def columns(self) -> list[str]:
        return list(self.examples[0])

    @property
    def names(self) -> list[str]:
        return self.column("name")

    def column(self, name: str) -> list[Any]:
        return [example[name] for example in self.examples]

    def without(self, columns: Collection[str]) -> ListTable:
        return ListTable([{name: value for name, value in one.items() if name not in columns} for one in self.examples])

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> Example:
        return self.examples[index]


def picture(number: int) -> np.ndarray:
    return np.full((*SIZE, 3), number, np.uint8)


@pytest.fixture
def split_of() -> Callable[..., Split]:
    """Makes a split of given rows and, for unpaired tasks, targets."""

    def make(rows: list[Example], targets: list[Example] | None = None, **card: Any) -> Split:
        values = {
            "name": "listed",
            "title": "",
            "description": "",
            "level": Level.WEAK,
            "gives": frozenset[Need](),
            "resolutions": (SIZE,),
            "splits": {"train": len(rows)},
            "targets": {} if targets is None else {"train": len(targets)},
            "data": "nowhere:none",
            "metrics": {},
            "source": "",
            "licence": "",
        }
        task = Task.model_validate({**values, **card})
        tables = ListTable(rows), None if targets is None else ListTable(targets)
        return Split(task, SIZE, "train", tables[0], "fingerprint", tables[1])

    return make


@pytest.fixture
def unpaired(split_of: Callable[..., Split]) -> Split:
    """7 sources 0 to 6, 5 targets 100 to 104, each side with a box."""
    box = np.array([[1, 2, 5, 6, 3]], np.float32)
    sources = [{"name": f"a{n}", "source": picture(n), "boxes": box} for n in range(7)]
    return split_of(sources, [{"name": f"b{n}", "target": picture(100 + n), "boxes": box + 1} for n in range(5)])


@pytest.fixture
def many(split_of: Callable[..., Split]) -> Split:
    """12 pictures of 3 classes, number n of class n % 3, but four in five of class 0."""
    categories = [0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0]
    rows = [{"name": f"c{n}", "source": picture(n), "category": category} for n, category in enumerate(categories)]
    return split_of(rows, gives=frozenset({Need.CLASSES}), classes=("x", "y", "z"))


@pytest.fixture
def video(split_of: Callable[..., Split]) -> Split:
    """Two sequences of five frames."""
    rows = [
        {
            "name": f"s{sequence}-f{frame}",
            "source": picture(10 * sequence + frame),
            "target": picture(100 + 10 * sequence + frame),
            "sequence": f"s{sequence}",
            "frame": frame,
            "flow": np.full((*SIZE, 2), 64 * frame, np.int16),
        }
        for sequence in range(2)
        for frame in range(5)
    ]
    return split_of(rows, gives=frozenset({Need.PAIRS, Need.VIDEO, Need.FLOW}))
