from __future__ import annotations

from itertools import product
from typing import Literal

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from i2ibench.models.layers.unnormed_discriminator import UnnormedDiscriminator, smallest_side


@pytest.mark.parametrize(
    ("n_layers", "scales", "kernel", "parameters"),
    [(4, 3, 4, 8_271_171), (4, 2, 4, 5_514_114), (4, 1, 4, 2_757_057), (6, 1, 3, 25_149_057)],
)
def test_parameters_are_the_published_codes(n_layers: int, scales: int, kernel: Literal[3, 4], parameters: int) -> None:
    with torch.device("meta"):
        network = UnnormedDiscriminator(n_layers=n_layers, scales=scales, kernel=kernel)
    assert sum(p.numel() for p in network.parameters()) == parameters


@pytest.mark.parametrize(("side", "maps"), [(256, [16, 8, 4]), (128, [8, 4, 2]), (61, [3, 1, 1])])
def test_maps_have_the_published_sizes(side: int, maps: list[int]) -> None:
    with torch.device("meta"):
        found = UnnormedDiscriminator()(torch.empty(2, 3, side, side))
    assert [tuple(one.shape) for one in found] == [(2, 1, one, one) for one in maps]


@pytest.mark.parametrize(("kernel", "padding", "slope"), [(4, "reflect", 0.2), (3, "zeros", 0.01)])
def test_by_functions(kernel: Literal[3, 4], padding: Literal["reflect", "zeros"], slope: float) -> None:
    torch.manual_seed(0)
    network = UnnormedDiscriminator(2, 2, 2, in_channels=4, kernel=kernel, padding=padding, slope=slope)
    x = torch.randn(2, 4, 18, 14)
    seen = [x, F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)]
    for found, judge, picture in zip(network(x), network.scales, seen, strict=True):
        y = picture
        *strided, head = (layer for layer in judge.modules() if isinstance(layer, nn.Conv2d))
        for layer in strided:
            y = F.pad(y, (1,) * 4, mode="reflect") if padding == "reflect" else F.pad(y, (1,) * 4)
            y = F.leaky_relu(F.conv2d(y, layer.weight, layer.bias, stride=2), slope)
        assert head.kernel_size == (1, 1)
        torch.testing.assert_close(found, F.conv2d(y, head.weight, head.bias))


@pytest.mark.parametrize(("n_layers", "scales", "kernel"), product([1, 2, 4], [1, 2, 3], [3, 4]))
def test_smallest_side_is_the_least_that_can_be_padded(n_layers: int, scales: int, kernel: Literal[3, 4]) -> None:
    with torch.device("meta"):
        network = UnnormedDiscriminator(1, n_layers, scales, kernel=kernel)
        least = smallest_side(n_layers, scales, kernel)
        network(torch.empty(1, 3, least, least))
        with pytest.raises(RuntimeError, match=r"[Pp]adding"):
            network(torch.empty(1, 3, least, least - 1))
    assert smallest_side() == 61


def test_spectral_norm_is_on_every_convolution() -> None:
    network = UnnormedDiscriminator(2, 2, 1, spectral=True)
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert len(convolutions) == 3
    assert all(parametrize.is_parametrized(one, "weight") for one in convolutions)
