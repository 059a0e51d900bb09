from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from i2ibench.models.layers.gradient_penalty import (
    between,
    full_precision,
    r1_penalty,
    squared_gradients,
    wasserstein_penalty,
)


def linear(slopes: Tensor, pictures: Tensor) -> Tensor:
    """Of each picture the sum of pixels times slopes, spread over two answers."""
    answers = (pictures * slopes).sum((1, 2, 3))
    return torch.stack([0.25 * answers, 0.75 * answers], 1)


def test_of_linear_answers_by_hand() -> None:
    """The gradient of each picture's summed answers is the slopes: of norm 3."""
    slopes = torch.zeros(3, 2, 2)
    slopes[0, 0, 0], slopes[1, 1, 0], slopes[2, 0, 1] = 2.0, -2.0, 1.0
    pictures = torch.rand(4, 3, 2, 2).requires_grad_()
    answers = linear(slopes, pictures)
    assert squared_gradients(answers.sum(), pictures).tolist() == pytest.approx([9.0] * 4)
    assert squared_gradients(answers.mean(), pictures).tolist() == pytest.approx([9 / 64] * 4)
    assert wasserstein_penalty(answers, pictures).item() == pytest.approx(4.0)
    assert r1_penalty(answers, pictures).item() == pytest.approx(4.5)


def test_derivatives_are_those_of_the_published_formulas() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Softplus(), nn.Conv2d(4, 1, 3)).double()
    pictures = torch.randn(3, 3, 6, 6).double().requires_grad_()
    for penalty, formula in (
        (wasserstein_penalty, lambda norm: ((norm - 1) ** 2).mean()),
        (r1_penalty, lambda norm: (norm**2).sum() / (2 * len(norm))),
    ):
        found = torch.autograd.grad(penalty(network(pictures), pictures), list(network.parameters())[:3])
        jacobian = [
            torch.autograd.grad(network(pictures[i : i + 1]).sum(), pictures, create_graph=True)[0][i].norm()
            for i in range(3)
        ]
        expected = torch.autograd.grad(formula(torch.stack(jacobian)), list(network.parameters())[:3])
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, theirs)


def test_points_lie_between_at_one_share_a_picture() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        one, other = torch.rand(500, 3, 2, 2), torch.rand(500, 3, 2, 2) + 2
        points = between(one, other)
    shares = ((points - other) / (one - other)).flatten(1)
    assert points.requires_grad
    assert (shares.amax(1) - shares.amin(1)).max() < 1e-4
    share = shares.mean(1)
    assert 0 <= share.min() < 0.02
    assert 0.98 < share.max() <= 1
    assert share.mean().item() == pytest.approx(0.5, abs=0.05)
    assert share.std().item() == pytest.approx(math.sqrt(1 / 12), abs=0.02)


def test_full_precision_is_not_under_autocast() -> None:
    layer, x = nn.Linear(4, 4), torch.rand(2, 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
        with full_precision(x):
            assert layer(x).dtype == torch.float32
