from __future__ import annotations

import pytest
import torch
from torch import nn

from i2ibench.models.layers.orthogonal import spectral

LAYERS = {
    "convolution": (lambda: nn.Conv2d(4, 6, 3), (6, 36)),
    "pointwise": (lambda: nn.Conv2d(8, 3, 1, bias=False), (3, 8)),
    "linear": (lambda: nn.Linear(5, 9), (9, 5)),
    "embedding": (lambda: nn.Embedding(4, 7), (4, 7)),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_first_weights_are_orthogonal_and_kept_by_the_norm(kind: str) -> None:
    torch.manual_seed(0)
    make, shape = LAYERS[kind]
    weight = spectral(make()).weight.detach().flatten(1)  # type: ignore[operator, union-attr]
    assert weight.shape == shape
    gram = weight @ weight.T if shape[0] <= shape[1] else weight.T @ weight
    torch.testing.assert_close(gram, torch.eye(min(shape)), rtol=0, atol=1e-5)


def test_weights_are_divided_by_their_largest_singular_value() -> None:
    torch.manual_seed(0)
    layer = spectral(nn.Conv2d(4, 6, 3))
    raw = layer.parametrizations.weight.original  # type: ignore[union-attr]
    raw.data = torch.randn_like(raw)
    for _ in range(200):
        _ = layer.weight
    layer.eval()
    expected = raw / torch.linalg.matrix_norm(raw.flatten(1), 2)
    torch.testing.assert_close(layer.weight, expected, rtol=1e-4, atol=1e-5)


def test_iterates_once_a_use_in_training_and_never_in_evaluation() -> None:
    torch.manual_seed(0)
    layer = spectral(nn.Linear(5, 9))
    raw = layer.parametrizations.weight.original  # type: ignore[union-attr]
    raw.data = torch.randn_like(raw)
    u, v = (layer.get_buffer(f"parametrizations.weight.0.{name}").clone() for name in ("_u", "_v"))
    layer.eval()
    layer(torch.zeros(1, 5))
    assert torch.equal(layer.get_buffer("parametrizations.weight.0._u"), u)
    layer.train()
    layer(torch.zeros(1, 5))
    u = torch.nn.functional.normalize(raw.detach() @ v, dim=0)
    v = torch.nn.functional.normalize(raw.detach().T @ u, dim=0)
    torch.testing.assert_close(layer.get_buffer("parametrizations.weight.0._u"), u)
    torch.testing.assert_close(layer.get_buffer("parametrizations.weight.0._v"), v)
