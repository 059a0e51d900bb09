from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from i2ibench import distributed, registry
from i2ibench.data.rows import Split
from i2ibench.distributed import Ranks
from i2ibench.errors import BenchError
from i2ibench.metrics.evaluate import evaluate
from i2ibench.metrics.features import TargetFeatures
from i2ibench.metrics.metric import Setting
from i2ibench.metrics.outputs import reader
from i2ibench.metrics.shares import Fed, Feeding
from i2ibench.progress import Silent

SETS = ["fd_efficientnet_lite0", "kd_efficientnet_lite0", "prdc_efficientnet_lite0"]


class Pretended(Ranks):
    """Several ranks in one process, which send each other everything that they would."""

    def map(self, work: Callable[[Any], Any], parts: Sequence[Any]) -> list[Any]:
        return [work(parts[0]), *(sent(sent(work)(sent(part))) for part in parts[1:])]


def sent(value: Any) -> Any:
    return pickle.loads(distributed._encode(value))


def alike(split: Split, outputs: Any, metrics: list[str], ranks: int, **given: Any) -> None:
    """Require the scores of one process from several."""
    alone = evaluate(outputs, split, metrics, batch_size=3, **given)
    shared = evaluate(outputs, split, metrics, batch_size=3, ranks=Pretended(0, ranks), **given)
    for score, other in zip(alone.scores, shared.scores, strict=True):
        assert score.value is not None, score.reason
        assert other.value == pytest.approx(score.value, rel=1e-9, abs=1e-12), score.name
        assert (other.name, other.n, other.protocol) == (score.name, score.n, score.protocol)
    assert shared.per_picture.equals(alone.per_picture)


@pytest.mark.parametrize("ranks", [2, 3, 9])
@pytest.mark.parametrize("as_files", [True, False])
def test_pairs_are_scored_alike_by_any_number(
    ranks, as_files, make_split, outputs, write, tmp_path, cache, random_weights
) -> None:
    split = make_split(11, (32, 32))
    pictures = outputs(split)
    bits = {name: [1.0 + i, 2.0 * i] for i, name in enumerate(pictures)}
    folder = write(tmp_path / "out", pictures) if as_files else pictures
    alike(split, folder, ["ssim", "psnr", "lpips", "bpd", *SETS], ranks, bits_per_dim=bits)


def test_sets_are_scored_alike_against_another_split(make_split, outputs, cache) -> None:
    unpaired, paired = make_split(8, (32, 32), paired=False), make_split(8, (32, 32))
    alike(unpaired, outputs(unpaired), SETS, 3)
    train = make_split(10, (32, 32), name="train", seed=5)
    alike(paired, outputs(paired), [*SETS, "psnr"], 3, reference=train)
    alike(paired, outputs(paired), ["psnr"], 3, limit=4)


def test_features_of_real_pictures_are_gathered_and_kept_whole(make_split, outputs, cache) -> None:
    split = make_split(10, (32, 32))
    evaluate(outputs(split), split, SETS[:1], batch_size=3)
    (file,) = (cache / "features").iterdir()
    alone = file.read_bytes()
    file.unlink()
    first = evaluate(outputs(split), split, SETS[:1], batch_size=3, ranks=Pretended(0, 3)).scores
    assert file.read_bytes() == alone
    found = TargetFeatures(split, 10, ["efficientnet_lite0"], feeding(split, outputs(split)).setting.device)
    assert len(found.kept["efficientnet_lite0"]) == 10
    assert sent(found).kept == {}  # what is on disk need not be sent
    assert evaluate(outputs(split), split, SETS[:1], batch_size=3, ranks=Pretended(0, 3)).scores == first


def feeding(split: Split, pictures: dict[str, np.ndarray], metrics: tuple[str, ...] = ("psnr",)) -> Feeding:
    n = len(split)
    setting = Setting(split.task, split.resolution, split.name, n, n, split.fingerprint)
    return Feeding(metrics, setting, split, split, reader(pictures, split, n), False, None, 3)


def test_metrics_are_sent_by_name_though_their_class_is_in_no_module(make_split, outputs, monkeypatch) -> None:
    class Local(registry.metric("psnr")):
        name = "local"

    monkeypatch.setattr(registry, "metric", lambda name: {"local": Local}[name])
    split = make_split(4)
    (metric,) = feeding(split, outputs(split), ("local",)).perform(Pretended(0, 2), Silent())
    assert type(metric) is Local and len(metric.values) == 4
    received = sent(Fed((metric,), TargetFeatures(split, 4, [], metric.setting.device)))
    assert type(received.metrics[0]) is Local and received.metrics[0].values == metric.values


def test_progress_is_that_of_the_first(make_split, outputs) -> None:
    class Counting(Silent):
        def __init__(self) -> None:
            self.totals: list[float | None] = []

        def track(self, title: str, total: float | None, unit: str, done: float = 0) -> Any:
            self.totals.append(total)
            return super().track(title, total, unit, done)

    split, progress = make_split(11), Counting()
    feeding(split, outputs(split)).perform(Pretended(0, 2), progress)
    assert progress.totals == [6]  # two batches of three; the other has five


def test_an_error_in_a_share_is_raised(make_split, outputs, write, tmp_path) -> None:
    split = make_split(40)
    folder = write(tmp_path / "out", outputs(split))
    content = bytearray((folder / "test037.png").read_bytes())
    content[60:90] = bytes(30)
    (folder / "test037.png").write_bytes(content)
    with pytest.raises(BenchError, match=r"test037\.png' cannot be read"):
        evaluate(folder, split, ["psnr"], ranks=Pretended(0, 2))
