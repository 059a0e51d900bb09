"""The translate stage: a split's outputs, further samples of its sources, and the method's own likelihoods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from i2ibench.adapter import Adapter, MethodCard
from i2ibench.data.batches import collate, in_order, in_sequence, target_classes
from i2ibench.data.examples import Examples
from i2ibench.data.exemplars import Exemplars
from i2ibench.data.pictures import grid, read_picture, spread, to_pixels, to_tensor, write_png
from i2ibench.data.rows import Split
from i2ibench.models.method import Batch, Method
from i2ibench.progress import Progress
from i2ibench.samples import shown
from i2ibench.store import RunFolder, written
from i2ibench.task import Task

if TYPE_CHECKING:
    from i2ibench.metrics.metric import Metric

LIKELIHOOD_DRAWS = 3
"""Dequantisation draws a picture for bits per dimension."""
_BATCH = 16
_CLASSES = 8
"""Classes that a grid shows."""

Advance = Callable[[float], None]


@dataclass(frozen=True)
class Translation:
    """A trained method, and where its outputs on `split` go. What is there already is kept.

    A resumed translation forms the same batches as one that was never stopped: the same bits.
    """

    adapter: type[Adapter]
    card: MethodCard
    split: Split
    folder: RunFolder
    seed: int
    limit: int | None
    device: torch.device
    progress: Progress
    exemplars: Exemplars | None = None
    """Where the method takes its style from; None for one that takes none."""

    @property
    def names(self) -> Sequence[str]:
        """The sources that are translated."""
        return self.split.rows.names[: self.limit]

    @torch.inference_mode()
    def outputs(self, method: Method) -> None:
        """Write every source's translation, and of a likelihood method its bits per dimension where the task asks."""
        bits: dict[str, list[float]] = {}
        broken: list[str] = []
        with self.progress.track(f"translate {self._title}", len(self.names), "pictures") as advance:
            for batch in self._batches():
                on_device = batch.to(self.device)
                broken += self._write(method, on_device, self.folder.translations)
                if self.card.likelihood and is_coded(self.split.task):
                    bits.update(self._bits_per_dim(method, coded(on_device, self.split.task)))
                advance(len(batch))
        if bits:
            _save(bits, self.folder.likelihoods)
        tell_broken(self.progress, broken, len(self.names))

    def lacks_samples(self, metrics: Iterable[type[Metric]]) -> bool:
        """Whether some source has fewer samples than `metrics` compare; of a deterministic method none has."""
        folders = self._wanted(metrics)
        return any(not (folder / f"{name}.png").exists() for folder, names in folders.items() for name in names)

    @torch.inference_mode()
    def samples(self, method: Method, metrics: Iterable[type[Metric]]) -> None:
        """Write the further samples of a source that `metrics` compare, into `variations/01`, `variations/02`..."""
        folders = self._wanted(metrics)
        total, broken = sum(map(len, folders.values())), list[str]()
        with self.progress.track(f"sample {self._title}", total, "pictures") as advance:
            for batch in in_order(self.split, _BATCH, self.limit):
                on_device = batch.to(self.device)
                for number, (folder, names) in enumerate(folders.items(), start=1):
                    rows = [row for row, name in enumerate(batch.names) if name in names]
                    if rows:
                        broken += self._write(method, on_device[rows], folder, number)
                        advance(len(rows))
        tell_broken(self.progress, broken, total)

    @torch.inference_mode()
    def class_by_class(self, method: Method, path: Path) -> None:
        """Write a grid of sources, each translated to every class that targets are of, or to `_CLASSES` of them.

        Nothing is written where there are no such classes or the method is told none, neither itself nor by exemplars.
        """
        known = target_classes(self.split)
        if len(known) < 2 or not (self.card.classes or self.card.exemplars):
            return
        examples = Examples(self.split.rows, self.split.resolution, self.limit)
        batch = collate([(examples[number],) for number in shown(self.split, self.limit)]).to(self.device)
        asked_for = [known[number] for number in spread(len(known), _CLASSES)]
        columns = [to_pixels(batch.source)]
        for wanted in asked_for:
            asked = torch.tensor([[-1, wanted]] * len(batch), device=self.device)
            given = self._given(replace(batch, classes=asked))
            columns.append(to_pixels(self.adapter.translate(method, given, seed=self.seed).nan_to_num(0.0, 0.0, 0.0)))
        titles = ["source", *(self.split.task.classes[wanted] for wanted in asked_for)]
        rows = list(zip(*columns, strict=True))
        write_png(path, grid(rows, titles, zoom=max(1, 128 // self.split.resolution.height)))

    @property
    def _title(self) -> str:
        return self.card.name

    def _batches(self) -> Iterator[Batch]:
        if self.card.history:
            return in_sequence(self.split, _BATCH, self.card.history, self.limit)
        return in_order(self.split, _BATCH, self.limit)

    def _wanted(self, metrics: Iterable[type[Metric]]) -> dict[Path, set[str]]:
        """The sources of which each folder of further samples must have one; fewer from one folder to the next."""
        asked = [(kind.samples, set(kind.sampled(self.names))) for kind in metrics if kind.samples > 1]
        if not self.card.stochastic or self.card.history:  # a sequence's samples would be sequences
            return {}
        return {
            self.folder.variations / f"{number:02d}": set().union(*(names for count, names in asked if count > number))
            for number in range(1, max((count for count, _ in asked), default=1))
        }

    def _write(self, method: Method, batch: Batch, folder: Path, sample: int = 0) -> list[str]:
        """Write a batch's translations unless all are there. Returns the names of broken ones, see `write_pictures`."""
        files = [folder / f"{name}.png" for name in batch.names]
        if all(file.exists() for file in files):
            return []
        given = self._given(batch, sample)
        if given.frames is not None:
            given = replace(given, frames=tuple(self._translated(frame, folder) for frame in given.frames))
        return write_pictures(self.adapter.translate(method, given, seed=self.seed, sample=sample), files)

    def _given(self, batch: Batch, sample: int = 0) -> Batch:
        """What a translation is made from."""
        given = withheld(batch, self.split.task)
        return given if self.exemplars is None else replace(given, exemplars=self.exemplars(batch, sample))

    def _translated(self, frame: Batch, folder: Path) -> Batch:
        """An earlier frame with its translation as `target`: as it was written, so that a resumed sequence goes on as
        one that was never stopped."""
        size = self.split.resolution
        written = torch.stack([to_tensor(read_picture(folder / f"{name}.png", size)) for name in frame.names])
        return replace(withheld(frame, self.split.task), target=written.to(frame.source.device))

    def _bits_per_dim(self, method: Method, batch: Batch) -> dict[str, list[float]]:
        draws = [method.bits_per_dim(batch, seed=self.seed, draw=draw).tolist() for draw in range(LIKELIHOOD_DRAWS)]
        return dict(zip(batch.names, map(list, zip(*draws, strict=True)), strict=True))


def write_pictures(outputs: Tensor, files: Sequence[Path]) -> list[str]:
    """Write translations `[B, 3, H, W]` in [-1, 1], and return the names of the broken ones.

    These have values that are no numbers, as where the inverse of a flow overflows; such pixels become grey.
    """
    broken = ~outputs.isfinite().flatten(1).all(1)
    for file, pixels in zip(files, to_pixels(outputs.nan_to_num(0.0, 0.0, 0.0)), strict=True):
        write_png(file, pixels)
    return [file.stem for file, one in zip(files, broken.tolist(), strict=True) if one]


def tell_broken(progress: Progress, names: Sequence[str], total: int) -> None:
    """Say which of the `total` translations are broken, if any is."""
    if names:
        some = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        progress.say(
            f"{len(names)} of {total} translations have values that are no numbers, written as grey: {some}; where the "
            "method samples, a lower temperature may help"
        )


def withheld(batch: Batch, task: Task) -> Batch:
    """What a translation is made from: a batch without its true targets, nor the labels of targets that are labels."""
    bare = replace(batch, target=None, target_boxes=None)
    return replace(bare, labels=None, instances=None) if task.to_labels else bare


def is_coded(task: Task) -> bool:
    """Whether a likelihood method tells how many bits it spends on the task's test pictures."""
    return "bpd" in task.metrics and task.supervision != "unpaired"


def coded(batch: Batch, task: Task) -> Batch:
    """What a likelihood method codes, as `target`: in a paired task each target, under its source.

    In a many-class task no source has a target, so each test picture itself is coded, under its own class and nothing
    else. The source is grey there: a picture coded under itself would cost nothing.
    """
    if task.paired:
        return batch
    assert batch.classes is not None, "pictures of a many-class task have classes"
    own = batch.classes[:, :1].expand(-1, 2).contiguous()
    return Batch(names=batch.names, source=torch.zeros_like(batch.source), target=batch.source, classes=own)


def saved_bits_per_dim(folder: RunFolder) -> dict[str, list[float]] | None:
    """Bits per dimension by picture's name, one a draw; None where the method has no likelihood."""
    import pandas

    if not folder.likelihoods.exists():
        return None
    table = pandas.read_parquet(folder.likelihoods)
    return {str(name): [float(value) for value in row] for name, row in zip(table.index, table.to_numpy(), strict=True)}


def _save(bits: dict[str, list[float]], path: Path) -> None:
    import pandas

    table = pandas.DataFrame.from_dict(bits, orient="index").rename_axis("name")
    table.columns = table.columns.map(str)
    with written(path) as aside:
        table.to_parquet(aside)
