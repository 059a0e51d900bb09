"""What metrics of two sets share: they keep the features of every output and of every real target by name."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from typing_extensions import Self

from i2ibench.metrics.metric import Chunk, Metric, Setting


class SetMetric(Metric):
    """Keeps features of both sides, so that states merge exactly and whatever the order."""

    extractor: ClassVar[str]

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.outputs: dict[str, Tensor] = {}
        self.targets: dict[str, Tensor] = {}

    def update(self, chunk: Chunk) -> None:
        """Keep the outputs' features."""
        self.outputs.update(zip(chunk.names, chunk.features(self.extractor, "output"), strict=True))

    def update_reference(self, chunk: Chunk) -> None:
        """Keep the real targets' features."""
        self.targets.update(zip(chunk.names, chunk.features(self.extractor, "target"), strict=True))

    def merge(self, other: Self) -> None:
        """Keep the features of other pictures."""
        self.outputs.update(other.outputs)
        self.targets.update(other.targets)

    def sides(self) -> tuple[Tensor, Tensor]:
        """Features `[N, d]` of outputs and `[M, d]` of targets, in the order of the pictures' names."""
        outputs, targets = (torch.stack([kept[name] for name in sorted(kept)]) for kept in (self.outputs, self.targets))
        return outputs, targets
