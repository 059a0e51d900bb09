"""How many modes of a domain outputs show: Inception scores by the task's own classifier, as in MUNIT.

Huang et al., "Multimodal Unsupervised Image-to-Image Translation", arXiv:1804.04732, section 5.2 and table 2:

- `is_classifier`: the mean over outputs of KL(p(y | output) || p(y)), p(y) being the mean over all outputs. High where
  each output is surely of one class and all classes occur; at most the logarithm of the number of classes.
- `cis`, the conditional Inception score: the mean over sources of the same among samples of one source. High only where
  a source has outputs of many classes; 0 for a deterministic method, whatever its `is_classifier`.

Both are in nats, as the paper's table prints them; its released script prints their exponential, as the original
Inception score is. p(y | output) is by `metrics.classifier`, not by the paper's fine-tuned Inception-v3, so the
numbers are not the paper's. Deviations: `is_classifier` takes one output of each source, and `cis` 10 samples of 100
sources spread evenly over the split, where the paper takes 100 samples of 100 sources for both. From S samples, `cis`
of K equally likely classes falls short by about (K - 1) / 2S: it does not compare with that of 100 samples.

Where a source is asked for one class, a method that obeys gives samples of that class: it scores high in `rc` and near
0 in `cis`, and a method that ignores what was asked for the other way round. In a task of one pool of classes every
method is to obey, and `cis` is n/a.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from typing_extensions import Self

from i2ibench.metrics import extractors
from i2ibench.metrics.classification.classifier import EXTRACTOR
from i2ibench.metrics.classification.training import Trained
from i2ibench.metrics.metric import Chunk, Setting, mean_score
from i2ibench.metrics.recognition import ByClassifier
from i2ibench.metrics.statistics import normal_interval
from i2ibench.protocol import Score


class InceptionScore(ByClassifier):
    """The Inception score over all outputs, without the exponential."""

    name = "is_classifier"
    title = "Inception score by the task's classifier, mean KL in nats (Huang et al. 2018, table 2)"
    columns: ClassVar = {"is_classifier": True}

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.outputs: dict[str, Tensor] = {}

    def update(self, chunk: Chunk) -> None:
        """Keep the outputs' features."""
        self.outputs.update(zip(chunk.names, chunk.features(EXTRACTOR, "output"), strict=True))

    def merge(self, other: Self) -> None:
        """Keep the features of other outputs."""
        self.outputs.update(other.outputs)

    def judged(self, trained: Trained) -> tuple[Score, ...]:
        """One score, with the delete-one jackknife over outputs as its standard error."""
        features = torch.stack([self.outputs[name] for name in sorted(self.outputs)])
        probabilities = trained.classifier.log_probabilities(features).exp()
        value, error = float(mean_divergence(probabilities)), jackknife_error(probabilities)
        most = math.log(len(trained.card.classes))
        score = Score(
            name=self.name,
            value=value,
            standard_error=error,
            interval=None if error is None else normal_interval(value, error, within=(0, most)),
            n=len(features),
            higher_is_better=True,
            protocol=self.protocol(
                trained, divergence="KL of each output's classes from their mean over all outputs, nats, no exponential"
            ),
        )
        return (score,)


class ConditionalInceptionScore(ByClassifier):
    """The Inception score among samples of one source, its mean over sources."""

    name = "cis"
    title = "Conditional Inception score by the task's classifier, mean KL in nats (Huang et al. 2018, table 2)"
    columns: ClassVar = {"cis": True}
    samples = 10
    sources = 100

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.taken: dict[str, Tensor] = {}
        """Features `[samples, d]` by source."""

    @classmethod
    def unavailable(cls, setting: Setting) -> str | None:
        """Besides the usual reasons: n/a where samples of a source are all to be of the class asked for."""
        if setting.task.supervision == "many-class":
            return (
                f"task {setting.task.id!r} asks each source for one of its classes, so samples of a source are not to "
                "differ in class"
            )
        return super().unavailable(setting)

    @torch.inference_mode()
    def update(self, chunk: Chunk) -> None:
        """Take features of the samples of those sources that are looked at."""
        wanted = set(self.sampled(self.setting.names))
        rows = [row for row, name in enumerate(chunk.names) if name in wanted]
        if not rows:
            return
        network = extractors.load(EXTRACTOR, self.setting.device)
        output = chunk.samples(0, rows)
        features = [chunk.features(EXTRACTOR, "output")[rows]]
        for number in range(1, self.samples):
            pictures = chunk.samples(number, rows)
            # A network rounds differently in another batch: copies share features, so that they differ in nothing.
            copies = (pictures == output).flatten(1).all(1).cpu()
            found = features[0].clone()
            if not copies.all():
                found[~copies] = network(pictures[~copies.to(pictures.device)])
            features.append(found)
        names = (chunk.names[row] for row in rows)
        self.taken.update(zip(names, torch.stack(features, 1).clone(), strict=True))

    def merge(self, other: Self) -> None:
        """Keep the features of other sources' samples."""
        self.taken.update(other.taken)

    def judged(self, trained: Trained) -> tuple[Score, ...]:
        """The mean over sources, with its standard error over sources."""
        protocol = self.protocol(
            trained,
            n=len(self.taken),
            outputs_per_source=self.samples,
            pairs=f"{self.samples} samples of at most {self.sources} sources, evenly spread over the split",
            divergence="KL of each sample's classes from their mean over its source's samples, nats, no exponential",
        )
        return (mean_score(self, list(self._values(trained).values()), protocol),)

    def per_picture(self) -> Mapping[str, Mapping[str, float]]:
        """The score of each source, nan for those that are not looked at; nothing where there is no score."""
        (score,) = self.compute()
        if score.value is None or self.trained is None:
            return {}
        values = self._values(self.trained)
        return {self.name: {name: values.get(name, math.nan) for name in self.setting.names}}

    def _values(self, trained: Trained) -> dict[str, float]:
        log_probabilities = trained.classifier.log_probabilities
        return {name: float(mean_divergence(log_probabilities(self.taken[name]).exp())) for name in sorted(self.taken)}


def mean_divergence(probabilities: Tensor) -> Tensor:
    """`[]`: the mean of KL(p_i || p), in nats, of distributions `[N, K]` from their mean p.

    That is the entropy of the mean less the mean entropy; rounding takes it no lower than 0.
    """
    entropies = torch.special.entr(probabilities).sum(1)
    divergence: Tensor = torch.special.entr(probabilities.mean(0)).sum() - entropies.mean()
    return divergence.clamp(min=0)


def jackknife_error(probabilities: Tensor) -> float | None:
    """Standard error of `mean_divergence` by leaving out each of the `[N, K]` in turn; None for fewer than two."""
    n = len(probabilities)
    if n < 2:
        return None
    entropies = torch.special.entr(probabilities).sum(1)
    means = (probabilities.sum(0) - probabilities) / (n - 1)
    left = torch.special.entr(means.clamp(min=0)).sum(1) - (entropies.sum() - entropies) / (n - 1)
    return math.sqrt(float((left - left.mean()).square().sum()) * (n - 1) / n)
