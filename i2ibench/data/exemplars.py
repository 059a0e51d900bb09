"""Exemplars: pictures of the target domain whose style a translation may take, where the user gives none.

They are real targets of the training split: the method has been shown them, and its outputs are compared with others.
One of the test split would hand a method what its outputs are compared with.
"""

from __future__ import annotations

from collections import defaultdict

from torch import Tensor

from i2ibench.data.batches import target_classes
from i2ibench.data.examples import Examples
from i2ibench.data.pictures import to_tensor
from i2ibench.data.rows import Split
from i2ibench.errors import BenchError
from i2ibench.models.method import Batch, key_to_seed


class Exemplars:
    """Exemplars from the training split `train`, each a function of (seed, the source's name, sample) alone.

    Where sources are translated to classes, the exemplar is of the class asked for.
    """

    def __init__(self, train: Split, seed: int) -> None:
        table, self._column = train.reals
        self._examples = Examples(table.without(set(table.columns) - {"name", self._column}), train.resolution)
        self._seed = seed
        self._task = train.task
        self._by_class: dict[int, list[int]] = defaultdict(list)
        if target_classes(train):
            for index, category in enumerate(table.column("category")):
                self._by_class[category].append(index)

    def __call__(self, batch: Batch, sample: int = 0) -> Tensor:
        """A picture for each source of `batch`, `[B, 3, H, W]` in [-1, 1], on its device.

        Raises `BenchError` where no training picture is of a class that is asked for.
        """
        classes = [None] * len(batch) if batch.classes is None or not self._by_class else batch.classes[:, 1].tolist()
        chosen = [self._choose(name, wanted, sample) for name, wanted in zip(batch.names, classes, strict=True)]
        pictures = to_tensor([self._examples[index][self._column] for index in chosen])
        return pictures.to(batch.source.device)

    def _choose(self, name: str, wanted: int | None, sample: int) -> int:
        pool = range(len(self._examples)) if wanted is None else self._by_class.get(wanted, ())
        if not pool:
            raise BenchError(
                f"task {self._task.id!r} has no training picture of class {wanted}, which {name!r} is to be translated "
                "to: no exemplar can be drawn; train and translate on splits of the same classes"
            )
        return pool[key_to_seed(self._seed, "exemplar", name, sample) % len(pool)]
