from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from i2ibench.models.layers.unit_autoencoders import CodeAutoEncoders, Networks


@pytest.mark.parametrize("networks", ["munit", "paper"])
def test_codes_and_pictures(networks: Networks) -> None:
    torch.manual_seed(0)
    network, x = CodeAutoEncoders(networks, 4, 2, 1), torch.randn(2, 3, 16, 24)
    code = network.encode(x, "a")
    assert code.shape == (2, 16, 4, 6)
    assert not torch.equal(code, network.encode(x, "b"))
    both = network.decode(code, "a", "b")
    assert [one.shape for one in both] == [x.shape] * 2
    for one, domain in zip(both, "ab", strict=True):
        assert one.abs().max() < 1
        assert torch.equal(one, network.decode(code, domain)[0])  # type: ignore[arg-type]


@pytest.mark.parametrize(("networks", "shared"), [("munit", set()), ("paper", {"shared_encoder", "shared_decoder"})])
def test_what_the_domains_share(networks: Networks, shared: set[str]) -> None:
    """What gets gradients of both domains' reconstructions."""
    torch.manual_seed(0)
    network, x = CodeAutoEncoders(networks, 2, 1, 1), torch.randn(1, 3, 8, 8)
    reached = []
    for domain in "ab":
        network.zero_grad()
        network.decode(network.encode(x, domain), domain)[0].square().sum().backward()  # type: ignore[arg-type]
        reached.append({name for name, p in network.named_parameters() if p.grad is not None and p.grad.any()})
    assert {name.split(".")[0] for name in reached[0] & reached[1]} == shared
    assert reached[0] | reached[1] == {name for name, _ in network.named_parameters()}


def test_papers_networks_by_functions() -> None:
    """The paper-era code's: zero padding, LeakyReLU 0.01 without norm at first, transposed convolutions, a 1x1 end."""
    torch.manual_seed(0)
    network, x = CodeAutoEncoders("paper", 2, 2, 1), torch.randn(2, 3, 16, 12)

    def convolutions(module: nn.Module) -> list[nn.Conv2d | nn.ConvTranspose2d]:
        return [one for one in module.modules() if isinstance(one, nn.Conv2d | nn.ConvTranspose2d)]

    def residual(x: torch.Tensor, first: nn.Module, second: nn.Module) -> torch.Tensor:
        y = F.instance_norm(F.conv2d(x, first.weight, first.bias, padding=1)).relu()  # type: ignore[arg-type]
        return x + F.instance_norm(F.conv2d(y, second.weight, second.bias, padding=1))  # type: ignore[arg-type]

    first, down, down2, *block = convolutions(network.encoders["a"])
    y = F.leaky_relu(F.conv2d(x, first.weight, first.bias, padding=3), 0.01)
    for layer in (down, down2):
        y = F.instance_norm(F.conv2d(y, layer.weight, layer.bias, stride=2, padding=1)).relu()
    y = residual(residual(y, *block), *convolutions(network.shared_encoder))
    torch.testing.assert_close(network.encode(x, "a"), y)

    *block, up, up2, last = convolutions(network.decoders["b"])
    y = residual(residual(y, *convolutions(network.shared_decoder)), *block)
    for layer in (up, up2):
        y = F.instance_norm(F.conv_transpose2d(y, layer.weight, layer.bias, 2, 1, output_padding=1)).relu()
    y = F.conv_transpose2d(y, last.weight, last.bias).tanh()
    torch.testing.assert_close(network.decode(network.encode(x, "a"), "b")[0], y)


def test_parameters_are_published() -> None:
    with torch.device("meta"):
        paper = CodeAutoEncoders("paper", blocks=3)
        later = CodeAutoEncoders()
    assert sum(p.numel() for p in paper.parameters()) == 18_017_286
    assert sum(p.numel() for p in later.parameters()) == 2 * 11_140_483
