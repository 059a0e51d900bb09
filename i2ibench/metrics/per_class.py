"""Distances of sets taken class by class and averaged, for translation among many classes.

mFID is the mean over classes of the Fréchet distance between the outputs that were asked to be of a class and the real
pictures of that class (Liu et al., "Few-Shot Unsupervised Image-to-Image Translation", arXiv:1905.01723, section 4);
mKID the same with the kernel distance (Wang et al., "DeepI2I", arXiv:2011.05867). A pooled distance does not see
whether an output is of the class that was asked for; these do. Classes are small sets, so the kernel distance is the
unbiased squared MMD of all their pictures, not a mean over subsets, and the Fréchet distance is biased upwards: it
compares methods on one task, not tasks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import ClassVar, Literal

import torch
from torch import Tensor
from typing_extensions import Self

from i2ibench.metrics import extractors, statistics
from i2ibench.metrics.frechet import RANKED_FROM, Gaussian, frechet_distance
from i2ibench.metrics.kernel import squared_mmd
from i2ibench.metrics.metric import Chunk, Metric, Setting
from i2ibench.protocol import Score
from i2ibench.task import Need

_KERNEL = "polynomial, degree 3, gamma 1/d, coef0 1; unbiased, of all pictures of a class"


class PerClass(Metric):
    """The mean over classes of a distance on the features of `extractor`; the metrics below name one each."""

    extractor: ClassVar[str]
    distance: ClassVar[Literal["Fréchet", "kernel"]]

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.outputs: dict[str, tuple[int, Tensor]] = {}
        self.targets: dict[str, tuple[int, Tensor]] = {}

    @classmethod
    def unavailable(cls, setting: Setting) -> str | None:
        """Besides the usual reasons: only where outputs are asked to be of a class."""
        if setting.task.paired or Need.CLASSES not in setting.task.gives:
            return f"task {setting.task.id!r} asks for no class: its outputs are one set"
        return super().unavailable(setting)

    def update(self, chunk: Chunk) -> None:
        """Keep the outputs' features by the class asked for."""
        self._keep(self.outputs, chunk, chunk.features(self.extractor, "output"))

    def update_reference(self, chunk: Chunk) -> None:
        """Keep the real pictures' features by their class."""
        self._keep(self.targets, chunk, chunk.features(self.extractor, "target"))

    def merge(self, other: Self) -> None:
        """Keep the features of other pictures."""
        self.outputs.update(other.outputs)
        self.targets.update(other.targets)

    def compute(self) -> tuple[Score, ...]:
        """One score; n/a where a class has fewer than two pictures on one side.

        Standard error and interval are those of a mean over classes: how far it would move with other classes of the
        same kind.
        """
        outputs, targets = (_by_class(kept) for kept in (self.outputs, self.targets))
        fewest = min(_fewest(name, outputs, targets) for name in {*outputs, *targets})
        small = [name for name in sorted({*outputs, *targets}) if _fewest(name, outputs, targets) < 2]
        if small:
            names = ", ".join(self.setting.task.classes[name] for name in small[:5])
            reason = f"{len(small)} classes have fewer than two outputs or real pictures ({names}): score more of them"
            return (Score.not_available(self.name, False, reason),)
        distance = _frechet if self.distance == "Fréchet" else squared_mmd
        values = [distance(outputs[name], targets[name]) for name in sorted(outputs)]
        mean = math.fsum(values) / len(values)
        spread = math.fsum((value - mean) ** 2 for value in values) / max(len(values) - 1, 1)
        return (
            Score(
                name=self.name,
                value=mean,
                standard_error=math.sqrt(spread / len(values)) if len(values) > 1 else None,
                interval=statistics.mean_interval(values),
                n=len(self.outputs),
                higher_is_better=False,
                ranks=self.distance == "kernel" or fewest >= RANKED_FROM,
                protocol=self.setting.protocol(
                    self.name,
                    reference=f"{self.setting.reference.removeprefix('all ')} of each class",
                    reference_hash=self.setting.reference_hash,
                    n_reference=len(self.targets),
                    classes=len(values),
                    kernel=_KERNEL if self.distance == "kernel" else None,
                    **extractors.fields(self.extractor),
                ),
            ),
        )

    @staticmethod
    def _keep(kept: dict[str, tuple[int, Tensor]], chunk: Chunk, features: Tensor) -> None:
        assert chunk.classes is not None, "a metric of classes is not asked where there are none"
        kept.update(zip(chunk.names, zip(chunk.classes.tolist(), features, strict=True), strict=True))


class MFID(PerClass):
    """Mean over classes of the Fréchet Inception distance."""

    name = "mfid"
    title = "Mean over classes of FID (Liu et al. 2019)"
    columns: ClassVar = {"mfid": False}
    extractor = "inception-v3-compat"
    weights = ("inception",)
    distance = "Fréchet"


class MKID(PerClass):
    """Mean over classes of the kernel Inception distance."""

    name = "mkid"
    title = "Mean over classes of the kernel distance on Inception-v3 features (Wang et al. 2020)"
    columns: ClassVar = {"mkid": False}
    extractor = "inception-v3-compat"
    weights = ("inception",)
    distance = "kernel"


@lru_cache
def mfd(extractor: str) -> type[PerClass]:
    """`mfd_<extractor>`: the mean over classes of the Fréchet distance on another network's features."""
    title = f"Mean over classes of the Fréchet distance on the features of {extractor}; not mFID"
    kind = PerClass.on(extractor, f"mfd_{extractor}", title)
    kind.distance = "Fréchet"
    return kind


@lru_cache
def mkd(extractor: str) -> type[PerClass]:
    """`mkd_<extractor>`: the mean over classes of the kernel distance on another network's features."""
    title = f"Mean over classes of the kernel distance on the features of {extractor}; not mKID"
    kind = PerClass.on(extractor, f"mkd_{extractor}", title)
    kind.distance = "kernel"
    return kind


def _frechet(outputs: Tensor, targets: Tensor) -> float:
    """The Fréchet distance of features `[N, d]` and `[M, d]`."""
    return frechet_distance(Gaussian.of(outputs), Gaussian.of(targets))


def _by_class(kept: Mapping[str, tuple[int, Tensor]]) -> dict[int, Tensor]:
    """Features `[N, d]` by class, in the order of the pictures' names."""
    found: dict[int, list[Tensor]] = {}
    for name in sorted(kept):
        category, features = kept[name]
        found.setdefault(category, []).append(features)
    return {category: torch.stack(rows) for category, rows in found.items()}


def _fewest(category: int, *sides: Mapping[int, Tensor]) -> int:
    return min(len(side[category]) if category in side else 0 for side in sides)
