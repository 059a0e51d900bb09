from __future__ import annotations

import numpy as np
import pytest

from i2ibench import registry
from i2ibench.errors import BenchError
from i2ibench.metrics.ceiling import ceiling
from i2ibench.metrics.evaluate import evaluate
from i2ibench.metrics.metric import Metric, mean_score

SET = "fd_efficientnet_lite0"


class Brightness(Metric):
    """The mean output: reads single pictures, as a label score does."""

    name = "brightness"
    title = "made for tests"
    columns = {"brightness": True}  # noqa: RUF012

    def __init__(self, setting) -> None:
        super().__init__(setting)
        self.values = {}

    def update(self, chunk) -> None:
        self.values.update(zip(chunk.names, chunk.output.mean((1, 2, 3)).tolist(), strict=True))

    def merge(self, other) -> None:
        self.values.update(other.values)

    def compute(self):
        return (mean_score(self, list(self.values.values()), self.setting.protocol(self.name)),)


@pytest.fixture
def brightness(monkeypatch) -> str:
    real = registry.metric
    monkeypatch.setattr(registry, "metric", lambda name: Brightness if name == "brightness" else real(name))
    return "brightness"


def as_outputs(split, names) -> dict[str, np.ndarray]:
    return {name: np.asarray(row["target"]) for name, row in zip(names, split.rows, strict=False)}


def test_set_distances_are_of_val_and_single_scores_of_test(make_split, brightness) -> None:
    test, val = make_split(6, (32, 32)), make_split(6, (32, 32), name="val", seed=5)
    found = {score.name: score for score in ceiling(test, val, [SET, "psnr", brightness, "bpd"])}
    assert list(found) == [SET, "psnr", brightness, "bpd"]

    names = list(test.rows.names)
    (wanted,) = evaluate(as_outputs(val, names), test, [SET]).scores
    assert found[SET].value == pytest.approx(wanted.value, rel=1e-5) and wanted.value > 0.1
    assert found[SET].protocol == wanted.protocol  # as many pictures against the same targets: one column

    (wanted,) = evaluate(as_outputs(test, names), test, [brightness]).scores
    assert found[brightness] == wanted
    assert found["psnr"].value is None and "compared with itself" in found["psnr"].reason
    assert found["bpd"].value is None and "no likelihood" in found["bpd"].reason


def test_of_more_val_pictures_as_many_are_taken_as_test_has(make_split) -> None:
    test = make_split(5, (32, 32))
    many, few = make_split(8, (32, 32), name="val", seed=5), make_split(4, (32, 32), name="val", seed=5)
    (equal,) = ceiling(test, many, [SET])
    (wanted,) = evaluate(as_outputs(many, list(test.rows.names)), test, [SET]).scores
    assert equal.value == pytest.approx(wanted.value, rel=1e-5) and equal.protocol == wanted.protocol
    (fewer,) = ceiling(test, few, [SET])
    assert fewer.n == 4 and fewer.protocol.difference(wanted.protocol) == {"n": (4, 5)}


def test_of_training_pictures_sets_alone_are_scored(make_split, brightness) -> None:
    test, train = make_split(5, (32, 32)), make_split(8, (32, 32), name="train", seed=5)
    found = {s.name: s for s in ceiling(test, train, [SET, "psnr", brightness], sets_only=True)}
    (wanted,) = evaluate(as_outputs(train, list(test.rows.names)), test, [SET]).scores
    assert found[SET].value == pytest.approx(wanted.value, rel=1e-5) and wanted.value > 0.1
    assert found[SET].protocol == wanted.protocol  # the first five of eight: as many as there are outputs
    assert found[brightness].value is None and "the row real has this score" in found[brightness].reason
    assert found["psnr"].value is None and "compared with itself" in found["psnr"].reason


def test_a_memoriser_scores_what_the_training_pictures_do_and_a_copy_of_test_nothing(make_split) -> None:
    test = make_split(6, (32, 32))
    (own,) = ceiling(test, test, [SET], sets_only=True)
    (train,) = ceiling(test, make_split(6, (32, 32), name="train", seed=5), [SET], sets_only=True)
    assert own.value == pytest.approx(0, abs=1e-3) and train.value > 0.1


def test_a_limit_marks_it(make_split, brightness) -> None:
    test, val = make_split(6, (32, 32)), make_split(6, (32, 32), name="val", seed=5)
    scores = ceiling(test, val, [SET, brightness], limit=4)
    assert [score.n for score in scores] == [4, 4]
    assert all(score.protocol.quick for score in scores)
    assert scores[0].protocol.n_reference == 4


def test_splits_of_two_kinds_are_refused(make_split) -> None:
    with pytest.raises(BenchError, match="two splits of one task at one resolution"):
        ceiling(make_split(4, (32, 32)), make_split(4, (32, 48), name="val"), [SET])
