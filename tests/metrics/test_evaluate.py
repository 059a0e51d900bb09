from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from i2ibench import registry, weights
from i2ibench.data.batches import target_class
from i2ibench.data.pictures import to_tensor
from i2ibench.data.rows import Split
from i2ibench.data.tables import ArrowTable
from i2ibench.errors import BenchError
from i2ibench.metrics import extractors, features
from i2ibench.metrics.evaluate import available, compute, evaluate
from i2ibench.metrics.features import TargetFeatures, extractors_of
from i2ibench.metrics.kernel import squared_mmd
from i2ibench.metrics.metric import Setting
from i2ibench.metrics.outputs import reader
from i2ibench.metrics.walk import Walk
from i2ibench.progress import Silent
from i2ibench.task import Need

SETS = ["fd_efficientnet_lite0", "kd_efficientnet_lite0"]


class Told(Silent):
    """Keeps what was said and how much was done."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def extracted(monkeypatch) -> list[int]:
    """Sizes of the batches that went through a network."""
    sizes: list[int] = []
    call = extractors.Extractor.__call__

    def counting(self: extractors.Extractor, pictures: torch.Tensor) -> torch.Tensor:
        sizes.append(len(pictures))
        return call(self, pictures)

    monkeypatch.setattr(extractors.Extractor, "__call__", counting)
    return sizes


def test_a_folder_and_a_mapping_score_alike(make_split, outputs, write, tmp_path, random_weights) -> None:
    split = make_split(5)
    pictures = outputs(split)
    metrics = ["ssim", "psnr", "lpips"]
    folder = evaluate(write(tmp_path / "out", pictures), split, metrics, batch_size=2)
    mapping = evaluate(pictures, split, metrics, batch_size=5)
    assert [score.name for score in folder.scores] == metrics
    for one, other in zip(folder.scores, mapping.scores, strict=True):
        assert one.value == pytest.approx(other.value, rel=1e-6)
        assert one.protocol.id == other.protocol.id
        assert one.n == 5 and one.standard_error > 0
    table = folder.per_picture
    assert list(table.columns) == ["name", *metrics]
    assert list(table["name"]) == list(split.rows.names)
    targets = np.stack([row["target"] for row in split.rows]).astype(float)
    errors = ((np.stack(list(pictures.values())) - targets) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(table["psnr"], 10 * np.log10(255**2 / errors))
    assert folder.scores[1].value == pytest.approx(table["psnr"].mean())


def test_two_half_walks_merge_to_the_whole(make_split, outputs, cache) -> None:
    split = make_split(10, (64, 64))
    pictures, names = outputs(split), ["ssim", "psnr", "bpd", *SETS]
    bits = {name: [1.0 + i, 2.0 * i] for i, name in enumerate(pictures)}
    whole = evaluate(pictures, split, names, bits_per_dim=bits, batch_size=4).scores

    kinds = [registry.metric(name) for name in names]
    setting = Setting(split.task, split.resolution, "test", 10, 10, split.fingerprint, likelihood_draws=2)
    shards = [available(kinds, setting) for _ in range(2)]
    for shard, rows in zip(shards, (range(5, 10), range(5)), strict=True):  # the second half first
        found = TargetFeatures(split, 10, extractors_of(shard.values()), setting.device)
        walk = Walk(split, found, reader(pictures, split, 10), bits_per_dim=bits, batch_size=3)
        walk.feed(list(shard.values()), rows, targets=True)
    for kind, metric in shards[0].items():
        metric.merge(shards[1][kind])
    merged = compute(kinds, shards[0], setting)
    for one, other in zip(whole, merged, strict=True):
        assert one.value is not None
        assert one.value == pytest.approx(other.value, rel=1e-5), one.name
        assert one.protocol == other.protocol and one.n == other.n


@pytest.mark.parametrize(("metric", "read"), [("ssim", False), ("ssim_source", True)])
def test_sources_are_decoded_where_a_metric_reads_them(make_split, outputs, metric, read) -> None:
    split = make_split(3)
    kind = registry.metric(metric)
    walk = Walk(split, None, outputs(split).__getitem__)
    seen = []

    class Look(kind):
        def update(self, chunk) -> None:
            seen.append(chunk.source is not None)

    setting = Setting(split.task, split.resolution, "test", 3, 3, split.fingerprint)
    walk.feed([Look(setting)], range(3), targets=False)
    assert seen == [read]


def test_real_features_are_extracted_once_for_all(make_split, outputs, cache, extracted) -> None:
    split = make_split(6, (32, 32))
    first = evaluate(outputs(split), split, SETS).scores
    assert extracted == [6, 6]  # outputs and targets, once for both metrics
    second = evaluate(outputs(split), split, SETS).scores
    assert extracted == [6, 6, 6]  # outputs alone
    assert first == second
    (file,) = (cache / "features").iterdir()

    evaluate(outputs(split), split, SETS, limit=5)
    assert len(list((cache / "features").iterdir())) == 2  # a part of the split is another set
    assert extracted[3:] == [5, 5]
    file.write_bytes(file.read_bytes()[:100])
    assert evaluate(outputs(split), split, SETS).scores == first
    assert extracted[5:] == [6, 6]


def test_a_cache_that_cannot_be_written_is_said(make_split, outputs, monkeypatch) -> None:
    def full(path: object) -> None:
        raise BenchError("the disk is full")

    monkeypatch.setattr(features, "written", full)
    told = Told()
    split = make_split(4, (32, 32), seed=99)
    score = evaluate(outputs(split), split, SETS[:1], progress=told).scores[0]
    assert score.value > 0
    assert told.said == ["features of the real pictures will be taken again next time: the disk is full"]


def test_a_limit_takes_the_first_and_marks_the_protocol(make_split, outputs, write, tmp_path) -> None:
    split = make_split(6)
    folder = write(tmp_path / "out", outputs(split))
    quick = evaluate(folder, split, ["psnr"], limit=4)
    assert quick.scores[0].n == 4 and quick.scores[0].protocol.quick
    assert list(quick.per_picture["name"]) == list(split.rows.names)[:4]
    whole = evaluate(folder, split, ["psnr"])
    assert not whole.scores[0].protocol.quick and whole.scores[0].protocol.id != quick.scores[0].protocol.id
    (folder / "test005.png").unlink()
    assert evaluate(folder, split, ["psnr"], limit=4).scores == quick.scores


def test_what_does_not_apply_is_not_available_with_its_reason(make_split, outputs, monkeypatch) -> None:
    monkeypatch.setattr(weights, "path", lambda name: None)
    split = make_split(3, paired=False)
    asked = ["fid", "psnr", "bpd", "kd_efficientnet_lite0"]
    scores = evaluate(outputs(split), split, asked).scores
    assert [score.name for score in scores] == asked
    assert all(score.value is None and score.n == 0 and score.protocol is None for score in scores)
    reasons = [score.reason for score in scores]
    assert "`i2ibench weights get inception`" in reasons[0]
    assert "has no pairs" in reasons[1]
    assert "no likelihood" in reasons[2]
    assert "needs four pictures" in reasons[3]
    with pytest.raises(BenchError, match="did you mean 'psnr'"):
        evaluate(outputs(split), split, ["psnrr"])


def test_an_unpaired_task_is_scored_as_two_sets(make_split, outputs) -> None:
    split, paired = make_split(6, (32, 32), paired=False), make_split(6, (32, 32))
    score = evaluate(outputs(split), split, SETS[:1]).scores[0]
    assert score.value == pytest.approx(evaluate(outputs(paired), paired, SETS[:1]).scores[0].value)
    assert score.protocol.n_reference == 6
    assert score.protocol.reference == "all targets of test"


def test_likelihoods_are_averaged_and_checked(make_split, outputs) -> None:
    split = make_split(4)
    bits = {name: [float(i), i + 1.0] for i, name in enumerate(split.rows.names)}
    (score,) = evaluate(outputs(split), split, ["bpd"], bits_per_dim=bits).scores
    assert score.value == 2.0 and score.protocol.draws == 2
    with pytest.raises(BenchError, match=r"as many draws.*none for 1 pictures, first 'test002'"):
        evaluate(outputs(split), split, ["bpd"], bits_per_dim={**bits, "test002": []})
    with pytest.raises(BenchError, match=r"as many draws.*\[1, 2\]"):
        evaluate(outputs(split), split, ["bpd"], bits_per_dim={**bits, "test002": [1.0]})


def test_equal_pictures_have_no_mean_psnr(make_split) -> None:
    split = make_split(3)
    targets = {row["name"]: np.asarray(row["target"]) for row in split.rows}
    evaluation = evaluate(targets, split, ["psnr", "ssim"])
    assert evaluation.scores[0].value is None and "3 of 3 outputs equal" in evaluation.scores[0].reason
    assert evaluation.scores[1].value == pytest.approx(1)
    assert list(evaluation.per_picture["psnr"]) == [math.inf] * 3


def test_classes_are_scored_by_what_was_asked_for(make_split, outputs) -> None:
    """Outputs stand in the class that the harness asks of their source, real pictures in their own."""
    split = many_classes(make_split(24, (32, 32)))
    pictures, own = outputs(split), split.rows.column("category")
    score = evaluate(pictures, split, ["mkd_efficientnet_lite0"], batch_size=7).scores[0]
    network = extractors.load("efficientnet_lite0", torch.device("cpu"))
    made = network(to_tensor([pictures[name] for name in split.rows.names]))
    real = network(to_tensor([example["source"] for example in split.rows]))
    asked = [target_class(name, mine, [0, 1]) for name, mine in zip(split.rows.names, own, strict=True)]
    assert asked == [1 - mine for mine in own]
    wanted = [
        squared_mmd(made[torch.tensor(asked) == category], real[torch.tensor(own) == category]) for category in (0, 1)
    ]
    assert score.value == pytest.approx(np.mean(wanted), rel=1e-4)


def many_classes(split: Split) -> Split:
    """The sources of a split as one pool of two classes."""
    table = split.rows.dataset.remove_columns(["target"])  # type: ignore[attr-defined]
    table = table.add_column("category", [number % 2 for number in range(len(table))])
    card = {"gives": frozenset({Need.CLASSES}), "classes": ("even", "odd")}
    return replace(split, task=split.task.model_copy(update=card), rows=ArrowTable(table))
