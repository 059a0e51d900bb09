"""Features of a split's real targets, kept in `<cache>/features` so that they are extracted once for all methods."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from i2ibench.cache import cache_folder
from i2ibench.data.rows import Split
from i2ibench.errors import BenchError
from i2ibench.metrics import extractors
from i2ibench.metrics.metric import Metric
from i2ibench.progress import Progress
from i2ibench.store import written


class TargetFeatures:
    """The features of the first `count` reals of `split` by each of `names`: from the cache, or taken on the way."""

    def __init__(self, split: Split, count: int, names: Iterable[str], device: torch.device) -> None:
        self.split = split
        self.count = count
        self.device = device
        self.files: dict[str, Path] = {}
        self.kept: dict[str, Tensor] = {}
        self.taken: dict[str, dict[int, Tensor]] = {}
        for name in names:
            self._open(name)

    def of(self, name: str, start: int, pictures: Tensor) -> Tensor:
        """Features `[B, d]` of the targets from row `start` on, which are `pictures` in [-1, 1].

        An extractor that was not announced is taken on too: metrics of single pictures read features as well.
        """
        if name not in self.files:
            self._open(name)
        if name in self.kept:
            return self.kept[name][start : start + len(pictures)]
        if start not in self.taken[name]:
            self.taken[name][start] = extractors.load(name, self.device)(pictures)
        return self.taken[name][start]

    def take_in(self, other: TargetFeatures) -> None:
        """Take in the features that another process took, of other rows in the same setting."""
        for name, parts in other.taken.items():
            self.taken.get(name, {}).update(parts)

    def __getstate__(self) -> dict[str, Any]:
        """What goes to another process: neither the split nor what came from the cache."""
        return {**vars(self), "split": None, "kept": {}}

    def save(self, progress: Progress) -> None:
        """Keep what was taken of all rows. A cache that cannot be written costs time, not the score: it is said."""
        from safetensors.torch import save_file

        for name, parts in self.taken.items():
            features = torch.cat([parts[start] for start in sorted(parts)]) if parts else torch.empty(0)
            if len(features) != self.count:
                continue
            try:
                with written(self.files[name]) as aside:
                    save_file({"features": features}, aside)
            except BenchError as error:
                progress.say(f"features of the real pictures will be taken again next time: {error}")

    def _open(self, name: str) -> None:
        """Look for the features by `name` in the cache, or make room for them."""
        self.files[name] = _file(self.split, self.count, name)
        features = _load(self.files[name], self.count)
        if features is None:
            self.taken[name] = {}
        else:
            self.kept[name] = features


def extractors_of(metrics: Iterable[Metric]) -> list[str]:
    """The extractors that these metrics read."""
    return list(dict.fromkeys(metric.extractor for metric in metrics if metric.extractor is not None))


def _file(split: Split, count: int, name: str) -> Path:
    table, column = split.reals
    which = column if table is split.rows else f"targets.{column}"
    key = {"pictures": split.fingerprint, "column": which, "count": count, **extractors.fields(name)}
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return cache_folder() / "features" / f"{digest}.safetensors"


def _load(file: Path, count: int) -> Tensor | None:
    """The cached features; None where there are none or the file is damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        features = load_file(file).get("features")
    except (OSError, SafetensorError):
        return None
    return features if features is not None and len(features) == count else None
