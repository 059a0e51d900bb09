from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from fingerprint import Digest, fill_by_cosine, input_by_cosine
from torch import Tensor, nn

from i2ibench.models.layers.antialiased_resnet import AntialiasedResNet, feature_names
from i2ibench.models.layers.resnet import ResidualBlock, ResNet

SETTINGS = [(True, True), (True, False), (False, True), (False, False)]
NAMES = ("picture", "halving1", "halving2", "block1", "block3")


def small(antialias: bool, antialias_up: bool) -> AntialiasedResNet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return AntialiasedResNet(3, 3, 4, antialias, antialias_up)


def picture(side: int = 16) -> Tensor:
    return torch.rand(2, 3, side, side + 8, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_answers_as_the_published_network_filled_alike() -> None:
    network = AntialiasedResNet()
    fill_by_cosine(network)
    with torch.no_grad():
        found = Digest.by_cosine(network(input_by_cosine(1, 3, 64, 64)))
    found.assert_close(Digest(3 * 64 * 64, 0.00602, 0.0301, 0.038621, (0.004925, -0.023736, 0.054685)))


def test_without_filters_it_is_cyclegans() -> None:
    ours, theirs = small(False, False), ResNet(3, 3, 3, 4, "instance")
    theirs.load_state_dict(ours.state_dict())
    assert torch.equal(ours(picture()), theirs(picture()))


@pytest.mark.parametrize(("antialias", "antialias_up"), SETTINGS)
def test_features_have_the_published_sizes_whatever_is_antialiased(antialias: bool, antialias_up: bool) -> None:
    names = ("picture", "halving1", "halving2", "block1", "block5")
    with torch.device("meta"):
        network = AntialiasedResNet(antialias=antialias, antialias_up=antialias_up)
        x = torch.empty(1, 3, 256, 256)
        found = network.features(x, names)
        assert network(x).shape == x.shape
    finer = 1 if antialias else 2  # a strided convolution halves at once
    sizes = [
        (3, 262, 262),
        (128, 256 // finer, 256 // finer),
        (256, 128 // finer, 128 // finer),
        (256, 64, 64),
        (256, 64, 64),
    ]
    assert [tuple(feature.shape[1:]) for feature in found] == sizes
    assert [network.channels[name] for name in names] == [channels for channels, _, _ in sizes]
    assert tuple(network.places) == feature_names(9)


@pytest.mark.parametrize(("antialias", "antialias_up"), SETTINGS)
def test_features_are_those_of_their_name_and_stay_as_they_were(antialias: bool, antialias_up: bool) -> None:
    """Copied by hooks the moment they are made: nothing that follows may have changed them in place."""
    network = small(antialias, antialias_up)
    convolutions = [m for m in network.layers if isinstance(m, nn.Conv2d)]
    blocks = [m for m in network.layers if isinstance(m, ResidualBlock)]
    pads = [m for m in network.layers if isinstance(m, nn.ReflectionPad2d)]
    copies: list[Tensor] = []
    for module in (pads[0], *convolutions[1:3], blocks[0], blocks[2]):
        module.register_forward_hook(lambda module, args, out: copies.append(out.clone()))
    out, found = network.with_features(picture(), NAMES)
    assert all(torch.equal(feature, copy) for feature, copy in zip(found, copies, strict=True))
    assert torch.equal(out, network(picture()))


@pytest.mark.parametrize("names", [NAMES, ("block1", "picture"), ("halving1",), ("picture",)])
def test_an_encoding_runs_nothing_above_the_deepest_feature(names: tuple[str, ...]) -> None:
    network, ran = small(True, True), []

    def note(place: int) -> Callable[..., None]:
        return lambda *_: ran.append(place)

    _, expected = network.with_features(picture(), names)
    for place, layer in enumerate(network.layers):
        layer.register_forward_hook(note(place))
    found = network.features(picture(), names)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(found, expected, strict=True))
    assert ran == list(range(max(network.places[name] for name in names) + 1))


def test_gradients_flow_through_features() -> None:
    network, x = small(True, True), picture().requires_grad_()
    torch.stack([feature.square().mean() for feature in network.features(x, NAMES)]).sum().backward()
    assert x.grad is not None
    assert x.grad.any()
    reached = {name for name, p in network.named_parameters() if p.grad is not None}
    assert reached == {name for name, _ in network.named_parameters() if int(name.split(".")[1]) <= 14}
