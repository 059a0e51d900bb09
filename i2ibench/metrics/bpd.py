"""Bits per dimension: the negative conditional log-likelihood of the target under its source, by the method itself.

In a many-class task, where no source has a target, that of each test picture under its own class.

`-(log p(z) + log|det|) / (D log 2) + 8` with D = 3 H W, for pictures in [0, 1] with uniform noise of one 8-bit step
added. Each noise draw bounds the discrete likelihood in expectation only, so several are averaged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

from typing_extensions import Self

from i2ibench.metrics.metric import Chunk, Metric, Setting, mean_score
from i2ibench.protocol import Score


class BPD(Metric):
    """The mean of the method's own bits per dimension over pictures and dequantisation draws."""

    name = "bpd"
    title = "Conditional bits per dimension of the target, by the method's own likelihood"
    columns: ClassVar = {"bpd": False}

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.values: dict[str, float] = {}

    @classmethod
    def unavailable(cls, setting: Setting) -> str | None:
        """Besides the usual reasons: pictures alone carry no likelihood, and most methods have none."""
        if setting.likelihood_draws == 0:
            return "no likelihood: the method has none, or only its pictures are known"
        if setting.task.supervision == "unpaired":
            return f"task {setting.task.id!r} has no pairs: no target is to be coded under a source"
        return super().unavailable(setting)

    def update(self, chunk: Chunk) -> None:
        """Keep each picture's mean over the draws."""
        assert chunk.bits_per_dim is not None, "`unavailable` is asked before"
        self.values.update(zip(chunk.names, chunk.bits_per_dim.double().mean(1).tolist(), strict=True))

    def merge(self, other: Self) -> None:
        """Keep the values of other pictures."""
        self.values.update(other.values)

    def compute(self) -> tuple[Score, ...]:
        """The mean over pictures; n/a where the method's likelihood is not finite."""
        values = list(self.values.values())
        broken = sum(not math.isfinite(value) for value in values)
        if broken:
            reason = f"the method's likelihood is not finite for {broken} of {len(values)} pictures: there is no mean"
            return (Score.not_available(self.name, False, reason),)
        protocol = self.setting.protocol(
            self.name,
            reference="target of each source" if self.setting.task.paired else "each picture, under its own class",
            bits=8,
            dequantisation="uniform over one step",
            draws=self.setting.likelihood_draws,
        )
        return (mean_score(self, values, protocol),)

    def per_picture(self) -> Mapping[str, Mapping[str, float]]:
        """Each picture's bits per dimension, the mean over the draws."""
        return {self.name: self.values}
