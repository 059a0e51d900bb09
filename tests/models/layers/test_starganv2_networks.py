from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from i2ibench.models.layers.starganv2_networks import (
    DomainDiscriminator,
    DomainStyleEncoder,
    MappingNetwork,
    StyledGenerator,
    Trunk,
    channels,
    halvings_to,
)


@pytest.mark.parametrize(
    ("side", "expected"),
    [
        (256, [64, 128, 256, 512, 512]),
        (128, [128, 256, 512, 512]),
        (32, [512, 512]),
        (1024, [16, 32, 64, 128, 256, 512, 512]),
    ],
)
def test_published_channels(side: int, expected: list[int]) -> None:
    assert channels(side, halvings_to(16, side), 16384, 512) == expected


@pytest.mark.parametrize(
    ("domains", "side", "mapping", "encoder", "discriminator", "generator"),
    [
        (2, 256, 2_438_272, 20_916_928, 20_852_290, 33_892_995),
        (3, 256, 3_259_072, 20_949_760, 20_852_803, 33_892_995),
        (2, 128, 2_438_272, 20_799_744, 20_735_106, 33_632_003),
    ],
)
def test_published_parameters(
    domains: int, side: int, mapping: int, encoder: int, discriminator: int, generator: int
) -> None:
    with torch.device("meta"):
        made = [
            MappingNetwork(domains),
            DomainStyleEncoder(domains, side),
            DomainDiscriminator(domains, side),
            StyledGenerator(side),
        ]
    counts = [sum(p.numel() for p in one.parameters()) for one in made]
    assert counts == [mapping, encoder, discriminator, generator]


def test_generator_brings_pictures_to_16_pixels_and_back() -> None:
    generator, seen = StyledGenerator(64, 4, 256, 8), []
    generator.encoder.register_forward_hook(lambda _, __, out: seen.append(out.shape))
    out = generator(torch.randn(2, 3, 64, 128), torch.randn(2, 4))
    assert seen == [(2, 8, 16, 32)]
    assert out.shape == (2, 3, 64, 128)
    assert len(generator.decoder) == 4


def test_generators_head_has_no_bounds() -> None:
    generator = StyledGenerator(32, 4, 64, 4)
    generator.head.bias.data.fill_(5.0)
    generator.head.weight.data.zero_()
    assert torch.equal(
        generator(torch.zeros(1, 3, 32, 32) + torch.rand(3, 32, 32), torch.zeros(1, 4)), torch.full((1, 3, 32, 32), 5.0)
    )


def test_mapping_is_shared_layers_then_the_domains_own() -> None:
    mapping, codes, domain = MappingNetwork(3, 4, 2, 6), torch.randn(5, 4), torch.tensor([0, 2, 1, 2, 2])
    for layer in mapping.own:
        layer.bias.data.normal_()
    expected = []
    for code, k in zip(codes, domain, strict=True):
        hidden = code
        for layer in mapping.shared:
            hidden = layer(hidden).relu()
        for place, layer in enumerate(mapping.own):
            hidden = F.linear(hidden, layer.weight[k], layer.bias[k])
            hidden = hidden.relu() if place < 3 else hidden
        expected.append(hidden)
    torch.testing.assert_close(mapping(codes, domain), torch.stack(expected))


@pytest.mark.parametrize("kind", ["encoder", "discriminator"])
def test_answers_are_of_the_domains_asked(kind: str) -> None:
    network = DomainStyleEncoder(3, 32, 4, 64, 8) if kind == "encoder" else DomainDiscriminator(3, 32, 64, 8)
    pictures, domain = torch.randn(4, 3, 32, 32), torch.tensor([0, 2, 1, 0])
    found = network(pictures, domain)
    assert found.shape == ((4, 4) if kind == "encoder" else (4,))
    features = network.trunk(pictures)
    for row, k in enumerate(domain):
        expected = F.linear(features[row], network.own.weight[k], network.own.bias[k])
        torch.testing.assert_close(found[row], expected)


def test_trunk_averages_over_what_the_larger_side_leaves() -> None:
    trunk, x = Trunk([4, 4, 4, 4]), torch.randn(2, 3, 32, 64)
    maps = nn.Sequential(trunk.blocks, nn.LeakyReLU(0.2), trunk.last, nn.LeakyReLU(0.2))(x)
    assert maps.shape == (2, 4, 1, 5)
    torch.testing.assert_close(trunk(x), maps.mean((2, 3)))
    torch.testing.assert_close(
        trunk(x[..., :32]),
        nn.Sequential(trunk.blocks, nn.LeakyReLU(0.2), trunk.last, nn.LeakyReLU(0.2))(x[..., :32]).flatten(1),
    )
