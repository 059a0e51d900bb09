"""Batches of a split: for training in an order that is a function of (seed, step), for translation in its own order.

Batch number `step` is a pure function of the seed, so a resumed training needs no loader state, and the threads that
prepare batches ahead cannot change them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from i2ibench.adapter import Augmentation
from i2ibench.data.pictures import to_tensor
from i2ibench.data.rows import Split
from i2ibench.models.method import Batch, generator

Example = dict[str, Any]
"""One decoded row: its name and uint8 or uint16 arrays."""

_IN_MEMORY = 2 << 30
"""Bytes of decoded pictures up to which a split is kept decoded."""


class Batches:
    """The training batches of `split`; `limit` takes its first rows only."""

    def __init__(
        self,
        split: Split,
        batch_size: int,
        seed: int,
        augmentation: Augmentation | None = None,
        limit: int | None = None,
    ) -> None:
        self.examples = Examples(split, limit)
        self.batch_size = batch_size
        self.seed = seed
        self.augmentation = augmentation or Augmentation()
        self._order = lru_cache(maxsize=2)(self._permutation)

    def __call__(self, step: int) -> Batch:
        """Batch number `step`: every example once an epoch, in another order each epoch."""
        positions = range(step * self.batch_size, (step + 1) * self.batch_size)
        return collate([self._example(position) for position in positions])

    def stream(self, start: int = 0, workers: int = 2) -> Generator[Batch, None, None]:
        """Batches from number `start` on without end, prepared ahead by threads."""
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

    def _example(self, position: int) -> Example:
        epoch, place = divmod(position, len(self.examples))
        example = self.examples[self._order(epoch)[place]]
        return augment(example, self.augmentation, self.seed, position)

    def _permutation(self, epoch: int) -> list[int]:
        order: list[int] = torch.randperm(len(self.examples), generator=generator(self.seed, "order", epoch)).tolist()
        return order


class Examples:
    """A split's rows decoded: once and kept where they are small enough, else on each access."""

    def __init__(self, split: Split, limit: int | None = None) -> None:
        count = len(split) if limit is None else min(limit, len(split))
        self.rows = split.rows.select(range(count))
        pixels = split.resolution.height * split.resolution.width
        self._kept: dict[int, Example] | None = {} if count * pixels * 9 <= _IN_MEMORY else None

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Example:
        if self._kept is None:
            return _decode(self.rows[index])
        if index not in self._kept:
            self._kept[index] = _decode(self.rows[index])
        return self._kept[index]


def in_order(split: Split, batch_size: int, limit: int | None = None) -> Iterator[Batch]:
    """The split's examples in their own order, not varied; the last batch may be smaller."""
    examples = Examples(split, limit)
    for start in range(0, len(examples), batch_size):
        yield collate([examples[i] for i in range(start, min(start + batch_size, len(examples)))])


def collate(examples: list[Example]) -> Batch:
    """Decoded examples as a batch: pictures to [-1, 1], labels and instances to int64."""
    columns = {name: [example[name] for example in examples] for name in examples[0]}
    tensors: dict[str, Any] = {"names": tuple(columns.pop("name"))}
    for name, values in columns.items():
        if name in ("source", "target"):
            tensors[name] = to_tensor(values)
        else:
            tensors[name] = torch.from_numpy(np.stack(values).astype(np.int64))
    return Batch(**tensors)


def augment(example: Example, augmentation: Augmentation, seed: int, position: int) -> Example:
    """Vary one example by a draw that is a function of (seed, position), all its pictures alike.

    Pictures are resized with Pillow's antialiased bicubic filter, as the published recipes do; class and instance ids
    by nearest neighbour.
    """
    if augmentation == Augmentation():
        return example
    draws = torch.rand(3, generator=generator(seed, "augment", position)).tolist()
    pictures = {name: value for name, value in example.items() if name != "name"}
    if augmentation.scale != 1:
        pictures = {
            name: _crop(_resize(value, augmentation.scale), value, *draws[:2]) for name, value in pictures.items()
        }
    if augmentation.mirror and draws[2] < 0.5:
        pictures = {name: value[:, ::-1] for name, value in pictures.items()}
    return {"name": example["name"], **pictures}


def _resize(array: NDArray[Any], scale: float) -> NDArray[Any]:
    from PIL import Image

    height, width = (round(side * scale) for side in array.shape[:2])
    how = Image.Resampling.BICUBIC if array.ndim == 3 else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(array).resize((width, height), how))


def _crop(array: NDArray[Any], like: NDArray[Any], down: float, right: float) -> NDArray[Any]:
    """A window of `like`'s size at a place given by two numbers in [0, 1)."""
    height, width = like.shape[:2]
    top = int(down * (array.shape[0] - height + 1))
    left = int(right * (array.shape[1] - width + 1))
    return array[top : top + height, left : left + width]


def _decode(row: dict[str, Any]) -> Example:
    return {name: value if isinstance(value, str) else np.asarray(value) for name, value in row.items()}
