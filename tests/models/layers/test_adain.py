from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from i2ibench.models.layers.adain import MLP, AdaINResidualBlock, adaptive_instance_norm


def test_by_hand() -> None:
    """Channel 1 to 5, of mean 3 and biased variance 2.5; its shift is 10, its scale 4; the other channel's 20 and 0."""
    x = torch.tensor([[[[1.0, 2.0], [4.0, 5.0]], [[0.0, 1.0], [2.0, 7.0]]]])
    found = adaptive_instance_norm(x, torch.tensor([[10.0, 20.0, 4.0, 0.0]]))
    root = (2.5 + 1e-5) ** 0.5
    expected = [[10 - 8 / root, 10 - 4 / root], [10 + 4 / root, 10 + 8 / root]]
    torch.testing.assert_close(found[0, 0], torch.tensor(expected))
    torch.testing.assert_close(found[0, 1], torch.full((2, 2), 20.0))


def test_each_picture_has_statistics_and_parameters_of_its_own() -> None:
    torch.manual_seed(0)
    x, parameters = torch.randn(3, 4, 5, 6), torch.randn(3, 8)
    together = adaptive_instance_norm(x, parameters)
    for index in range(3):
        norm = nn.InstanceNorm2d(4, affine=True)
        norm.bias.data, norm.weight.data = parameters[index].chunk(2)
        torch.testing.assert_close(together[index : index + 1], norm(x[index : index + 1]))


def test_block_reads_the_first_norms_parameters_first() -> None:
    torch.manual_seed(0)
    block, x, parameters = AdaINResidualBlock(4).double(), torch.randn(2, 4, 6, 5).double(), torch.randn(2, 16).double()
    assert block.parameters_needed == 16

    def convolved(layer: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), layer.weight, layer.bias)

    shift, scale, shift2, scale2 = parameters[:, :, None, None].chunk(4, 1)
    hidden = (F.instance_norm(convolved(block.first, x)) * scale + shift).relu()
    expected = x + F.instance_norm(convolved(block.second, hidden)) * scale2 + shift2
    torch.testing.assert_close(block(x, parameters), expected)


def test_calls_do_not_mix_up_their_parameters() -> None:
    """Gradients of two calls, taken after both, are those of each alone: nothing is kept in the block."""
    torch.manual_seed(0)
    block, x = AdaINResidualBlock(2), torch.randn(1, 2, 4, 4)
    styles = [torch.randn(1, 8, requires_grad=True) for _ in range(2)]
    outs = [block(x, style).square().sum() for style in styles]
    together = torch.autograd.grad(outs[0] + outs[1], styles)
    for found, style in zip(together, styles, strict=True):
        (alone,) = torch.autograd.grad(block(x, style).square().sum(), style)
        torch.testing.assert_close(found, alone)
    assert set(block.state_dict()) == {"first.weight", "first.bias", "second.weight", "second.bias"}


def test_mlp_ends_without_activation() -> None:
    layers = list(MLP(8, 256, 256, 4096))
    assert [type(layer).__name__ for layer in layers] == ["Linear", "ReLU", "Linear", "ReLU", "Linear"]
    assert [(one.in_features, one.out_features) for one in layers[::2]] == [(8, 256), (256, 256), (256, 4096)]  # type: ignore[attr-defined]
