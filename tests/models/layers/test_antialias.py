from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import correlate
from torch.nn import functional as F

from i2ibench.models.layers.antialias import BlurDown, blur_up


@settings(deadline=None)
@given(height=st.integers(2, 9), width=st.integers(2, 9), channels=st.integers(1, 3), seed=st.integers(0, 99))
def test_down_is_scipys_correlation_at_every_other_pixel(height: int, width: int, channels: int, seed: int) -> None:
    x = torch.rand(2, channels, height, width, generator=torch.Generator().manual_seed(seed))
    weights = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
    found = BlurDown(channels)(x)
    assert found.shape == (2, channels, (height + 1) // 2, (width + 1) // 2)
    for ours, plane in zip(found.flatten(0, 1), x.flatten(0, 1), strict=True):
        expected = correlate(plane.double().numpy(), weights.double().numpy(), mode="mirror")[::2, ::2]
        torch.testing.assert_close(ours.double(), torch.from_numpy(expected.copy()), rtol=0, atol=1e-6)


@settings(deadline=None)
@given(height=st.integers(1, 7), width=st.integers(1, 7), seed=st.integers(0, 99))
def test_up_is_the_published_transposed_convolution(height: int, width: int, seed: int) -> None:
    """Replicated by 1, transposed with a padding of 2, and the first and last rows and columns cut."""
    x = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(seed))
    row = torch.tensor([1.0, 3, 3, 1])
    taps = 4 * torch.outer(row, row) / torch.outer(row, row).sum()
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    published = F.conv_transpose2d(padded, taps.expand(3, 1, 4, 4), stride=2, padding=2, groups=3)
    torch.testing.assert_close(blur_up()(x), published[:, :, 1:-1, 1:-1], rtol=0, atol=1e-6)


def test_constants_stay() -> None:
    x = torch.full((1, 2, 6, 8), 0.7)
    for layer in (BlurDown(2), blur_up()):
        torch.testing.assert_close(layer(x), torch.full_like(layer(x), 0.7))


def test_filters_move_with_the_module_and_are_in_no_checkpoint() -> None:
    layer = BlurDown(2)
    assert not layer.state_dict()
    assert not list(layer.parameters())
    assert layer.double()(torch.rand(1, 2, 4, 4, dtype=torch.float64)).dtype == torch.float64


def test_gradients_are_the_filters_own() -> None:
    x = torch.rand(1, 1, 5, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(BlurDown(1).double(), (x,))
