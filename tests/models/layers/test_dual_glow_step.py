from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.autograd.functional import jacobian
from torch.nn import functional as F

from i2ibench.models.layers.dual_glow_step import (
    ActNorm,
    DualGlowNetwork,
    ElementwiseRelation,
    Kernels,
    Relation,
    ScaledConv,
    TopPrior,
    standardizing,
)
from i2ibench.models.layers.glow_step import AffineCoupling

FORMS: list[Kernels] = ["published", "flat"]


def perturbed(module: nn.Module, std: float = 0.3) -> nn.Module:
    """In float64."""
    stream = torch.Generator().manual_seed(5)
    module.double()
    for parameter in module.parameters():
        parameter.data += std * torch.randn(parameter.shape, generator=stream, dtype=torch.float64)
    return module


def normals(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def literally(z: Tensor, conv: ScaledConv) -> Tensor:
    """The published layer: a volume of depth 1, padded by zeros on all axes, a channel that tells the padding."""
    volume = z.unsqueeze(2)
    if conv.weight.shape[-1] == 3:
        inside = F.pad(torch.zeros_like(volume[:, :1]), (1,) * 6, value=1.0)
        volume = torch.cat([F.pad(volume, (1,) * 6), inside], 1)
    out = F.conv3d(volume, conv.weight).squeeze(2)
    return (out + conv.bias) * torch.exp(3 * conv.log_scale)


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


class TestScaledConv:
    @pytest.mark.parametrize("size", [1, 3])
    @pytest.mark.parametrize("sides", [(4, 6), (1, 2), (2, 2), (5, 3)])
    def test_is_the_published_convolution_of_a_volume(self, size: int, sides: tuple[int, int]) -> None:
        conv = ScaledConv(3, 5, size, "published", std=0.05)
        perturbed(conv)
        z, weights = normals(2, 3, *sides).requires_grad_(), normals(2, 5, *sides, seed=1)
        given = [z, *conv.parameters()]
        found, expected = conv(z), literally(z, conv)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
        for one, other in zip(
            torch.autograd.grad(found, given, weights), torch.autograd.grad(expected, given, weights), strict=True
        ):
            torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)

    def test_a_flat_kernel_is_the_published_one_without_outer_slices(self) -> None:
        flat, published = ScaledConv(3, 5, 3, "flat"), ScaledConv(3, 5, 3, "published")
        perturbed(flat)
        published.double()
        with torch.no_grad():
            published.weight[:, :, 1] = flat.weight
            published.bias.copy_(flat.bias)
            published.log_scale.copy_(flat.log_scale)
        z = normals(2, 3, 4, 6)
        torch.testing.assert_close(flat(z), literally(z, published), rtol=1e-12, atol=1e-12)

    def test_outer_slices_learn_from_the_padding_alone(self) -> None:
        conv = ScaledConv(3, 5, 3, "published", std=0.05)
        conv(torch.randn(2, 3, 4, 4)).square().sum().backward()
        gradient = conv.weight.grad
        assert gradient is not None
        assert not gradient[:, :-1, ::2].any()
        assert gradient[:, :-1, 1].abs().min() > 0
        assert gradient[:, -1, ::2].abs().min() > 0
        assert not gradient[:, -1, 1, 1, 1].any()  # the middle of the middle slice meets the inside alone

    @pytest.mark.parametrize("kernels", FORMS)
    def test_of_zeros(self, kernels: Kernels) -> None:
        conv = ScaledConv(3, 5, 3, kernels)
        perturbed(conv)
        expected = conv(torch.zeros(1, 3, 4, 6, dtype=torch.float64))
        torch.testing.assert_close(conv.of_zeros(normals(2, 7, 4, 6)), expected, rtol=1e-12, atol=1e-12)

    @pytest.mark.parametrize("kernels", FORMS)
    @pytest.mark.parametrize("size", [1, 3])
    def test_standardize(self, kernels: Kernels, size: int) -> None:
        conv = ScaledConv(3, 5, size, kernels, std=0.05)
        perturbed(conv)
        z = 4 * normals(3, 3, 6, 6) + 2
        conv.standardize(z)
        out = conv(z).transpose(0, 1).flatten(1)
        torch.testing.assert_close(out.mean(1), torch.zeros_like(out[:, 0]), rtol=0, atol=1e-9)
        torch.testing.assert_close(out.std(1, correction=0), torch.ones_like(out[:, 0]), rtol=0, atol=1e-4)

    def test_first_values(self) -> None:
        torch.manual_seed(0)
        assert ScaledConv(32, 64, 3, "published", std=0.05).weight.std().item() == pytest.approx(0.05, rel=0.02)
        assert not ScaledConv(4, 4, 3, "published")(torch.randn(1, 4, 4, 4)).any()


class TestActNorm:
    def test_is_the_closed_form(self) -> None:
        norm = ActNorm(3)
        perturbed(norm)
        z = normals(2, 3, 4, 6)
        out, log_det = norm(z)
        for c in range(3):
            expected = (z[:, c] + norm.bias[0, c]) * math.exp(3 * norm.log_scale[0, c].item())
            torch.testing.assert_close(out[:, c], expected)
        torch.testing.assert_close(log_det, (24 * 3 * norm.log_scale.sum()).expand(2))
        torch.testing.assert_close(norm.inverse(out), z)

    def test_initialize_standardizes_by_the_biased_deviation(self) -> None:
        norm = ActNorm(3).double()
        z = 5 * normals(2, 3, 2, 2) - 1
        norm.initialize(z, None)
        mean = z.mean((0, 2, 3))
        rms = (z - mean[None, :, None, None]).square().mean((0, 2, 3)).sqrt()
        torch.testing.assert_close(norm.bias.flatten(), -mean)
        torch.testing.assert_close(norm.log_scale.flatten(), (1 / (rms + 1e-6)).log() / 3)

    @settings(deadline=None, max_examples=25)
    @given(shift=st.floats(-100, 100), factor=st.floats(1e-3, 1e3), seed=st.integers(0, 1000))
    def test_standardizing_any_batch(self, shift: float, factor: float, seed: int) -> None:
        z = factor * normals(3, 2, 4, 4, seed=seed) + shift
        log_scale, bias = standardizing(z)
        out = (z + bias) * torch.exp(3 * log_scale)
        torch.testing.assert_close(out.mean((0, 2, 3)), torch.zeros(2).double(), rtol=0, atol=1e-8)
        torch.testing.assert_close(out.std((0, 2, 3), correction=0), torch.ones(2).double(), rtol=0, atol=1e-2)

    def test_of_a_constant_channel_is_finite(self) -> None:
        norm = ActNorm(2)
        norm.initialize(torch.full((2, 2, 4, 4), 3.0), None)
        out, log_det = norm(torch.full((2, 2, 4, 4), 3.0))
        assert not out.any()
        assert torch.isfinite(log_det).all()


class TestNetwork:
    def test_is_the_published_network(self) -> None:
        network = DualGlowNetwork(6, 7, "published")
        perturbed(network)
        kept = normals(2, 3, 4, 4)
        first, second = network.inner
        assert isinstance(first, ScaledConv)
        assert isinstance(second, ScaledConv)
        hidden = literally(literally(kept, first).relu(), second).relu()
        out = literally(hidden, network.outer)
        logit, shift = network(kept, None)
        torch.testing.assert_close(shift, out[:, [0, 2, 4]])
        torch.testing.assert_close(logit, out[:, [1, 3, 5]])

    @pytest.mark.parametrize("kernels", FORMS)
    def test_starts_at_zero(self, kernels: Kernels) -> None:
        logit, shift = DualGlowNetwork(6, 7, kernels)(torch.randn(1, 3, 4, 4), None)
        assert not logit.any()
        assert not shift.any()

    @pytest.mark.parametrize("kernels", FORMS)
    def test_initialize_standardizes_what_goes_into_each_relu(self, kernels: Kernels) -> None:
        network = DualGlowNetwork(6, 7, kernels)
        kept = 3 * torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0)) + 1
        network.initialize(kept, None)
        for conv in network.inner:
            kept = conv(kept)
            std, mean = torch.std_mean(kept, (0, 2, 3), correction=0)
            torch.testing.assert_close(mean, torch.zeros(7), rtol=0, atol=1e-4)
            torch.testing.assert_close(std, torch.ones(7), rtol=0, atol=1e-3)
            kept = kept.relu()

    @pytest.mark.parametrize(("channels", "width"), [(12, 512), (24, 512), (96, 64), (6, 1)])
    def test_size_of_a_step(self, channels: int, width: int) -> None:
        with torch.device("meta"):
            size = parameters(ActNorm(channels)) + parameters(DualGlowNetwork(channels, width, "published"))
        c, w = channels, width
        expected = 2 * c + c**2 + 27 * (c // 2 + 1) * w + 2 * w + w**2 + 2 * w + 27 * (w + 1) * c + 2 * c
        assert size + channels**2 == expected
        assert (channels, width) != (12, 512) or expected == 527_364

    @pytest.mark.parametrize("kernels", FORMS)
    def test_log_determinant_of_its_coupling(self, kernels: Kernels) -> None:
        coupling = AffineCoupling(DualGlowNetwork(4, 6, kernels))
        perturbed(coupling)
        z = normals(2, 4, 3, 3)
        out, log_det = coupling(z)
        for b in range(2):
            found = jacobian(lambda one: coupling(one)[0], z[b : b + 1]).reshape(36, 36)
            torch.testing.assert_close(log_det[b], torch.linalg.slogdet(found).logabsdet, rtol=1e-9, atol=0)
        torch.testing.assert_close(coupling.inverse(out), z, rtol=1e-9, atol=1e-9)
        assert torch.equal(out[:, :2], z[:, :2])


class TestTopPrior:
    def test_is_the_published_convolution_of_zeros(self) -> None:
        prior = TopPrior(2, "published")
        perturbed(prior)
        out = literally(torch.zeros(1, 4, 3, 5, dtype=torch.float64), prior.conv)
        mean, log_std = prior(normals(3, 2, 3, 5))
        torch.testing.assert_close(mean, out[:, :2], rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(log_std, out[:, 2:], rtol=1e-12, atol=1e-12)

    @pytest.mark.parametrize("kernels", FORMS)
    def test_tells_the_border_alone(self, kernels: Kernels) -> None:
        prior = TopPrior(2, kernels)
        assert not any(part.any() for part in prior(torch.randn(1, 2, 5, 5)))
        perturbed(prior)
        mean, _ = prior(normals(1, 2, 5, 5))
        inside = mean[..., 1:-1, 1:-1]
        assert torch.equal(inside, inside[..., :1, :1].expand_as(inside))
        assert (mean[..., 0, :] - inside[..., 0, :1]).abs().min() > 0

    def test_size(self) -> None:
        with torch.device("meta"):
            assert parameters(TopPrior(96, "published")) == 1_000_896
            assert parameters(TopPrior(96, "flat")) == 9 * 192 + 4 * 96


class TestRelation:
    @pytest.mark.parametrize("n_l", [1, 2, 4])
    def test_is_the_published_network(self, n_l: int) -> None:
        relation = Relation(3, n_l, "published", width=5).double()
        latent = normals(2, 3, 6, 4)
        volume = latent.unsqueeze(2)
        for index, weight in enumerate(relation.weights):
            volume = F.leaky_relu(F.conv3d(volume, weight, padding=1 if index else 2), 0.2)
        torch.testing.assert_close(relation(latent), volume.squeeze(2), rtol=1e-12, atol=1e-12)

    @pytest.mark.parametrize("kernels", FORMS)
    def test_first_values_and_slope(self, kernels: Kernels) -> None:
        torch.manual_seed(0)
        relation = Relation(12, 1, kernels)
        (weight,) = relation.weights
        assert weight.abs().max() <= 0.05
        assert weight.std().item() == pytest.approx(0.05 / math.sqrt(3), rel=0.03)
        latent = torch.randn(1, 12, 6, 6)
        positive, negative = relation(latent), relation(-latent)
        torch.testing.assert_close(negative, torch.where(positive > 0, -0.2 * positive, -5 * positive))

    @pytest.mark.parametrize(
        ("n_l", "kernels", "expected"),
        [
            (1, "published", 125 * 12**2),
            (1, "flat", 25 * 12**2),
            (2, "published", (125 + 27) * 12 * 256),
            (3, "published", (125 + 27) * 12 * 256 + 27 * 256**2),
            (3, "flat", (25 + 9) * 12 * 256 + 9 * 256**2),
        ],
    )
    def test_size(self, n_l: int, kernels: Kernels, expected: int) -> None:
        with torch.device("meta"):
            assert parameters(Relation(12, n_l, kernels)) == expected

    def test_elementwise(self) -> None:
        torch.manual_seed(0)
        relation = ElementwiseRelation((12, 6, 4))
        assert relation.weight.abs().max() <= 0.1
        assert relation.weight.std().item() == pytest.approx(0.1 / math.sqrt(3), rel=0.1)
        latent = torch.randn(2, 12, 6, 4)
        assert torch.equal(
            relation(latent), torch.stack([latent[0] * relation.weight[0], latent[1] * relation.weight[0]])
        )


@pytest.mark.parametrize("name", ["top", "relation"])
def test_priors_keep_their_precision_under_autocast(name: str) -> None:
    module = TopPrior(2, "flat") if name == "top" else Relation(2, 2, "flat", width=4)
    perturbed(module).float()
    latent = torch.randn(1, 2, 4, 4)
    outside = module(latent)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = module(latent)
    for one, other in zip(outside, inside, strict=True):
        assert other.dtype == torch.float32
        assert torch.equal(one, other)
