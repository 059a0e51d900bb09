"""Batches of a split: for training in an order that is a function of (seed, step), for translation in its own order.

Batch number `step` is a pure function of the seed, so a resumed training needs no loader state, and neither threads
that prepare batches ahead nor the number of ranks that share them can change them.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from i2ibench.adapter import Augmentation
from i2ibench.data.augment import augment
from i2ibench.data.columns import Example
from i2ibench.data.examples import Examples
from i2ibench.data.pictures import to_tensor
from i2ibench.data.rows import Split
from i2ibench.data.tables import Table
from i2ibench.data.window import in_pixels
from i2ibench.errors import BenchError
from i2ibench.models.method import Batch, generator

Clip = tuple[Example, ...]
"""An example after its earlier frames, oldest first; without video, the example alone."""


class Batches:
    """The training batches of `split`; `limit` takes its first rows only.

    Each source comes once an epoch, in another order each epoch. An unpaired source is joined by the next target of
    an order of its own; in a many-class task by the next picture, in such an order, of another class. Without `paired`
    the pairs of a paired task are parted the same way, for methods that may not know them.
    Of every batch, rank `rank` of `ranks` gets each `ranks`-th example.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        seed: int,
        augmentation: Augmentation | None = None,
        limit: int | None = None,
        *,
        paired: bool = True,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self.examples = Examples(split.rows, split.resolution, limit)
        self.targets: Examples | None = None
        if not (split.task.paired and paired):
            pool = split.targets
            self.targets = self.examples if pool is None else Examples(pool, split.resolution, limit)
        self.many_class = not split.task.paired and split.targets is None
        self.batch_size = batch_size
        self.seed = seed
        self.augmentation = augmentation or Augmentation()
        self.share = rank, ranks
        self.clips = _clips(split.rows, len(self.examples), self.augmentation.frames)
        self._order = lru_cache(maxsize=4)(self._permutation)

    def __call__(self, step: int) -> Batch:
        """Batch number `step`."""
        rank, ranks = self.share
        positions = range(step * self.batch_size, (step + 1) * self.batch_size)[rank::ranks]
        clips = [self._clip(position) for position in positions]
        targets = (
            None
            if self.targets is None
            else [self._target(p, clip[-1]) for p, clip in zip(positions, clips, strict=True)]
        )
        return collate(clips, targets)

    def stream(self, start: int = 0, workers: int = 2) -> Generator[Batch, None, None]:
        """Batches from number `start` on, prepared ahead by threads: decoding and resizing free the GIL."""
        with ThreadPoolExecutor(workers) as pool:
            ahead: deque[Future[Batch]] = deque(pool.submit(self, start + i) for i in range(2 * workers))
            step = start + len(ahead)
            try:
                while True:
                    ready = ahead.popleft().result()
                    ahead.append(pool.submit(self, step))
                    step += 1
                    yield ready
            finally:
                for future in ahead:
                    future.cancel()

    def _clip(self, position: int) -> Clip:
        epoch, place = divmod(position, len(self.clips))
        last = self.clips[self._order("order", len(self.clips), epoch)[place]]
        frames = (self.examples[index] for index in range(last - self.augmentation.frames, last + 1))
        return tuple(augment(frame, self.augmentation, self.seed, "augment", position) for frame in frames)

    def _target(self, position: int, source: Example) -> Example:
        assert self.targets is not None
        chosen = self._next(position)
        if self.many_class:
            tries = range(position, position + len(self.targets))
            others = (self._next(at) for at in tries)
            chosen = next((one for one in others if one["category"] != source["category"]), chosen)
        return augment(chosen, self.augmentation, self.seed, "augment target", position)

    def _next(self, position: int) -> Example:
        assert self.targets is not None
        epoch, place = divmod(position, len(self.targets))
        return self.targets[self._order("target order", len(self.targets), epoch)[place]]

    def _permutation(self, purpose: str, count: int, epoch: int) -> list[int]:
        order: list[int] = torch.randperm(count, generator=generator(self.seed, purpose, epoch)).tolist()
        return order


def in_order(split: Split, batch_size: int, limit: int | None = None, frames: int = 0) -> Iterator[Batch]:
    """The split's sources in their own order, not varied, with their partners; the last batch may be smaller.

    Where targets are of classes, every unpaired source has the `target_class` that it is to be translated to. With
    `frames`, only those are given that have so many earlier ones.
    """
    examples = Examples(split.rows, split.resolution, limit)
    clips, classes = _clips(split.rows, len(examples), frames), target_classes(split)
    for start in range(0, len(clips), batch_size):
        lasts = clips[start : start + batch_size]
        made = [tuple(examples[index] for index in range(last - frames, last + 1)) for last in lasts]
        batch = collate(made)
        if classes:
            own = [clip[-1].get("category", -1) for clip in made]
            wanted = [target_class(*one, classes) for one in zip(batch.names, own, strict=True)]
            batch = dataclasses.replace(batch, classes=torch.tensor([own, wanted]).T.contiguous())
        yield batch


def in_sequence(split: Split, batch_size: int, history: int, limit: int | None = None) -> Iterator[Batch]:
    """The split's frames, each after those that come before it in its sequence and with up to `history` of them.

    Those of a batch stand at the same place in different sequences, so that they have equally many.
    """
    examples = Examples(split.rows, split.resolution, limit)
    places: dict[int, list[int]] = {}
    for index in _clips(split.rows, len(examples), 0, video=True):
        places.setdefault(split.rows.column("frame")[index], []).append(index)
    for place, indices in sorted(places.items()):
        earlier = min(place, history)
        for start in range(0, len(indices), batch_size):
            clips = [range(last - earlier, last + 1) for last in indices[start : start + batch_size]]
            yield collate([tuple(examples[index] for index in clip) for clip in clips])


def target_class(name: str, category: int, classes: Sequence[int]) -> int:
    """The class that the picture `name` of class `category` is translated to: a hash's choice among the other ones."""
    others = [other for other in classes if other != category]
    return others[int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % len(others)]


def target_classes(split: Split) -> list[int]:
    """The classes that unpaired targets of `split` are of, if they are of any."""
    table, _ = split.reals
    return [] if split.task.paired or "category" not in table.columns else sorted(set(table.column("category")))


def collate(clips: Sequence[Clip], targets: Sequence[Example] | None = None) -> Batch:
    """Decoded examples as a batch: pictures to [-1, 1], ids to int64, flow to pixels. `targets` are unpaired ones."""
    examples = [clip[-1] for clip in clips]
    tensors = _tensors(examples)
    if targets is not None:
        column = "target" if "target" in targets[0] else "source"
        tensors["target"] = to_tensor([target[column] for target in targets])
        if "boxes" in targets[0]:
            tensors["target_boxes"] = tuple(torch.from_numpy(target["boxes"].copy()) for target in targets)
    if "category" in examples[0] or (targets and "category" in targets[0]):
        partners: Sequence[Example] = examples if "target" in examples[0] else [{}] * len(examples)
        sides = examples, targets if targets is not None else partners
        categories = [[example.get("category", -1) for example in side] for side in sides]
        tensors["classes"] = torch.tensor(categories).T.contiguous()
    if len(clips[0]) > 1:
        earlier = zip(*(clip[:-1] for clip in clips), strict=True)
        tensors["frames"] = tuple(Batch(**_tensors(list(frame))) for frame in earlier)
    return Batch(**tensors)


def _tensors(examples: Sequence[Example]) -> dict[str, Any]:
    columns = {name: [example[name] for example in examples] for name in examples[0]}
    tensors: dict[str, Any] = {"names": tuple(columns["name"])}
    for name, values in columns.items():
        if name in ("source", "target"):
            tensors[name] = to_tensor(values)
        elif name in ("labels", "instances"):
            tensors[name] = torch.from_numpy(np.stack(values).astype(np.int64))
        elif name == "boxes":
            tensors[name] = tuple(torch.from_numpy(value.copy()) for value in values)
        elif name == "flow":
            tensors[name] = _flow(values)
    return tensors


def _flow(values: Sequence[Any]) -> Tensor:
    pixels = np.stack([value if value.dtype == np.float32 else in_pixels(value) for value in values])
    return torch.from_numpy(pixels).movedim(-1, 1).contiguous()


def _clips(table: Table, count: int, frames: int, *, video: bool = False) -> list[int]:
    """Numbers of the examples that have `frames` earlier ones, which lie right before them."""
    if not (frames or video):
        return list(range(count))
    if "frame" not in table.columns:
        raise BenchError(
            f"examples with {frames} earlier frames were asked for, and the pictures are no frames of sequences: use "
            "a task that gives video (i2ibench list tasks --needs video)"
        )
    clips = [index for index, number in enumerate(table.column("frame")[:count]) if number >= frames]
    if not clips:
        raise BenchError(f"no picture has {frames} earlier frames: the sequences are shorter")
    return clips
