from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from i2ibench.models.layers.local_enhancer import Enhancer, LocalEnhancer


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_parameters_are_the_published_ones() -> None:
    with torch.device("meta"):
        network = LocalEnhancer(36, 3)
    assert count(network.trunk) == 182_537_344
    assert count(network.enhancers[0].down) == 74_976
    assert count(network.enhancers[0].up) + count(network.head) == 244_739
    assert count(network) == 182_857_059


@pytest.mark.parametrize("enhancers", [1, 2])
def test_widths_double_towards_the_trunk(enhancers: int) -> None:
    with torch.device("meta"):
        network = LocalEnhancer(5, 3, 4, enhancers, halvings=2, blocks=1, enhancer_blocks=1)
        side = 2 ** (2 + enhancers) * 2
        picture = torch.empty(1, 5, side, 2 * side)
        assert network.trunk(picture).shape == (1, 4 << enhancers, side, 2 * side)
        assert network(picture).shape == (1, 3, side, 2 * side)
    stems = [enhancer.down[1].out_channels for enhancer in network.enhancers]
    assert stems == [4 << level for level in reversed(range(enhancers))]


def test_adds_the_coarser_features_to_its_own_halfway() -> None:
    torch.manual_seed(0)
    enhancer = Enhancer(3, 2, 1, "instance")
    picture, features = torch.rand(1, 3, 16, 16), torch.rand(1, 4, 8, 8)
    torch.testing.assert_close(enhancer(picture, features), enhancer.up(enhancer.down(picture) + features))
    assert enhancer(picture, features).shape == (1, 2, 16, 16)


def test_the_trunk_reads_the_averaged_input() -> None:
    torch.manual_seed(0)
    network = LocalEnhancer(3, 3, 2, 2, halvings=1, blocks=1, enhancer_blocks=1)
    picture = torch.rand(1, 3, 32, 32)
    half = F.avg_pool2d(picture, 3, 2, 1, count_include_pad=False)
    quarter = F.avg_pool2d(half, 3, 2, 1, count_include_pad=False)
    features = network.enhancers[0](half, network.trunk(quarter))
    torch.testing.assert_close(network(picture), network.head(network.enhancers[1](picture, features)))


def test_every_convolution_has_a_bias() -> None:
    for norm in ("instance", "batch"):
        network = LocalEnhancer(3, 3, 2, halvings=1, blocks=1, norm=norm)  # type: ignore[arg-type]
        assert all(m.bias is not None for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d))
