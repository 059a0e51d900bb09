"""Scores by classes on features that are handed over, against torch-fidelity, scikit-learn and scipy class by class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from unittest import mock

import numpy as np
import torch
from references import Row, counted, difference
from scipy.special import rel_entr
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric

from i2ibench.metrics import extractors
from i2ibench.metrics.classification import training as classifier_training
from i2ibench.metrics.classification.classifier import HEAD, PENALTY, fit
from i2ibench.metrics.classification.training import ClassifierCard, RealAccuracy, Trained
from i2ibench.metrics.inception_score import ConditionalInceptionScore, InceptionScore
from i2ibench.metrics.metric import Chunk, Metric, Setting
from i2ibench.metrics.per_class import MFID, MKID, mfd, mkd
from i2ibench.metrics.recognition import FC, RC
from i2ibench.task import Level, Need, Resolution, Task

CLASSES, EACH, DIMENSION, SAMPLES = 7, 20, 16, 10
COUNT = CLASSES * EACH
SIZE = Resolution(1, DIMENSION)
"""Of pictures that carry their own features."""


def rows() -> Iterator[Row]:
    """The rows of these metrics."""
    labels = [row % CLASSES for row in range(COUNT)]
    outputs, reals, training = (_features(labels, seed, width) for seed, width in ((1, 2.0), (2, 1.5), (3, 1.5)))
    yield from _by_class(labels, outputs, reals)
    yield from _by_classifier(labels, outputs, reals, training)


def _features(labels: Sequence[int], seed: int, width: float) -> Tensor:
    centres = np.random.default_rng(0).normal(0, 1, (CLASSES, DIMENSION))
    noise = np.random.default_rng(seed).normal(0, width, (len(labels), DIMENSION))
    return torch.from_numpy(centres[list(labels)] + noise).float()


def _task(targets: int = 0) -> Task:
    return Task(
        name="reference", title="", description="", level=Level.WEAK, gives=frozenset({Need.CLASSES}),
        resolutions=(SIZE,), splits={"train": COUNT, "test": COUNT}, targets={"test": targets} if targets else {},
        data="nowhere:none", classes=tuple("abcdefg"), metrics={}, source="made here", licence="none",
    )  # fmt: skip


def _setting(card: Task) -> Setting:
    names = tuple(f"{row:03d}" for row in range(COUNT))
    return Setting(card, SIZE, "test", COUNT, COUNT, "0", names=names, samples=dict.fromkeys(names, SAMPLES))


def _fed(metric: Metric, labels: Sequence[int], outputs: Tensor, reals: Tensor) -> list[float]:
    """The scores."""
    names = metric.setting.names
    pictures = torch.zeros(COUNT, 3, *SIZE)
    chunk = Chunk(
        names,
        output=pictures,
        target=pictures,
        classes=torch.tensor(labels),
        extract=lambda _, side: outputs if side == "output" else reals,
    )
    metric.update(chunk)
    metric.update_reference(chunk)
    return [score.value for score in metric.compute() if score.value is not None]


def _by_class(labels: Sequence[int], outputs: Tensor, reals: Tensor) -> Iterator[Row]:
    of = np.array(labels)
    frechet, kernel = [], []
    for category in range(CLASSES):
        x, y = outputs[of == category], reals[of == category]
        statistics = [fid_features_to_statistics(side) for side in (x, y)]
        frechet.append(fid_statistics_to_metric(*statistics, False)["frechet_inception_distance"])
        found = kid_features_to_metric(
            x.double(), y.double(), kid_subsets=1, kid_subset_size=EACH, rng_seed=0, verbose=False
        )
        kernel.append(found["kernel_inception_distance_mean"])
    said = f"torch-fidelity for each class, the mean of {CLASSES}"
    for kinds, theirs in (((MFID, mfd("efficientnet_lite0")), frechet), ((MKID, mkd("efficientnet_lite0")), kernel)):
        for kind in kinds:
            (ours,) = _fed(kind(_setting(_task())), labels, outputs, reals)
            yield Row(f"`{kind.name}`", said, 2 * COUNT, difference(ours, np.mean(theirs)), single=True)


def _by_classifier(labels: Sequence[int], outputs: Tensor, reals: Tensor, training: Tensor) -> Iterator[Row]:
    real = RealAccuracy(split="test", n=COUNT, top1=1, top5=None, chance=1 / CLASSES)
    card = ClassifierCard(
        task="reference@1", resolution=SIZE, head=HEAD, extractor=extractors.fields("efficientnet_lite0"),
        training_hash="0", n_training=COUNT, classes=tuple(range(CLASSES)), real=(real,),
    )  # fmt: skip
    trained, theirs = Trained(card, fit(training, labels)), Reference(training, labels)
    with mock.patch.object(classifier_training, "of_task", lambda *_, **__: trained):
        likeliest = theirs(outputs).argsort(1)[:, ::-1]
        hits = likeliest == np.array(labels)[:, None]
        wanted = [hits[:, :first].any(1).mean() for first in (1, 5)]
        ours = _fed(RC(_setting(_task())), labels, outputs, reals)
        said = "scikit-learn `LogisticRegression` on the same features"
        yield counted("`rc`, `rc_top5`", said, COUNT, ours, wanted)

        ours = _fed(FC(_setting(_task())), labels, outputs, reals)
        wanted = [(Reference(outputs, labels)(reals).argmax(1) == labels).mean()]
        yield counted("`fc`", f"{said}, fitted to the outputs", 2 * COUNT, ours, wanted)

        said = "scipy's relative entropies of the classes by scikit-learn"
        ours = _fed(InceptionScore(_setting(_task())), labels, outputs, reals)
        yield Row("`is_classifier`", said, COUNT, difference(ours, [_divergence(theirs(outputs))]), single=True)
        yield _samples(labels, theirs, said)


def _samples(labels: Sequence[int], theirs: Reference, said: str) -> Row:
    """Each sample a picture whose first row of the first channel is its features."""
    where = _setting(_task(COUNT))
    stack = torch.zeros(SAMPLES, COUNT, 3, *SIZE)
    stack[:, :, 0, 0] = torch.stack([_features(labels, 10 + number, 2.0) for number in range(SAMPLES)])
    metric = ConditionalInceptionScore(where)
    chunk = Chunk(
        where.names,
        output=stack[0],
        extract=lambda *_: stack[0, :, 0, 0],
        read_samples=lambda number, places: stack[number][list(places)],
    )
    with mock.patch.object(extractors, "load", lambda *_: lambda pictures: pictures[:, 0, 0]):
        metric.update(chunk)
    chosen = [where.names.index(name) for name in metric.sampled(where.names)]
    wanted = np.mean([_divergence(theirs(stack[:, row, 0, 0])) for row in chosen])
    (score,) = metric.compute()
    return Row("`cis`", said, len(chosen) * SAMPLES, difference([score.value or 0], [wanted]), single=True)


class Reference:
    """scikit-learn's classifier on features scaled as ours are."""

    def __init__(self, rows: Tensor, labels: Sequence[int]) -> None:
        self.mean = rows.double().mean(0).numpy()
        self.scale = np.sqrt(((rows.double().numpy() - self.mean) ** 2).mean())
        model = LogisticRegression(C=1 / (2 * PENALTY), tol=1e-12, max_iter=100_000)
        self.model = model.fit(self._scaled(rows), labels)

    def _scaled(self, rows: Tensor) -> np.ndarray:
        return np.asarray((rows.double().numpy() - self.mean) / self.scale)

    def __call__(self, rows: Tensor) -> np.ndarray:
        """How likely each class is, `[N, K]`."""
        return np.asarray(self.model.predict_proba(self._scaled(rows)))


def _divergence(probabilities: np.ndarray) -> float:
    return float(rel_entr(probabilities, probabilities.mean(0)).sum(1).mean())
