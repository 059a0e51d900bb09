from __future__ import annotations

import torch
from torch import Tensor, nn

from i2ibench.models.layers.linearized import linearized


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()


def cubic(net: nn.Module) -> Tensor:
    loss: Tensor = net(torch.randn(5, 3, generator=torch.Generator().manual_seed(1)).double()).pow(3).sum()
    return loss


def test_has_the_losss_value_and_its_gradient_even_after_a_step() -> None:
    net = network()
    parameters = [*net.parameters()]
    loss = cubic(net)
    expected = torch.autograd.grad(loss, parameters, retain_graph=True)
    tangent = linearized(loss, parameters)
    assert tangent.item() == loss.item()
    with torch.no_grad():
        for parameter in parameters:
            parameter.add_(torch.randn_like(parameter))
    tangent.backward()
    for parameter, gradient in zip(parameters, expected, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, gradient)


def test_keeps_the_graph_for_another_loss() -> None:
    net = network()
    hidden = net[:2](torch.randn(2, 3).double())
    shared = hidden.sum()
    expected = torch.autograd.grad(shared * 2, [*net[0].parameters()], retain_graph=True)
    linearized(net[2](hidden).sum(), net.parameters())
    (shared * 2).backward()
    for parameter, gradient in zip(net[0].parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_reaches_none_but_those_of_the_parameters_that_the_loss_depends_on() -> None:
    net, stranger = network(), nn.Parameter(torch.ones(2))
    asked = [*net[0].parameters(), stranger]
    linearized(cubic(net), asked).backward()
    assert all(parameter.grad is not None for parameter in net[0].parameters())
    assert stranger.grad is None
    assert all(parameter.grad is None for parameter in net[2].parameters())


def test_gradients_under_autocast_are_those_without() -> None:
    net, x = network().float(), torch.randn(5, 3)
    parameters = [*net.parameters()]
    loss = net(x).pow(3).sum()
    expected = torch.autograd.grad(loss, parameters, retain_graph=True)
    with torch.autocast("cpu", torch.bfloat16):
        careless = torch.autograd.grad(loss, parameters, retain_graph=True)
        tangent = linearized(loss, parameters)
    found = torch.autograd.grad(tangent, parameters)
    assert not all(map(torch.equal, careless, expected)), "or the test shows nothing"
    assert all(map(torch.equal, found, expected))
