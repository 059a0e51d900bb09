"""The walk shared out over processes: each feeds metrics of its own with its part, and their states are merged.

Parts are cut between batches, so every process sees the very batches that one process alone would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from i2ibench import registry
from i2ibench.data.rows import Split
from i2ibench.distributed import Ranks
from i2ibench.metrics.features import TargetFeatures, extractors_of
from i2ibench.metrics.metric import Metric, Setting
from i2ibench.metrics.outputs import Reader
from i2ibench.metrics.walk import Walk
from i2ibench.progress import Progress


@dataclass(frozen=True)
class Part:
    """What one process walks over."""

    rows: range
    reals: range
    """Of the reference pictures, where those are not the rows' own targets."""
    advance: Callable[[float], None] | None = None


@dataclass(frozen=True)
class Fed:
    """What came of a part. It is sent as the metrics' states by name: not every metric's class is in a module."""

    metrics: tuple[Metric, ...]
    features: TargetFeatures

    def __reduce__(self) -> tuple[Callable[..., Fed], tuple[dict[str, dict[str, Any]], TargetFeatures]]:
        return _received, ({metric.name: vars(metric) for metric in self.metrics}, self.features)


@dataclass(frozen=True)
class Feeding:
    """Metrics to be fed with a split's outputs and the real targets of the reference."""

    metrics: tuple[str, ...]
    """Names of those that apply in `setting`."""
    setting: Setting
    split: Split
    reference: Split
    read: Reader
    deterministic: bool
    bits_per_dim: Mapping[str, Sequence[float]] | None
    batch_size: int

    def __call__(self, part: Part) -> Fed:
        """Feed metrics with one part."""
        metrics = [registry.metric(name)(self.setting) for name in self.metrics]
        device, further = self.setting.device, None if self.deterministic else self.read
        features = TargetFeatures(self.reference, self.setting.n_reference, extractors_of(metrics), device)
        walk = Walk(self.split, features, self.read, further, self.bits_per_dim, device, self.batch_size)
        walk.feed(metrics, part.rows, part.advance or (lambda _: None), targets=self.own_targets)
        reals = Walk(self.reference, features, device=device, batch_size=self.batch_size)
        reals.feed_reals(metrics, part.reals)
        return Fed(tuple(metrics), features)

    @property
    def own_targets(self) -> bool:
        """Whether the outputs' own targets are the reference."""
        return self.split.task.paired and self.reference is self.split

    def perform(self, ranks: Ranks, progress: Progress) -> tuple[Metric, ...]:
        """Feed metrics with everything, and keep the features of the real pictures. Progress is that of rank 0."""
        rows = ranks.share(range(self.setting.n), self.batch_size)
        reals = ranks.share(range(0 if self.own_targets else self.setting.n_reference), self.batch_size)
        with progress.track(f"score {self.split.task.id}", len(rows[0]), "pictures") as advance:
            parts = [Part(rows[0], reals[0], advance), *map(Part, rows[1:], reals[1:])]
            first, *others = ranks.map(self, parts)
        for other in others:
            first.features.take_in(other.features)
            for metric, state in zip(first.metrics, other.metrics, strict=True):
                metric.merge(state)
        first.features.save(progress)
        return first.metrics


def _received(states: Mapping[str, dict[str, Any]], features: TargetFeatures) -> Fed:
    metrics = []
    for name, state in states.items():
        kind = registry.metric(name)
        metric = kind.__new__(kind)
        vars(metric).update(state)
        metrics.append(metric)
    return Fed(tuple(metrics), features)
