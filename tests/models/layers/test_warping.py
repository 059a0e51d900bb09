from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates
from torch import Tensor

from i2ibench.models.layers.warping import coarser, composed, known, reference, warp


def grid(height: int, width: int) -> tuple[Tensor, Tensor]:
    """x and y of every pixel."""
    y, x = torch.meshgrid(torch.arange(height).float(), torch.arange(width).float(), indexing="ij")
    return x, y


def towards(height: int, width: int, x: float, y: float, share: float) -> Tensor:
    """A linear flow: each pixel was nearer to (x, y) by `share` of the distance."""
    columns, rows = grid(height, width)
    return torch.stack([share * (x - columns), share * (y - rows)])[None]


@given(seed=st.integers(0, 1000), height=st.integers(2, 9), width=st.integers(2, 9), reach=st.floats(0, 12))
@settings(max_examples=40, deadline=None)
def test_warp_is_bilinear_sampling_between_pixel_centres(seed: int, height: int, width: int, reach: float) -> None:
    stream = torch.Generator().manual_seed(seed)
    picture = torch.rand(2, 3, height, width, generator=stream, dtype=torch.float64)
    flow = (torch.rand(2, 2, height, width, generator=stream, dtype=torch.float64) * 2 - 1) * reach
    found = warp(picture, flow).numpy()
    y, x = np.mgrid[:height, :width]
    for one in range(2):
        places = [y + flow[one, 1].numpy(), x + flow[one, 0].numpy()]
        for channel in range(3):
            expected = map_coordinates(picture[one, channel].numpy(), places, order=1, mode="nearest")
            np.testing.assert_allclose(found[one, channel], expected, atol=1e-9)


def test_no_flow_is_the_very_picture_and_whole_pixels_are_whole_pixels() -> None:
    picture = torch.rand(1, 3, 7, 10)
    torch.testing.assert_close(warp(picture, torch.zeros(1, 2, 7, 10)), picture, rtol=0, atol=1e-5)
    flow = torch.tensor([2.0, -1.0]).reshape(1, 2, 1, 1).expand(1, 2, 7, 10)  # from the right and from above
    moved = warp(picture, flow)
    torch.testing.assert_close(moved[:, :, 1:, :-2], picture[:, :, :-1, 2:], rtol=0, atol=1e-5)
    torch.testing.assert_close(moved[:, :, 0, :-2], picture[:, :, 0, 2:], rtol=0, atol=1e-5)  # the border's values


def test_gradients_reach_the_flow() -> None:
    picture = torch.rand(1, 1, 4, 5, dtype=torch.float64)
    flow = (torch.rand(1, 2, 4, 5, dtype=torch.float64) * 0.8 + 0.1).requires_grad_()
    assert torch.autograd.gradcheck(lambda one: warp(picture, one), (flow,))


def test_composed_flows_of_whole_pixels_add_up() -> None:
    shifts = [(1.0, 0.0), (-2.0, 3.0), (0.5, 0.25)]
    flows = [torch.tensor(shift).reshape(1, 2, 1, 1).expand(1, 2, 6, 8) for shift in shifts]
    expected = torch.tensor([-0.5, 3.25]).reshape(1, 2, 1, 1).expand(1, 2, 6, 8)
    torch.testing.assert_close(composed(flows), expected)


def test_composed_flows_follow_each_pixel_back() -> None:
    """Linear flows towards points within the picture: bilinear sampling between them is exact."""
    older, newer = towards(9, 12, 3.0, 4.0, 0.5), towards(9, 12, 8.0, 2.0, 0.25)
    found = composed([older, newer])
    x, y = grid(9, 12)
    before_x, before_y = x + 0.25 * (8 - x), y + 0.25 * (2 - y)
    long_before_x, long_before_y = before_x + 0.5 * (3 - before_x), before_y + 0.5 * (4 - before_y)
    torch.testing.assert_close(found[0], torch.stack([long_before_x - x, long_before_y - y]), rtol=1e-5, atol=1e-5)
    assert composed([newer]) is newer


def test_known_leaves_no_nan() -> None:
    flow = torch.ones(1, 2, 2, 2)
    flow[0, 1, 0, 1] = float("nan")
    filled, seen = known(flow)
    assert filled.tolist() == [[[[1, 0], [1, 1]], [[1, 0], [1, 1]]]]
    assert seen.tolist() == [[[[1, 0], [1, 1]]]]


def test_reference_trusts_flow_that_is_known_and_explains_the_colours() -> None:
    earlier = torch.rand(1, 3, 4, 6)
    flow = torch.zeros(1, 2, 4, 6)
    flow[:, 0] = 1
    later = warp(earlier, flow)
    later[0, :, 1, 1] += (0.019 / 3) ** 0.5
    later[0, :, 2, 2] += (0.021 / 3) ** 0.5
    flow[0, :, 3, 3] = float("nan")
    found = reference(flow, earlier, later)
    expected = torch.ones(4, 6)
    expected[2, 2] = expected[3, 3] = 0
    assert torch.equal(found.confidence, expected[None, None])
    assert found.flow.isfinite().all()
    assert found.flow[0, :, 3, 3].tolist() == [0, 0]


@pytest.mark.parametrize("halvings", [0, 1, 2])
def test_coarser_flow_leads_to_the_same_places(halvings: int) -> None:
    flow = towards(8, 16, 5.0, 3.0, 0.5)
    small = coarser(flow, halvings)
    stride = 2**halvings
    x, y = grid(8 // stride, 16 // stride)
    torch.testing.assert_close((x + small[0, 0]) * stride, x * stride + flow[0, 0, ::stride, ::stride])
    torch.testing.assert_close((y + small[0, 1]) * stride, y * stride + flow[0, 1, ::stride, ::stride])
