from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from i2ibench.models.layers.self_attention import SelfAttention


def test_starts_as_the_identity() -> None:
    x = torch.randn(2, 16, 4, 4)
    assert torch.equal(SelfAttention(16)(x), x)


def test_by_loops_over_places() -> None:
    torch.manual_seed(0)
    layer, x = SelfAttention(16).eval(), torch.randn(2, 16, 4, 6)
    layer.gamma.data.fill_(0.7)
    theta, phi, g, o = (getattr(layer, name).weight.detach().flatten(1) for name in ("theta", "phi", "g", "o"))
    expected = x.clone()
    for b in range(2):
        places = x[b].flatten(1).T
        keys, values = (F.max_pool2d((w @ x[b].flatten(1)).view(1, -1, 4, 6), 2)[0].flatten(1).T for w in (phi, g))
        for place in range(24):
            scores = [float(torch.dot(theta @ places[place], key)) for key in keys]
            total = sum(math.exp(score) for score in scores)
            read = sum(math.exp(score) / total * value for score, value in zip(scores, values, strict=True))
            expected[b, :, place // 6, place % 6] += 0.7 * (o @ read)  # type: ignore[operator]
    torch.testing.assert_close(layer(x), expected, rtol=1e-4, atol=1e-5)


def test_parameters() -> None:
    layer = SelfAttention(96)
    assert sum(p.numel() for p in layer.parameters()) == 2 * 96 * 12 + 2 * 96 * 48 + 1


def test_refuses_too_few_channels() -> None:
    with pytest.raises(ValueError, match="at least 8 channels, found 7"):
        SelfAttention(7)
