"""GMSD against a second writing of the authors' steps by scipy."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.signal import convolve2d

from i2ibench.data.pictures import to_tensor
from i2ibench.metrics.gradients import GMSDSource, full_range_luma, gradient_similarity_deviation
from i2ibench.metrics.metric import Chunk, Setting
from i2ibench.task import Resolution
from i2ibench.tasks.normal import PHOTO2PAINTING

SIZE = (13, 18)


def setting(size: tuple[int, int] = SIZE, **fields) -> Setting:
    values = {"n": 4, "n_reference": 4, "reference_hash": "0", **fields}
    return Setting(PHOTO2PAINTING, Resolution(*size), "test", **values)


def stacks(count: int = 4) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    sources = draw.integers(0, 256, (count, *SIZE, 3), dtype=np.uint8)
    return np.clip(sources + draw.normal(0, 40, sources.shape), 0, 255).astype(np.uint8), sources


def chunk(outputs: np.ndarray, sources: np.ndarray, rows: slice = slice(None)) -> Chunk:
    output, source = (to_tensor(list(stack[rows])) for stack in (outputs, sources))
    return Chunk(tuple("abcd"[: len(outputs)][rows]), output=output, source=source)


def magnitude(luma: np.ndarray) -> np.ndarray:
    mean = convolve2d(luma, np.full((2, 2), 0.25), mode="full")[1:, 1:][::2, ::2]  # MATLAB's "same" of an even kernel
    prewitt = np.array([[1, 0, -1]] * 3) / 3
    return np.hypot(convolve2d(mean, prewitt, mode="same"), convolve2d(mean, prewitt.T, mode="same"))


def reference(first: np.ndarray, second: np.ndarray) -> float:
    one, other = (magnitude(picture @ [0.299, 0.587, 0.114]) for picture in (first, second))
    return float(np.std((2 * one * other + 170) / (one**2 + other**2 + 170)))


def test_it_is_the_papers_number_on_grey_pictures() -> None:
    outputs, sources = stacks()
    metric = GMSDSource(setting())
    metric.update(chunk(outputs, sources))
    wanted = [reference(*pair) for pair in zip(outputs, sources, strict=True)]
    assert list(metric.values.values()) == pytest.approx(wanted, rel=1e-9)
    (score,) = metric.compute()
    assert score.value == pytest.approx(np.mean(wanted), rel=1e-9)
    assert score.standard_error == pytest.approx(np.std(wanted, ddof=1) / 2, rel=1e-9)
    assert score.n == 4 and not score.higher_is_better
    assert dict(metric.per_picture()["gmsd_source"]) == dict(zip("abcd", metric.values.values(), strict=True))


@settings(deadline=None, max_examples=30)
@given(hnp.arrays(np.uint8, st.tuples(st.just(2), st.integers(6, 9), st.integers(6, 9), st.just(3))))
def test_it_holds_on_any_pictures(both: np.ndarray) -> None:
    first, second = (full_range_luma(to_tensor([picture])) for picture in both)
    assert gradient_similarity_deviation(first, second).item() == pytest.approx(reference(*both), rel=1e-8, abs=1e-9)
    assert gradient_similarity_deviation(second, first).item() == pytest.approx(reference(*both), rel=1e-8, abs=1e-9)
    assert gradient_similarity_deviation(first, first).item() == 0


def test_luma_spans_the_full_range() -> None:
    black, white = (torch.full((1, 3, 1, 1), level) for level in (-1.0, 1.0))
    assert full_range_luma(black).item() == pytest.approx(0, abs=1e-9)
    assert full_range_luma(white).item() == pytest.approx(255, rel=1e-12)


def test_one_edge_more_by_hand() -> None:
    """On grey of one level no position differs but where the output has its edge and the frame its own."""
    source = np.full((32, 32, 3), 100, np.uint8)
    output = source.copy()
    output[:, 16:] = 130
    values = [reference(output, source), reference(source, source)]
    metric = GMSDSource(setting((32, 32)))
    metric.update(chunk(np.stack([output, source]), np.stack([source, source])))
    assert metric.values["a"] == pytest.approx(values[0]) and metric.values["b"] == 0
    similarity = 170 / (30**2 + 170)  # at the 14 inner rows of two columns
    ends = [(2 * one * other + 170) / (one**2 + other**2 + 170) for one, other in frame(100, 130)]
    full = [1.0] * (256 - 28 - len(ends)) + [similarity] * 28 + ends
    assert values[0] == pytest.approx(np.std(full))


def frame(left: float, right: float) -> list[tuple[float, float]]:
    """Magnitudes at the picture's edge, `(output, source)`, where the output's right half is of another level."""
    source = np.zeros((18, 18))
    source[1:-1, 1:-1] = left
    output = source.copy()
    output[1:-1, 9:-1] = right

    def at(levels: np.ndarray, y: int, x: int) -> float:
        around = levels[y : y + 3, x : x + 3]
        return math.hypot((around[:, 0] - around[:, 2]).sum() / 3, (around[0] - around[2]).sum() / 3)

    ring = [(y, x) for y in range(16) for x in range(16) if y in (0, 15) or x in (0, 15)]
    return [(at(output, *place), at(source, *place)) for place in ring]


@settings(deadline=None, max_examples=15)
@given(cuts=st.sets(st.integers(1, 3)), backwards=st.booleans())
def test_shards_give_the_same_number(cuts: set[int], backwards: bool) -> None:
    pair = stacks()
    whole = GMSDSource(setting())
    whole.update(chunk(*pair))
    shards = []
    for start, stop in itertools.pairwise([0, *sorted(cuts), 4]):
        shards.append(GMSDSource(setting()))
        shards[-1].update(chunk(*pair, slice(start, stop)))
    first, *others = reversed(shards) if backwards else shards
    for other in others:
        first.merge(other)
    (score,), (wanted,) = first.compute(), whole.compute()
    assert score.value == pytest.approx(wanted.value, rel=1e-12) and score.protocol == wanted.protocol
    assert score.standard_error == pytest.approx(wanted.standard_error, rel=1e-9)
    assert first.values == pytest.approx(whole.values, rel=1e-12)


def test_protocol_and_reasons() -> None:
    metric = GMSDSource(setting())
    metric.update(chunk(*stacks()))
    protocol = metric.compute()[0].protocol
    assert protocol.reference == "source" and protocol.colour == "Y" and protocol.data_range == 255
    assert "Prewitt" in protocol.window and "c 170" in protocol.window and "2x2" in protocol.resize
    larger = GMSDSource(setting((26, 18)))
    larger.values = metric.values
    assert larger.compute()[0].protocol.id != protocol.id
    assert GMSDSource.unavailable(setting()) is None
    assert GMSDSource.unavailable(setting((6, 6))) is None
    assert "the operator takes 6 pixels" in GMSDSource.unavailable(setting((5, 64)))
