"""Exemplars: pictures of the target domain whose style a translation may take, where the user gives none.

They are real targets of the training split, or of that which shows classes held out of it (`Task.shown`): outputs are
compared with others. One of the test split would hand a method what its outputs are compared with.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence

from torch import Tensor

from i2ibench.data.batches import target_classes
from i2ibench.data.examples import Examples
from i2ibench.data.pictures import to_tensor
from i2ibench.data.rows import Split
from i2ibench.errors import BenchError
from i2ibench.models.method import Batch, key_to_seed


class Exemplars:
    """Exemplars from the split `shown`, `count` different ones for each source, which are a function of (seed,
    the source's name, sample) alone.

    Where sources are translated to classes, they are of the class asked for.
    """

    def __init__(self, shown: Split, seed: int, count: int = 1) -> None:
        table, self._column = shown.reals
        self._examples = Examples(table.without(set(table.columns) - {"name", self._column}), shown.resolution)
        self._seed, self._count = seed, count
        self._split = shown
        self._by_class: dict[int, list[int]] = defaultdict(list)
        if target_classes(shown):
            for index, category in enumerate(table.column("category")):
                self._by_class[category].append(index)

    def __call__(self, batch: Batch, sample: int = 0) -> tuple[Tensor, ...]:
        """`count` times a picture for each source of `batch`, `[B, 3, H, W]` in [-1, 1], on its device.

        Raises `BenchError` where too few pictures of the split are of a class that is asked for.
        """
        classes = [None] * len(batch) if batch.classes is None or not self._by_class else batch.classes[:, 1].tolist()
        chosen = [self._choose(name, wanted, sample) for name, wanted in zip(batch.names, classes, strict=True)]
        return tuple(self._pictures(indices).to(batch.source.device) for indices in zip(*chosen, strict=True))

    def _pictures(self, indices: Sequence[int]) -> Tensor:
        return to_tensor([self._examples[index][self._column] for index in indices])

    def _choose(self, name: str, wanted: int | None, sample: int) -> list[int]:
        pool = range(len(self._examples)) if wanted is None else self._by_class.get(wanted, ())
        if len(pool) < self._count:
            of, found = "" if wanted is None else f" of class {wanted}", len(pool) or "none"
            raise BenchError(
                f"{name!r} is to be translated by {self._count} exemplar{'s' * (self._count > 1)}{of}, and split "
                f"{self._split.name!r} of task {self._split.task.id!r}, which they are drawn from, has {found}: use "
                "data whose splits are of the same classes, or fewer exemplars"
            )
        chosen = [key_to_seed(self._seed, "exemplar", name, sample) % len(pool)]
        further = itertools.count(1)
        while len(chosen) < self._count:
            drawn = key_to_seed(self._seed, "exemplar", name, sample, next(further)) % len(pool)
            if drawn not in chosen:
                chosen.append(drawn)
        return [pool[place] for place in chosen]
