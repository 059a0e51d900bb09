"""Against the published blocks written out: averages and nearest neighbours where the paper has them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.style_blocks import DownBlock, StyledBlock, StyledNorm, down_trunk


def scrambled(module: nn.Module) -> nn.Module:
    """Gains and shifts of norms too."""
    for parameter in module.parameters():
        nn.init.normal_(parameter, 0.3, 0.3)
    return module


def leaky(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, 0.2 * x)


@pytest.mark.parametrize(("below", "above"), [(4, 4), (4, 6)])
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("halve", [False, True])
def test_down(below: int, above: int, norm: bool, halve: bool) -> None:
    block, x = scrambled(DownBlock(below, above, norm=norm, halve=halve)), torch.randn(2, below, 8, 6)

    def pooled(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2) if halve else x

    hidden = pooled(block.conv1(leaky(block.norm1(x))))
    hidden = block.conv2(leaky(block.norm2(hidden)))
    expected = (pooled(block.shortcut(x)) + hidden) / math.sqrt(2)
    assert expected.shape == (2, above, 4, 3) if halve else (2, above, 8, 6)
    torch.testing.assert_close(block(x), expected)
    names = {name for name, _ in block.named_parameters()}
    assert {"norm1.weight", "norm2.bias"} <= names if norm else not any("norm" in name for name in names)
    assert ("shortcut.weight" in names) == (below != above)
    assert "shortcut.bias" not in names


@pytest.mark.parametrize(("below", "above"), [(4, 4), (6, 4)])
@pytest.mark.parametrize("double", [False, True])
def test_styled(below: int, above: int, double: bool) -> None:
    block = scrambled(StyledBlock(below, above, 5, doubles=double))
    x, style = torch.randn(2, below, 4, 3), torch.randn(2, 5)

    def enlarged(x: Tensor) -> Tensor:
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3) if double else x

    hidden = block.conv1(enlarged(leaky(block.norm1(x, style))))
    hidden = block.conv2(leaky(block.norm2(hidden, style)))
    expected = (block.shortcut(enlarged(x)) + hidden) / math.sqrt(2)
    assert expected.shape == (2, above, 8, 6) if double else (2, above, 4, 3)
    torch.testing.assert_close(block(x, style), expected)


def test_styles_set_gains_around_1_before_shifts() -> None:
    norm = StyledNorm(2, 1)
    nn.init.zeros_(norm.parameters_of.weight)
    norm.parameters_of.bias.data = torch.tensor([0.5, -1.0, 10.0, 20.0])
    found = norm(torch.randn(3, 2, 8, 8), torch.randn(3, 1))
    torch.testing.assert_close(found.mean((0, 2, 3)), torch.tensor([10.0, 20.0]))
    torch.testing.assert_close(found.std((0, 2, 3), correction=0), torch.tensor([1.5, 0.0]), rtol=1e-4, atol=1e-4)


def test_trunk_halves_from_block_to_block() -> None:
    trunk = nn.Sequential(*down_trunk([4, 8, 8]))
    assert trunk(torch.zeros(1, 3, 16, 8)).shape == (1, 8, 4, 2)
    assert not any("norm" in name for name, _ in trunk.named_parameters())
