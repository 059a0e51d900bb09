from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import correlate

from i2ibench.models.layers.blur import Blur

FILTER = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16


@settings(deadline=None)
@given(height=st.integers(1, 9), width=st.integers(1, 9), channels=st.integers(1, 3), seed=st.integers(0, 99))
def test_is_scipys_correlation(height: int, width: int, channels: int, seed: int) -> None:
    x = torch.rand(2, channels, height, width, generator=torch.Generator().manual_seed(seed))
    for ours, plane in zip(Blur(channels)(x).flatten(0, 1), x.flatten(0, 1), strict=True):
        expected = correlate(plane.double().numpy(), FILTER.double().numpy(), mode="constant")
        torch.testing.assert_close(ours.double(), torch.from_numpy(expected), rtol=0, atol=1e-6)


def test_of_one_point_is_the_filter() -> None:
    x = torch.zeros(1, 2, 5, 5)
    x[0, 1, 2, 2] = 1
    blurred = Blur(2)(x)
    assert torch.equal(blurred[0, 1, 1:4, 1:4], FILTER)
    assert not blurred[0, 0].any()
    assert blurred.sum() == 1


def test_gradients_of_the_first_two_orders() -> None:
    layer, x = Blur(2).double(), torch.rand(2, 2, 4, 3).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda maps: layer(maps).square(), x)
    assert torch.autograd.gradgradcheck(lambda maps: layer(maps).square(), x)


def test_keeps_nothing_in_a_checkpoint_and_no_more_digits_than_it_is_given() -> None:
    layer, x = Blur(2), torch.rand(2, 2, 4, 4).requires_grad_()
    assert not layer.state_dict()
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(x)
    out.float().sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == torch.float32
    torch.testing.assert_close(x.grad, layer(torch.ones_like(x)), rtol=0, atol=1e-2)
