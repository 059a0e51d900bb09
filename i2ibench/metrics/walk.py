"""The walk over a split: every picture decoded once, ahead of the metrics, by threads."""

from __future__ import annotations

import dataclasses
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
import torch
from torch import Tensor

from i2ibench.data.batches import target_class, target_classes
from i2ibench.data.columns import Example
from i2ibench.data.pictures import Pixels, to_tensor
from i2ibench.data.rows import Split
from i2ibench.data.tables import Table
from i2ibench.data.window import in_pixels
from i2ibench.metrics import extractors
from i2ibench.metrics.features import TargetFeatures
from i2ibench.metrics.metric import Chunk, Metric, Side

_UNREAD = frozenset({"instances"})
"""Columns that no chunk has."""


@dataclass(frozen=True)
class Walk:
    """The pictures of a split as chunks, outputs beside them."""

    split: Split
    features: TargetFeatures
    read: Callable[[str], Pixels] | None = None
    """Reads an output by name; None where only real pictures are walked over."""
    read_sample: Callable[[str, int], Pixels] | None = None
    """Reads a further sample of a source; None where the method is deterministic or has no others."""
    bits_per_dim: Mapping[str, Sequence[float]] | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    batch_size: int = 32

    def feed(
        self,
        metrics: Sequence[Metric],
        rows: range,
        advance: Callable[[float], None] = lambda _: None,
        *,
        targets: bool,
    ) -> None:
        """Hand the outputs of `rows` to every metric; with `targets`, their own targets as the other side of sets too.

        Shards feed metrics of their own, which are then merged.
        """
        for chunk in self.outputs(rows, sources=any(metric.reads_source for metric in metrics)):
            for metric in metrics:
                metric.update(chunk)
                if targets and chunk.target is not None:
                    metric.update_reference(dataclasses.replace(chunk, output=chunk.target))
            advance(len(chunk.names))

    def feed_reals(self, metrics: Sequence[Metric], rows: range) -> None:
        """Hand the real pictures of the target domain to every metric, as the other side of sets."""
        for chunk in self.reals(rows):
            for metric in metrics:
                metric.update_reference(chunk)

    def outputs(self, rows: range, *, sources: bool = True) -> Iterator[Chunk]:
        """Chunks of the split's rows with their outputs, if wanted their sources, and in paired tasks their targets."""
        unread = _UNREAD if sources else {*_UNREAD, "source"}
        yield from self._chunks(self.split.rows.without(unread), rows, None)

    def reals(self, rows: range) -> Iterator[Chunk]:
        """Chunks of the real pictures of the target domain, as outputs and as targets at once."""
        table, column = self.split.reals
        yield from self._chunks(table.without({*_UNREAD, "source"} - {column}), rows, column)

    def _chunks(self, table: Table, rows: range, real: str | None) -> Iterator[Chunk]:
        """Chunks of `table` in order; the next one is decoded meanwhile. `real` is the column of real pictures."""
        decode = partial(self._decode, table, real)
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            starts = deque(range(rows.start, rows.stop, self.batch_size))
            ahead: deque[tuple[int, list[Future[Example]]]] = deque()
            try:
                while starts or ahead:
                    while starts and len(ahead) < 2:
                        start = starts.popleft()
                        indices = range(start, min(start + self.batch_size, rows.stop))
                        ahead.append((start, [pool.submit(decode, index) for index in indices]))
                    start, futures = ahead.popleft()
                    yield self._chunk(start, [future.result() for future in futures], real is not None)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _decode(self, table: Table, real: str | None, index: int) -> Example:
        example = dict(table[index])
        if real is not None:
            example["output"] = example["target"] = example[real]
            return example
        if not self.split.task.paired:
            example.pop("target", None)
        assert self.read is not None, "a walk over outputs needs to read them"
        return {**example, "output": self.read(example["name"])}

    def _chunk(self, start: int, rows: Sequence[Example], real: bool) -> Chunk:
        names = tuple(row["name"] for row in rows)
        pictures: dict[str, Tensor] = {
            column: to_tensor([row[column] for row in rows]).to(self.device)
            for column in ("output", "source", "target")
            if column in rows[0]
        }
        bits = None
        if self.bits_per_dim is not None and not real:
            bits = torch.tensor([list(self.bits_per_dim[name]) for name in names], dtype=torch.float64)
        labels = boxes = keypoints = frames = flow = None
        if "labels" in rows[0]:
            labels = torch.from_numpy(np.stack([row["labels"] for row in rows]).astype(np.int64)).to(self.device)
        if "boxes" in rows[0]:
            boxes = tuple(torch.from_numpy(row["boxes"].copy()).to(self.device) for row in rows)
        if "keypoints" in rows[0]:
            keypoints = torch.from_numpy(np.stack([row["keypoints"] for row in rows])).to(self.device)
        if "frame" in rows[0]:
            frames = tuple((row["sequence"], row["frame"]) for row in rows)
        if "flow" in rows[0]:
            flow = torch.from_numpy(np.stack([in_pixels(row["flow"]) for row in rows])).movedim(-1, 1).to(self.device)
        return Chunk(
            names=names,
            output=pictures["output"],
            source=pictures.get("source"),
            target=pictures.get("target"),
            labels=labels,
            boxes=boxes,
            keypoints=keypoints,
            classes=self._classes(rows, real),
            source_classes=None if real or not self.asked else torch.tensor([row.get("category", -1) for row in rows]),
            frames=frames,
            flow=flow,
            bits_per_dim=bits,
            extract=self._extract(start, pictures, real),
            read_samples=None if real else self._samples(names, pictures["output"]),
        )

    def _samples(self, names: Sequence[str], output: Tensor) -> Callable[[int, Sequence[int]], Tensor]:
        """Reads samples of these sources; those of a deterministic method are its output."""

        def read(number: int, rows: Sequence[int]) -> Tensor:
            if number == 0 or self.read_sample is None:
                return output[list(rows)]
            return to_tensor([self.read_sample(names[row], number) for row in rows]).to(self.device)

        return read

    def _classes(self, rows: Sequence[Example], real: bool) -> Tensor | None:
        """Classes of real pictures; of outputs, those that were asked for."""
        if real:
            found = [row["category"] for row in rows if "category" in row]
        else:
            found = [target_class(row["name"], row.get("category", -1), self.asked) for row in rows if self.asked]
        return torch.tensor(found) if found else None

    @cached_property
    def asked(self) -> list[int]:
        """The classes that outputs were asked to be of."""
        return target_classes(self.split)

    def _extract(self, start: int, pictures: Mapping[str, Tensor], real: bool) -> Callable[[str, Side], Tensor]:
        """Features of this chunk, each taken at most once."""
        taken: dict[str, Tensor] = {}

        def extract(name: str, side: Side) -> Tensor:
            if side == "target" or real:
                return self.features.of(name, start, pictures["target"])
            if name not in taken:
                taken[name] = extractors.load(name, self.device)(pictures["output"])
            return taken[name]

        return extract
