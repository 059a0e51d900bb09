"""The content-style product, by its two parts and on features made by hand."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

from i2ibench import registry, weights
from i2ibench.data.pictures import to_tensor
from i2ibench.metrics.artfid import ArtFD, ArtFDInception, artfd
from i2ibench.metrics.ceiling import ceiling
from i2ibench.metrics.evaluate import evaluate
from i2ibench.metrics.frechet import FID, RANKED_FROM, fd
from i2ibench.metrics.gradients import GMSDSource
from i2ibench.metrics.lpips import LPIPSSource
from i2ibench.metrics.metric import Chunk, Setting
from i2ibench.task import Resolution
from i2ibench.tasks.normal import PHOTO2PAINTING

SIZE = (32, 40)
COUNT = 12
LITE = artfd("efficientnet_lite0")


def setting(size: tuple[int, int] = SIZE, **fields) -> Setting:
    values = {"n": COUNT, "n_reference": COUNT, "reference_hash": "0", **fields}
    return Setting(PHOTO2PAINTING, Resolution(*size), "test", **values)


def features(seed: int, count: int = COUNT, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(count, 6, generator=torch.Generator().manual_seed(seed)) + shift


def chunks(cuts: tuple[int, ...] = ()) -> list[Chunk]:
    """Twelve sources, outputs ever farther from them, and the features of outputs and of real targets."""
    draw = np.random.default_rng(0)
    source = draw.integers(0, 256, (COUNT, *SIZE, 3), dtype=np.uint8)
    part = np.linspace(0.1, 0.7, COUNT)[:, None, None, None]
    output = ((1 - part) * source + part * draw.integers(0, 256, source.shape)).astype(np.uint8)
    sides = {"output": features(1, shift=0.5), "target": features(2)}
    found = []
    for start, stop in itertools.pairwise([0, *cuts, COUNT]):
        rows = slice(start, stop)
        found.append(
            Chunk(
                tuple("abcdefghijkl"[rows]),
                output=to_tensor(list(output[rows])),
                source=to_tensor(list(source[rows])),
                extract=lambda _, side, rows=rows: sides[side][rows],
            )
        )
    return found


def fed(kind, *parts: Chunk):
    metric = kind(setting())
    for chunk in parts:
        metric.update(chunk)
        metric.update_reference(chunk)
    return metric


@pytest.mark.parametrize(("kind", "frechet"), [(LITE, fd("efficientnet_lite0")), (ArtFDInception, FID)])
def test_it_is_the_product_of_its_parts(kind, frechet, random_weights) -> None:
    parts = chunks()
    (score,), (content,), (style,) = (fed(one, *parts).compute() for one in (kind, LPIPSSource, frechet))
    statistics = [fid_features_to_statistics(features(*key)) for key in ((1, COUNT, 0.5), (2,))]
    distance = fid_statistics_to_metric(*statistics, verbose=False)[KEY_METRIC_FID]
    assert score.value == pytest.approx((1 + content.value) * (1 + distance), rel=1e-6)
    assert score.value == (1 + content.value) * (1 + style.value)
    assert content.value > 0 and style.value > 0 and score.name == kind.name and score.n == COUNT
    assert not score.higher_is_better and not score.ranks and not style.ranks
    assert kind.reads_source and not kind.pairwise and kind.columns == {kind.name: False}
    assert "artfid" not in kind.name and "not " in kind.title
    low, high = score.interval
    assert 1 <= low < score.value < high


def test_the_error_is_never_below_that_of_either_part(random_weights) -> None:
    parts = chunks()
    (score,), (content,), (style,) = (
        fed(one, *parts).compute() for one in (LITE, LPIPSSource, fd("efficientnet_lite0"))
    )
    alone = [(1 + content.value) * style.standard_error, (1 + style.value) * content.standard_error]
    assert score.standard_error == pytest.approx(sum(alone), rel=1e-12)
    draw = np.random.default_rng(0).normal(size=(20000, 1))  # both parts moving together, linearised
    together = (1 + content.value + content.standard_error * draw) * (1 + style.value + style.standard_error * draw)
    assert score.standard_error == pytest.approx(np.std(together), rel=0.05)


def test_a_copy_of_the_source_pays_for_style_alone(random_weights) -> None:
    (chunk,) = chunks()
    copied = Chunk(chunk.names, output=chunk.source, source=chunk.source, extract=chunk.extract)
    (score,), (style,) = (fed(kind, copied).compute() for kind in (LITE, fd("efficientnet_lite0")))
    assert score.value == 1 + style.value
    alike = Chunk(chunk.names, chunk.source, chunk.source, extract=lambda _, __: features(2))
    assert fed(LITE, alike).compute()[0].value == pytest.approx(1, abs=1e-6)


@settings(deadline=None, max_examples=8)
@given(cuts=st.sets(st.integers(1, COUNT - 1), max_size=4), backwards=st.booleans())
def test_shards_give_the_same_number(cuts: set[int], backwards: bool, alexnet_file) -> None:
    with pytest.MonkeyPatch.context() as patch:
        others = weights.path
        patch.setattr(weights, "path", lambda name: alexnet_file if name == "alexnet" else others(name))
        whole = fed(LITE, *chunks())
        shards = [fed(LITE, chunk) for chunk in chunks(tuple(sorted(cuts)))]
        first, *rest = reversed(shards) if backwards else shards
        for other in rest:
            first.merge(other)
        (score,), (wanted,) = first.compute(), whole.compute()
    assert score.value == pytest.approx(wanted.value, rel=1e-6)  # LPIPS is in float32
    assert score.standard_error == pytest.approx(wanted.standard_error, rel=1e-5)
    assert score.protocol == wanted.protocol and score.n == wanted.n == COUNT


def test_it_ranks_where_its_frechet_distance_does(random_weights) -> None:
    for count in (RANKED_FROM - 1, RANKED_FROM):
        metric = LITE(setting(n=count, n_reference=count))
        metric.content.values = {str(number): 0.5 for number in range(count)}
        for side, seed in ((metric.outputs, 1), (metric.targets, 2)):
            side.update({str(number): row for number, row in enumerate(features(seed, count))})
        (score,) = metric.compute()
        assert score.ranks is (count >= RANKED_FROM)
        assert score.value == pytest.approx(1.5, abs=0.1)


def test_protocol_holds_both_parts(random_weights, monkeypatch) -> None:
    parts = chunks()
    metrics = {kind: fed(kind, *parts) for kind in (LITE, ArtFDInception, LPIPSSource, fd("efficientnet_lite0"))}
    found = {kind: metric.compute()[0].protocol for kind, metric in metrics.items()}
    mine, content, style = found[LITE], found[LPIPSSource], found[fd("efficientnet_lite0")]
    assert mine.difference(style).keys() == {"metric", "content"} and mine.metric == "artfd_efficientnet_lite0"
    for told in (content.extractor, content.layer, content.value_range, content.weights_sha256):
        assert told in mine.content
    assert mine.difference(found[ArtFDInception]).keys() >= {"metric", "extractor", "weights_sha256"}

    real, files = weights.sha256, {name: weights.path(name) for name in LITE.weights}
    monkeypatch.setattr(weights, "path", files.get)
    changed = {"alexnet": {"content"}, "efficientnet_lite0": {"weights_sha256"}}
    for name, fields in changed.items():
        file = files[name]
        monkeypatch.setattr(weights, "sha256", lambda found, file=file: "0" * 64 if found == file else real(found))
        protocol = metrics[LITE].compute()[0].protocol
        assert protocol.difference(mine).keys() == fields and protocol.id != mine.id
    monkeypatch.setattr(weights, "sha256", real)
    assert metrics[LITE].compute()[0].protocol.id == mine.id


def test_reasons_for_none(random_weights, monkeypatch) -> None:
    assert LITE.unavailable(setting()) is None and LITE.weights == ("efficientnet_lite0", "alexnet")
    assert "too small for the trunk 'alexnet'" in LITE.unavailable(setting((30, 64)))
    assert "each set needs two pictures" in LITE.unavailable(setting(n=1))
    for missing, kind in (("alexnet", LITE), ("efficientnet_lite0", LITE), ("inception", ArtFDInception)):
        with monkeypatch.context() as patch:
            others = weights.path
            patch.setattr(weights, "path", lambda name, m=missing, others=others: None if name == m else others(name))
            assert f"`i2ibench weights get {missing}`" in kind.unavailable(setting())


def test_one_kind_an_extractor() -> None:
    assert artfd("efficientnet_lite0") is LITE and issubclass(LITE, ArtFD)
    assert artfd("dinov2_vits14").name == "artfd_dinov2_vits14"
    assert artfd("dinov2_vits14").weights == ("dinov2_vits14", "alexnet")


def test_the_harness_feeds_both_parts(make_split, outputs, cache, random_weights, monkeypatch) -> None:
    kinds, others = {LITE.name: LITE, GMSDSource.name: GMSDSource}, registry.metric
    monkeypatch.setattr(registry, "metric", lambda name: kinds.get(name) or others(name))
    test, val = (make_split(4, SIZE, name=name, paired=False) for name in ("test", "val"))
    names = [LITE.name, "lpips_source", "fd_efficientnet_lite0", GMSDSource.name]
    product, content, style, edges = evaluate(outputs(test), test, names).scores
    assert product.value == (1 + content.value) * (1 + style.value)
    assert product.protocol.n_reference == 4 and edges.n == 4 and 0 < edges.value < 1
    for score in ceiling(test, val, list(kinds)):
        assert score.value is None and "no translation of a source" in score.reason


def test_its_state_travels_between_processes(random_weights) -> None:
    """As the states of generated kinds do: their variables by pickle, without their class."""
    metric, received = fed(LITE, *chunks()), LITE.__new__(LITE)
    vars(received).update(pickle.loads(pickle.dumps(vars(metric))))
    assert received.compute() == metric.compute()
