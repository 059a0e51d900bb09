from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from i2ibench.models.layers.equalized import (
    EnlargingConv2d,
    EqualizedConv2d,
    EqualizedLinear,
    HalvingConv2d,
    equalizing,
)


def test_linear_by_hand() -> None:
    layer = EqualizedLinear(8, 2)
    layer.weight.data = torch.tensor([[1.0] * 8, [2.0] + [0.0] * 7])
    layer.bias.data = torch.tensor([0.0, 3.0])
    # root of 2/8 is a half
    assert layer(torch.arange(8.0)).tolist() == [14.0, 3.0]
    assert layer(torch.ones(1, 8)).tolist() == [[4.0, 4.0]]


def test_convolution_by_hand() -> None:
    layer = EqualizedConv2d(2, 1, 3)
    layer.weight.data = torch.zeros(1, 2, 3, 3)
    layer.weight.data[0, 1, 1, 2] = 6.0  # the right neighbour in the second channel
    layer.bias.data.fill_(0.5)
    x = torch.arange(12.0).view(1, 2, 2, 3)
    # root of 2/18 is a third
    assert layer(x).tolist() == [[[[14.5, 16.5, 0.5], [20.5, 22.5, 0.5]]]]


def test_of_unit_variance_at_first_and_of_hes_at_use() -> None:
    for layer, fan_in in (
        (EqualizedLinear(200, 100), 200),
        (EqualizedConv2d(30, 40, 3), 270),
        (EnlargingConv2d(30, 40), 270),
        (HalvingConv2d(30, 40), 270),
    ):
        assert layer.weight.std().item() == pytest.approx(1, abs=0.03)
        assert not layer.bias.any()
        assert equalizing(fan_in) == pytest.approx((2 / fan_in) ** 0.5)
    x = torch.randn(500, 200)
    assert F.relu(EqualizedLinear(200, 400)(x)).square().mean().item() == pytest.approx(1, abs=0.1)


def test_adam_moves_wide_and_narrow_layers_as_much() -> None:
    """A step of Adam is of the rate's size: relative to the weights' own, which is the point."""
    for layer in (EqualizedLinear(4, 4), EqualizedLinear(400, 4)):
        before = layer.weight.detach().clone()
        optimizer = torch.optim.Adam(layer.parameters(), lr=0.01)
        layer(torch.randn(3, layer.weight.shape[1])).square().sum().backward()
        optimizer.step()
        assert (layer.weight - before).abs().mean().item() == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("mean", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (4, 4), (3, 5)])
def test_enlarging_is_nearest_and_a_convolution(size: tuple[int, int], mean: bool) -> None:
    layer, x = EnlargingConv2d(3, 5, mean=mean).double(), torch.randn(2, 3, *size).double().requires_grad_()
    layer.bias.data.normal_()
    weight = layer.weight * equalizing(27) / (4 if mean else 1)
    expected = F.conv2d(F.interpolate(x, scale_factor=2.0, mode="nearest"), weight, layer.bias, padding=1)
    torch.testing.assert_close(layer(x), expected, rtol=1e-6, atol=1e-6)
    ours, theirs = (torch.autograd.grad(out.square().sum(), [x, layer.weight]) for out in (layer(x), expected))
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [(2, 2), (8, 8), (4, 10)])
def test_halving_is_a_convolution_and_the_mean(size: tuple[int, int]) -> None:
    layer, x = HalvingConv2d(3, 5).double(), torch.randn(2, 3, *size).double().requires_grad_()
    layer.bias.data.normal_()
    expected = F.avg_pool2d(F.conv2d(x, layer.weight * equalizing(27), layer.bias, padding=1), 2)
    torch.testing.assert_close(layer(x), expected, rtol=1e-6, atol=1e-6)
    ours, theirs = (torch.autograd.grad(out.square().sum(), [x, layer.weight]) for out in (layer(x), expected))
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
