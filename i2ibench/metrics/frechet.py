"""Fréchet distances: of the two Gaussians fitted to the features of outputs and of real targets.

FID is Heusel et al., "GANs Trained by a Two Time-Scale Update Rule", arXiv:1706.08500, section 5, by the arithmetic of
torch-fidelity on its own network. On EfficientNet-Lite0 features it is another metric with another name.

No standard error is given: on a few hundred pictures the distance is biased upwards by more than it scatters, so a
scatter beside it would claim a precision that it does not have. With fewer than `RANKED_FROM` pictures on a side the
number is shown and ranks nobody: the kernel distance does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor
from typing_extensions import Self

from i2ibench.metrics import extractors
from i2ibench.metrics.metric import Chunk, Metric, Setting
from i2ibench.protocol import Score

RANKED_FROM = 2048
"""Pictures on each side from which a Fréchet distance ranks: with fewer, Inception's covariances are singular."""


class FrechetDistance(Metric):
    """The Fréchet distance on the features of `extractor`; the metrics below name one each."""

    extractor: ClassVar[str]

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.outputs, self.targets = Moments(), Moments()

    def update(self, chunk: Chunk) -> None:
        """Add the outputs' features to their moments."""
        self.outputs.add(chunk.features(self.extractor, "output"))

    def update_reference(self, chunk: Chunk) -> None:
        """Add the real targets' features to theirs."""
        self.targets.add(chunk.features(self.extractor, "target"))

    def merge(self, other: Self) -> None:
        """Add the moments of other pictures."""
        self.outputs.merge(other.outputs)
        self.targets.merge(other.targets)

    def compute(self) -> tuple[Score, ...]:
        """One score, without a standard error."""
        return (
            Score(
                name=self.name,
                value=frechet_distance(self.outputs, self.targets),
                n=self.outputs.n,
                higher_is_better=False,
                ranks=min(self.outputs.n, self.targets.n) >= RANKED_FROM,
                protocol=self.setting.protocol(
                    self.name,
                    reference=f"all targets of {self.setting.split}",
                    reference_hash=self.setting.reference_hash,
                    n_reference=self.targets.n,
                    **extractors.fields(self.extractor),
                ),
            ),
        )


class FID(FrechetDistance):
    """Fréchet Inception distance."""

    name = "fid"
    title = "Fréchet distance on Inception-v3 features (Heusel et al. 2017), as torch-fidelity computes it"
    columns: ClassVar = {"fid": False}
    extractor = "inception-v3-compat"
    weights = ("inception",)


class FDEfficientNetLite0(FrechetDistance):
    """Fréchet distance on EfficientNet-Lite0 features. Never comparable with FID."""

    name = "fd_efficientnet_lite0"
    title = "Fréchet distance on EfficientNet-Lite0 features; not FID"
    columns: ClassVar = {"fd_efficientnet_lite0": False}
    extractor = "efficientnet_lite0"
    weights = ("efficientnet_lite0",)


@dataclass
class Moments:
    """Sums in float64 from which mean and covariance follow, however the pictures were split up."""

    n: int = 0
    total: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    """`[d]`, the sum of the features."""
    products: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    """`[d, d]`, the sum of their outer products."""

    def add(self, features: Tensor) -> None:
        """Take in features `[B, d]`."""
        exact = features.double()
        self.merge(Moments(len(exact), exact.sum(0), exact.T @ exact))

    def merge(self, other: Moments) -> None:
        """Take in the sums of other pictures."""
        self.n += other.n
        self.total = self.total + other.total
        self.products = self.products + other.products

    def gaussian(self) -> tuple[Tensor, Tensor]:
        """Mean `[d]` and unbiased covariance `[d, d]`."""
        mean = self.total / self.n
        return mean, (self.products - self.n * torch.outer(mean, mean)) / (self.n - 1)


def frechet_distance(first: Moments, second: Moments) -> float:
    """`|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))`, Heusel et al. 2017, equation 6.

    With `S1 = A A^T` the eigenvalues of `S1 S2` are those of the symmetric `A^T S2 A`, which has only as many rows as
    `S1` has rank: as exact as the root of the product and much quicker on few pictures.
    """
    (mean1, covariance1), (mean2, covariance2) = first.gaussian(), second.gaussian()
    values, vectors = torch.linalg.eigh(covariance1)
    real = values > values[-1] * len(values) * torch.finfo(values.dtype).eps
    root = vectors[:, real] * values[real].sqrt()
    cross = torch.linalg.eigvalsh(root.T @ covariance2 @ root).clamp(min=0).sqrt().sum()
    return float((mean1 - mean2).square().sum() + covariance1.trace() + covariance2.trace() - 2 * cross)
