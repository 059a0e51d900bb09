from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from i2ibench.models.layers.boundaries import boundaries, resized


def patches(seed: int, height: int, width: int, side: int = 4) -> Tensor:
    """Ids `[2, height, width]` in patches, so that there are boundaries and insides."""
    stream = torch.Generator().manual_seed(seed)
    coarse = torch.randint(0, 3, (2, height // side + 1, width // side + 1), generator=stream)
    return coarse.repeat_interleave(side, 1).repeat_interleave(side, 2)[:, :height, :width]


def edge_by_edge(ids: Tensor) -> Tensor:
    """The definition, pixel by pixel."""
    batch, height, width = ids.shape
    out = torch.zeros(batch, 1, height, width)
    for b in range(batch):
        for y in range(height):
            for x in range(width):
                for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
                    if 0 <= y + dy < height and 0 <= x + dx < width:
                        out[b, 0, y, x] = max(out[b, 0, y, x].item(), float(ids[b, y, x] != ids[b, y + dy, x + dx]))
    return out


@given(st.integers(0, 2**31), st.integers(1, 13), st.integers(1, 13), st.integers(1, 5))
def test_boundaries_are_where_a_neighbour_differs(seed: int, height: int, width: int, side: int) -> None:
    ids = patches(seed, height, width, side)
    assert torch.equal(boundaries(ids), edge_by_edge(ids))


def test_an_object_of_one_pixel() -> None:
    ids = torch.zeros(1, 5, 5, dtype=torch.int64)
    ids[0, 2, 2] = 7000
    expected = torch.tensor([[0, 0, 0, 0, 0], [0, 0, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]])
    assert torch.equal(boundaries(ids)[0, 0], expected.float())
    assert torch.equal(boundaries(torch.full((1, 5, 5), 9)), torch.zeros(1, 1, 5, 5))


class TestResized:
    @pytest.mark.parametrize("divisor", [1, 2, 4, 8, 16])
    @pytest.mark.parametrize("shape", [(64, 128), (48, 80), (96, 64)])
    def test_boundaries_are_as_pillow_makes_them(self, shape: tuple[int, int], divisor: int) -> None:
        edges = boundaries(patches(divisor, *shape, side=7))
        size = (shape[0] // divisor, shape[1] // divisor)
        found = resized(edges, size)
        assert found.shape == (2, 1, *size)
        assert torch.equal(found, torch.stack([by_pillow(one, size) for one in edges]))

    def test_any_picture_is_within_a_level_of_pillows(self) -> None:
        pictures = torch.randint(0, 256, (1, 1, 60, 84), generator=torch.Generator().manual_seed(0)) / 255
        for size in ((30, 42), (20, 21), (13, 17)):
            found = resized(pictures, size)
            assert (255 * (found - by_pillow(pictures[0], size))).abs().max() < 1.01

    def test_ceil_keeps_every_trace_of_a_boundary(self) -> None:
        edges = boundaries(patches(0, 64, 64, side=9))
        soft, hard = resized(edges, (16, 16)), resized(edges, (16, 16), ceil=True)
        assert torch.equal(hard, (soft > 0).float())
        assert (soft != hard).any()
        assert set(hard.unique().tolist()) == {0.0, 1.0}

    def test_types_stay(self) -> None:
        edges = boundaries(patches(0, 32, 32)).double()
        assert resized(edges, (16, 16)).dtype == torch.float64
        torch.testing.assert_close(resized(edges, (16, 16)).float(), resized(edges.float(), (16, 16)), rtol=0, atol=0)


def by_pillow(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """`[1, H, W]` in [0, 1] resized as an 8-bit picture with Pillow's default filter."""
    image = Image.fromarray((255 * picture[0]).round().to(torch.uint8).numpy())
    return torch.from_numpy(np.asarray(image.resize((size[1], size[0]))).copy())[None].float() / 255
