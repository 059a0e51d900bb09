from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from i2ibench.models.layers.drit_autoencoders import ByDomain, DisentangledAutoEncoders


def tiny(concat: bool) -> DisentangledAutoEncoders:
    return DisentangledAutoEncoders(concat, 2, 3, 1, 4, 2)


def pictures(count: int = 2) -> ByDomain:
    return {"a": torch.randn(count, 3, 16, 16), "b": torch.randn(count, 3, 16, 16)}


def test_contents_get_noise_of_unit_variance() -> None:
    network, x = tiny(True), pictures(8)
    apart: Mapping[str, Tensor] = {d: one - network.content(x[d], d) for d, one in network.noisy_contents(x).items()}
    for noise in apart.values():
        assert abs(noise.mean().item()) < 0.1
        assert noise.std().item() == pytest.approx(1, rel=0.1)
    assert not torch.isclose(apart["a"], apart["b"]).all()


def test_gaussian_attributes_are_drawn_and_their_divergence_is_a_pictures() -> None:
    network, x = tiny(True).double(), {d: one.double() for d, one in pictures(4).items()}
    torch.manual_seed(5)
    found, divergence = network.attributes(x)
    torch.manual_seed(5)
    expected = 0.0
    for domain in x:
        mean, log_variance = (one.double() for one in network.attribute[domain](x[domain]))
        deviation = torch.exp(log_variance / 2)
        torch.testing.assert_close(found[domain], (mean + deviation * torch.randn(4, 3)).to(found[domain]))
        kl = torch.distributions.kl_divergence(Normal(mean, deviation), Normal(0.0, 1.0))
        expected += kl.sum(1).mean().item()
    assert divergence.item() == pytest.approx(expected, rel=1e-5)


def test_other_attributes_are_numbers_with_a_mean_square() -> None:
    network, x = tiny(False), pictures()
    found, far = network.attributes(x)
    encoded = {domain: network.attribute[domain](x[domain]) for domain in x}
    assert all(torch.equal(found[domain], encoded[domain]) for domain in x)
    torch.testing.assert_close(far, encoded["a"].square().mean() + encoded["b"].square().mean())


@pytest.mark.parametrize("concat", [True, False])
def test_attributes_of_a_domain_without_or_by_noise(concat: bool) -> None:
    network, x, noise = tiny(concat), pictures()["b"], torch.randn(2, 3)
    encoded = network.attribute["b"](x)
    mean = encoded[0] if concat else encoded
    assert torch.equal(network.attributes_of(x, "b"), mean)
    by_noise = network.attributes_of(x, "b", noise)
    torch.testing.assert_close(by_noise, mean + torch.exp(encoded[1] / 2) * noise if concat else mean)


@pytest.mark.parametrize("high_resolution", [False, True])
def test_decodes_each_content_with_the_codes_in_its_place(high_resolution: bool) -> None:
    network = DisentangledAutoEncoders(True, 2, 3, 1, 4, 2, high_resolution)
    contents, codes = [torch.randn(2, 8, 4, 4) for _ in range(2)], [torch.randn(2, 3) for _ in range(2)]
    found = network.decoded([network.generator.shared(one) for one in contents], codes, "b")
    for scales, content, code in zip(found, contents, codes, strict=True):
        expected = network.generator(content, code, "b")
        assert len(scales) == 1 + high_resolution
        for one, other in zip(scales, expected, strict=True):
            torch.testing.assert_close(one, other)
