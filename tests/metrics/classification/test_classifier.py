"""The classifier against scikit-learn's logistic regression."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from i2ibench.errors import BenchError
from i2ibench.metrics.classification.classifier import PENALTY, Classifier, fit


def blobs(count: int, classes: list[int], width: float, seed: int = 0) -> tuple[torch.Tensor, list[int]]:
    """Features `[count, 12]`, float32, of unequal spread by direction, and their classes."""
    draw = np.random.default_rng(seed)
    centres = np.random.default_rng(100).normal(0, 2, (max(classes) + 1, 12))
    wanted = [classes[index % len(classes)] for index in range(count)]
    stretch = np.geomspace(0.05, 5, 12)
    rows = (centres[wanted] + draw.normal(0, width, (count, 12))) * stretch + 3
    return torch.from_numpy(rows).float(), wanted


def reference(features: torch.Tensor, classes: list[int]) -> tuple[LogisticRegression, object]:
    """Of two classes scikit-learn fits one vector, the difference of ours, whose squares are then half of its own."""
    rows = features.double().numpy()
    mean = rows.mean(0)
    scale = np.sqrt(rows.var(0).mean())
    strength = 1 / PENALTY if len(set(classes)) == 2 else 1 / (2 * PENALTY)
    model = LogisticRegression(C=strength, tol=1e-12, max_iter=100_000).fit((rows - mean) / scale, classes)
    return model, lambda others: (others.double().numpy() - mean) / scale


@pytest.mark.parametrize(("classes", "width"), [([4, 0, 9, 2], 0.5), ([4, 0, 9, 2], 5.0), ([1, 7], 2.0)])
def test_it_is_scikit_learns_minimum(classes: list[int], width: float) -> None:
    features, wanted = blobs(150, classes, width)
    others, _ = blobs(40, classes, width, seed=1)
    ours = fit(features, wanted)
    model, scaled = reference(features, wanted)
    assert ours.classes == tuple(model.classes_)
    np.testing.assert_allclose(ours.log_probabilities(others).exp(), model.predict_proba(scaled(others)), atol=2e-6)


def test_no_direction_from_the_minimum_goes_down() -> None:
    features, wanted = blobs(60, [0, 1, 2], 3.0)
    found = fit(features, wanted)
    rows = (features.double() - found.mean) / found.scale
    numbers = torch.tensor(wanted)

    def objective(weight: torch.Tensor, bias: torch.Tensor) -> float:
        picked = (rows @ weight.T + bias).log_softmax(1)[torch.arange(len(rows)), numbers]
        return float(-picked.sum() + PENALTY * weight.square().sum())

    least = objective(found.weight, found.bias)
    draw = torch.Generator().manual_seed(0)
    for size in (1e-3, 1e-1):
        for _ in range(20):
            step = size * torch.randn(3, 13, dtype=torch.float64, generator=draw)
            assert objective(found.weight + step[:, 1:], found.bias + step[:, 0]) > least
    assert float(found.bias.sum()) == pytest.approx(0, abs=1e-9)


def test_more_directions_than_pictures_and_dead_ones() -> None:
    """As with 1,280 features of 200 outputs, some of which a rectifier leaves at 0."""
    features = torch.randn(20, 50, generator=torch.Generator().manual_seed(0))
    features[:, 40:] = 0
    wanted = [index % 4 for index in range(20)]
    model, scaled = reference(features, wanted)
    np.testing.assert_allclose(
        fit(features, wanted).log_probabilities(features).exp(), model.predict_proba(scaled(features)), atol=2e-6
    )


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(30)))
def test_the_order_of_pictures_does_not_matter(order: list[int]) -> None:
    features, wanted = blobs(30, [0, 1, 2], 3.0)
    whole, mixed = fit(features, wanted), fit(features[order], [wanted[index] for index in order])
    torch.testing.assert_close(
        whole.log_probabilities(features), mixed.log_probabilities(features), rtol=1e-5, atol=1e-6
    )


def test_pictures_that_are_all_one_are_told_by_how_common_classes_are() -> None:
    found = fit(torch.ones(8, 3), [0, 0, 0, 0, 0, 0, 1, 1])
    torch.testing.assert_close(
        found.log_probabilities(torch.ones(1, 3)).exp(), torch.tensor([[0.75, 0.25]], dtype=torch.float64)
    )


def test_it_fits_inside_inference_mode_too() -> None:
    features, wanted = blobs(30, [0, 1], 2.0)
    with torch.inference_mode():
        inside = fit(features.clone(), wanted)
    assert torch.equal(inside.weight, fit(features, wanted).weight)


def test_the_likeliest_classes() -> None:
    found = Classifier(
        (2, 5, 7),
        torch.zeros(3, dtype=torch.float64),
        torch.tensor(1.0, dtype=torch.float64),
        torch.eye(3, dtype=torch.float64),
        torch.tensor([0, 0, 0.5], dtype=torch.float64),
    )
    features = torch.tensor([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0], [0.0, 0.2, 0.0], [9.0, 0.0, 0.0]])
    wanted = [2, 5, 7, 4]  # the last is no class it knows
    assert found.among_first(features, wanted, 1).tolist() == [True, False, True, False]
    assert found.among_first(features, wanted, 2).tolist() == [True, True, True, False]
    assert found.among_first(features, wanted, 3).tolist() == [True, True, True, False]
    assert found.among_first(features, [7] * 4, 2).tolist() == [False, False, True, True]


def test_one_class_is_refused() -> None:
    with pytest.raises(BenchError, match="two classes or more apart, and the pictures are of 1"):
        fit(torch.randn(4, 3), [3, 3, 3, 3])


def test_features_that_are_no_numbers_are_refused() -> None:
    features, wanted = blobs(30, [0, 1], 2.0)
    features[3, 2] = torch.nan
    with pytest.raises(BenchError, match="finite"):
        fit(features, wanted)
