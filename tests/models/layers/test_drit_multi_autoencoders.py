from __future__ import annotations

import pytest
import torch
from fingerprint import Digest, fill_by_sequence, input_by_sequence
from torch import Tensor
from torch.distributions import Normal

from i2ibench.models.layers.drit_encoders import attributes_by
from i2ibench.models.layers.drit_multi_autoencoders import ConditionalAutoEncoders, ConditionalGenerator


def tiny(concat: bool) -> ConditionalAutoEncoders:
    return ConditionalAutoEncoders(4, concat, 2, 3, 1, 4, 2)


def inputs(count: int = 2) -> tuple[Tensor, Tensor]:
    return torch.randn(count, 3, 16, 16), torch.eye(4)[torch.arange(count) % 4]


class TestPublishedAnswers:
    """Of the published networks of three domains, filled by rule, to a picture of the last."""

    DOMAIN = torch.tensor([[0.0, 0.0, 1.0]])

    def picture(self) -> Tensor:
        return input_by_sequence(1, 3, 64, 64).float()

    def filled(self, concat: bool) -> ConditionalAutoEncoders:
        network = ConditionalAutoEncoders(3, concat)
        fill_by_sequence(network)
        return network

    def test_content(self) -> None:
        values = (6.326816, 3.515617, 9.361282, -2.199803, -0.597692, -3.200802)
        found = self.filled(True).content(self.picture())
        Digest.by_sequence(found).assert_close(Digest(65536, 0.399773, 2.64881, 3.29535, values))

    def test_attributes(self) -> None:
        values = (1.825735, -0.647654, -0.54923, -0.344366, 0.21267, -0.662583)
        network = self.filled(True)
        mean = network.attributes_of(self.picture(), self.DOMAIN)
        Digest.by_sequence(mean).assert_close(Digest(8, -0.103925, 0.640456, 0.804756, values))
        # by rule the log variances are the means
        drawn = network.attributes_of(self.picture(), self.DOMAIN, torch.ones(1, 8))
        torch.testing.assert_close(drawn, mean + torch.exp(mean / 2))

    def test_attributes_without_gaussians(self) -> None:
        values = (0.637987, -0.136649, -0.229533, -0.068527, -0.066266, -0.350497)
        found = self.filled(False).attributes_of(self.picture(), self.DOMAIN)
        Digest.by_sequence(found).assert_close(Digest(8, -0.102195, 0.261692, 0.298462, values))

    @pytest.mark.parametrize(
        ("concat", "expected"),
        [
            (
                True,
                Digest(
                    12288,
                    -0.137368,
                    0.566727,
                    0.631756,
                    (-0.074823, 0.027242, 0.043476, -0.832448, -0.929692, -0.8442),
                ),
            ),
            (
                False,
                Digest(
                    12288, -0.236752, 0.450636, 0.439476, (0.540093, 0.19349, 0.395308, -0.585693, -0.748456, -0.670636)
                ),
            ),
        ],
    )
    def test_pictures(self, concat: bool, expected: Digest) -> None:
        network = self.filled(concat)
        codes = input_by_sequence(1, 8).float()
        found = network.generator(network.content(self.picture()), codes, self.DOMAIN)
        Digest.by_sequence(found).assert_close(expected)


@pytest.mark.parametrize(
    ("concat", "attribute", "generator"), [(True, 1_347_152, 5_465_273), (False, 2_774_344, 8_573_955)]
)
def test_parameters_are_published(concat: bool, attribute: int, generator: int) -> None:
    """Of three domains."""
    with torch.device("meta"):
        network = ConditionalAutoEncoders(3, concat)
    parts = network.content, network.attribute, network.generator
    counts = [sum(p.numel() for p in part.parameters()) for part in parts]
    assert counts == [3_918_976 + 1_180_160, attribute, generator]


def test_gaussian_attributes_are_drawn_and_their_divergence_is_a_pictures() -> None:
    network, (x, domains) = tiny(True), inputs(4)
    torch.manual_seed(5)
    found, divergence = network.attributes(x, domains)
    torch.manual_seed(5)
    mean = network.attributes_of(x, domains)
    deviation = network.attributes_of(x, domains, torch.ones(4, 3)) - mean
    torch.testing.assert_close(found, mean + deviation * torch.randn(4, 3))
    kl = torch.distributions.kl_divergence(Normal(mean, deviation), Normal(0.0, 1.0))
    torch.testing.assert_close(divergence, kl.sum(1).mean())


def test_other_attributes_are_numbers_with_a_mean_square() -> None:
    network, (x, domains) = tiny(False), inputs()
    found, far = network.attributes(x, domains)
    assert torch.equal(found, network.attributes_of(x, domains, torch.randn(2, 3)))
    torch.testing.assert_close(far, found.square().mean())


def test_noise_is_deviations_from_gaussians_means() -> None:
    mean, log_variance, noise = torch.zeros(1, 2), torch.tensor([[0.0, 2.0]]), torch.tensor([[2.0, -1.0]])
    torch.testing.assert_close(attributes_by((mean, log_variance), noise), torch.tensor([[2.0, -torch.e]]))
    assert torch.equal(attributes_by((mean, log_variance), None), mean)
    assert torch.equal(attributes_by(noise, torch.ones(1, 2)), noise)


@pytest.mark.parametrize("concat", [True, False])
def test_all_but_contents_depend_on_the_domain(concat: bool) -> None:
    network, (x, domains) = tiny(concat), inputs()
    others = domains.roll(1, 1)
    content, codes = network.content(x), torch.randn(2, 3)
    assert not torch.equal(network.attributes_of(x, domains), network.attributes_of(x, others))
    assert not torch.equal(network.generator(content, codes, domains), network.generator(content, codes, others))


@pytest.mark.parametrize("concat", [True, False])
def test_shared_block_is_done_once_for_all_domains_and_codes(concat: bool) -> None:
    generator = ConditionalGenerator(4, concat, 2, 3, 1, 5)
    content, codes, domains = torch.randn(2, 8, 4, 6), torch.randn(2, 3), torch.eye(4)[:2]
    picture = generator(content, codes, domains)
    assert picture.shape == (2, 3, 16, 24)
    assert torch.equal(picture, generator.decode(generator.shared(content), codes, domains))
    assert bool([*generator.shared.parameters()]) == concat
    picture.sum().backward()
    assert all(p.grad is not None for p in generator.parameters())


def test_domains_planes_are_read_by_the_first_stage_alone() -> None:
    """Between contents and attributes: with the blocks' weights for them at 0, the domain counts no more."""
    generator = ConditionalGenerator(4, True, 2, 3, 0)
    content, codes = torch.randn(2, 8, 4, 6), torch.randn(2, 3)
    first = generator.branch.first[0]  # type: ignore[index,union-attr]
    assert first.weight.shape[0] == 8 + 4 + 3 + 3  # type: ignore[index,union-attr]
    with torch.no_grad():
        first.weight[8:12] = 0  # type: ignore[index,operator]
    pictures = [generator(content, codes, domains) for domains in (torch.eye(4)[:2], torch.eye(4)[2:])]
    assert torch.equal(*pictures)
