"""The walk over a split: every picture decoded once, ahead of the metrics, by threads."""

from __future__ import annotations

import dataclasses
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from i2ibench.data.pictures import Pixels, to_tensor
from i2ibench.data.rows import Split
from i2ibench.metrics import extractors
from i2ibench.metrics.features import TargetFeatures
from i2ibench.metrics.metric import Chunk, Metric, Side

_COLUMNS = ("source", "target", "labels")
_Decoded = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Walk:
    """The pictures of a split as chunks, outputs beside them."""

    split: Split
    features: TargetFeatures
    read: Callable[[str], Pixels] | None = None
    """Reads an output by name; None: the real targets stand for the outputs."""
    bits_per_dim: Mapping[str, Sequence[float]] | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    batch_size: int = 32

    def feed(self, metrics: Sequence[Metric], rows: range, advance: Callable[[float], None] = lambda _: None) -> None:
        """Walk over `rows` and hand every chunk to every metric, outputs and real targets.

        Shards feed metrics of their own, which are then merged.
        """
        for chunk in self.chunks(rows):
            outputs = chunk if self.split.task.paired else dataclasses.replace(chunk, target=None)
            for metric in metrics:
                metric.update(outputs)
                if chunk.target is not None:
                    metric.update_reference(dataclasses.replace(chunk, output=chunk.target))
            advance(len(chunk.names))

    def chunks(self, rows: range) -> Iterator[Chunk]:
        """Chunks of `rows` in order, with the target even in unpaired tasks; the next one is decoded meanwhile."""
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            starts = deque(range(rows.start, rows.stop, self.batch_size))
            ahead: deque[tuple[int, list[Future[_Decoded]]]] = deque()
            try:
                while starts or ahead:
                    while starts and len(ahead) < 2:
                        start = starts.popleft()
                        ahead.append((start, self._submit(pool, start, min(start + self.batch_size, rows.stop))))
                    start, futures = ahead.popleft()
                    yield self._chunk(start, [future.result() for future in futures])
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _submit(self, pool: ThreadPoolExecutor, start: int, stop: int) -> list[Future[_Decoded]]:
        table = self.split.rows.with_format("arrow")[start:stop].to_pylist()
        return [pool.submit(self._decode, row) for row in table]

    def _decode(self, row: dict[str, Any]) -> _Decoded:
        features = self.split.rows.features
        decoded = {
            column: np.asarray(features[column].decode_example(row[column]))
            for column in _COLUMNS
            if row.get(column) is not None
        }
        decoded["output"] = decoded["target"] if self.read is None else self.read(row["name"])
        return {**decoded, "name": np.asarray(row["name"])}

    def _chunk(self, start: int, rows: Sequence[_Decoded]) -> Chunk:
        names = tuple(str(row["name"]) for row in rows)
        pictures: dict[str, Tensor] = {
            column: to_tensor([row[column] for row in rows]).to(self.device)
            for column in ("output", "source", "target")
            if column in rows[0]
        }
        bits = None
        if self.bits_per_dim is not None:
            bits = torch.tensor([list(self.bits_per_dim[name]) for name in names], dtype=torch.float64)
        labels = None
        if "labels" in rows[0]:
            labels = torch.from_numpy(np.stack([row["labels"] for row in rows]).astype(np.int64)).to(self.device)
        return Chunk(
            names=names,
            output=pictures["output"],
            source=pictures["source"],
            target=pictures.get("target"),
            labels=labels,
            bits_per_dim=bits,
            extract=self._extract(start, pictures),
        )

    def _extract(self, start: int, pictures: Mapping[str, Tensor]) -> Callable[[str, Side], Tensor]:
        """Features of this chunk, each taken at most once."""
        taken: dict[str, Tensor] = {}

        def extract(name: str, side: Side) -> Tensor:
            if side == "target" or self.read is None:
                return self.features.of(name, start, pictures["target"])
            if name not in taken:
                taken[name] = extractors.load(name, self.device)(pictures["output"])
            return taken[name]

        return extract
