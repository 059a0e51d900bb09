"""Against torch-fidelity, and against the papers' equations taken literally."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch_fidelity.metric_prc import prc_features_to_metric

from i2ibench.metrics import manifold
from i2ibench.metrics.manifold import PRDC, ManifoldScores, manifold_scores, on_grid, prdc, squared_distances
from i2ibench.metrics.metric import Chunk, Setting


def features(count: int, dimension: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(count, dimension, generator=torch.Generator().manual_seed(seed)) * scale + shift


def whole_numbers(lowest: int, highest: int):
    """Sets of seven to nine points on a coarse grid, where points coincide and lie on spheres."""
    rows = st.integers(7, 9)
    sets = rows.flatmap(lambda count: hnp.arrays(np.int64, (count, 2), elements=st.integers(lowest, highest)))
    return st.tuples(sets, sets)


def squared(x: np.ndarray, y: np.ndarray) -> float:
    return ((x - y) ** 2).sum()


def radius(rows: np.ndarray, i: int, k: int) -> float:
    """NND_k, squared: to the k-th nearest of the others."""
    return sorted(squared(rows[i], rows[j]) for j in range(len(rows)) if j != i)[k - 1]


def brute_force(outputs: np.ndarray, targets: np.ndarray) -> tuple[float, float, float, float]:
    """Kynkäänniemi et al., equations 1 and 2; Naeem et al., equations 3 and 4; one pair at a time."""

    def inside(points: np.ndarray, centres: np.ndarray, k: int) -> np.ndarray:
        radii = [radius(centres, i, k) for i in range(len(centres))]
        return np.array([[squared(y, x) <= r for x, r in zip(centres, radii, strict=True)] for y in points])

    precision = inside(outputs, targets, 3).any(1).mean()
    recall = inside(targets, outputs, 3).any(1).mean()
    balls = inside(outputs, targets, 5)
    return precision, recall, balls.sum() / (5 * len(outputs)), balls.any(0).mean()


def values(outputs: torch.Tensor, targets: torch.Tensor) -> list[float]:
    return [estimate.value for estimate in manifold_scores(outputs, targets)]


@pytest.mark.parametrize("part", [True, False])
@pytest.mark.parametrize(("n", "m", "dimension", "scale"), [(60, 45, 16, 0.8), (12, 200, 8, 1.3), (300, 300, 4, 1.5)])
def test_precision_and_recall_are_torch_fidelitys(n: int, m: int, dimension: int, scale: float, part: bool) -> None:
    outputs, targets = features(n, dimension, 1, scale, 0.2), features(m, dimension, 2)
    wanted = prc_features_to_metric(
        outputs.double(), targets.double(), prc_neighborhood=3, prc_batch_size=50, save_cpu_ram=part, verbose=False
    )
    assert 0 < wanted["precision"] < 1 and 0 < wanted["recall"] < 1
    assert values(outputs, targets)[:2] == pytest.approx([wanted["precision"], wanted["recall"]], rel=1e-6)


@pytest.mark.parametrize("dimension", [2, 24])
def test_all_four_are_the_papers_equations(dimension: int) -> None:
    outputs, targets = features(30, dimension, 3, 0.9, 0.3), features(41, dimension, 4)
    wanted = brute_force(outputs.double().numpy(), targets.double().numpy())
    assert values(outputs, targets) == pytest.approx(wanted, rel=1e-12)


@settings(deadline=None, max_examples=40)
@given(whole_numbers(-2, 2))
def test_points_on_spheres_are_inside_and_doubles_are_neighbours(both: tuple[np.ndarray, np.ndarray]) -> None:
    outputs, targets = both
    found = values(torch.from_numpy(outputs).float(), torch.from_numpy(targets).float())
    assert found == pytest.approx(brute_force(outputs, targets), rel=1e-12)


def leave_one_out(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The jackknife from its definition: everything again without each picture."""
    whole, variance = np.array(brute_force(outputs, targets)), np.zeros(4)
    for side, rows in enumerate((outputs, targets)):
        for i in range(len(rows)):
            pair = [outputs, targets]
            pair[side] = np.delete(rows, i, 0)
            variance += (np.array(brute_force(*pair)) - whole) ** 2 * (len(rows) - 1) / len(rows)
    return np.sqrt(variance)


@settings(deadline=None, max_examples=15)
@given(whole_numbers(-3, 3))
def test_standard_errors_leave_one_picture_out_at_a_time(both: tuple[np.ndarray, np.ndarray]) -> None:
    found = [estimate.standard_error for estimate in manifold_scores(*(torch.from_numpy(rows) for rows in both))]
    assert found == pytest.approx(leave_one_out(*both), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("shift", [0.6, 1.2])  # at 1.2 some targets are held by one output alone
def test_standard_errors_of_spread_features_taken_in_blocks(shift: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifold, "BLOCK", 2)
    outputs, targets = features(14, 3, 5, 0.9, shift), features(17, 3, 6)
    wanted = leave_one_out(outputs.double().numpy(), targets.double().numpy())
    assert wanted.min() > 0
    found = [estimate.standard_error for estimate in manifold_scores(outputs, targets)]
    assert found == pytest.approx(wanted, rel=1e-9)


def test_standard_errors_are_no_smaller_than_the_scatter_over_samples() -> None:
    pairs = [(features(60, 6, 2 * i, 0.9, 0.3), features(60, 6, 2 * i + 1)) for i in range(100)]
    found = [manifold_scores(*pair) for pair in pairs]
    scatter = np.std([[one.value for one in four] for four in found], axis=0, ddof=1)
    told = np.sqrt(np.mean([[one.standard_error**2 for one in four] for four in found], axis=0))
    assert (told / scatter > 0.9).all() and (told / scatter < 2.5).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.floats(1e-6, 1e6))
def test_distances_are_exact_in_any_order(seed: int, scale: float) -> None:
    first, second = on_grid(features(4, 700, seed, scale), features(3, 700, seed + 1, 3 * scale, scale))
    found = squared_distances(first, second)
    wanted = [
        [sum((int(a) - int(b)) ** 2 for a, b in zip(x, y, strict=True)) for y in second.tolist()]
        for x in first.tolist()
    ]
    assert found.tolist() == wanted
    assert max(max(row) for row in wanted) < 2**53
    assert 2**24 <= round(float(torch.cat([first, second]).norm(dim=1).max())) <= 2**25 + 1000


def test_far_apart_nothing_is_inside_and_a_copy_is_all_inside() -> None:
    rows = features(20, 8, 7)
    assert values(rows + 100, rows) == [0, 0, 0, 0]
    assert values(rows, rows.clone()) == [1, 1, pytest.approx(6 / 5), 1]  # the centre itself, and five on or within


def test_a_lost_mode_costs_recall_and_coverage_and_stray_outputs_precision_and_density() -> None:
    targets = torch.cat([features(100, 8, 8), features(100, 8, 9, shift=20)])
    one_mode, strayed = features(200, 8, 10), torch.cat([features(200, 8, 11), features(200, 8, 12, shift=-20)])
    precision, recall, density, coverage = values(one_mode, targets)
    assert precision > 0.6 and density > 0.8 and recall < 0.5 and 0.4 < coverage <= 0.5
    assert values(strayed, targets)[0] < 0.5 and values(strayed, targets)[2] < 0.6


def setting(make_split, n: int = 9, n_reference: int = 11) -> Setting:
    split = make_split(2)
    return Setting(split.task, split.resolution, "test", n=n, n_reference=n_reference, reference_hash="0")


def feed(metric: ManifoldScores, side: str, names: list[int], rows: torch.Tensor) -> None:
    """A chunk of the pictures numbered `names`; the features come from `rows`, asked for by the metric's extractor."""

    def extract(extractor: str, asked: str) -> torch.Tensor:
        assert (extractor, asked) == (metric.extractor, side)
        return rows[names]

    chunk = Chunk(tuple(f"{name:03d}" for name in names), torch.zeros(len(names), 3, 1, 1), extract=extract)
    (metric.update if side == "output" else metric.update_reference)(chunk)


@pytest.mark.parametrize("kind", [PRDC, prdc("efficientnet_lite0")])
def test_shards_in_any_split_give_the_same_scores(make_split, random_weights, kind) -> None:
    outputs, targets = features(9, 5, 13), features(11, 5, 14)
    whole = kind(setting(make_split))
    feed(whole, "output", list(range(9)), outputs)
    feed(whole, "target", list(range(11)), targets)
    shards = [kind(setting(make_split)) for _ in range(3)]
    for i, shard in enumerate(shards):
        feed(shard, "output", list(range(i, 9, 3))[::-1], outputs)
        feed(shard, "target", list(range(2 - i, 11, 3)), targets)
    merged = shards[2]
    merged.merge(shards[0])
    merged.merge(shards[1])
    assert merged.compute() == whole.compute()
    assert [score.name for score in whole.compute()] == list(kind.columns)
    assert [score.value for score in whole.compute()] == values(outputs, targets)
    assert all(score.higher_is_better and score.n == 9 for score in whole.compute())
    assert all(score.standard_error is not None and math.isfinite(score.standard_error) for score in whole.compute())


def test_protocol_tells_what_changes_the_number(make_split, random_weights, monkeypatch: pytest.MonkeyPatch) -> None:
    def protocols(kind=PRDC):
        metric = kind(setting(make_split))
        feed(metric, "output", list(range(9)), features(9, 5, 13))
        feed(metric, "target", list(range(11)), features(11, 5, 14))
        return [score.protocol for score in metric.compute()]

    precision, recall, density, coverage = protocols()
    assert (precision.id, density.id) == (recall.id, coverage.id) and precision.id != density.id
    assert set(precision.difference(density)) == {"neighbours"}
    assert precision.n_reference == 11 and precision.reference_hash == "0"
    other = protocols(prdc("efficientnet_lite0"))[0]
    assert {"metric", "extractor", "weights_sha256"} <= set(precision.difference(other))
    monkeypatch.setattr(manifold, "PRECISION_NEIGHBOURS", 4)
    assert protocols()[0].id != precision.id and protocols()[2].id == density.id


def test_too_few_pictures_are_said(make_split, random_weights, monkeypatch: pytest.MonkeyPatch) -> None:
    for n, m in ((6, 50), (50, 6)):
        reason = PRDC.unavailable(setting(make_split, n, m))
        assert reason is not None and f"{n} outputs against {m} real targets" in reason and "7 pictures" in reason
    assert PRDC.unavailable(setting(make_split, 7, 7)) is None
    monkeypatch.setattr("i2ibench.weights.path", lambda name: None)
    assert "i2ibench weights get inception" in (PRDC.unavailable(setting(make_split, 7, 7)) or "")
