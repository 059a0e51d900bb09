"""The real labelled pictures of a task: what its segmenter is trained on, scored on and tested with."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from i2ibench.data.batches import in_order
from i2ibench.data.columns import Example
from i2ibench.data.rows import Split
from i2ibench.data.tables import Table
from i2ibench.errors import BenchError
from i2ibench.metrics.confusion import Counts, confusion_matrices, label_scores
from i2ibench.metrics.segmentation.card import Ceiling, RealScores
from i2ibench.metrics.segmentation.segmenter import Segmenter
from i2ibench.progress import Progress, Silent
from i2ibench.task import Need

CEILING = 100
"""Real test pictures, at most, that a segmenter is tested with before it is trusted."""
_AT_ONCE = 1 << 19
"""Pixels of a batch."""


def real_pictures(split: Split) -> Split:
    """The real pictures of the target domain with their label maps, as sources of one domain without targets.

    Those of a paired task share the label maps of their sources; those of an unpaired one have their own. Raises
    `BenchError` where they have none.
    """
    table, column = split.reals
    if "labels" not in table.columns:
        raise BenchError(
            f"the real pictures of {split.task.id} come without label maps, and a segmenter is trained on and held "
            "against pictures that have them: use a task whose targets do"
        )
    alone = split.task.model_copy(update={"gives": split.task.gives | {Need.PAIRS}})
    return dataclasses.replace(split, task=alone, rows=_Reals(table, column), targets=None)


def read_reals(
    reader: Segmenter, split: Split, limit: int | None = None, *, progress: Progress | None = None
) -> Counts:
    """Confusion matrices `[n, classes, classes]` of the first `limit` real pictures of `split`."""
    reals = real_pictures(split)
    size = max(1, min(20, _AT_ONCE // (split.resolution.height * split.resolution.width)))
    device = next(reader.network.parameters()).device
    matrices = []
    total = len(reals) if limit is None else min(limit, len(reals))
    with (progress or Silent()).track(f"read real pictures of {split.task.id}", total, "pictures") as advance:
        for batch in in_order(reals, size, limit):
            assert batch.labels is not None
            found = reader(batch.source.to(device)).cpu()
            matrices.append(confusion_matrices(batch.labels, found, len(reader.card.classes)))
            advance(len(batch))
    return np.concatenate(matrices)


def real_scores(reader: Segmenter, split: Split, limit: int | None = None) -> RealScores:
    """How well `reader` reads the real pictures of `split`."""
    return scores_of(read_reals(reader, split, limit), reader.card.classes, split)


def scores_of(matrices: Counts, classes: Sequence[str], split: Split) -> RealScores:
    """The scores of what was read in the real pictures of `split`."""
    scores = label_scores(matrices.sum(0))
    return RealScores(
        resolution=split.resolution,
        split=split.name,
        n=len(matrices),
        pixel_accuracy=float(scores.pixel_accuracy),
        class_accuracy=float(scores.class_accuracy),
        miou=float(scores.miou),
        iou={name: None if np.isnan(value) else float(value) for name, value in zip(classes, scores.iou, strict=True)},
    )


def ceiling_of(matrices: Counts, split: Split) -> Ceiling:
    """What was found in the first pictures of `split`."""
    scores = label_scores(matrices.sum(0))
    return Ceiling(
        resolution=split.resolution,
        n=len(matrices),
        pixel_accuracy=float(scores.pixel_accuracy),
        miou=float(scores.miou),
        fingerprint=split.fingerprint,
    )


class _Reals:
    """A table of pictures, each with its label map alone."""

    def __init__(self, table: Table, picture: str, columns: Sequence[str] = ("name", "source", "labels")) -> None:
        self.table = table
        self.picture = picture
        self.columns = columns

    @property
    def names(self) -> Sequence[str]:
        return self.table.names

    def column(self, name: str) -> list[Any]:
        return self.table.column(name)

    def without(self, columns: Collection[str]) -> _Reals:
        return _Reals(self.table, self.picture, [name for name in self.columns if name not in columns])

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> Example:
        example = self.table[index]
        return {name: example[self.picture if name == "source" else name] for name in self.columns}
