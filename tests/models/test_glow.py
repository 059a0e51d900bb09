from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from fingerprint import Digest, fill_by_sequence, input_by_sequence
from torch import Tensor, nn
from torch.autograd.functional import jacobian

from i2ibench.models.glow import Glow, GlowConfig, GlowFlow
from i2ibench.models.layers.glow_step import ActNorm, LUConv
from i2ibench.models.layers.multiscale import encode, latent_shapes
from i2ibench.models.method import Batch

TINY = GlowConfig(n_block=2, n_flow=2, hidden=8, affine=True, n_bits=8, lr=1e-3)


def seeded_flow(config: GlowConfig = TINY, classes: int = 0, channels: int = 3) -> GlowFlow:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return GlowFlow(config, classes, channels)


def seeded_method(config: GlowConfig = TINY, classes: int = 0) -> Glow:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Glow(config, classes)


def perturb(module: nn.Module, std: float) -> None:
    stream = torch.Generator().manual_seed(5)
    for parameter in module.parameters():
        parameter.data += std * torch.randn(parameter.shape, generator=stream, dtype=parameter.dtype)


def pictures(count: int, side: int = 16, seed: int = 3) -> Tensor:
    """8-bit pictures in [-1, 1], every value equally likely."""
    return torch.randint(0, 256, (count, 3, side, side), generator=torch.Generator().manual_seed(seed)) / 127.5 - 1


def batch_of(target: Tensor, classes: Tensor | None = None) -> Batch:
    names = tuple(f"picture {i}" for i in range(len(target)))
    return Batch(names, source=target.flip(0), target=target, classes=classes)


def mean_and_error(values: Tensor) -> tuple[float, float]:
    """The mean and its standard error."""
    return values.mean().item(), values.std().item() / math.sqrt(len(values))


def train(method: Glow, steps: int, side: int = 16) -> None:
    optimizer = method.optimizers()["flow"]
    for step in range(steps):
        for update in method.updates(batch_of(pictures(8, side, seed=step)), step):
            optimizer.zero_grad()
            update.loss.backward()
            optimizer.step()


def test_parity_of_latents() -> None:
    """Against the published flow filled by rule, in float64."""
    flow = GlowFlow(GlowConfig(n_block=2, n_flow=2, affine=True))
    fill_by_sequence(flow)
    for module in flow.modules():
        if isinstance(module, ActNorm):
            module.scale.data += 1
        if isinstance(module, LUConv):
            module.permutation.copy_(torch.eye(len(module.sign)))
            module.sign.fill_(1)
    with torch.no_grad():
        split, top = flow.double().encode(0.5 * input_by_sequence(2, 3, 32, 32))
    values = (0.739558, -0.318412, -0.666549, 1.209443, 0.373112, -0.154918)
    Digest.by_sequence(split).assert_close(Digest(3072, -0.196162, 0.670333, 0.811219, values))
    values = (5.120889, 5.72166, 7.368173, 3.788204, 6.273022, 2.98102)
    Digest.by_sequence(top).assert_close(Digest(3072, -0.733298, 1.643028, 1.97793, values))


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        (GlowConfig(), 61_214_032),
        (GlowConfig(affine=True), 74_490_832),
        (GlowConfig(affine=True, n_flow=16), 37_335_440),
        (GlowConfig(lu=False, uneven_lu=True), 61_114_576),
        (GlowConfig(affine=True, n_flow=2, n_block=2), 1_564_712),
        (GlowConfig(affine=True, n_flow=8, n_block=3), 11_057_616),
        (GlowConfig(n_flow=8, n_block=3), 9_508_656),
    ],
)
def test_published_sizes(config: GlowConfig, parameters: int) -> None:
    with torch.device("meta"):
        flow = GlowFlow(config)
    assert sum(p.numel() for p in flow.parameters()) == parameters


class TestLikelihood:
    @pytest.mark.parametrize("lu", [True, False])
    @pytest.mark.parametrize("affine", [True, False])
    def test_log_likelihood_is_the_priors_plus_the_jacobian(self, lu: bool, affine: bool) -> None:
        flow = seeded_flow(dataclasses.replace(TINY, lu=lu, affine=affine), channels=1)
        perturb(flow, 0.05)
        flow.double()
        x = torch.rand(2, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) - 0.5
        log_likelihood = flow(x)
        for b in range(2):
            one = x[b : b + 1]
            found = jacobian(lambda each: torch.cat([z.flatten() for z in flow.encode(each)]), one).reshape(64, 64)
            expected = torch.linalg.slogdet(found).logabsdet
            for prior, (kept, latent) in zip(flow.priors, encode(flow.chains, (one,)).levels[0], strict=True):
                mean, log_std = prior(torch.zeros_like(latent) if kept is None else kept).chunk(2, 1)
                expected = expected + torch.distributions.Normal(mean, log_std.exp()).log_prob(latent).sum()
            torch.testing.assert_close(log_likelihood[b], expected, rtol=1e-9, atol=0)

    @pytest.mark.parametrize(("n_bits", "expected"), [(5, 5.265), (8, 8.265)])
    def test_of_uniform_pixels_at_first(self, n_bits: int, expected: float) -> None:
        """n_bits + 0.265: normal latents of a flow that only standardises uniform values."""
        config = GlowConfig(n_block=3, n_flow=4, hidden=32, affine=True, n_bits=n_bits)
        method, batch = seeded_method(config), batch_of(pictures(8, 32))
        method.initialize(batch)
        native = method.bits_per_dim(batch, seed=0).mean().item() - (8 - n_bits)
        assert native == pytest.approx(expected, abs=0.015)

    def test_bounds_the_entropy_of_a_known_density(self) -> None:
        """Neighbours differ by a little: half the values cost their own entropy, half only that of the difference.

        No code is shorter on average, and training must find out what the neighbours tell.
        """

        def discrete(std: float) -> tuple[Tensor, float]:
            """Probabilities of -127 to 127 under a rounded normal, and their entropy in bits."""
            edges = torch.arange(-127.5, 128.0, dtype=torch.float64) / std
            probabilities = torch.distributions.Normal(0.0, 1.0).cdf(edges).diff()
            probabilities = probabilities / probabilities.sum()
            return probabilities, float(torch.special.entr(probabilities).sum() / math.log(2))

        (wide, entropy_wide), (narrow, entropy_narrow) = discrete(20), discrete(2)
        entropy = (entropy_wide + entropy_narrow) / 2

        def toy(count: int, seed: int) -> Batch:
            stream = torch.Generator().manual_seed(seed)
            left, step = (
                torch.multinomial(p, count * 24, replacement=True, generator=stream).view(count, 3, 4, 2) - 127
                for p in (wide, narrow)
            )
            values = torch.stack([left, left + step], 4).flatten(3) + 128
            return batch_of(values / 127.5 - 1)

        method = seeded_method(GlowConfig(n_block=1, n_flow=4, hidden=16, affine=True, n_bits=8, lr=1e-2))
        method.initialize(toy(64, 0))
        first, _ = mean_and_error(method.bits_per_dim(toy(256, 10_000), seed=0))
        optimizer = method.optimizers()["flow"]
        with torch.random.fork_rng():
            torch.manual_seed(0)
            for step in range(150):
                for update in method.updates(toy(64, 1 + step), step):
                    optimizer.zero_grad()
                    update.loss.backward()
                    optimizer.step()
        found, error = mean_and_error(method.bits_per_dim(toy(256, 10_000), seed=0))
        assert found < first
        assert entropy - 3 * error < found < entropy + 0.5 * (entropy_wide - entropy)

    def test_bits_that_are_not_modelled_cost_one_each(self) -> None:
        target = pictures(4)
        eighths = torch.floor(torch.round((target + 1) * 127.5) / 8) * 8 / 127.5 - 1
        method = seeded_method(dataclasses.replace(TINY, n_bits=5))
        method.initialize(batch_of(target))
        logged = next(method.updates(batch_of(target), 0)).loss.item()
        found = method.bits_per_dim(batch_of(target), seed=0)
        assert found.mean().item() == pytest.approx(logged + 3, abs=0.02)
        assert torch.equal(found, method.bits_per_dim(batch_of(eighths), seed=0))

    def test_noise_belongs_to_seed_name_and_draw(self) -> None:
        method, batch = seeded_method(), batch_of(pictures(3))
        method.initialize(batch)
        first = method.bits_per_dim(batch, seed=0)
        assert torch.equal(first, method.bits_per_dim(batch, seed=0))
        for other in (method.bits_per_dim(batch, seed=1), method.bits_per_dim(batch, seed=0, draw=1)):
            assert (first != other).all()
        torch.testing.assert_close(first[1:2], method.bits_per_dim(batch[1], seed=0), rtol=1e-5, atol=0)

    def test_targets_are_needed(self) -> None:
        with pytest.raises(ValueError, match="must have targets, found none"):
            seeded_method().bits_per_dim(Batch(("one",), pictures(1)), seed=0)


class TestInverse:
    """The published implementation's errors: float32 1.4e-6 and 6e-5 perturbed, float64 2.7e-15 and 9e-14."""

    @pytest.mark.parametrize(
        ("dtype", "std", "tolerance"),
        [
            (torch.float32, 0.0, 1e-5),
            (torch.float32, 0.02, 2e-4),
            (torch.float64, 0.0, 1e-13),
            (torch.float64, 0.02, 1e-12),
        ],
    )
    @pytest.mark.parametrize("lu", [True, False])
    def test_of_a_hundred_pictures(self, lu: bool, dtype: torch.dtype, std: float, tolerance: float) -> None:
        flow = seeded_flow(dataclasses.replace(TINY, n_block=3, n_flow=4, hidden=16, lu=lu))
        values = pictures(100) / 2
        flow.initialize(values)
        perturb(flow, std)
        flow, values = flow.to(dtype), values.to(dtype)
        with torch.no_grad():
            error = (flow.decode(flow.encode(values)) - values).abs().max().item()
        assert error < tolerance

    def test_of_a_trained_flow(self) -> None:
        method = seeded_method()
        method.initialize(batch_of(pictures(8)))
        with torch.random.fork_rng():
            torch.manual_seed(0)
            train(method, 20)
        values = pictures(100) / 2
        with torch.no_grad():
            back = method.flow.decode(method.flow.encode(values))
        torch.testing.assert_close(back, values, rtol=0, atol=2e-4)

    def test_a_sample_of_known_noise_has_the_latents_of_that_noise(self) -> None:
        flow = seeded_flow()
        perturb(flow, 0.05)
        flow.double()
        stream = torch.Generator().manual_seed(0)
        shapes = latent_shapes((3, 16, 16), 2)
        noises = [torch.randn(2, *shape, generator=stream, dtype=torch.float64) for shape in shapes]
        with torch.no_grad():
            levels = encode(flow.chains, (flow.sample(noises),)).levels[0]
            for noise, prior, (kept, latent) in zip(noises, flow.priors, levels, strict=True):
                mean, log_std = prior(torch.zeros_like(latent) if kept is None else kept).chunk(2, 1)
                torch.testing.assert_close((latent - mean) * torch.exp(-log_std), noise)


class TestClasses:
    def test_classes_change_likelihoods_and_samples(self) -> None:
        method = seeded_method(dataclasses.replace(TINY, classes=True), classes=3)
        perturb(method, 0.1)
        target = pictures(2)
        zero, one = (batch_of(target, torch.tensor([[2, c], [2, c]])) for c in (0, 1))
        assert (method.bits_per_dim(zero, seed=0) != method.bits_per_dim(one, seed=0)).all()
        assert not torch.equal(method.translate(zero, seed=0), method.translate(one, seed=0))

    def test_transfer_to_the_own_class_is_the_source(self) -> None:
        method = seeded_method(dataclasses.replace(TINY, classes=True, transfer=True), classes=3)
        perturb(method, 0.05)
        target = pictures(2)
        own, other = (batch_of(target, torch.tensor([[1, c], [1, c]])) for c in (1, 2))
        moved = method.translate(own, seed=0)
        torch.testing.assert_close(moved, own.source, rtol=0, atol=1 / 127.5)
        assert (method.translate(other, seed=0) - own.source).abs().max() > 0.05

    def test_refusals(self) -> None:
        with pytest.raises(ValueError, match="needs a task that has classes, found none"):
            seeded_method(dataclasses.replace(TINY, classes=True))
        with pytest.raises(ValueError, match="it needs classes=true"):
            dataclasses.replace(TINY, transfer=True)
        method = seeded_method(dataclasses.replace(TINY, classes=True), classes=3)
        with pytest.raises(ValueError, match="the batch must have classes, found none"):
            method.bits_per_dim(batch_of(pictures(1)), seed=0)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("n_flow", 0, "n_flow must be at least 1, found 0"),
        ("n_bits", 9, "n_bits must be 1 to 8, found 9"),
        ("lr", 0.0, "lr must be positive"),
        ("temperature", -1.0, "temperature must not be negative"),
    ],
)
def test_impossible_values(field: str, value: float, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        dataclasses.replace(TINY, **{field: value})
