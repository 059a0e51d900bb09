"""Scores a set of outputs by any number of metrics in one walk over the pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from i2ibench import registry
from i2ibench.data.rows import Split
from i2ibench.distributed import Ranks
from i2ibench.errors import BenchError
from i2ibench.metrics.metric import Metric, Setting
from i2ibench.metrics.outputs import Outputs, reader
from i2ibench.metrics.shares import Feeding
from i2ibench.progress import Progress, Silent
from i2ibench.protocol import Score

if TYPE_CHECKING:
    from pandas import DataFrame


_AS_MANY_AS_ASKED = 1 << 30
"""Samples of a deterministic method: all are its output."""


@dataclass(frozen=True)
class Evaluation:
    """What came of it."""

    scores: tuple[Score, ...]
    """In the order of the metrics asked for; what does not apply is there too, as n/a with its reason."""
    per_picture: DataFrame
    """One row a picture in the split's order: `name`, in video `sequence`, and a column for each score that pictures
    have singly."""


def evaluate(
    outputs: Outputs,
    split: Split,
    metrics: Sequence[str],
    *,
    device: torch.device | str = "cpu",
    batch_size: int = 32,
    reference: Split | None = None,
    samples: Path | None = None,
    deterministic: bool = False,
    foreign: bool = True,
    bits_per_dim: Mapping[str, Sequence[float]] | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
    ranks: Ranks | None = None,
) -> Evaluation:
    """Score `outputs`, a folder of `<name>.png` or a mapping of uint8 pictures, against `split`.

    `reference` is another split, whose real targets sets of outputs are compared with instead. `samples` is a folder
    of further samples of each source, in subfolders `01`, `02`...; those of a `deterministic` method are its outputs.
    `foreign` outputs, not written by the harness, are looked at for a mistaken range.
    `bits_per_dim` are a likelihood method's own values, for each name one a dequantisation draw. `limit` scores the
    first pictures only, which marks every protocol as quick. Neither `batch_size` nor `device` is part of a protocol:
    they move a score by rounding alone. `ranks` share the walk.

    Raises `BenchError`, with nothing scored, on outputs that do not match the split, cannot be read, or were stored
    with loss, and on unknown metrics.
    """
    progress = progress or Silent()
    count = len(split) if limit is None else min(limit, len(split))
    read = reader(outputs, split, count, samples, foreign=foreign)
    names = list(split.rows.names[:count])
    compared = reference or split
    n_reference = min(len(compared.reals[0]), limit or len(compared.reals[0]))
    setting = Setting(
        task=split.task,
        resolution=split.resolution,
        split=split.name,
        n=count,
        n_reference=n_reference,
        reference_hash=compared.fingerprint,
        reference_split=compared.name,
        names=tuple(names),
        samples=dict.fromkeys(names, _AS_MANY_AS_ASKED) if deterministic else read.samples,
        quick=limit is not None,
        likelihood_draws=_draws(bits_per_dim, names),
        device=torch.device(device),
    )
    asked = [registry.metric(name) for name in dict.fromkeys(metrics)]
    applying = {kind.name: kind for kind in asked if kind.unavailable(setting) is None}
    feeding = Feeding(tuple(applying), setting, split, compared, read, deterministic, bits_per_dim, batch_size)
    fed = feeding.perform(ranks or Ranks(), progress)
    for metric in fed:
        metric.prepare(progress)
    scores = compute(asked, dict(zip(applying.values(), fed, strict=True)), setting)
    return Evaluation(scores, _per_picture(split, names, fed))


def available(asked: Iterable[type[Metric]], setting: Setting) -> dict[type[Metric], Metric]:
    """A metric of each kind that applies and can be had."""
    return {kind: kind(setting) for kind in asked if kind.unavailable(setting) is None}


def compute(asked: Iterable[type[Metric]], fed: Mapping[type[Metric], Metric], setting: Setting) -> tuple[Score, ...]:
    """The scores of what was fed, and n/a with its reason for every column of what was not."""
    scores: list[Score] = []
    for kind in asked:
        if kind in fed:
            scores.extend(fed[kind].compute())
        else:
            reason = kind.unavailable(setting) or "not scored"
            scores.extend(Score.not_available(column, higher, reason) for column, higher in kind.columns.items())
    return tuple(scores)


def _draws(bits_per_dim: Mapping[str, Sequence[float]] | None, names: Sequence[str]) -> int:
    """Draws a picture, equal for all. Raises `BenchError` where a picture has none or another number."""
    if bits_per_dim is None:
        return 0
    counts = {len(bits_per_dim.get(name, ())) for name in names}
    if len(counts) != 1 or 0 in counts:
        lacking = [name for name in names if not bits_per_dim.get(name)]
        raise BenchError(
            f"bits per dimension: expected as many draws for every picture, found {sorted(counts)}"
            + (f" (none for {len(lacking)} pictures, first {lacking[0]!r})" if lacking else "")
            + ". Nothing was scored: translate again, or leave them out"
        )
    return counts.pop()


def _per_picture(split: Split, names: Sequence[str], metrics: Iterable[Metric]) -> DataFrame:
    import pandas

    table: DataFrame = pandas.DataFrame({"name": list(names)})
    if "sequence" in split.rows.columns:
        table["sequence"] = split.rows.column("sequence")[: len(names)]
    for metric in metrics:
        for column, values in metric.per_picture().items():
            table[column] = [values[name] for name in names]
    return table
