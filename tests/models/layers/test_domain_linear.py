from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from i2ibench.models.layers.domain_linear import DomainLinear, of_domains


def test_each_domain_has_a_linear_map_of_its_own() -> None:
    torch.manual_seed(0)
    layer = DomainLinear(3, 4, 2)
    layer.bias.data.normal_()
    shared, own = torch.randn(5, 4), torch.randn(3, 5, 4)
    for x, of in ((shared[None], lambda k: shared), (own, lambda k: own[k])):
        expected = torch.stack([F.linear(of(k), layer.weight[k], layer.bias[k]) for k in range(3)])
        torch.testing.assert_close(layer(x), expected)


def test_first_weights_are_kaimings_of_what_comes_in() -> None:
    torch.manual_seed(0)
    layer = DomainLinear(3, 64, 512)
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / 64), rel=0.02)
    assert not layer.bias.any()


def test_each_picture_gets_its_domains_answer() -> None:
    answers = torch.arange(24.0).view(4, 3, 2)
    assert of_domains(answers, torch.tensor([2, 0, 1, 2])).tolist() == [[4, 5], [6, 7], [14, 15], [22, 23]]
