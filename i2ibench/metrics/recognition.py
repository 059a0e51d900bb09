"""Are outputs of the class that was asked for? Two classifiers answer, one fitted to real pictures, one to outputs.

- `rc`: the share of outputs in which a classifier fitted to real pictures recognises the class asked for. Liu et al.,
  "Few-Shot Unsupervised Image-to-Image Translation", arXiv:1905.01723, section 4, call it translation accuracy, top-1
  and top-5; Wang et al., "DeepI2I", arXiv:2011.05867, call top-1 RC, for real classifier.
- `fc` (DeepI2I): the share of real pictures whose class is known to a classifier fitted to the outputs under the
  classes asked for. Outputs must be of their class, and about as varied as real pictures are, for it to be high.

Both classifiers are those of `metrics.classifier`, not the papers' fine-tuned networks, so the numbers are not theirs.
Read `rc` beside the row "real", its ceiling, and the row "identity": copies of the sources score 0 where no source is
asked for its own class. It sees neither realism nor what is kept of the source: one training picture for each class,
whatever the source, reaches the ceiling, or passes it, as the classifier was fitted to that picture.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from typing_extensions import Self

from i2ibench.errors import BenchError
from i2ibench.metrics import extractors
from i2ibench.metrics.classification import training as classifier_training
from i2ibench.metrics.classification.classifier import EXTRACTOR, HEAD, fit
from i2ibench.metrics.classification.training import TOP, Trained
from i2ibench.metrics.metric import Chunk, Metric, Setting, mean_score
from i2ibench.progress import Progress, Silent
from i2ibench.protocol import Protocol, Score

Recognisable = dict[str, tuple[int, Tensor]]
"""By picture's name: its class, and its features `[d]`."""

_Z = 1.959963984540054
"""The standard normal distribution's 97.5th percentile."""


class ByClassifier(Metric):
    """A score by the task's classifier of real pictures, which is fitted where it is not in the cache."""

    weights = ("efficientnet_lite0",)

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.trained: Trained | None = None
        self.why_not: str | None = None
        """Why there is no classifier, or none to be trusted."""

    @classmethod
    def unavailable(cls, setting: Setting) -> str | None:
        """Besides the usual reasons: real training pictures of the task's classes are needed."""
        return classifier_training.unavailable(setting.task, setting.resolution) or super().unavailable(setting)

    def prepare(self, progress: Progress) -> None:
        """Have the classifier at hand: the first time, features of all real training pictures are taken."""
        if self.trained is not None or self.why_not is not None:
            return
        setting = self.setting
        try:
            found = classifier_training.of_task(
                setting.task, setting.resolution, device=setting.device, progress=progress
            )
        except BenchError as error:  # what else was scored is not to be lost
            self.why_not = str(error)
        else:
            self.trained, self.why_not = found, found.card.distrust()

    def compute(self) -> tuple[Score, ...]:
        """The scores; n/a where the classifier cannot be had, or does not know real test pictures either."""
        self.prepare(Silent())
        if self.trained is None or self.why_not is not None:
            reason = self.why_not or "there is no classifier"
            return tuple(Score.not_available(column, higher, reason) for column, higher in self.columns.items())
        return self.judged(self.trained)

    @abstractmethod
    def judged(self, trained: Trained) -> tuple[Score, ...]:
        """The scores by a classifier that can be trusted."""

    def protocol(self, trained: Trained, **fields: object) -> Protocol:
        """The classifier by its features, its head and its training pictures."""
        return self.setting.protocol(
            self.name,
            **trained.card.extractor,
            classifier=trained.card.head,
            training=f"all real pictures of {self.setting.task.shown}",
            training_hash=trained.card.training_hash,
            n_training=trained.card.n_training,
            classes=len(trained.card.classes),
            **fields,
        )


class RC(ByClassifier):
    """The share of outputs recognised as what was asked for, at once and among the five likeliest classes."""

    name = "rc"
    title = "Outputs recognised as the class asked for: translation accuracy (Liu et al. 2019), RC (Wang et al. 2020)"
    columns: ClassVar = {"rc": True, "rc_top5": True}

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.outputs: Recognisable = {}

    def update(self, chunk: Chunk) -> None:
        """Keep the outputs' features by the class asked for."""
        _keep(self.outputs, chunk, chunk.features(EXTRACTOR, "output"))

    def merge(self, other: Self) -> None:
        """Keep the features of other outputs."""
        self.outputs.update(other.outputs)

    def judged(self, trained: Trained) -> tuple[Score, ...]:
        """Both shares. Standard errors and Wilson intervals are over outputs."""
        lacking = {category for category, _ in self.outputs.values()} - set(trained.card.classes)
        if lacking:
            reason = (
                f"{len(lacking)} of the classes asked for are not in the training pictures "
                f"({_named(self.setting, lacking)}), so no classifier knows them"
            )
            return tuple(Score.not_available(column, True, reason) for column in self.columns)
        hits = self._hits(trained)
        protocol = self.protocol(trained, reference="the class asked for of each output")
        first = _share(self, hits["rc"], protocol)
        if "rc_top5" in hits:
            return first, _share(self, hits["rc_top5"], protocol).model_copy(update={"name": "rc_top5"})
        reason = f"the classifier tells {len(trained.card.classes)} classes apart: five of them say nothing"
        return first, Score.not_available("rc_top5", True, reason)

    def per_picture(self) -> Mapping[str, Mapping[str, float]]:
        """1 for each output that is recognised, 0 for the others; nothing where there is no score."""
        columns = [score.name for score in self.compute() if score.value is not None]
        hits = {} if self.trained is None or not columns else self._hits(self.trained)
        return {column: hits[column] for column in columns}

    def _hits(self, trained: Trained) -> dict[str, dict[str, float]]:
        names, classes, features = _in_order(self.outputs)
        tops = {"rc": 1} if len(trained.card.classes) <= TOP else {"rc": 1, "rc_top5": TOP}
        return {
            column: dict(
                zip(names, trained.classifier.among_first(features, classes, k).double().tolist(), strict=True)
            )
            for column, k in tops.items()
        }


class FC(Metric):
    """The share of real pictures that a classifier fitted to the outputs recognises."""

    name = "fc"
    title = "Real pictures recognised by a classifier fitted to the outputs (FC, Wang et al. 2020)"
    columns: ClassVar = {"fc": True}
    extractor = EXTRACTOR
    weights = ("efficientnet_lite0",)

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.outputs: Recognisable = {}
        self.targets: Recognisable = {}

    @classmethod
    def unavailable(cls, setting: Setting) -> str | None:
        """Besides the usual reasons: only where outputs are asked to be of a class."""
        return classifier_training.unclassed(setting.task) or super().unavailable(setting)

    def update(self, chunk: Chunk) -> None:
        """Keep the outputs' features by the class asked for."""
        _keep(self.outputs, chunk, chunk.features(EXTRACTOR, "output"))

    def update_reference(self, chunk: Chunk) -> None:
        """Keep the real pictures' features by their class."""
        _keep(self.targets, chunk, chunk.features(EXTRACTOR, "target"))

    def merge(self, other: Self) -> None:
        """Keep the features of other pictures."""
        self.outputs.update(other.outputs)
        self.targets.update(other.targets)

    def compute(self) -> tuple[Score, ...]:
        """One score; n/a where a class of the real pictures has no output, or there is but one class.

        The standard error and the Wilson interval are over real pictures, given these outputs: other outputs would
        make another classifier.
        """
        names, classes, features = _in_order(self.outputs)
        reals, wanted, real_features = _in_order(self.targets)
        lacking = set(wanted) - set(classes)
        if lacking or len(set(classes)) < 2:
            reason = "all outputs were asked for one class"
            if lacking:
                reason = f"{len(lacking)} classes have no output ({_named(self.setting, lacking)}): score more of them"
            return (Score.not_available(self.name, True, reason),)
        hits = fit(features, classes).among_first(real_features, wanted, 1).double().tolist()
        protocol = self.setting.protocol(
            self.name,
            reference=self.setting.reference,
            reference_hash=self.setting.reference_hash,
            n_reference=len(reals),
            classifier=HEAD,
            training="outputs, as the classes asked for",
            n_training=len(names),
            classes=len(set(classes)),
            **extractors.fields(EXTRACTOR),
        )
        return (_share(self, dict(zip(reals, hits, strict=True)), protocol),)


def wilson_interval(hits: float, n: int) -> tuple[float, float]:
    """95 % interval of a share of `hits` in n: Wilson, "Probable Inference", 1927. It is no point at 0 and 1."""
    share, squared = hits / n, _Z * _Z
    middle = (share + squared / (2 * n)) / (1 + squared / n)
    reach = _Z * math.sqrt(share * (1 - share) / n + squared / (4 * n * n)) / (1 + squared / n)
    return max(0.0, min(share, middle - reach)), min(1.0, max(share, middle + reach))


def _share(metric: Metric, hits: Mapping[str, float], protocol: Protocol) -> Score:
    score = mean_score(metric, list(hits.values()), protocol)
    return score.model_copy(update={"interval": wilson_interval(math.fsum(hits.values()), len(hits))})


def _keep(kept: Recognisable, chunk: Chunk, features: Tensor) -> None:
    assert chunk.classes is not None, "a metric of classes is not asked where there are none"
    kept.update(zip(chunk.names, zip(chunk.classes.tolist(), features, strict=True), strict=True))


def _in_order(kept: Recognisable) -> tuple[list[str], list[int], Tensor]:
    """Names, classes and features `[N, d]` in the order of the names, so that shards give the same bits."""
    names = sorted(kept)
    return names, [kept[name][0] for name in names], torch.stack([kept[name][1] for name in names])


def _named(setting: Setting, classes: set[int]) -> str:
    """The first few of some classes by name."""
    known = setting.task.classes
    names = [known[one] if one < len(known) else str(one) for one in sorted(classes)]
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
