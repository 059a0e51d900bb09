"""Label maps against what was read in the outputs: confusion matrices and their scores.

Arithmetic as in pix2pix's and Full-Glow's evaluations of street scenes, and in mmseg's `IoUMetric` (equality is
tested): one confusion matrix over all pictures, true classes in rows, ignored pixels dropped; the matrix is summed
before anything is divided. A class without pixels has no value and is left out of means.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import Self

from i2ibench.errors import BenchError
from i2ibench.metrics.metric import Chunk, Metric, Setting
from i2ibench.metrics.statistics import Interval, bootstrap, percentile_interval
from i2ibench.protocol import Protocol, Score
from i2ibench.task import IGNORE

Counts = NDArray[np.int64]
"""Confusion matrices `[..., classes, classes]`: true class in rows, found class in columns."""


class LabelScores(NamedTuple):
    """Scores of confusion matrices `[..., classes, classes]`, each in [0, 1], nan where it has no value."""

    pixel_accuracy: NDArray[np.float64]
    """Part of the pixels whose class was found, `[...]`."""
    class_accuracy: NDArray[np.float64]
    """The same within each true class, then the mean over classes, `[...]`."""
    miou: NDArray[np.float64]
    """Mean of `iou` over classes, `[...]`."""
    iou: NDArray[np.float64]
    """Pixels both truly and supposedly of a class over pixels of either, `[..., classes]`."""


class LabelMetric(Metric):
    """Pixel accuracy, class accuracy and mean IoU, in this order of `columns`, of classes that `read` finds."""

    reads_labels: ClassVar[bool] = True
    counted: ClassVar[str] = "pixel"
    """What the matrices count."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        assert setting.task.labels is not None, "`unavailable` is asked before"
        self.classes = len(setting.task.labels)
        self.matrices: dict[str, Counts] = {}
        """By picture: small, and the standard error needs them one by one."""

    @abstractmethod
    def read(self, chunk: Chunk) -> Tensor:
        """The classes, int64 `[B, H, W]`, that the chunk's outputs show."""

    @abstractmethod
    def protocol(self) -> Protocol:
        """How they are read."""

    def update(self, chunk: Chunk) -> None:
        """Read the chunk's outputs and count them against its labels. Raises `BenchError` on sizes that differ."""
        if chunk.labels is None:
            raise BenchError(
                f"{self.name} needs the label maps of {self.setting.task.id}, and the pictures came without them"
            )
        matrices = confusion_matrices(chunk.labels, self.read(chunk), self.classes)
        self.matrices.update(zip(chunk.names, matrices, strict=True))

    def merge(self, other: Self) -> None:
        """Take in the other pictures' confusion matrices."""
        self.matrices.update(other.matrices)

    def compute(self) -> tuple[Score, ...]:
        """The three scores with delete-one-picture jackknife standard errors and bootstrap intervals over pictures."""
        matrices = self._stacked()
        scores = label_scores(matrices.sum(0))
        errors, intervals = jackknife(matrices), bootstrap_intervals(matrices)
        protocol = self.protocol()
        return tuple(
            Score(
                name=column,
                value=float(value),
                standard_error=None if np.isnan(error) else float(error),
                interval=interval,
                n=len(matrices),
                higher_is_better=better,
                protocol=protocol,
            )
            if not np.isnan(value)
            else Score.not_available(column, better, f"no {self.counted} of the label maps belongs to a class")
            for (column, better), value, error, interval in zip(
                self.columns.items(), scores[:3], errors, intervals, strict=True
            )
        )

    def per_picture(self) -> Mapping[str, Mapping[str, float]]:
        """Pixel accuracy of each picture, nan for one without labelled pixels; class means need the whole split."""
        accuracies = label_scores(self._stacked()).pixel_accuracy
        return {next(iter(self.columns)): dict(zip(sorted(self.matrices), map(float, accuracies), strict=True))}

    def _stacked(self) -> Counts:
        """`[n, classes, classes]` in the order of the names, so that shards give the same bits."""
        ordered = [self.matrices[name] for name in sorted(self.matrices)]
        return np.stack(ordered) if ordered else np.zeros((0, self.classes, self.classes), np.int64)


def confusion_matrices(labels: Tensor, found: Tensor, classes: int) -> Counts:
    """One confusion matrix a picture from true and found class ids, both int64 `[B, H, W]`.

    Raises `BenchError` where the sizes differ or a true class is neither in the table nor `IGNORE`.
    """
    if labels.shape != found.shape:
        raise BenchError(
            f"label maps are {_size(labels)} and the pictures to be segmented {_size(found)}: score outputs of "
            "the size they were translated at"
        )
    counted = labels != IGNORE
    strange = labels[counted & ((labels < 0) | (labels >= classes))]
    if len(strange):
        raise BenchError(
            f"label maps hold the ids {sorted(set(strange.tolist()))}, the table has classes 0 to {classes - 1} and "
            f"{IGNORE} for what is to be ignored: map the ids to the table first"
        )
    picture = torch.arange(len(labels), device=labels.device).reshape(-1, 1, 1)
    cell = (picture * classes + labels) * classes + found
    counts = torch.bincount(cell[counted], minlength=len(labels) * classes * classes)
    return counts.reshape(len(labels), classes, classes).cpu().numpy()


def label_scores(matrices: Counts) -> LabelScores:
    """The scores of confusion matrices `[..., classes, classes]`."""
    hits = np.diagonal(matrices, axis1=-2, axis2=-1)
    true, found = matrices.sum(-1), matrices.sum(-2)
    iou = _ratio(hits, true + found - hits)
    return LabelScores(_ratio(hits.sum(-1), true.sum(-1)), _mean(_ratio(hits, true)), _mean(iou), iou)


def jackknife(matrices: Counts) -> tuple[float, float, float]:
    """Standard errors of the three scores by leaving out each picture in turn; nan for fewer than two pictures.

    Efron and Stein 1981: (n - 1) / n times the sum of squared deviations from the mean of the n values. A class that
    only one picture has drops out of the mean with that picture, and its share of the error with it.
    """
    n = len(matrices)
    if n < 2:
        return np.nan, np.nan, np.nan
    without_one = label_scores(matrices.sum(0) - matrices)[:3]
    pixel, per_class, miou = (float(np.sqrt((n - 1) / n * np.square(v - np.mean(v)).sum())) for v in without_one)
    return pixel, per_class, miou


def bootstrap_intervals(matrices: Counts) -> tuple[Interval | None, ...]:
    """95 % percentile bootstrap intervals of the three scores over pictures; None for fewer than two.

    A resample's matrix is the sum of its pictures'. A class that only few pictures have is in some resamples and not in
    others, so the means over classes are resampled with the classes they are of.
    """
    n, classes = len(matrices), matrices.shape[-1]
    if n < 2:
        return None, None, None
    flat = torch.from_numpy(matrices).reshape(n, -1).double()  # counts, so that their sums are exact in any order

    def scores(drawn: Tensor) -> Tensor:
        resampled = (drawn @ flat).long().reshape(-1, classes, classes).numpy()
        return torch.from_numpy(np.stack(label_scores(resampled)[:3], axis=1))

    return tuple(percentile_interval(column) for column in bootstrap(scores, n).unbind(1))


def _ratio(part: Counts, whole: Counts) -> NDArray[np.float64]:
    """`part / whole`, nan where `whole` is 0."""
    ratio: NDArray[np.float64] = np.divide(
        part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) > 0
    )
    return ratio


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the last axis of what is not nan; nan where nothing is left."""
    present = ~np.isnan(values)
    count = present.sum(-1)
    total = np.where(present, values, 0).sum(-1)
    mean: NDArray[np.float64] = np.divide(total, count, out=np.full(np.shape(count), np.nan), where=count > 0)
    return mean


def _size(maps: Tensor) -> str:
    return "x".join(map(str, maps.shape[-2:]))
