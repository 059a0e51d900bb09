"""LPIPS diversity: how far apart the translations of one source lie. Three protocols of the field, one name each.

- `diversity_bicyclegan` (Zhu et al., "Toward Multimodal Image-to-Image Translation", arXiv:1711.11586, as the README of
  its code has it): LPIPS version 0.0, which does not scale pictures for the trunk, on AlexNet; 100 sources, 20 samples
  of each, each compared with the next one: 19 distances a source.
- `diversity_munit` (Huang et al., "Multimodal Unsupervised Image-to-Image Translation", arXiv:1804.04732): 100 sources,
  19 pairs of independent samples of each. The paper names no version; 0.0 is taken, the one of its time and of the
  protocol that it follows.
- `diversity_stargan2` (Choi et al., "StarGAN v2", arXiv:1912.01865): LPIPS version 0.1 on AlexNet, 10 samples of every
  source, all 45 pairs; the mean over sources, then over ordered pairs of domains.

All are on one scale only within one version. Deviations: the sources are spread evenly over the split, not drawn at
random. StarGAN v2's code gives a partial last batch the weight of a full one, where ours is the plain mean over
sources; it compares what the generator puts out, where ours are 8-bit pictures; and it asks each source for every other
domain, where ours are the domains that the task asks for.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor
from typing_extensions import Self

from i2ibench.metrics import lpips
from i2ibench.metrics.extractors import full_precision
from i2ibench.metrics.lpips import LPIPS
from i2ibench.metrics.metric import Chunk, Metric, Setting, mean_score
from i2ibench.protocol import Protocol, Score
from i2ibench.task import Need, Task

PIXELS = 2**19
"""Of the sources compared at a time, 8 of 256x256: AlexNet's features take about 40 bytes a pixel, so that ten samples
of each take 200 MB."""


class Diversity(Metric):
    """The mean distance between samples of one source; the metrics below name one protocol each."""

    weights = LPIPS.weights
    version: ClassVar[str]
    """Of LPIPS."""
    pairs: ClassVar[tuple[tuple[int, int], ...]]
    """The samples that are compared, the lower number first."""
    rule: ClassVar[str]
    """The same in words, and of which sources."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.values: dict[str, float] = {}

    @classmethod
    def unavailable(cls, setting: Setting) -> str | None:
        """Besides the usual reasons: the trunk takes no smaller pictures than LPIPS does."""
        if min(setting.resolution) < LPIPS.smallest:
            return (
                f"pictures of {setting.resolution} are too small for the trunk 'alexnet', which takes {LPIPS.smallest} "
                "pixels a side"
            )
        return super().unavailable(setting)

    @torch.inference_mode()
    def update(self, chunk: Chunk) -> None:
        """Compare the samples of those sources that are looked at."""
        wanted = set(self.sampled(self.setting.names))
        rows = [row for row, name in enumerate(chunk.names) if name in wanted]
        group = max(1, PIXELS // math.prod(chunk.output.shape[-2:]))
        for start in range(0, len(rows), group):
            some = rows[start : start + group]
            names = [chunk.names[row] for row in some]
            self.values.update(zip(names, self._mean_distances(chunk, some).tolist(), strict=True))

    def merge(self, other: Self) -> None:
        """Keep the values of other sources."""
        self.values.update(other.values)

    def compute(self) -> tuple[Score, ...]:
        """The mean over sources."""
        return (mean_score(self, list(self.values.values()), self._protocol(self.rule)),)

    def per_picture(self) -> Mapping[str, Mapping[str, float]]:
        """The mean distance of each source, nan for those that are not looked at."""
        return {self.name: {name: self.values.get(name, math.nan) for name in self.setting.names}}

    def _protocol(self, pairs: str) -> Protocol:
        return self.setting.protocol(
            self.name,
            n=len(self.values),
            outputs_per_source=self.samples,
            pairs=pairs,
            **lpips.fields(LPIPS.net, self.version, *self.weights, LPIPS.layers),
        )

    def _mean_distances(self, chunk: Chunk, rows: Sequence[int]) -> Tensor:
        """Float64 `[len(rows)]`. Features are taken once a picture and kept only as long as a pair still needs them.

        Sample by sample, not source by source: a source then has one place in every batch, and equal samples have equal
        features to the last bit.
        """
        network = lpips.load(LPIPS.net, self.version, *self.weights, chunk.output.device)
        kept: dict[int, tuple[Tensor, ...]] = {}
        total = torch.zeros(len(rows), dtype=torch.float64, device=chunk.output.device)
        with full_precision():
            for number in range(self.samples):
                kept[number] = lpips.unit_features(network, chunk.samples(number, rows))
                for first, second in self.pairs:
                    if second == number:
                        total += lpips.distance(network, kept[first], kept[second]).double()
                needed = {first for first, second in self.pairs if second > number}
                kept = {sample: features for sample, features in kept.items() if sample in needed}
        return total / len(self.pairs)


class DiversityBicycleGAN(Diversity):
    """The mean distance between consecutive samples of 100 sources."""

    name = "diversity_bicyclegan"
    title = "Diversity: LPIPS v0.0 between consecutive samples of a source (BicycleGAN, Zhu et al. 2017)"
    columns: ClassVar = {"diversity_bicyclegan": True}
    samples = 20
    sources = 100
    version = "0.0"
    pairs = tuple(itertools.pairwise(range(20)))
    rule = "each of 20 samples with the next one, 19 pairs; at most 100 sources, evenly spread over the split"


class DiversityMUNIT(Diversity):
    """The mean distance between 19 independent pairs of samples of 100 sources."""

    name = "diversity_munit"
    title = "Diversity: LPIPS v0.0 between 19 independent pairs of samples of a source (MUNIT, Huang et al. 2018)"
    columns: ClassVar = {"diversity_munit": True}
    samples = 38
    sources = 100
    version = "0.0"
    pairs = tuple((first, first + 1) for first in range(0, 38, 2))
    rule = "38 samples two by two, 19 independent pairs; at most 100 sources, evenly spread over the split"


class DiversityStarGAN2(Diversity):
    """The mean distance between any two of ten samples, over sources, then over ordered pairs of domains."""

    name = "diversity_stargan2"
    title = "Diversity: LPIPS v0.1 between any two of ten samples of a source (StarGAN v2, Choi et al. 2020)"
    columns: ClassVar = {"diversity_stargan2": True}
    samples = 10
    version = "0.1"
    pairs = tuple(itertools.combinations(range(10), 2))
    rule = "all 45 pairs of 10 samples; all sources"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.domains: dict[str, tuple[int, int]] = {}
        """Class of the source and class asked for, by name, where the domains are classes of one pool."""

    def update(self, chunk: Chunk) -> None:
        """Compare the samples, and keep which domains they go between."""
        super().update(chunk)
        if _among_classes(self.setting.task):
            assert chunk.source_classes is not None and chunk.classes is not None, "a task of many classes tells both"
            domains = zip(chunk.source_classes.tolist(), chunk.classes.tolist(), strict=True)
            self.domains.update(zip(chunk.names, domains, strict=True))

    def merge(self, other: Self) -> None:
        """Keep the values and the domains of other sources."""
        super().merge(other)
        self.domains.update(other.domains)

    def compute(self) -> tuple[Score, ...]:
        """The mean over ordered pairs of domains of the means over their sources; two domains without classes are one.

        The standard error is that of other sources of the same domains, from the spread within pairs of domains,
        pooled; there is none where every pair has a single source.
        """
        by_domains: dict[tuple[int, int] | None, list[float]] = {}
        for name, value in self.values.items():
            by_domains.setdefault(self.domains.get(name), []).append(value)
        pairs = len(by_domains)
        if pairs == 1:
            return super().compute()
        means = {domains: math.fsum(values) / len(values) for domains, values in by_domains.items()}
        squares = math.fsum((value - means[key]) ** 2 for key, values in by_domains.items() for value in values)
        free = len(self.values) - pairs
        per_source = math.fsum(1 / len(values) for values in by_domains.values())
        score = Score(
            name=self.name,
            value=math.fsum(means.values()) / pairs,
            standard_error=math.sqrt(squares / free * per_source) / pairs if free else None,
            n=len(self.values),
            higher_is_better=True,
            protocol=self._protocol(f"{self.rule}; the mean over sources, then over {pairs} ordered pairs of domains"),
        )
        return (score,)


def _among_classes(task: Task) -> bool:
    """Whether the domains are classes of one pool of pictures, each of which is asked to be of another class."""
    return task.supervision == "many-class" and Need.CLASSES in task.gives
