from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from i2ibench.models.layers.class_discriminator import ClassDiscriminator, PreActivationBlock, smallest_side


def published(block: PreActivationBlock, x: torch.Tensor) -> torch.Tensor:
    """The block with an activation that overwrites its input, and the skip read after it, as the published code has."""
    x = x.clone()
    skip = x if block.shortcut is None else block.shortcut(x)
    hidden = F.leaky_relu(x, 0.2, inplace=True)
    hidden = F.conv2d(F.pad(hidden, (1, 1, 1, 1), mode="reflect"), block.conv1.weight, block.conv1.bias)
    hidden = F.leaky_relu(hidden, 0.2, inplace=True)
    hidden = F.conv2d(F.pad(hidden, (1, 1, 1, 1), mode="reflect"), block.conv2.weight, block.conv2.bias)
    return skip + hidden


@pytest.mark.parametrize(("below", "above"), [(4, 4), (4, 8)])
@torch.no_grad()
def test_block_adds_what_the_published_one_overwrote(below: int, above: int) -> None:
    block, x = PreActivationBlock(below, above), torch.randn(2, below, 5, 6)
    before = x.clone()
    torch.testing.assert_close(block(x), published(block, x))
    assert torch.equal(x, before)


def test_block_of_zero_weights_is_the_activation() -> None:
    block, x = PreActivationBlock(4, 4), torch.randn(2, 4, 5, 5)
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    assert torch.equal(block(x), F.leaky_relu(x, 0.2))


def test_published_sizes() -> None:
    with torch.device("meta"):
        network = ClassDiscriminator(119)
        logits, features = network(torch.empty(2, 3, 128, 128), torch.zeros(2, dtype=torch.int64))
    assert logits.shape == (2, 8, 8)
    assert features.shape == (2, 1024, 8, 8)
    assert sum(p.numel() for p in network.parameters()) == 54_252_599
    assert sum(p.numel() for p in network.trunk.parameters()) == 54_130_624
    assert sum(p.numel() for p in network.logits.parameters()) == 121_975


def test_logits_are_the_asked_class_s_map_of_activated_features() -> None:
    network, x, classes = ClassDiscriminator(3, 4, 2), torch.randn(3, 3, 8, 8), torch.tensor([2, 0, 2])
    logits, features = network(x, classes)
    torch.testing.assert_close(features, F.leaky_relu(network.trunk(x), 0.2))
    maps = network.logits(features)
    torch.testing.assert_close(logits, torch.stack([maps[row, k] for row, k in enumerate(classes)]))


@pytest.mark.parametrize("pairs", [1, 2, 3, 4, 5])
def test_smallest_side_can_be_padded_and_one_less_cannot(pairs: int) -> None:
    network, least = ClassDiscriminator(2, 2, pairs), smallest_side(pairs)
    zero = torch.zeros(1, dtype=torch.int64)
    assert network(torch.zeros(1, 3, least, least), zero)[0].shape[1] >= 2
    with pytest.raises(RuntimeError, match=r"[Pp]adding"):
        network(torch.zeros(1, 3, least - 1, least - 1), zero)
