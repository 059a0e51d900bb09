from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.distributions import Normal
from torch.func import functional_call
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from i2ibench.models.bicyclegan import BicycleGAN, BicycleGANConfig, build_discriminator
from i2ibench.models.layers.gaussian_codes import standard_normal_divergence, style_codes
from i2ibench.models.method import Batch, Update, frozen

TINY = BicycleGANConfig(levels=4, ngf=4, nz=3, blocks=2, nef=4, n_layers=1, ndf=4, init_gain=1.0)
NETWORKS = ("encoder", "generator", "discriminator", "discriminator2")


def tiny_batch(pictures: int = 2, side: int = 32) -> Batch:
    stream = torch.Generator().manual_seed(1)
    source, target = (torch.rand(pictures, 3, side, side, generator=stream) * 2 - 1 for _ in range(2))
    return Batch(tuple(f"picture {i}" for i in range(pictures)), source, target)


def parameters(method: BicycleGAN, name: str) -> list[Tensor]:
    return list(method.get_submodule(name).parameters())


def perform(method: BicycleGAN, batch: Batch, stepping: bool = True) -> Iterator[tuple[Update, list[Tensor]]]:
    """The least loop; yields each update with its own gradients after the step that it was part of."""
    optimizers = method.optimizers()
    for yielded in method.updates(batch, 0):
        together = yielded if isinstance(yielded, tuple) else (yielded,)
        gradients = [
            torch.autograd.grad(update.loss, parameters(method, update.optimizer), retain_graph=True)
            for update in together
        ]
        for update, found in zip(together, gradients, strict=True):
            for parameter, gradient in zip(parameters(method, update.optimizer), found, strict=True):
                parameter.grad = gradient.clone()
            if stepping:
                optimizers[update.optimizer].step()
        yield from ((update, list(found)) for update, found in zip(together, gradients, strict=True))


class TestNetworks:
    def test_all_parameters_are_the_published_ones(self) -> None:
        with torch.device("meta"):
            method = BicycleGAN(BicycleGANConfig())
        counts = {name: sum(p.numel() for p in parameters(method, name)) for name in NETWORKS}
        assert counts == {
            "encoder": 2_590_032,
            "generator": 54_794_627,
            "discriminator": 3_458_978,
            "discriminator2": 3_458_978,
        }
        assert sum(p.numel() for p in method.parameters()) == 64_302_615

    @pytest.mark.parametrize(("conditional", "channels"), [(False, 3), (True, 6)])
    def test_discriminators_have_half_the_width_at_half_the_size(self, conditional: bool, channels: int) -> None:
        with torch.device("meta"):
            network = build_discriminator(BicycleGANConfig(conditional=conditional, scales=3))
        first = [scale.stages[0][0] for scale in network.scales]  # type: ignore[index]
        assert [(one.in_channels, one.out_channels) for one in first] == [
            (channels, 64),
            (channels, 32),
            (channels, 16),
        ]

    def test_first_weights(self) -> None:
        method = BicycleGAN(dataclasses.replace(TINY, ngf=32, nz=8, init_gain=0.02))
        first = method.generator.down[1][1]  # type: ignore[index]
        expected = 0.02 * math.sqrt(2 / (16 * (32 + 8) + 16 * 64))
        assert first.weight.std().item() == pytest.approx(expected, rel=0.02)
        linear = method.encoder.mean
        assert 0 < linear.weight.std().item() < 0.02
        biases = [p for name, p in method.named_parameters() if name.endswith("bias")]
        assert biases
        assert not any(bias.any() for bias in biases)

    def test_a_steps_arithmetic_is_the_published_one(self) -> None:
        """Published: 261.0 GFLOP at 256x256, with the latent term's gradient taken in a pass of its own through
        generator and encoder, the latter's weights included, where ours takes the encoder's in one of its own."""
        with torch.device("meta"):
            method = BicycleGAN(BicycleGANConfig())
            source, target = torch.empty(2, 2, 3, 256, 256)
            code = method.encoder(target[:1])[0]
        with FlopCounterMode(display=False) as published:
            mean, log_variance = method.encoder(target[:1])
            fake, fake2 = method.generator(source[:1], mean + log_variance), method.generator(source[:1], code.detach())
            with frozen(method.discriminator, method.discriminator2):
                judged = method.adversarial(method.discriminator(fake), True)
                judged = judged + method.adversarial(method.discriminator2(fake2), True)
            judged.backward(retain_graph=True)
            method.encoder(fake2)[0].sum().backward()
            for network, picture in (("discriminator", fake), ("discriminator2", fake2)):
                for seen in (picture.detach(), target[:1]):
                    method.adversarial(method.get_submodule(network)(seen), True).backward()
        assert published.get_total_flops() / 1e9 == pytest.approx(261.0, abs=0.05)
        with FlopCounterMode(display=False) as ours:
            for _ in perform(method, Batch(("a", "b"), source, target), stepping=False):
                pass
        assert ours.get_total_flops() / 1e9 == pytest.approx(245.9, abs=0.05)


class TestLosses:
    @given(
        values=st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3)), min_size=2, max_size=2),
    )
    def test_kl_is_the_distributions_library_s_summed_over_batch_and_code(
        self, values: list[tuple[float, float]]
    ) -> None:
        mean, log_variance = torch.tensor(values, dtype=torch.float64).T[:, :, None]
        encoded = Normal(mean, torch.exp(log_variance / 2))
        expected = torch.distributions.kl_divergence(encoded, Normal(0.0, 1.0)).sum()
        torch.testing.assert_close(standard_normal_divergence(mean, log_variance), expected, rtol=1e-6, atol=1e-9)

    def test_all_by_hand(self) -> None:
        """Networks of one number each, on constant pictures; the seed's draws are read beside the method."""
        method = BicycleGAN(dataclasses.replace(TINY, nz=1))
        method.encoder, method.generator = ToyEncoder(0.5, -1.0), ToyGenerator(0.25)  # type: ignore[assignment]
        method.discriminator, method.discriminator2 = ToyJudge(2.0), ToyJudge(-1.0)  # type: ignore[assignment]
        pictures = torch.tensor([0.4, 0.7, -0.6, 0.1])[:, None, None, None].expand(-1, 3, 4, 4)
        batch = Batch(("a", "b"), pictures[:2], pictures[2:])
        torch.manual_seed(7)
        losses = {u.optimizer: u for u, _ in perform(method, batch, stepping=False)}
        torch.manual_seed(7)
        noise, code2 = torch.randn(1, 1).item(), torch.randn(1, 1).item()

        mean, log_variance = 0.5 * -0.6, -1.0
        fake = 0.25 * 0.4 + mean + math.exp(-0.5) * noise
        fake2 = 0.25 * 0.4 + code2
        # the second scale of a toy judge answers twice the first's
        adversarial = (2 * fake - 1) ** 2 + (4 * fake - 1) ** 2
        adversarial2 = (-fake2 - 1) ** 2 + (-2 * fake2 - 1) ** 2
        l1, latent = abs(fake + 0.6), abs(0.5 * fake2 - code2)
        kl = -0.5 * (1 + log_variance - mean**2 - math.exp(log_variance))
        expected = {
            "encoder": adversarial + 10 * l1 + 0.01 * kl,
            "generator": adversarial + adversarial2 + 10 * l1 + 0.5 * latent,
            "discriminator": 4 * fake**2 + 16 * fake**2 + (2 * -0.6 - 1) ** 2 + (4 * -0.6 - 1) ** 2,
            "discriminator2": fake2**2 + 4 * fake2**2 + (-0.1 - 1) ** 2 + (-0.2 - 1) ** 2,
        }
        assert {name: update.loss.item() for name, update in losses.items()} == pytest.approx(expected, rel=1e-5)
        logs = {**losses["encoder"].logs, **losses["generator"].logs}
        assert {name: value.item() for name, value in logs.items()} == pytest.approx(
            {"kl": kl, "adversarial": adversarial, "adversarial2": adversarial2, "l1": l1, "latent": latent}, rel=1e-5
        )

    @pytest.mark.parametrize("field", ["gan_weight", "gan2_weight", "l1_weight", "kl_weight", "latent_weight"])
    def test_each_weight_scales_its_own_term(self, field: str) -> None:
        term, readers = {
            "gan_weight": ("adversarial", ("encoder", "generator")),
            "gan2_weight": ("adversarial2", ("generator",)),
            "l1_weight": ("l1", ("encoder", "generator")),
            "kl_weight": ("kl", ("encoder",)),
            "latent_weight": ("latent", ("generator",)),
        }[field]
        found = []
        for weight in (0.0, 3.0):
            torch.manual_seed(0)
            method = BicycleGAN(dataclasses.replace(TINY, **{field: weight}))  # type: ignore[arg-type]
            found.append({u.optimizer: u for u, _ in perform(method, tiny_batch(), stepping=False)})
        logs = {**found[0]["encoder"].logs, **found[0]["generator"].logs}
        for name in NETWORKS:
            grown = (found[1][name].loss - found[0][name].loss).item()
            assert grown == pytest.approx(3 * logs[term].item() if name in readers else 0, rel=1e-4, abs=1e-5)


class ToyEncoder(nn.Module):
    def __init__(self, scale: float, log_variance: float) -> None:
        super().__init__()
        self.scale, self.log_variance = nn.Parameter(torch.tensor(scale)), nn.Parameter(torch.tensor(log_variance))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean = self.scale * x.mean((1, 2, 3))[:, None]
        return mean, self.log_variance.expand_as(mean)


class ToyGenerator(nn.Module):
    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        return self.scale * x + code[:, :, None, None]


class ToyJudge(nn.Module):
    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, x: Tensor) -> list[list[Tensor]]:
        return [[x, self.scale * x[:, :1]], [x, 2 * self.scale * x[:, :1, ::2, ::2]]]


class TestUpdates:
    def test_order_and_what_each_step_touches(self) -> None:
        method = BicycleGAN(TINY)
        before = {name: [p.clone() for p in parameters(method, name)] for name in NETWORKS}
        optimizers, seen = method.optimizers(), []
        for yielded in method.updates(tiny_batch(), 0):
            together = yielded if isinstance(yielded, tuple) else (yielded,)
            for update in together:
                update.loss.backward(inputs=parameters(method, update.optimizer), retain_graph=True)
            for update in together:
                optimizers[update.optimizer].step()
            seen.append([update.optimizer for update in together])
            for name in NETWORKS:
                moved = any(not torch.equal(p, q) for p, q in zip(parameters(method, name), before[name], strict=True))
                assert moved == any(name in names for names in seen)
        assert seen == [["encoder", "generator"], ["discriminator"], ["discriminator2"]]

    @pytest.mark.parametrize("conditional", [False, True])
    def test_gradients_of_encoder_and_generator_are_those_of_one_backward(self, conditional: bool) -> None:
        """The sheet's sum of all five terms, the encoder of the latent term being a copy that nothing is learnt in."""
        config = dataclasses.replace(TINY, conditional=conditional)
        method, batch = BicycleGAN(config).double(), tiny_batch(4)
        batch = dataclasses.replace(batch, source=batch.source.double(), target=batch.target.double())  # type: ignore[union-attr]
        assert batch.target is not None
        torch.manual_seed(3)
        found = {update.optimizer: gradients for update, gradients in perform(method, batch, stepping=False)}

        torch.manual_seed(3)
        source, real = batch.source[:2], batch.target[:2]
        mean, log_variance = method.encoder(real)
        code = mean + log_variance.mul(0.5).exp() * torch.randn(2, 3)
        code2 = torch.randn(2, 3)
        fake, fake2 = method.generator(source, code), method.generator(source, code2)
        copy = {name: p.detach() for name, p in method.encoder.named_parameters()}
        recovered, _ = functional_call(method.encoder, copy, (fake2,))

        def judged(network: nn.Module, picture: Tensor) -> Tensor:
            seen = torch.cat([source, picture], 1) if conditional else picture
            return torch.stack([((scale[-1] - 1) ** 2).mean() for scale in network(seen)]).sum()

        total = (
            judged(method.discriminator, fake)
            + judged(method.discriminator2, fake2)
            + 10 * (fake - real).abs().mean()
            - 0.005 * (1 + log_variance - mean**2 - log_variance.exp()).sum()
            + 0.5 * (recovered - code2).abs().mean()
        )
        for name in ("encoder", "generator"):
            expected = torch.autograd.grad(total, parameters(method, name), retain_graph=True)
            for ours, theirs in zip(found[name], expected, strict=True):
                torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)

    def test_discriminators_judge_the_fakes_of_the_same_forward(self) -> None:
        """Even though the generator has moved by then."""
        still, moved = (
            {u.optimizer: u.loss for u, _ in perform(self.method(lr), tiny_batch(), stepping=lr > 0)} for lr in (0.0, 1)
        )
        for name in NETWORKS:
            torch.testing.assert_close(still[name], moved[name])

    def method(self, lr: float) -> BicycleGAN:
        torch.manual_seed(0)
        return BicycleGAN(dataclasses.replace(TINY, lr=lr or 1.0))

    @pytest.mark.parametrize("conditional", [False, True])
    def test_second_half_is_real_examples_of_the_second_discriminator_alone(self, conditional: bool) -> None:
        batch = tiny_batch(4)
        assert batch.target is not None

        def losses(batch: Batch) -> dict[str, float]:
            torch.manual_seed(0)
            method = BicycleGAN(dataclasses.replace(TINY, conditional=conditional))
            return {u.optimizer: u.loss.item() for u, _ in perform(method, batch, stepping=False)}

        def moved(change: Callable[[Tensor], Tensor], field: str) -> set[str]:
            changed = change(getattr(batch, field))
            other = losses(dataclasses.replace(batch, **{field: changed}))  # type: ignore[arg-type]
            return {name for name, value in losses(batch).items() if value != other[name]}

        def second(x: Tensor) -> Tensor:
            return torch.cat([x[:2], -x[2:]])

        assert moved(second, "target") == {"discriminator2"}
        assert moved(second, "source") == ({"discriminator2"} if conditional else set())
        first = moved(lambda x: torch.cat([-x[:2], x[2:]]), "target")
        assert first == {"encoder", "generator", "discriminator"}

    @pytest.mark.parametrize("pictures", [1, 3])
    def test_refuses_a_batch_without_halves(self, pictures: int) -> None:
        with pytest.raises(ValueError, match=f"even number of pictures, found {pictures}"):
            next(iter(BicycleGAN(TINY).updates(tiny_batch(pictures), 0)))

    def test_needs_targets(self) -> None:
        with pytest.raises(ValueError, match="bicyclegan reads targets"):
            next(iter(BicycleGAN(TINY).updates(Batch(("a", "b"), torch.zeros(2, 3, 32, 32)), 0)))

    def test_learns_a_mapping(self) -> None:
        config = BicycleGANConfig(levels=2, ngf=8, nz=2, blocks=1, nef=4, n_layers=1, scales=1, ndf=4, lr=5e-3)
        method = BicycleGAN(dataclasses.replace(config, init_gain=1.0))
        coarse = tiny_batch(4, 4).source
        source = F.interpolate(coarse, (16, 16), mode="bilinear")
        batch = Batch(("a", "b", "c", "d"), source, -source)
        optimizers, l1 = method.optimizers(), []
        for step in range(60):
            for yielded in method.updates(batch, step):
                together = yielded if isinstance(yielded, tuple) else (yielded,)
                for update in together:
                    optimizers[update.optimizer].zero_grad()
                    update.loss.backward(inputs=parameters(method, update.optimizer), retain_graph=True)
                for update in together:
                    optimizers[update.optimizer].step()
                    l1 += [update.logs["l1"].item()] if "l1" in update.logs else []
        assert l1[-1] < l1[0] / 2


class TestSchedule:
    @pytest.mark.parametrize(
        ("epoch", "rate"), [(0, 2e-4), (99, 2e-4), (100, 2e-4 * 100 / 101), (150, 2e-4 * 50 / 101), (199, 2e-4 / 101)]
    )
    def test_published_rates(self, epoch: int, rate: float) -> None:
        """Epochs counted from 0: 1 - max(0, epoch + 1 - 100) / 101."""
        for optimizer in NETWORKS:
            for fraction in (epoch / 200, (epoch + 0.999) / 200):
                assert 2e-4 * METHOD.learning_rate(optimizer, 0, fraction) == pytest.approx(rate, rel=1e-6)

    def test_adams(self) -> None:
        for name, optimizer in METHOD.optimizers().items():
            (group,) = optimizer.param_groups
            assert (group["lr"], group["betas"], group["weight_decay"]) == (2e-4, (0.5, 0.999), 0)
            assert {id(p) for p in group["params"]} == {id(p) for p in parameters(METHOD, name)}


METHOD = BicycleGAN(TINY)


class TestTranslation:
    CONFIG = dataclasses.replace(TINY, levels=6)
    """Six levels have a dropout."""

    def test_is_the_generators_with_a_code_of_the_pictures_own(self) -> None:
        method, batch = BicycleGAN(self.CONFIG), tiny_batch(side=64)
        found = method.translate(batch, seed=5, sample=2)
        codes = style_codes(batch.names, 3, seed=5, sample=2)
        torch.testing.assert_close(found, method.eval().generator(batch.source, codes))

    def test_sync_gives_all_sources_the_code_of_their_sample(self) -> None:
        batch = tiny_batch(side=64)
        batch = dataclasses.replace(batch, source=batch.source[:1].expand(2, -1, -1, -1))
        for sync in (True, False):
            method = BicycleGAN(dataclasses.replace(self.CONFIG, sync=sync))
            first, second = method.translate(batch, seed=0)
            assert torch.equal(first, second) == sync
            assert not torch.equal(first, method.translate(batch, seed=0, sample=1)[0])

    @pytest.mark.parametrize("contents", [1, 3])
    def test_transfer_gives_the_mean_code_of_the_content_to_the_source(self, contents: int) -> None:
        method, batch = BicycleGAN(self.CONFIG), tiny_batch(3, side=64)
        assert batch.target is not None
        found = method.transfer(batch[:contents], dataclasses.replace(batch, target=None))
        mean, _ = method.encoder(batch.target[:contents])
        expected = method.eval().generator(batch.source, mean.expand(3, -1))
        torch.testing.assert_close(found, expected)
        assert not found.requires_grad
        with pytest.raises(ValueError, match="bicyclegan reads targets"):
            method.transfer(dataclasses.replace(batch, target=None), batch)

    def test_leaves_modes_and_the_global_generator_alone(self) -> None:
        method, batch = BicycleGAN(self.CONFIG).train(), tiny_batch(side=64)
        state = torch.get_rng_state()
        method.translate(batch, seed=0)
        method.transfer(batch, batch)
        assert torch.equal(state, torch.get_rng_state())
        assert all(module.training for module in method.modules())


class TestConfig:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("where_add", "middle"),
            ("upsample", "nearest"),
            ("levels", 1),
            ("nz", 0),
            ("blocks", 0),
            ("scales", 0),
            ("n_layers", 0),
            ("ndf", 1),
            ("l1_weight", -1.0),
            ("latent_weight", -0.5),
            ("init", "zeros"),
            ("lr", 0.0),
            ("beta2", 1.0),
            ("load_scale", 0.5),
        ],
    )
    def test_refuses_naming_the_field_and_what_was_found(self, field: str, value: object) -> None:
        with pytest.raises(ValueError, match=f"{field} must .*found .?{value}"):
            BicycleGANConfig(**{field: value})  # type: ignore[arg-type]

    def test_refuses_a_schedule_without_epochs(self) -> None:
        with pytest.raises(ValueError, match="constant_epochs"):
            BicycleGANConfig(constant_epochs=0, decay_epochs=0)
