"""Features of a split's real targets, kept in `<cache>/features` so that they are extracted once for all methods."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from i2ibench.cache import cache_folder
from i2ibench.data.rows import Split
from i2ibench.errors import BenchError
from i2ibench.metrics import extractors
from i2ibench.progress import Progress
from i2ibench.store import written


class TargetFeatures:
    """The features of the first `count` reals of `split` by each of `names`: from the cache, or taken on the way."""

    def __init__(self, split: Split, count: int, names: Iterable[str], device: torch.device) -> None:
        self.count = count
        self.device = device
        self.files = {name: _file(split, count, name) for name in names}
        self.kept = {
            name: features for name, file in self.files.items() if (features := _load(file, count)) is not None
        }
        self.taken: dict[str, dict[int, Tensor]] = {name: {} for name in self.files if name not in self.kept}

    def of(self, name: str, start: int, pictures: Tensor) -> Tensor:
        """Features `[B, d]` of the targets from row `start` on, which are `pictures` in [-1, 1]."""
        if name in self.kept:
            return self.kept[name][start : start + len(pictures)]
        if start not in self.taken[name]:
            self.taken[name][start] = extractors.load(name, self.device)(pictures)
        return self.taken[name][start]

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
