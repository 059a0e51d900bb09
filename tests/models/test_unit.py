from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import pytest
import torch
from fingerprint import Digest, fill_by_sequence, input_by_sequence
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from i2ibench.models.layers.unit_autoencoders import CodeAutoEncoders
from i2ibench.models.method import Batch, Update
from i2ibench.models.unit import UNIT, UNITConfig, build_discriminator, build_generator

TINY = UNITConfig(dim=4, n_res=1, dis_dim=4, n_layers=2, scales=2)
PAPER = dataclasses.replace(TINY, networks="paper", scales=1, objective="vanilla")
FULL = dataclasses.replace(TINY, vgg_weight=1.0, perceptual="untrained")
TERMS = {"gan": 1.0, "recon_x": 10.0, "recon_kl": 0.01, "recon_x_cyc": 10.0, "recon_kl_cyc": 0.01, "vgg": 1.0}


def tiny_batch(pictures: int = 2, side: int = 32) -> Batch:
    stream = torch.Generator().manual_seed(1)
    source, target = (torch.rand(pictures, 3, side, side, generator=stream) * 2 - 1 for _ in range(2))
    return Batch(tuple(f"picture {i}" for i in range(pictures)), source, target)


def parameters(method: UNIT, optimizer: str) -> list[Tensor]:
    return list(method.get_submodule("generator" if optimizer == "generator" else "discriminators").parameters())


def perform(method: UNIT, batch: Batch, stepping: bool = True) -> Iterator[tuple[Update, tuple[Tensor, ...]]]:
    """The least loop; yields each update with its own gradients after its step."""
    optimizers = method.optimizers()
    for update in method.updates(batch, 0):
        own = parameters(method, update.optimizer)
        gradients = torch.autograd.grad(update.loss, own)
        for parameter, gradient in zip(own, gradients, strict=True):
            parameter.grad = gradient
        if stepping:
            optimizers[update.optimizer].step()
        yield update, gradients


class TestNetworks:
    def test_outputs_are_the_published_ones(self) -> None:
        """Of the later code's networks, filled by rule."""
        network, x = CodeAutoEncoders("munit", 16, 2, 2), input_by_sequence(2, 3, 64, 64).float()
        fill_by_sequence(network)
        assert sum(p.numel() for p in network.parameters()) == 2 * 405_347
        code = network.encode(x, "a")
        Digest.by_sequence(code).assert_close(
            Digest(32768, 0.39872, 1.457406, 1.787316, (-0.185468, 1.565224, 1.083193, 0.275365, -1.294232, 2.461795))
        )
        values = (-0.245766, -0.226667, -0.23138, -0.19475, -0.194077, -0.209824)
        Digest.by_sequence(network.decode(code, "a")[0]).assert_close(
            Digest(24576, -0.267138, 0.267515, 0.134918, values)
        )

    @pytest.mark.parametrize("networks", ["munit", "paper"])
    def test_first_weights(self, networks: str) -> None:
        config = UNITConfig(networks=networks, n_res=1)  # type: ignore[arg-type]
        for network, drawn in ((build_generator(config), networks == "munit"), (build_discriminator(config), False)):
            for name, p in network.named_parameters():
                if p.dim() > 1 and p.numel() > 5000:
                    expected = math.sqrt(2 / p[0].numel()) if drawn else 0.02
                    assert p.std().item() == pytest.approx(expected, rel=0.05), name
            biases = [p for name, p in network.named_parameters() if name.endswith("bias")]
            assert any(bool(bias.any()) for bias in biases) == (networks == "paper")

    def test_a_steps_arithmetic_is_below_the_published_one(self) -> None:
        """Published: 656.4 GFLOP at 128x128, with codes encoded again for the auto-encoders' step, and the
        discriminators' gradients taken in it."""
        with torch.device("meta"):
            method = UNIT(UNITConfig())
            batch = Batch(("a",), *torch.empty(2, 1, 3, 128, 128))
        with FlopCounterMode(display=False) as found:
            for _ in perform(method, batch, stepping=False):
                pass
        assert found.get_total_flops() / 1e9 == pytest.approx(630.0, abs=0.1)


class ToyAutoEncoders(nn.Module):
    """An encoder and a decoder a domain, each of one number."""

    def __init__(self, **factors: float) -> None:
        super().__init__()
        self.factors = nn.ParameterDict({name: nn.Parameter(torch.tensor(value)) for name, value in factors.items()})

    def encode(self, x: Tensor, domain: str) -> Tensor:
        return self.factors[f"encoder_{domain}"] * x  # type: ignore[no-any-return]

    def decode(self, codes: Tensor, *domains: str) -> list[Tensor]:
        return [self.factors[f"decoder_{domain}"] * codes for domain in domains]


class ToyJudge(nn.Module):
    """Of two scales; the second, of fewer logits, answers twice the first."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, x: Tensor) -> list[Tensor]:
        return [self.factor * x[:, :1], 2 * self.factor * x[:, :1, ::2, ::2]]


class TestLosses:
    @pytest.mark.parametrize("objective", ["lsgan", "vanilla"])
    def test_all_by_plain_formulas(self, objective: str) -> None:
        """Networks of one number each; the seed's draws are read beside the method."""
        config = dataclasses.replace(
            TINY, objective=objective, gan_weight=2.0, recon_kl_weight=0.5, recon_kl_cyc_weight=0.25
        )
        method = UNIT(config)
        numbers = {"encoder_a": 0.5, "encoder_b": -1.5, "decoder_a": 0.7, "decoder_b": 0.3}
        method.generator = ToyAutoEncoders(**numbers)  # type: ignore[assignment]
        method.discriminators = nn.ModuleDict({"a": ToyJudge(0.8), "b": ToyJudge(-1.2)})
        x_a, x_b = torch.rand(2, 1, 3, 4, 4) * 2 - 1
        torch.manual_seed(7)
        updates = {u.optimizer: u for u, _ in perform(method, Batch(("one",), x_a, x_b), stepping=False)}
        torch.manual_seed(7)
        # for the discriminators of a's and of b's translations, of either picture's code, of either translation's
        noise = [torch.randn(1, 3, 4, 4) for _ in range(6)]

        def adversarial(factor: float, x: Tensor, real: float) -> Tensor:
            total = torch.zeros(())
            for logits in (factor * x[:, :1], 2 * factor * x[:, :1, ::2, ::2]):
                likely = torch.sigmoid(logits)
                entropy = F.binary_cross_entropy(likely, torch.full_like(likely, real))
                total = total + (((logits - real) ** 2).mean() if objective == "lsgan" else entropy)
            return total

        h_a, h_b = 0.5 * x_a, -1.5 * x_b
        on_a = adversarial(0.8, 0.7 * (h_b + noise[0]), 0) + adversarial(0.8, x_a, 1)
        on_b = adversarial(-1.2, 0.3 * (h_a + noise[1]), 0) + adversarial(-1.2, x_b, 1)
        assert updates["discriminator"].loss.item() == pytest.approx(2 * (on_a + on_b).item(), rel=1e-5)

        noisy_a, noisy_b = h_a + noise[2], h_b + noise[3]
        x_ba, x_ab = 0.7 * noisy_b, 0.3 * noisy_a
        found_b, found_a = 0.5 * x_ba, -1.5 * x_ab
        x_aba, x_bab = 0.7 * (found_a + noise[4]), 0.3 * (found_b + noise[5])
        expected = {
            "recon_x": (0.7 * noisy_a - x_a).abs().mean() + (0.3 * noisy_b - x_b).abs().mean(),
            "recon_kl": (h_a**2).mean() + (h_b**2).mean(),
            "recon_x_cyc": (x_aba - x_a).abs().mean() + (x_bab - x_b).abs().mean(),
            "recon_kl_cyc": (found_a**2).mean() + (found_b**2).mean(),
            "gan": adversarial(0.8, x_ba, 1) + adversarial(-1.2, x_ab, 1),
        }
        logs = {name: value.item() for name, value in updates["generator"].logs.items()}
        assert logs == pytest.approx({name: value.item() for name, value in expected.items()}, rel=1e-5)
        weights = {"recon_x": 10, "recon_kl": 0.5, "recon_x_cyc": 10, "recon_kl_cyc": 0.25, "gan": 2}
        total = sum(weights[name] * value.item() for name, value in expected.items())
        assert updates["generator"].loss.item() == pytest.approx(total, rel=1e-5)

    def test_perceptual_term_compares_translations_with_their_sources(self) -> None:
        method, batch, compared = UNIT(FULL), tiny_batch(), []
        method.perceptual.forward = lambda one, other: compared.append((one, other)) or one.sum() * 0  # type: ignore[method-assign,func-returns-value]
        decoded: list[Tensor] = []
        for decoder in method.generator.decoders.values():
            decoder.register_forward_hook(lambda module, _, out: decoded.append(out))
        list(perform(method, batch, stepping=False))
        (x_ba, x_b), (x_ab, x_a) = compared
        assert x_b is batch.target
        assert x_a is batch.source
        # the first two are the discriminators', then come a's and b's pictures of both codes
        assert torch.equal(x_ba, decoded[2][2:])
        assert torch.equal(x_ab, decoded[3][:2])

    @pytest.mark.parametrize("name", TERMS)
    def test_each_weight_scales_its_own_term_and_0_leaves_it_out(self, name: str) -> None:
        found = []
        for weight in (0.0, 1.0, 3.0):
            torch.manual_seed(0)
            method = UNIT(dataclasses.replace(FULL, **{f"{name}_weight": weight}))  # type: ignore[arg-type]
            found.append({u.optimizer: u for u, _ in perform(method, tiny_batch(), stepping=False)}["generator"])
        none, once, thrice = found
        assert set(once.logs) - set(none.logs) == {name}
        assert (thrice.loss - once.loss).item() == pytest.approx(2 * once.logs[name].item(), rel=1e-4)

    @pytest.mark.parametrize("config", [TINY, PAPER])
    def test_of_weight_0_have_no_passes(self, config: UNITConfig) -> None:
        """How often each network of a domain runs in a step, and those that the domains share."""

        def runs(**weights: float) -> tuple[int, int, int, int]:
            method = UNIT(dataclasses.replace(config, **weights))  # type: ignore[arg-type]
            generator = method.generator
            watched = (
                generator.encoders["a"],
                generator.decoders["a"],
                generator.shared_decoder,
                method.discriminators["a"],
            )
            count = dict.fromkeys(watched, 0)

            def add(module: nn.Module, *_: object) -> None:
                count[module] += 1

            for module in watched:
                module.register_forward_hook(add)
            list(perform(method, tiny_batch(), stepping=False))
            return tuple(count[module] for module in watched)  # type: ignore[return-value]

        # shared blocks run twice for the discriminators, once for both domains' pictures, twice for the cycles
        assert runs() == (2, 3, 5, 2)
        assert runs(recon_x_cyc_weight=0.0) == (2, 2, 3, 2)
        assert runs(recon_x_cyc_weight=0.0, recon_kl_cyc_weight=0.0) == (1, 2, 3, 2)
        assert runs(recon_x_weight=0.0) == (2, 3, 6, 2)
        assert runs(gan_weight=0.0) == (2, 2, 3, 0)


class TestUpdates:
    @pytest.mark.parametrize("config", [TINY, PAPER])
    def test_discriminators_first_and_each_step_moves_its_own(self, config: UNITConfig) -> None:
        method, seen = UNIT(config), []
        before = {name: [p.clone() for p in parameters(method, name)] for name in ("discriminator", "generator")}
        for update, _ in perform(method, tiny_batch()):
            seen.append(update.optimizer)
            for name, values in before.items():
                now = parameters(method, name)
                assert any(not torch.equal(p, q) for p, q in zip(now, values, strict=True)) == (name in seen)
        assert seen == ["discriminator", "generator"]

    def test_each_step_leaves_the_others_networks_without_gradients(self) -> None:
        method = UNIT(FULL)
        updates = method.updates(tiny_batch(), 0)
        next(updates).loss.backward()
        assert all(p.grad is None for p in parameters(method, "generator"))
        for p in parameters(method, "discriminator"):
            assert p.grad is not None
            p.grad = None
        next(updates).loss.backward()
        assert all(p.grad is None for p in parameters(method, "discriminator"))
        assert all(p.grad is not None for p in parameters(method, "generator"))
        assert all(p.requires_grad for p in method.parameters())

    @pytest.mark.parametrize("config", [TINY, PAPER])
    def test_gradients_are_those_of_the_published_sum(self, config: UNITConfig) -> None:
        """All pictures decoded apart, nothing frozen."""
        method, batch = UNIT(config).double(), tiny_batch()
        x_a, x_b = batch.source.double(), batch.target.double()  # type: ignore[union-attr]
        torch.manual_seed(3)
        found = {u.optimizer: g for u, g in perform(method, Batch(batch.names, x_a, x_b), stepping=False)}
        torch.manual_seed(3)
        generator, judges = method.generator, method.discriminators

        def noisy(h: Tensor) -> Tensor:
            return h + torch.randn_like(h)

        def adversarial(domain: str, x: Tensor, real: bool) -> Tensor:
            if config.objective == "lsgan":
                return sum(((scale - float(real)) ** 2).mean() for scale in judges[domain](x))  # type: ignore[return-value]
            return sum(  # type: ignore[return-value]
                F.binary_cross_entropy_with_logits(scale, torch.full_like(scale, float(real)))
                for scale in judges[domain](x)
            )

        def encode(x: Tensor, domain: str) -> Tensor:
            return generator.encode(x, domain)  # type: ignore[arg-type]

        def decode(h: Tensor, domain: str) -> Tensor:
            return generator.decode(h, domain)[0]  # type: ignore[arg-type]

        h_a, h_b = encode(x_a, "a"), encode(x_b, "b")
        fake_a, fake_b = decode(noisy(h_b), "a").detach(), decode(noisy(h_a), "b").detach()
        judging = adversarial("a", fake_a, False) + adversarial("a", x_a, True)
        judging = judging + adversarial("b", fake_b, False) + adversarial("b", x_b, True)
        noisy_a, noisy_b = noisy(h_a), noisy(h_b)
        x_ba, x_ab = decode(noisy_b, "a"), decode(noisy_a, "b")
        found_b, found_a = encode(x_ba, "a"), encode(x_ab, "b")
        generating = (
            10 * F.l1_loss(decode(noisy_a, "a"), x_a)
            + 10 * F.l1_loss(decode(noisy_b, "b"), x_b)
            + 0.01 * (h_a.square().mean() + h_b.square().mean() + found_a.square().mean() + found_b.square().mean())
            + 10 * F.l1_loss(decode(noisy(found_a), "a"), x_a)
            + 10 * F.l1_loss(decode(noisy(found_b), "b"), x_b)
            + adversarial("a", x_ba, True)
            + adversarial("b", x_ab, True)
        )
        for name, loss in (("discriminator", judging), ("generator", generating)):
            expected = torch.autograd.grad(loss, parameters(method, name), retain_graph=True)
            for ours, theirs in zip(found[name], expected, strict=True):
                torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-8)

    def test_needs_targets(self) -> None:
        with pytest.raises(ValueError, match="unit reads targets"):
            next(iter(UNIT(TINY).updates(Batch(("a",), torch.zeros(1, 3, 32, 32)), 0)))

    @pytest.mark.parametrize("config", [TINY, PAPER])
    def test_learns_to_reconstruct(self, config: UNITConfig) -> None:
        method = UNIT(dataclasses.replace(config, dim=8, n_layers=1, scales=1, lr=2e-3, gan_weight=0.1))
        coarse = tiny_batch(4, 4)
        source, target = (F.interpolate(x, (16, 16), mode="bilinear") for x in (coarse.source, coarse.target))  # type: ignore[arg-type]
        optimizers, reconstruction = method.optimizers(), []
        for step in range(40):
            for update in method.updates(Batch(coarse.names, source, target), step):
                optimizers[update.optimizer].zero_grad()
                update.loss.backward()
                optimizers[update.optimizer].step()
            reconstruction.append(update.logs["recon_x"].item())
        assert reconstruction[-1] < reconstruction[0] / 1.5


class TestSchedule:
    @pytest.mark.parametrize(("fraction", "rate"), [(0, 1e-4), (0.0999, 1e-4), (0.1, 5e-5), (0.55, 1e-4 / 32)])
    def test_rates(self, fraction: float, rate: float) -> None:
        method = UNIT(TINY)
        for optimizer in method.optimizers():
            assert 1e-4 * method.learning_rate(optimizer, 0, fraction) == pytest.approx(rate)

    def test_adams(self) -> None:
        method = UNIT(TINY)
        for name, optimizer in method.optimizers().items():
            assert type(optimizer) is torch.optim.Adam
            (group,) = optimizer.param_groups
            assert (group["lr"], group["betas"], group["weight_decay"]) == (1e-4, (0.5, 0.999), 1e-4)
            assert {id(p) for p in group["params"]} == {id(p) for p in parameters(method, name)}
        assert list(method.optimizers()) == ["discriminator", "generator"]


class TestTranslation:
    @pytest.mark.parametrize("config", [TINY, PAPER])
    @pytest.mark.parametrize(("direction", "ours", "theirs"), [("forward", "a", "b"), ("backward", "b", "a")])
    def test_is_by_the_code_without_noise(self, config: UNITConfig, direction: str, ours: str, theirs: str) -> None:
        method, batch = UNIT(dataclasses.replace(config, direction=direction)).train(), tiny_batch()  # type: ignore[arg-type]
        state = torch.get_rng_state()
        found = method.translate(batch, seed=5, sample=2)
        (expected,) = method.generator.decode(method.generator.encode(batch.source, ours), theirs)  # type: ignore[arg-type]
        torch.testing.assert_close(found, expected)
        assert torch.equal(found, method.translate(batch, seed=1))
        assert torch.equal(state, torch.get_rng_state())
        assert not found.requires_grad

    def test_of_any_size_that_is_a_multiple_of_4(self) -> None:
        batch = Batch(("a",), torch.zeros(1, 3, 20, 36))
        assert UNIT(TINY).translate(batch, seed=0).shape == batch.source.shape


class TestConfig:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("networks", "shared"),
            ("objective", "nsgan"),
            ("perceptual", "vgg19"),
            ("direction", "both"),
            ("dim", 0),
            ("n_res", 0),
            ("n_shared", -1),
            ("scales", 0),
            ("stages", 0),
            ("crop", -1),
            ("recon_kl_weight", -1.0),
            ("lr", 0.0),
            ("beta1", 1.0),
        ],
    )
    def test_refuses_naming_the_field_and_what_was_found(self, field: str, value: object) -> None:
        with pytest.raises(ValueError, match=f"{field} must .*found .?{value}"):
            UNITConfig(**{field: value})  # type: ignore[arg-type]

    def test_refuses_to_learn_nothing(self) -> None:
        nothing = {f"{name}_weight": 0.0 for name in TERMS}
        with pytest.raises(ValueError, match="must be positive, found 0"):
            UNITConfig(**nothing)  # type: ignore[arg-type]

    @pytest.mark.parametrize(("settings", "side"), [({}, 61), ({"scales": 2}, 31), ({"networks": "paper"}, 33)])
    def test_smallest_pictures(self, settings: dict[str, object], side: int) -> None:
        scales = {"scales": 1} if settings.get("networks") == "paper" else {}
        layers = {"n_layers": 6} if scales else {}
        assert UNITConfig(**{**settings, **scales, **layers}).smallest_judged == side  # type: ignore[arg-type]
