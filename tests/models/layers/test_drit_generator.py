from __future__ import annotations

import pytest
import torch
from fingerprint import Digest, fill_by_sequence, input_by_sequence
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.drit_encoders import SharedContentEncoder
from i2ibench.models.layers.drit_generator import AttributeGenerator


def of_kind(module: nn.Module, kind: type[nn.Module]) -> list[nn.Module]:
    return [child for child in module.modules() if isinstance(child, kind)]


def residual(x: Tensor, first: nn.Module, second: nn.Module) -> Tensor:
    def convolved(y: Tensor, layer: nn.Module) -> Tensor:
        return F.instance_norm(F.conv2d(F.pad(y, (1,) * 4, mode="reflect"), layer.weight, layer.bias))  # type: ignore[arg-type]

    return x + convolved(convolved(x, first).relu(), second)


def doubled(x: Tensor, layer: nn.Module, norm: nn.Module) -> Tensor:
    y = F.conv_transpose2d(x, layer.weight, layer.bias, 2, 1, 1)  # type: ignore[arg-type]
    flat = F.layer_norm(y, y.shape[1:])
    return (flat * norm.weight[:, None, None] + norm.bias[:, None, None]).relu()  # type: ignore[index,union-attr,operator]


def spread(x: Tensor, codes: Tensor) -> Tensor:
    return torch.cat([x, codes[:, :, None, None].expand(-1, -1, *x.shape[2:])], 1)


def test_answers_are_the_published_ones() -> None:
    encoder, generator = SharedContentEncoder(), AttributeGenerator()
    fill_by_sequence(encoder)
    fill_by_sequence(generator)
    content = encoder(input_by_sequence(1, 3, 64, 64).float(), "a")
    (found,) = generator(content, input_by_sequence(1, 8).float(), "a")
    values = (-0.076939, 0.015971, -0.001387, -0.79826, -0.882165, -0.787343)
    Digest.by_sequence(found).assert_close(Digest(12288, -0.13521, 0.532195, 0.611924, values))


@pytest.mark.parametrize(
    ("concat", "high_resolution", "parameters"),
    [(True, False, 9_564_710), (True, True, 11_059_676), (False, False, 17_146_374)],
)
def test_parameters_are_published(concat: bool, high_resolution: bool, parameters: int) -> None:
    with torch.device("meta"):
        generator = AttributeGenerator(concat, high_resolution=high_resolution)
    assert sum(p.numel() for p in generator.parameters()) == parameters


@pytest.mark.parametrize("high_resolution", [False, True])
def test_concatenating_branch_by_functions(high_resolution: bool) -> None:
    generator = AttributeGenerator(True, 2, 3, 2, high_resolution=high_resolution)
    for norm in of_kind(generator, nn.GroupNorm):
        nn.init.normal_(norm.weight, 1.0)  # type: ignore[arg-type]
    content, codes = torch.randn(2, 8, 5, 7), torch.randn(2, 3)
    branch = generator.branches["b"]
    convolutions = of_kind(generator.shared, nn.Conv2d) + of_kind(branch, nn.Conv2d)
    pairs = list(zip(convolutions[::2], convolutions[1::2], strict=True))
    assert len(pairs) == 3 + 2 * high_resolution
    first, second, head, *half_head = of_kind(branch, nn.ConvTranspose2d)
    norms = of_kind(branch, nn.GroupNorm)

    y = spread(residual(content, *pairs[0]), codes)
    for pair in pairs[1:3]:
        y = residual(y, *pair)
    half = doubled(spread(y, codes), first, norms[0])
    y = spread(half, codes)
    for pair in pairs[3:]:
        y = residual(y, *pair)
    y = doubled(y, second, norms[1])
    expected = [F.conv_transpose2d(spread(y, codes), head.weight, head.bias).tanh()]  # type: ignore[arg-type]
    expected += [F.conv_transpose2d(half, one.weight, one.bias).tanh() for one in half_head]  # type: ignore[arg-type]
    found = generator(content, codes, "b")
    assert [tuple(one.shape) for one in found] == [(2, 3, 20, 28), (2, 3, 10, 14)][: 1 + high_resolution]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_mixing_branch_by_functions() -> None:
    """The vector is concatenated to all pixels here, where the network maps it apart."""
    generator = AttributeGenerator(False, 2, 3, 1, 5)
    content, codes = torch.randn(2, 8, 5, 7), torch.randn(2, 3)
    branch = generator.branches["a"]
    linears, convolutions = of_kind(branch, nn.Linear), of_kind(branch, nn.Conv2d)
    hidden = codes
    for layer in linears[:-1]:
        hidden = F.linear(hidden, layer.weight, layer.bias).relu()  # type: ignore[arg-type]
    vectors = F.linear(hidden, linears[-1].weight, linears[-1].bias).chunk(2, 1)  # type: ignore[arg-type]

    y = content
    for vector, (one, two, *mixing) in zip(vectors, (convolutions[:6], convolutions[6:]), strict=True):
        out = y
        for convolution, pair in ((one, mixing[:2]), (two, mixing[2:])):
            padded = F.pad(out, (1,) * 4, mode="reflect")
            out = spread(F.instance_norm(F.conv2d(padded, convolution.weight, convolution.bias)), vector)  # type: ignore[arg-type]
            for layer in pair:
                out = F.conv2d(out, layer.weight, layer.bias).relu()  # type: ignore[arg-type]
        y = y + out
    first, second, head = of_kind(branch, nn.ConvTranspose2d)
    norms = of_kind(branch, nn.GroupNorm)
    y = doubled(doubled(y, first, norms[0]), second, norms[1])
    (found,) = generator(content, codes, "a")
    expected = F.conv_transpose2d(y, head.weight, head.bias).tanh()  # type: ignore[arg-type]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("concat", [True, False])
def test_branches_share_one_block_or_nothing(concat: bool) -> None:
    generator = AttributeGenerator(concat, 2, 3, 1, 5)
    content, codes = torch.randn(1, 8, 4, 4), torch.randn(1, 3)
    (picture,) = generator(content, codes, "a")
    (again,) = generator.decode(generator.shared(content), codes, "a")
    assert torch.equal(picture, again)
    picture.sum().backward()
    assert all(p.grad is None for p in generator.branches["b"].parameters())
    assert all(p.grad is not None for p in (*generator.branches["a"].parameters(), *generator.shared.parameters()))
    assert bool([*generator.shared.parameters()]) == concat
    assert not torch.equal(picture, generator(content, -codes, "a")[0])
    assert not torch.equal(picture, generator(content, codes, "b")[0])
