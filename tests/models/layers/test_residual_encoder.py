from __future__ import annotations

import pytest
import torch
from fingerprint import Digest, fill_by_sequence, input_by_sequence
from torch import nn
from torch.nn import functional as F

from i2ibench.models.layers.residual_encoder import HalvingBlock, ResidualEncoder


@pytest.fixture(autouse=True)
def first_weights() -> object:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def test_parity_with_the_published_network_filled_by_rule() -> None:
    network = ResidualEncoder(3, width=16)
    fill_by_sequence(network)
    assert sum(p.numel() for p in network.parameters()) == 163_680
    with torch.no_grad():
        mean, log_variance = network(input_by_sequence(1, 3, 256, 256).float())
    values = (-0.938705, 0.000703, -0.615072, -1.343733, -0.524154, -0.351937)
    Digest.by_sequence(mean).assert_close(Digest(8, -0.575767, 0.575942, 0.385226, values))
    torch.testing.assert_close(log_variance, mean)  # the rule fills both alike


def test_parameters_are_the_published_ones() -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in ResidualEncoder(3).parameters()) == 2_590_032


def test_widths_stop_at_four_times_the_first() -> None:
    pointwise = [
        m for m in ResidualEncoder(3, 8, 2, 5).modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1)
    ]
    assert [(one.in_channels, one.out_channels) for one in pointwise] == [(2, 4), (4, 6), (6, 8), (8, 8), (8, 8)]


def test_block_by_formula() -> None:
    block, x = HalvingBlock(4, 6), torch.randn(2, 4, 10, 12)
    first, second, short = (module for module in block.modules() if isinstance(module, nn.Conv2d))
    inner = F.conv2d(F.leaky_relu(F.instance_norm(x), 0.2), first.weight, first.bias, padding=1)
    inner = F.conv2d(F.leaky_relu(F.instance_norm(inner), 0.2), second.weight, second.bias, padding=1)
    expected = F.avg_pool2d(inner, 2) + F.conv2d(F.avg_pool2d(x, 2), short.weight, short.bias)
    torch.testing.assert_close(block(x), expected)


def test_codes_are_of_the_mean_over_all_pixels() -> None:
    """At 64x64 two blocks leave 8x8 pixels, and the published window of 8x8 is the whole picture."""
    network, x = ResidualEncoder(3, 5, 4, 2), torch.randn(2, 3, 64, 64)
    features = F.avg_pool2d(F.leaky_relu(network.blocks(network.stem(x)), 0.2), 8).flatten(1)
    for found, head in zip(network(x), (network.mean, network.log_variance), strict=True):
        torch.testing.assert_close(found, features @ head.weight.T + head.bias)
    assert network(torch.randn(3, 3, 40, 56))[0].shape == (3, 5)


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_smallest_pictures(blocks: int) -> None:
    network, least = ResidualEncoder(3, 2, 2, blocks), 2 ** (blocks + 1)
    assert torch.isfinite(network(torch.randn(1, 3, least, least))[0]).all()
    with pytest.raises(RuntimeError, match="too small"):
        network(torch.randn(1, 3, least - 1, least - 1))
