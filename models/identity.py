"""The identity: every source is its own translation. Not published; the floor that every method has to clear."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor
from torch.optim import Optimizer

from i2ibench.models.method import Batch, Method, Update


@dataclass(frozen=True)
class IdentityConfig:
    """There is nothing to choose."""


class Identity(Method):
    """Returns the source. Nothing to train, nothing to draw."""

    def __init__(self, config: IdentityConfig) -> None:
        super().__init__()
        self.config = config

    def optimizers(self) -> dict[str, Optimizer]:
        """None."""
        return {}

    def updates(self, batch: Batch, step: int) -> Iterator[Update | tuple[Update, ...]]:
        """None."""
        return iter(())

    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """The sources."""
        return batch.source.clone()
