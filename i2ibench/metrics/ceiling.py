"""The rows of a board that calibrate it: what real pictures score in the place of outputs.

"real" is the ceiling, the mark that outputs are held against:

- Label scores are those of the real test pictures, under the very protocol of the outputs.
- Set distances are those of the real validation pictures, taken for outputs, to the real test targets: as near as
  other pictures of the same domain come. Of the validation pictures the first are taken, as many as the test split
  has, so that the number of pictures, which moves every set distance, is equal; the score then has the outputs'
  protocol id. Where the validation split is smaller, `n` differs, so does the id, and a board shows the row apart.
- Pairs are n/a: a real picture would be compared with itself. So is a likelihood, and what is kept of a source: a real
  picture is no translation of one. So is the diversity of samples: a real picture has none.

"real train" takes the first training pictures instead, again as many as the test split has: what a method reaches
that recites them, so that one which scores no better has shown no more than memory. Sets alone are scored.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import torch

from i2ibench import registry
from i2ibench.data.rows import Split
from i2ibench.errors import BenchError
from i2ibench.metrics.evaluate import available, compute
from i2ibench.metrics.features import TargetFeatures, extractors_of
from i2ibench.metrics.metric import Chunk, Metric, Setting
from i2ibench.metrics.walk import Walk
from i2ibench.progress import Progress, Silent
from i2ibench.protocol import Score


def ceiling(
    test: Split,
    other: Split,
    metrics: Sequence[str],
    *,
    sets_only: bool = False,
    device: torch.device | str = "cpu",
    batch_size: int = 32,
    limit: int | None = None,
    progress: Progress | None = None,
) -> tuple[Score, ...]:
    """The real pictures' scores, in the order of `metrics`. `limit` as for the outputs they stand beside.

    Sets are those of the real pictures of `other`, val for the row "real"; what single pictures score is that of the
    test pictures, and with `sets_only` n/a, for the row "real train".

    Raises `BenchError` on unknown metrics, and where the two splits are not of one task and resolution.
    """
    if (test.task.id, test.resolution) != (other.task.id, other.resolution):
        raise BenchError(
            f"the ceiling of {test.task.id} at {test.resolution} cannot come from {other.task.id} at "
            f"{other.resolution}: give two splits of one task at one resolution"
        )
    asked = [registry.metric(name) for name in dict.fromkeys(metrics)]
    n_test, n_real, n_other = (
        min(count, limit or count) for count in (len(test), len(test.reals[0]), len(other.reals[0]))
    )
    alone = Setting(
        task=test.task,
        resolution=test.resolution,
        split=test.name,
        n=n_real,
        n_reference=n_real,
        reference_hash=test.fingerprint,
        quick=limit is not None,
        device=torch.device(device),
    )
    as_outputs = dataclasses.replace(alone, n=min(n_test, n_other))
    unlabelled = "labels" not in test.reals[0].columns
    without = {kind: reason for kind in asked if (reason := _why_not(kind, unlabelled, sets_only)) is not None}
    fed = [kind for kind in asked if kind not in without]
    singles = available([kind for kind in fed if kind.extractor is None], alone)
    sets = available([kind for kind in fed if kind.extractor is not None], as_outputs)

    progress = progress or Silent()
    n_real, n_other = (n_real if singles or sets else 0), (as_outputs.n if sets else 0)
    title = f"score real pictures of {test.task.id} ({other.name})"
    with progress.track(title, n_real + n_other, "pictures") as advance:
        for chunk in _chunks(test, n_real, sets, batch_size, alone.device, progress):
            for single in singles.values():
                single.update(chunk)
            for metric in sets.values():
                metric.update_reference(chunk)
            advance(len(chunk.names))
        for chunk in _chunks(other, n_other, sets, batch_size, alone.device, progress):
            for metric in sets.values():
                metric.update(chunk)
            advance(len(chunk.names))

    for metric in (singles | sets).values():
        metric.prepare(progress)
    scores: list[Score] = []
    for kind in asked:
        if kind in without:
            reason = kind.unavailable(alone) or without[kind]
            scores += [Score.not_available(column, higher, reason) for column, higher in kind.columns.items()]
        else:
            scores += compute([kind], singles | sets, alone if kind.extractor is None else as_outputs)
    return tuple(scores)


def _why_not(kind: type[Metric], unlabelled: bool, sets_only: bool) -> str | None:
    """Why real pictures in the place of outputs have no such score; None where they have."""
    if kind.pairwise:
        return "a real picture would be compared with itself"
    if kind.reads_source:
        return "a real picture is no translation of a source"
    if kind.samples > 1:
        return "a real picture has no samples"
    if sets_only and kind.extractor is None:
        return "training pictures are scored as a set alone; the row real has this score"
    return "its reals have no label maps" if kind.reads_labels and unlabelled else None


def _chunks(
    split: Split,
    count: int,
    metrics: Mapping[type[Metric], Metric],
    batch_size: int,
    device: torch.device,
    progress: Progress,
) -> Iterator[Chunk]:
    """The first `count` real pictures of a split, as outputs and as targets at once."""
    features = TargetFeatures(split, count, extractors_of(metrics.values()), device)
    yield from Walk(split, features, device=device, batch_size=batch_size).reals(range(count))
    features.save(progress)
