"""Objects found again, one by one: what INIT claims of instances (Shen et al., arXiv 1905.01744), by `psp`'s segmenter.

Pixels of objects are few, so scores over pixels hardly see them. Here each object counts once, however large: those of
its pixels that bear its class in the label map, within its box, are read, and the class that most of them are read as
is what it was recognised as. Objects of which no pixel shows are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from i2ibench.errors import BenchError
from i2ibench.metrics.confusion import Counts
from i2ibench.metrics.metric import Chunk, Setting
from i2ibench.metrics.psp import PSP
from i2ibench.protocol import Protocol
from i2ibench.task import Need


class Objects(PSP):
    """The share of objects that are recognised, the same within each class, and the mean IoU of sets of objects."""

    name: ClassVar[str] = "objects"
    title: ClassVar[str] = "Objects recognised by the segmenter of psp, each box counted once"
    columns: ClassVar[Mapping[str, bool]] = {
        "object_accuracy": True,
        "object_class_accuracy": True,
        "object_miou": True,
    }
    counted: ClassVar[str] = "object"

    @classmethod
    def unavailable(cls, setting: Setting) -> str | None:
        """N/a without boxes, and where `psp` is."""
        if Need.BOXES not in setting.task.gives:
            return f"task {setting.task.id} has no boxes of objects to find again"
        return super().unavailable(setting)

    def update(self, chunk: Chunk) -> None:
        """Read the chunk's outputs and count which objects are recognised as what."""
        if chunk.labels is None or chunk.boxes is None:
            raise BenchError(
                f"{self.name} needs the label maps and boxes of {self.setting.task.id}, and the pictures came without"
            )
        found = self.read(chunk).cpu().numpy()
        labels = chunk.labels.cpu().numpy()
        for name, true, seen, boxes in zip(chunk.names, labels, found, chunk.boxes, strict=True):
            self.matrices[name] = object_matrix(true, seen, boxes.cpu().numpy(), self.classes)

    def protocol(self) -> Protocol:
        """That of `psp`, of objects."""
        return (
            super()
            .protocol()
            .model_copy(
                update={"reference": "class of each box, read on its pixels of that class; most votes, lowest id first"}
            )
        )


def object_matrix(
    labels: NDArray[np.int64], found: NDArray[np.int64], boxes: NDArray[np.float32], classes: int
) -> Counts:
    """One picture's confusion matrix `[classes, classes]` of objects, from true and found classes `[H, W]`.

    `boxes` `[N, 5]` are left, top, right, bottom in pixels and class. A pixel belongs to a box where its centre does.
    """
    matrix = np.zeros((classes, classes), np.int64)
    for left, top, right, bottom, kind in boxes:
        rows, columns = (slice(*np.ceil(np.subtract(ends, 0.5)).astype(int)) for ends in ((top, bottom), (left, right)))
        votes = found[rows, columns][labels[rows, columns] == kind]
        if len(votes):
            matrix[int(kind), np.bincount(votes, minlength=classes).argmax()] += 1
    return matrix
