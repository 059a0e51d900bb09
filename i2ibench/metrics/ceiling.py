"""The row "real" of a board: what the real pictures themselves score, the mark that outputs are held against.

- Label scores are those of the real test pictures, under the very protocol of the outputs.
- Set distances are those of the real validation pictures, taken for outputs, to the real test targets: as near as
  other pictures of the same domain come. Of the validation pictures the first are taken, as many as the test split
  has, so that the number of pictures, which moves every set distance, is equal; the score then has the outputs'
  protocol id. Where the validation split is smaller, `n` differs, so does the id, and a board shows the row apart.
- Pairs are n/a: a real picture would be compared with itself. So is a likelihood, and what is kept of a source: a real
  picture is no translation of one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import torch

from i2ibench import registry
from i2ibench.data.rows import Split
from i2ibench.errors import BenchError
from i2ibench.metrics.evaluate import available, compute, extractors_of
from i2ibench.metrics.features import TargetFeatures
from i2ibench.metrics.metric import Chunk, Metric, Setting
from i2ibench.metrics.walk import Walk
from i2ibench.progress import Progress, Silent
from i2ibench.protocol import Score


def ceiling(
    test: Split,
    val: Split,
    metrics: Sequence[str],
    *,
    device: torch.device | str = "cpu",
    batch_size: int = 32,
    limit: int | None = None,
    progress: Progress | None = None,
) -> tuple[Score, ...]:
    """The real pictures' scores, in the order of `metrics`. `limit` as for the outputs they stand beside.

    Raises `BenchError` on unknown metrics, and where the two splits are not of one task and resolution.
    """
    if (test.task.id, test.resolution) != (val.task.id, val.resolution):
        raise BenchError(
            f"the ceiling of {test.task.id} at {test.resolution} cannot come from {val.task.id} at {val.resolution}: "
            "give two splits of one task at one resolution"
        )
    asked = [registry.metric(name) for name in dict.fromkeys(metrics)]
    n_test, n_real, n_val = (min(count, limit or count) for count in (len(test), len(test.reals[0]), len(val.reals[0])))
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
    against_val = dataclasses.replace(alone, n=min(n_test, n_val))
    unlabelled = "labels" not in test.reals[0].columns
    without = {kind: reason for kind in asked if (reason := _why_not(kind, unlabelled)) is not None}
    fed = [kind for kind in asked if kind not in without]
    singles = available([kind for kind in fed if kind.extractor is None], alone)
    sets = available([kind for kind in fed if kind.extractor is not None], against_val)

    progress = progress or Silent()
    with progress.track(f"score the real pictures of {test.task.id}", n_real + against_val.n, "pictures") as advance:
        for chunk in _chunks(test, n_real, sets, batch_size, alone.device, progress):
            for single in singles.values():
                single.update(chunk)
            for metric in sets.values():
                metric.update_reference(chunk)
            advance(len(chunk.names))
        for chunk in _chunks(val, against_val.n if sets else 0, sets, batch_size, alone.device, progress):
            for metric in sets.values():
                metric.update(chunk)
            advance(len(chunk.names))

    scores: list[Score] = []
    for kind in asked:
        if kind in without:
            reason = kind.unavailable(alone) or without[kind]
            scores += [Score.not_available(column, higher, reason) for column, higher in kind.columns.items()]
        else:
            scores += compute([kind], singles | sets, alone if kind.extractor is None else against_val)
    return tuple(scores)


def _why_not(kind: type[Metric], unlabelled: bool) -> str | None:
    """Why real pictures in the place of outputs have no such score; None where they have."""
    if kind.pairwise:
        return "a real picture would be compared with itself"
    if kind.reads_source:
        return "a real picture is no translation of a source"
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
