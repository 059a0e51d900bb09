from __future__ import annotations

import dataclasses
import itertools
import math

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.functional import jacobian

from i2ibench.models.dual_glow import DualFlow, DualGlow, DualGlowConfig
from i2ibench.models.layers.chain import Backward
from i2ibench.models.layers.dual_glow_step import Kernels
from i2ibench.models.layers.multiscale import squeeze
from i2ibench.models.method import Batch, Update

TINY = DualGlowConfig(n_flow=(2, 2), width=8, kernels="flat", lr=1e-3)
FORMS: list[Kernels] = ["published", "flat"]


def seeded_flow(config: DualGlowConfig = TINY, size: tuple[int, int] = (16, 16), channels: int = 3) -> DualFlow:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return DualFlow(config, size, channels)


def seeded_method(config: DualGlowConfig = TINY, size: tuple[int, int] = (16, 16)) -> DualGlow:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return DualGlow(config, size)


def perturb(module: nn.Module, std: float) -> None:
    stream = torch.Generator().manual_seed(5)
    for parameter in module.parameters():
        parameter.data += std * torch.randn(parameter.shape, generator=stream, dtype=parameter.dtype)


def pictures(count: int, side: int = 16, seed: int = 3) -> Tensor:
    """8-bit pictures in [-1, 1], every value equally likely."""
    return torch.randint(0, 256, (count, 3, side, side), generator=torch.Generator().manual_seed(seed)) / 127.5 - 1


def pairs(count: int = 2, side: int = 16) -> Batch:
    names = tuple(f"picture {i}" for i in range(count))
    return Batch(names, pictures(count, side), pictures(count, side, seed=4))


def target_of(batch: Batch) -> Tensor:
    assert batch.target is not None
    return batch.target


def unit(pictures: Tensor) -> Tensor:
    return (pictures + 1) / 2


def only_update(method: DualGlow, batch: Batch, step: int = 0) -> Update:
    (update,) = method.updates(batch, step)
    return update


def parameters(*modules: nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters())


class TestSize:
    def test_published(self) -> None:
        with torch.device("meta"):
            flow = DualGlow(DualGlowConfig(), (256, 256)).flow
        assert parameters(flow) == 158_843_940
        assert parameters(flow.source) == 77_797_824
        assert parameters(flow.target, *flow.relations[:-1]) == 77_892_324
        assert parameters(flow.target_top, flow.relations[-1]) == 2_152_896
        assert parameters(flow.source_top) == 1_000_896
        assert parameters(*flow.source.layers[:3]) == 527_364

    @pytest.mark.parametrize(
        ("config", "side", "expected"),
        [
            (DualGlowConfig(n_flow=(2, 2, 2, 2)), 256, 22_697_748),
            (DualGlowConfig(), 64, 158_843_940),
            (DualGlowConfig(n_flow=(4, 4, 4), width=128), 64, 4_830_852),
            (DualGlowConfig(n_flow=(2, 2), width=64), 64, 632_932),
        ],
    )
    def test_of_other_configurations(self, config: DualGlowConfig, side: int, expected: int) -> None:
        with torch.device("meta"):
            assert parameters(DualGlow(config, (side, side))) == expected

    def test_of_latents(self) -> None:
        flow = seeded_flow(dataclasses.replace(TINY, n_flow=(1, 1, 1, 1)), (256, 256))
        with torch.no_grad():
            latents = flow.source.encode(unit(pictures(1, 256))).latents()
        assert [tuple(z.shape[1:]) for z in latents] == [(6, 128, 128), (12, 64, 64), (24, 32, 32), (96, 16, 16)]

    @pytest.mark.parametrize(("kernels", "n_l"), [*itertools.product(FORMS, (0, 1, 3))])
    def test_every_parameter_is_used(self, kernels: Kernels, n_l: int) -> None:
        method = seeded_method(dataclasses.replace(TINY, kernels=kernels, n_l=n_l))
        perturb(method, 0.01)
        only_update(method, pairs()).loss.backward()
        unused = [name for name, p in method.named_parameters() if p.grad is None or not p.grad.any()]
        assert unused == []


class TestLikelihood:
    @pytest.mark.parametrize(("kernels", "n_l"), [("published", 1), ("flat", 0), ("flat", 1), ("flat", 2)])
    def test_log_likelihoods_are_the_priors_plus_the_jacobians(self, kernels: Kernels, n_l: int) -> None:
        flow = seeded_flow(dataclasses.replace(TINY, kernels=kernels, n_l=n_l), (8, 8), channels=1)
        perturb(flow, 0.05)
        flow.double()
        source, target = torch.rand(2, 2, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        found = flow(source, target)
        zero = torch.zeros((), dtype=torch.float64)
        for b in range(2):
            x, y = source[b : b + 1], target[b : b + 1]
            given, latents = flow.source.encode(x).latents(), flow.target.encode(y).latents()
            source_top, target_top = flow.source_top(given[1]), flow.target_top(latents[1])
            priors_x = (zero, zero), source_top
            priors_y = (
                (flow.relations[0](given[0]), zero),
                (target_top[0] + flow.relations[1](given[1]), target_top[1]),
            )
            for one, side, z, priors, log_likelihood in (
                (x, flow.source, given, priors_x, found.source[b]),
                (y, flow.target, latents, priors_y, found.target[b]),
            ):

                def flat(values: Tensor, side: nn.Module = side) -> Tensor:
                    return torch.cat([latent.flatten() for latent in side.encode(values).latents()])

                expected = torch.linalg.slogdet(jacobian(flat, one).reshape(64, 64)).logabsdet
                for latent, (mean, log_std) in zip(z, priors, strict=True):
                    expected = expected + torch.distributions.Normal(mean, log_std.exp()).log_prob(latent).sum()
                torch.testing.assert_close(log_likelihood, expected, rtol=1e-9, atol=0)

    @pytest.mark.parametrize("depth", [1, 3])
    def test_log_determinant_in_float32(self, depth: int) -> None:
        """The sheet's check: 8x8 RGB, one level of width 8."""
        flow = seeded_flow(DualGlowConfig(n_flow=(depth,), width=8), (8, 8)).source
        perturb(flow, 0.05)
        x = unit(pictures(1, 8))
        found = jacobian(lambda one: flow.encode(one).latents()[0], x).reshape(192, 192)
        with torch.no_grad():
            log_det = flow.encode(x).log_dets[0]
        torch.testing.assert_close(log_det[0], torch.linalg.slogdet(found).logabsdet, rtol=1e-5, atol=1e-4)

    def test_published_and_flat_kernels_say_the_same(self) -> None:
        """The outer slices' sum is a bias."""
        published = seeded_flow(dataclasses.replace(TINY, kernels="published"))
        perturb(published, 0.1)
        flat = seeded_flow()
        with torch.no_grad():
            theirs = dict(published.named_parameters())
            for name, parameter in flat.named_parameters():
                value = theirs[name]
                if value.dim() == 5:
                    value = value[:, -parameter.shape[1] :, value.shape[2] // 2]  # a top reads nothing but the border
                elif name.endswith("bias") and (weight := theirs.get(name.replace("bias", "weight"))) is not None:
                    outer = weight[:, -1, ::2] if weight.shape[2:] == (3, 3, 3) else weight.new_zeros(len(weight), 1)
                    value = value + outer.flatten(1).sum(1).view_as(value)
                parameter.copy_(value)
            source, target = unit(pictures(2)), unit(pictures(2, seed=4))
            for one, other in zip(published(source, target), flat(source, target), strict=True):
                torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-3)

    def test_bits_per_dim_is_the_formula_on_the_noisy_pictures(self) -> None:
        method, batch = seeded_method().double(), pairs()
        batch = dataclasses.replace(batch, source=batch.source.double(), target=target_of(batch).double())
        seen: list[tuple[Tensor, Tensor]] = []
        method.flow.register_forward_pre_hook(lambda _, inputs: seen.append(inputs))
        found = method.bits_per_dim(batch, seed=7)
        (x, y), dimensions = seen[0], 3 * 16 * 16
        with torch.no_grad():
            log_likelihood = method.flow(x, y).target
        expected = -(log_likelihood - dimensions * math.log(256)) / (dimensions * math.log(2))
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
        for noisy, clean in ((x, batch.source), (y, target_of(batch))):
            noise = noisy - unit(clean)
            assert noise.min() >= -1e-6
            assert noise.max() < 1 / 256 + 1e-6
            assert noise.std().item() == pytest.approx(1 / 256 / math.sqrt(12), rel=0.05)
        assert not torch.equal(x - unit(batch.source), y - unit(target_of(batch)))

    @pytest.mark.parametrize("kernels", FORMS)
    def test_of_uniform_noise_at_first(self, kernels: Kernels) -> None:
        """Sheet: source 8.26 to 8.27 bits; target 8.35 to 8.37, since its means are at random and not zero."""
        config = DualGlowConfig(n_flow=(4, 4, 4), width=32, kernels=kernels)
        method, batch = seeded_method(config, (64, 64)), pairs(4, 64)
        method.initialize(batch)
        logs = only_update(method, batch).logs
        assert logs["source_bits_per_dim"].item() == pytest.approx(8.265, abs=0.02)
        assert logs["bits_per_dim"].item() == pytest.approx(8.36, abs=0.03)

    def test_loss_is_the_targets_bits_and_a_little_of_the_sources(self) -> None:
        method, batch = seeded_method(dataclasses.replace(TINY, lambda_source=0.25)), pairs()
        batch = dataclasses.replace(batch, source=0.1 * batch.source)
        method.initialize(batch)
        update = only_update(method, batch)
        assert update.optimizer == "flow"
        bits = method.bits_per_dim(batch, seed=0).mean()
        torch.testing.assert_close(update.logs["bits_per_dim"], bits, rtol=1e-2, atol=0)
        # ten times less wide, so so many bits less; and the source's means are zero, not at random
        assert bits - update.logs["source_bits_per_dim"] == pytest.approx(math.log2(10) + 0.09, abs=0.1)
        expected = update.logs["bits_per_dim"] + 0.25 * update.logs["source_bits_per_dim"]
        torch.testing.assert_close(update.loss.detach(), expected)
        assert DualGlowConfig().lambda_source == 0.001

    def test_the_source_alone_is_modelled_alone(self) -> None:
        flow = seeded_flow()
        perturb(flow, 0.05)
        source, other, target = unit(pictures(1)), unit(pictures(1, seed=8)), unit(pictures(1, seed=4))
        with torch.no_grad():
            one, two, three = flow(source, target), flow(source, other), flow(other, target)
        assert torch.equal(one.source, two.source)
        assert not torch.isclose(one.target, three.target)

    def test_every_level_reads_the_source_at_its_own(self) -> None:
        flow = seeded_flow()
        given = flow.source.encode(unit(pictures(1))).latents()
        before = flow.target_priors(given)
        for level in range(2):
            changed = [z + (i == level) for i, z in enumerate(given)]
            after = flow.target_priors(changed)
            assert [not torch.equal(a.mean, b.mean) for a, b in zip(before, after, strict=True)] == [
                i == level for i in range(2)
            ]
            assert all(torch.equal(a.log_std, b.log_std) for a, b in zip(before, after, strict=True))

    def test_autocast_keeps_states_exact(self) -> None:
        method, batch = seeded_method(), pairs()
        perturb(method, 0.02)
        outside = method.bits_per_dim(batch, seed=0)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            inside = method.bits_per_dim(batch, seed=0)
        assert inside.dtype == torch.float32
        torch.testing.assert_close(inside, outside, rtol=5e-3, atol=0)

    def test_of_a_batch_is_that_of_its_pictures(self) -> None:
        method, batch = seeded_method(), pairs(3)
        method.initialize(batch)
        alone = torch.cat([method.bits_per_dim(batch[i], seed=0) for i in range(3)])
        torch.testing.assert_close(method.bits_per_dim(batch, seed=0), alone, rtol=1e-6, atol=0)
        assert not torch.equal(alone, method.bits_per_dim(batch, seed=0, draw=1))

    def test_learns_what_the_source_tells(self) -> None:
        """Targets are their sources negated: other sources must cost bits in the end."""
        method = seeded_method(DualGlowConfig(n_flow=(2,), width=8, kernels="flat", lr=1e-2, lambda_source=0.1), (8, 8))

        def negated(seed: int) -> Batch:
            source = pictures(8, 8, seed)
            return Batch(tuple(map(str, range(8))), source, -source)

        method.initialize(negated(0))
        (optimizer,) = method.optimizers().values()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            for step in range(40):
                update = only_update(method, negated(step), step)
                optimizer.zero_grad()
                update.loss.backward()
                optimizer.step()
        held_out = negated(1000)
        wrong = dataclasses.replace(held_out, source=held_out.source.flip(0))
        bits = method.bits_per_dim(held_out, seed=0).mean()
        assert bits < method.bits_per_dim(wrong, seed=0).mean() - 0.5
        assert bits < 8


class TestInverse:
    @pytest.mark.parametrize("kernels", FORMS)
    @pytest.mark.parametrize(("std", "tolerance32", "tolerance64"), [(0.0, 2e-5, 1e-12), (0.02, 2e-4, 1e-11)])
    def test_decode_undoes_encode(self, kernels: Kernels, std: float, tolerance32: float, tolerance64: float) -> None:
        flow = seeded_flow(DualGlowConfig(n_flow=(3, 3, 3), width=16, kernels=kernels), (32, 32)).target
        perturb(flow, std)
        for dtype, tolerance in ((torch.float32, tolerance32), (torch.float64, tolerance64)):
            flow.to(dtype)
            values = unit(pictures(2, 32)).to(dtype)
            with torch.no_grad():
                back = flow.decode(flow.encode(values).latents())
            torch.testing.assert_close(back, values, rtol=0, atol=tolerance)

    def test_squeezes_channels_first(self) -> None:
        z = torch.arange(16.0).view(1, 1, 4, 4)
        assert squeeze(z)[0, :, 0, 0].tolist() == [0, 1, 4, 5]


class TestGradients:
    """Of one loss by each way of going back."""

    def gradients(self, backward: Backward, dtype: torch.dtype, autocast: bool = False) -> list[Tensor]:
        method = seeded_method(dataclasses.replace(TINY, n_flow=(3, 3), backward=backward))
        perturb(method, 0.02)
        method.to(dtype)
        batch = pairs(2)
        source, target = unit(batch.source).to(dtype), unit(target_of(batch)).to(dtype)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            found = method.flow(source, target)
            loss = -(found.target.mean() + 0.1 * found.source.mean()) / target[0].numel()
        return list(torch.autograd.grad(loss, list(method.parameters())))

    def test_checkpointed_are_plain_ones(self) -> None:
        plain, checkpointed = (self.gradients(way, torch.float32) for way in ("plain", "checkpointed"))
        assert all(torch.equal(one, other) for one, other in zip(plain, checkpointed, strict=True))

    @pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-3)])
    def test_reversible_are_plain_ones(self, dtype: torch.dtype, tolerance: float) -> None:
        plain, found = (self.gradients(way, dtype) for way in ("plain", "reversible"))
        assert max(relative(one, other) for one, other in zip(found, plain, strict=True)) < tolerance

    def test_reversible_under_bf16_are_as_good_as_plain_ones(self) -> None:
        exact = self.gradients("plain", torch.float64)
        plain, found = (self.gradients(way, torch.float32, autocast=True) for way in ("plain", "reversible"))
        joined = [torch.cat([g.double().flatten() for g in each]) for each in (exact, plain, found)]
        assert relative(joined[2], joined[0]) < 2 * relative(joined[1], joined[0])


def relative(found: Tensor, expected: Tensor) -> float:
    return ((found - expected).norm() / expected.norm().clamp_min(1e-12)).item()


class TestTranslation:
    def test_at_temperature_zero_is_decoded_from_the_means(self) -> None:
        method, batch = seeded_method(dataclasses.replace(TINY, temperature=0.0)), pairs()
        method.initialize(batch)
        first = method.translate(batch, seed=0)
        assert torch.equal(first, method.translate(batch, seed=1, sample=2))
        with torch.no_grad():
            given = method.flow.source.encode(unit(batch.source)).latents()
            means = [relation(z) for relation, z in zip(method.flow.relations, given, strict=True)]
            expected = method.flow.target.decode(means)  # the top's learned mean is zero at first
        torch.testing.assert_close(first, (2 * expected - 1).clamp(-1, 1))

    def test_latents_are_means_and_scaled_deviations(self, monkeypatch: pytest.MonkeyPatch) -> None:
        method, batch = seeded_method(dataclasses.replace(TINY, temperature=0.5), (64, 64)), pairs(2, 64)
        perturb(method, 0.01)
        method.flow.target_top.conv.bias.data += 1
        drawn: list[list[Tensor]] = []

        def decode(latents: list[Tensor]) -> Tensor:
            drawn.append(latents)
            return batch.source

        monkeypatch.setattr(method.flow.target, "decode", decode)
        method.translate(batch, seed=0)
        with torch.no_grad():
            priors = method.flow.target_priors(method.flow.source.encode(unit(batch.source)).latents())
        assert priors[-1].log_std.mean() > 0.8
        for z, (mean, log_std) in zip(drawn[0], priors, strict=True):
            noise = (z - mean) / log_std.exp()
            assert noise.mean().item() == pytest.approx(0, abs=4 * 0.5 / math.sqrt(noise.numel()))
            assert noise.std().item() == pytest.approx(0.5, rel=0.05)

    def test_depends_on_seed_name_and_sample_alone(self) -> None:
        method, batch = seeded_method(), pairs(3)
        method.initialize(batch)
        together = method.translate(batch, seed=0)
        alone = torch.cat([method.translate(batch[i], seed=0) for i in range(3)])
        torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
        for other in (
            method.translate(batch, seed=1),
            method.translate(batch, seed=0, sample=1),
            method.translate(dataclasses.replace(batch, names=("a", "b", "c")), seed=0),
        ):
            assert (together - other).abs().mean() > 1e-2

    def test_transfer_moves_the_means(self) -> None:
        method = seeded_method()
        perturb(method, 0.02)
        source, other, target = (0.3 * pictures(2, seed=seed) for seed in (3, 9, 4))
        content = Batch(("a", "b"), source, target)
        torch.testing.assert_close(method.transfer(content, content), target, rtol=0, atol=1e-4)
        moved = method.transfer(content, Batch(("a", "b"), other))
        assert (moved - target).abs().max() > 1e-2
        assert moved.abs().max() < 1, "nothing was clipped, so that its latents can be found again"
        with torch.no_grad():
            latents, found = (method.flow.target.encode(unit(y)).latents() for y in (target, moved))
            given, wanted = (method.flow.source.encode(unit(x)).latents() for x in (source, other))
            for relation, z, z_moved, x, x_other in zip(
                method.flow.relations, latents, found, given, wanted, strict=True
            ):
                torch.testing.assert_close(z_moved - z, relation(x_other) - relation(x), rtol=0, atol=1e-3)


class TestConfig:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("n_flow", ()),
            ("n_flow", (2, 0)),
            ("width", 0),
            ("n_l", -1),
            ("kernels", "cubic"),
            ("optimizer", "sgd"),
            ("lambda_source", -1.0),
            ("lr", 0.0),
            ("warmup", -1),
            ("temperature", -0.1),
        ],
    )
    def test_refuses_naming_the_field(self, field: str, value: object) -> None:
        with pytest.raises(ValueError, match=f"{field} must .*found"):
            DualGlowConfig(**{field: value})  # type: ignore[arg-type]

    def test_sides_must_fit(self) -> None:
        with pytest.raises(ValueError, match="multiples of 16, found 24x16"):
            DualFlow(DualGlowConfig(n_flow=(1, 1, 1, 1), width=4), (24, 16))

    def test_optimizers(self) -> None:
        assert isinstance(seeded_method().optimizers()["flow"], torch.optim.Adam)
        adamax = seeded_method(dataclasses.replace(TINY, optimizer="adamax")).optimizers()["flow"]
        assert isinstance(adamax, torch.optim.Adamax)
        assert [group["lr"] for group in adamax.param_groups] == [1e-3]

    def test_warmup(self) -> None:
        method = seeded_method(dataclasses.replace(TINY, warmup=4))
        assert [method.learning_rate("flow", step, 0) for step in (0, 1, 3, 9)] == [0.25, 0.5, 1, 1]
        assert seeded_method().learning_rate("flow", 0, 0) == 1

    def test_needs_targets(self) -> None:
        batch = Batch(("a",), pictures(1))
        for ask in (lambda: seeded_method().bits_per_dim(batch, seed=0), lambda: only_update(seeded_method(), batch)):
            with pytest.raises(ValueError, match="targets"):
                ask()
