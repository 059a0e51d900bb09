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

from i2ibench.models.layers.gaussian_codes import style_codes
from i2ibench.models.layers.styled_autoencoder import StyledAutoEncoder
from i2ibench.models.method import Batch, Update
from i2ibench.models.munit import MUNIT, MUNITConfig, build_discriminator, build_generator

TINY = MUNITConfig(dim=4, style_dim=3, n_res=1, mlp_dim=8, style_downsample=2, dis_dim=4, n_layers=2, scales=2)
FULL = dataclasses.replace(TINY, recon_x_cyc_weight=5.0, vgg_weight=1.0, perceptual="untrained")
GENERATORS, DISCRIMINATORS = ("generator_a", "generator_b"), ("discriminator_a", "discriminator_b")
TERMS = {"gan": 1.0, "recon_x": 10.0, "recon_s": 1.0, "recon_c": 1.0, "recon_x_cyc": 5.0, "vgg": 1.0}


def tiny_batch(pictures: int = 2, side: int = 32) -> Batch:
    stream = torch.Generator().manual_seed(1)
    source, target = (torch.rand(pictures, 3, side, side, generator=stream) * 2 - 1 for _ in range(2))
    return Batch(tuple(f"picture {i}" for i in range(pictures)), source, target)


def parameters(method: MUNIT, optimizer: str) -> list[Tensor]:
    names = GENERATORS if optimizer == "generator" else DISCRIMINATORS
    return [p for name in names for p in method.get_submodule(name).parameters()]


def perform(method: MUNIT, batch: Batch, stepping: bool = True) -> Iterator[tuple[Update, tuple[Tensor, ...]]]:
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
    """Against the published networks filled by rule."""

    def test_outputs_are_the_published_ones(self) -> None:
        network, x = StyledAutoEncoder(16, 4, 2, 2, 64), input_by_sequence(2, 3, 64, 64).float()
        fill_by_sequence(network)
        assert sum(p.numel() for p in network.parameters()) == 617_991
        content = network.content(x)
        Digest.by_sequence(content).assert_close(
            Digest(32768, 0.39872, 1.457406, 1.787316, (-0.185472, 1.565225, 1.08319, 0.275364, -1.294233, 2.461794))
        )
        Digest.by_sequence(network.style(x)).assert_close(
            Digest(8, -0.150755, 0.16595, 0.122297, (0.03134, -0.288093, -0.131861, 0.02944, -0.320126, -0.123778))
        )
        values = (-0.198877, -0.197619, -0.199265, -0.189701, -0.196137, -0.201129)
        Digest.by_sequence(network.decode(content, input_by_sequence(2, 4).float())).assert_close(
            Digest(24576, -0.291857, 0.292327, 0.159632, values)
        )

    def test_first_weights(self) -> None:
        generator, discriminator = build_generator(MUNITConfig(n_res=2)), build_discriminator(MUNITConfig(), 3)
        for layer in (generator.content.layers[1], generator.style.features[0]):
            assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / 147), rel=0.05)
        assert generator.mlp[-1].weight.std().item() == pytest.approx(0.0884, rel=0.01)
        for p in discriminator.parameters():
            if p.dim() > 1 and p.numel() > 1000:
                assert p.std().item() == pytest.approx(0.02, rel=0.05)
        biases = [p for net in (generator, discriminator) for n, p in net.named_parameters() if n.endswith("bias")]
        assert biases
        assert not any(bias.any() for bias in biases)

    def test_a_steps_arithmetic_is_below_the_published_one(self) -> None:
        """Published: 559.2 GFLOP at 128x128, with contents encoded again for the generators' step, styles encoded in
        the discriminators', and the latter's gradients taken in the former."""
        with torch.device("meta"):
            method = MUNIT(MUNITConfig())
            batch = Batch(("a",), *torch.empty(2, 1, 3, 128, 128))
        a, b, d_a, d_b = (method.get_submodule(name) for name in (*GENERATORS, *DISCRIMINATORS))
        assert batch.target is not None
        with FlopCounterMode(display=False) as theirs:
            for step in ("discriminator", "generator"):
                styles = torch.empty(1, 8, device="meta")
                c_a, s_a, c_b, s_b = (
                    a.content(batch.source),
                    a.style(batch.source),
                    b.content(batch.target),
                    b.style(batch.target),
                )
                x_ba, x_ab = a.decode(c_b, styles), b.decode(c_a, styles)
                if step == "discriminator":
                    judged = (*d_a(x_ba.detach()), *d_a(batch.source), *d_b(x_ab.detach()), *d_b(batch.target))
                    torch.stack([one.sum() for one in judged]).sum().backward()
                    continue
                f_b, f_a = a.content(x_ba), b.content(x_ab)
                terms = [a.decode(c_a, s_a), b.decode(c_b, s_b), f_b, f_a, a.style(x_ba), b.style(x_ab)]
                torch.stack([one.sum() for one in (*terms, *d_a(x_ba), *d_b(x_ab))]).sum().backward()
        assert theirs.get_total_flops() / 1e9 == pytest.approx(559.2, abs=0.1)
        with FlopCounterMode(display=False) as found:
            for _ in perform(method, batch, stepping=False):
                pass
        assert found.get_total_flops() / 1e9 == pytest.approx(526.6, abs=0.1)


class ToyAutoEncoder(nn.Module):
    """Content: the picture times a number; style: its mean times one; decoded: content times one, plus the style."""

    def __init__(self, content: float, style: float, decoder: float) -> None:
        super().__init__()
        self.content, self.style, self.decoder = Times(content), MeanTimes(style), Times(decoder)

    def decode(self, content: Tensor, style: Tensor) -> Tensor:
        return self.decoder(content) + style[:, :, None, None]  # type: ignore[no-any-return]


class Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x


class MeanTimes(Times):
    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x.mean((1, 2, 3))[:, None]


class ToyJudge(Times):
    """Of two scales; the second, of fewer logits, answers twice the first."""

    def forward(self, x: Tensor) -> list[Tensor]:
        return [self.factor * x[:, :1], 2 * self.factor * x[:, :1, ::2, ::2]]


class TestLosses:
    @pytest.mark.parametrize("objective", ["lsgan", "vanilla"])
    def test_all_by_hand(self, objective: str) -> None:
        """Networks of one number each, on constant pictures; the seed's draws are read beside the method."""
        config = dataclasses.replace(TINY, style_dim=1, recon_x_cyc_weight=5.0, gan_weight=2.0, objective=objective)
        method = MUNIT(config)
        numbers = {"a": (0.5, -0.7, 1.5), "b": (2.0, 0.3, -0.25)}
        method.generator_a, method.generator_b = (ToyAutoEncoder(*numbers[name]) for name in "ab")  # type: ignore[assignment]
        method.discriminator_a, method.discriminator_b = ToyJudge(0.8), ToyJudge(-1.2)  # type: ignore[assignment]
        x_a, x_b = 0.4, -0.6
        batch = Batch(("one",), torch.full((1, 3, 4, 4), x_a), torch.full((1, 3, 4, 4), x_b))
        torch.manual_seed(7)
        updates = {u.optimizer: u for u, _ in perform(method, batch, stepping=False)}
        torch.manual_seed(7)
        d_a, d_b, s_a, s_b = (torch.randn(1, 1).item() for _ in range(4))

        def content(name: str, x: float) -> float:
            return numbers[name][0] * x

        def style(name: str, x: float) -> float:
            return numbers[name][1] * x

        def decode(name: str, c: float, s: float) -> float:
            return numbers[name][2] * c + s

        def adversarial(logit: float, real: bool) -> float:
            total = 0.0
            for one in (logit, 2 * logit):
                probability = 1 / (1 + math.exp(-one))
                if objective == "lsgan":
                    total += (one - real) ** 2
                else:
                    total -= math.log(probability if real else 1 - probability)
            return total

        c_a, c_b = content("a", x_a), content("b", x_b)
        on_a = adversarial(0.8 * decode("a", c_b, d_a), False) + adversarial(0.8 * x_a, True)
        on_b = adversarial(-1.2 * decode("b", c_a, d_b), False) + adversarial(-1.2 * x_b, True)
        assert updates["discriminator"].loss.item() == pytest.approx(2 * (on_a + on_b), rel=1e-5)

        x_ba, x_ab = decode("a", c_b, s_a), decode("b", c_a, s_b)
        own_a, own_b = style("a", x_a), style("b", x_b)
        found_b, found_a = content("a", x_ba), content("b", x_ab)
        expected = {
            "recon_x": abs(decode("a", c_a, own_a) - x_a) + abs(decode("b", c_b, own_b) - x_b),
            "recon_s": abs(style("a", x_ba) - s_a) + abs(style("b", x_ab) - s_b),
            "recon_c": abs(found_a - c_a) + abs(found_b - c_b),
            "recon_x_cyc": abs(decode("a", found_a, own_a) - x_a) + abs(decode("b", found_b, own_b) - x_b),
            "gan": adversarial(0.8 * x_ba, True) + adversarial(-1.2 * x_ab, True),
        }
        logs = {name: value.item() for name, value in updates["generator"].logs.items()}
        assert logs == pytest.approx(expected, rel=1e-5)
        total = sum({**TERMS, "gan": 2.0}[name] * value for name, value in expected.items())
        assert updates["generator"].loss.item() == pytest.approx(total, rel=1e-5)

    def test_perceptual_term_compares_translations_with_their_sources(self) -> None:
        method, batch, compared = MUNIT(FULL), tiny_batch(), []
        method.perceptual.forward = lambda one, other: compared.append((one, other)) or one.sum() * 0  # type: ignore[method-assign,func-returns-value]
        decoded: list[Tensor] = []
        for generator in (method.generator_a, method.generator_b):
            generator.decoder.register_forward_hook(lambda module, _, out: decoded.append(out))
        list(perform(method, batch, stepping=False))
        (x_ba, x_b), (x_ab, x_a) = compared
        assert x_b is batch.target
        assert x_a is batch.source
        # the first two are the discriminators', then come reconstructions and translations of either domain
        assert torch.equal(x_ba, decoded[2][2:])
        assert torch.equal(x_ab, decoded[3][2:])

    @pytest.mark.parametrize("name", TERMS)
    def test_each_weight_scales_its_own_term_and_0_leaves_it_out(self, name: str) -> None:
        found = []
        for weight in (0.0, 1.0, 3.0):
            torch.manual_seed(0)
            method = MUNIT(dataclasses.replace(FULL, **{f"{name}_weight": weight}))  # type: ignore[arg-type]
            found.append({u.optimizer: u for u, _ in perform(method, tiny_batch(), stepping=False)}["generator"])
        none, once, thrice = found
        assert set(once.logs) - set(none.logs) == {name}
        assert (thrice.loss - once.loss).item() == pytest.approx(2 * once.logs[name].item(), rel=1e-4)

    def test_of_weight_0_have_no_passes(self) -> None:
        """How often each network runs in a step, on both domains' pictures together."""

        def runs(**weights: float) -> dict[str, int]:
            method = MUNIT(dataclasses.replace(TINY, **weights))  # type: ignore[arg-type]
            count = dict.fromkeys(("content", "style", "decoder", "discriminator"), 0)

            def counted(name: str, module: nn.Module) -> None:
                def add(*_: object) -> None:
                    count[name] += 1

                module.register_forward_hook(add)

            for generator in (method.generator_a, method.generator_b):
                for name in ("content", "style", "decoder"):
                    counted(name, generator.get_submodule(name))
            for judge in (method.discriminator_a, method.discriminator_b):
                counted("discriminator", judge)
            list(perform(method, tiny_batch(), stepping=False))
            return {name: value // 2 for name, value in count.items()}

        # the discriminators' decoding, and one for reconstructions and translations together
        assert runs() == {"content": 2, "style": 2, "decoder": 2, "discriminator": 2}
        assert runs(recon_x_cyc_weight=1.0) == {"content": 2, "style": 2, "decoder": 3, "discriminator": 2}
        assert runs(recon_c_weight=0.0) == {"content": 1, "style": 2, "decoder": 2, "discriminator": 2}
        assert runs(recon_s_weight=0.0) == {"content": 2, "style": 1, "decoder": 2, "discriminator": 2}
        assert runs(recon_x_weight=0.0) == {"content": 2, "style": 1, "decoder": 2, "discriminator": 2}
        assert runs(gan_weight=0.0) == {"content": 2, "style": 2, "decoder": 1, "discriminator": 0}


class TestUpdates:
    def test_discriminators_first_and_each_step_moves_its_own(self) -> None:
        method, seen = MUNIT(TINY), []
        before = {name: [p.clone() for p in parameters(method, name)] for name in ("discriminator", "generator")}
        for update, _ in perform(method, tiny_batch()):
            seen.append(update.optimizer)
            for name, values in before.items():
                now = parameters(method, name)
                assert any(not torch.equal(p, q) for p, q in zip(now, values, strict=True)) == (name in seen)
        assert seen == ["discriminator", "generator"]

    def test_discriminators_step_has_no_gradients_of_generators_nor_styles_encoded(self) -> None:
        method, styled = MUNIT(TINY), []
        for generator in (method.generator_a, method.generator_b):
            generator.style.register_forward_hook(lambda *_: styled.append(1))
        update = next(method.updates(tiny_batch(), 0))
        update.loss.backward()
        assert not styled
        assert all(p.grad is None for p in parameters(method, "generator"))
        assert all(p.grad is not None and p.grad.any() for p in parameters(method, "discriminator"))

    def test_generators_step_leaves_discriminators_without_gradients(self) -> None:
        method = MUNIT(FULL)
        updates = method.updates(tiny_batch(), 0)
        next(updates)
        next(updates).loss.backward()
        assert all(p.grad is None for p in parameters(method, "discriminator"))
        assert all(p.grad is not None for p in parameters(method, "generator"))
        assert all(p.requires_grad for p in method.parameters())

    def test_each_step_draws_styles_of_its_own(self) -> None:
        method, styles = MUNIT(TINY), []
        method.generator_a.mlp.register_forward_hook(lambda _, inputs, __: styles.append(inputs[0]))
        list(perform(method, tiny_batch(), stepping=False))
        first, second = styles
        assert first.shape == (2, 3)
        drawn = second[2:]  # behind those read off the sources
        assert not torch.isclose(first, drawn).any()
        assert not torch.isclose(first[0], first[1]).any()

    def test_generators_are_judged_by_the_discriminators_as_they_now_are(self) -> None:
        def judged(lr: float) -> float:
            torch.manual_seed(0)
            method = MUNIT(dataclasses.replace(TINY, lr=lr))
            return [u for u, _ in perform(method, tiny_batch())][-1].logs["gan"].item()

        assert judged(1e-6) == pytest.approx(judged(1e-7), rel=1e-3)
        assert judged(1e-1) != pytest.approx(judged(1e-7), rel=1e-2)

    def test_gradients_are_those_of_the_published_sum(self) -> None:
        """All pictures decoded apart, nothing frozen, contents not detached."""
        config = dataclasses.replace(TINY, recon_x_cyc_weight=5.0)
        method, batch = MUNIT(config).double(), tiny_batch()
        x_a, x_b = batch.source.double(), batch.target.double()  # type: ignore[union-attr]
        drawn = [torch.randn(2, 3).double() for _ in range(4)]
        given = iter((drawn[:2], drawn[2:]))
        method.drawn_styles = lambda _: next(given)  # type: ignore[method-assign]
        found = {u.optimizer: g for u, g in perform(method, Batch(batch.names, x_a, x_b), stepping=False)}

        a, b = method.generator_a, method.generator_b

        def adversarial(judge: nn.Module, x: Tensor, real: float) -> Tensor:
            return sum(((scale - real) ** 2).mean() for scale in judge(x))  # type: ignore[return-value]

        c_a, c_b, own_a, own_b = a.content(x_a), b.content(x_b), a.style(x_a), b.style(x_b)
        fake_a, fake_b = a.decode(c_b, drawn[0]).detach(), b.decode(c_a, drawn[1]).detach()
        judging = adversarial(method.discriminator_a, fake_a, 0) + adversarial(method.discriminator_a, x_a, 1)
        judging = judging + adversarial(method.discriminator_b, fake_b, 0) + adversarial(method.discriminator_b, x_b, 1)
        s_a, s_b = drawn[2:]
        x_ba, x_ab = a.decode(c_b, s_a), b.decode(c_a, s_b)
        generating = (
            10 * (F.l1_loss(a.decode(c_a, own_a), x_a) + F.l1_loss(b.decode(c_b, own_b), x_b))
            + F.l1_loss(a.style(x_ba), s_a)
            + F.l1_loss(b.style(x_ab), s_b)
            + F.l1_loss(b.content(x_ab), c_a)
            + F.l1_loss(a.content(x_ba), c_b)
            + 5 * F.l1_loss(a.decode(b.content(x_ab), own_a), x_a)
            + 5 * F.l1_loss(b.decode(a.content(x_ba), own_b), x_b)
            + adversarial(method.discriminator_a, x_ba, 1)
            + adversarial(method.discriminator_b, x_ab, 1)
        )
        for name, loss in (("discriminator", judging), ("generator", generating)):
            expected = torch.autograd.grad(loss, parameters(method, name), retain_graph=True)
            for ours, theirs in zip(found[name], expected, strict=True):
                torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-8)

    def test_needs_targets(self) -> None:
        with pytest.raises(ValueError, match="munit reads targets"):
            next(iter(MUNIT(TINY).updates(Batch(("a",), torch.zeros(1, 3, 32, 32)), 0)))

    def test_learns_to_reconstruct(self) -> None:
        config = dataclasses.replace(TINY, dim=8, n_layers=1, scales=1, lr=2e-3, gan_weight=0.1)
        method = MUNIT(config)
        coarse = tiny_batch(4, 4)
        source, target = (F.interpolate(x, (16, 16), mode="bilinear") for x in (coarse.source, coarse.target))  # type: ignore[arg-type]
        optimizers, logs = method.optimizers(), []
        for step in range(40):
            for update in method.updates(Batch(coarse.names, source, target), step):
                optimizers[update.optimizer].zero_grad()
                update.loss.backward()
                optimizers[update.optimizer].step()
            logs.append({name: value.item() for name, value in update.logs.items()})
        assert logs[-1]["recon_x"] < logs[0]["recon_x"] / 2


class TestSchedule:
    @pytest.mark.parametrize(("fraction", "rate"), [(0, 1e-4), (0.0999, 1e-4), (0.1, 5e-5), (0.55, 1e-4 / 32)])
    def test_rates(self, fraction: float, rate: float) -> None:
        method = MUNIT(TINY)
        for optimizer in method.optimizers():
            assert 1e-4 * method.learning_rate(optimizer, 0, fraction) == pytest.approx(rate)

    def test_adams(self) -> None:
        method = MUNIT(TINY)
        for name, optimizer in method.optimizers().items():
            assert type(optimizer) is torch.optim.Adam
            (group,) = optimizer.param_groups
            assert (group["lr"], group["betas"], group["weight_decay"]) == (1e-4, (0.5, 0.999), 1e-4)
            assert {id(p) for p in group["params"]} == {id(p) for p in parameters(method, name)}
        assert list(method.optimizers()) == ["discriminator", "generator"]


class TestTranslation:
    @pytest.mark.parametrize(("direction", "ours", "theirs"), [("forward", "a", "b"), ("backward", "b", "a")])
    @pytest.mark.parametrize("style", ["sampled", "exemplar"])
    def test_decodes_content_in_the_other_domain(self, direction: str, ours: str, theirs: str, style: str) -> None:
        method = MUNIT(dataclasses.replace(TINY, direction=direction, style=style))  # type: ignore[arg-type]
        batch = dataclasses.replace(tiny_batch(), target=None, exemplars=(tiny_batch().target,))
        source, target = method.get_submodule(f"generator_{ours}"), method.get_submodule(f"generator_{theirs}")
        styles = style_codes(batch.names, 3, 5, 2) if style == "sampled" else target.style(*batch.exemplars)
        found = method.translate(batch, seed=5, sample=2)
        torch.testing.assert_close(found, target.decode(source.content(batch.source), styles))
        assert not found.requires_grad

    def test_synchronized_gives_all_sources_the_style_of_their_sample(self) -> None:
        batch = tiny_batch()
        batch = dataclasses.replace(batch, source=batch.source[:1].expand(2, -1, -1, -1))
        for synchronized in (True, False):
            method = MUNIT(dataclasses.replace(TINY, synchronized=synchronized))
            first, second = method.translate(batch, seed=0)
            assert torch.equal(first, second) == synchronized
            assert not torch.equal(first, method.translate(batch, seed=0, sample=1)[0])

    def test_of_any_size_that_is_a_multiple_of_4(self) -> None:
        batch = Batch(("a",), torch.zeros(1, 3, 20, 36))
        assert MUNIT(TINY).translate(batch, seed=0).shape == batch.source.shape

    def test_leaves_the_global_generator_alone(self) -> None:
        method, state = MUNIT(TINY), torch.get_rng_state()
        method.translate(tiny_batch(), seed=0)
        assert torch.equal(state, torch.get_rng_state())


class TestConfig:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("objective", "nsgan"),
            ("perceptual", "vgg19"),
            ("style", "mean"),
            ("direction", "both"),
            ("dim", 0),
            ("style_dim", 0),
            ("n_res", 0),
            ("scales", 0),
            ("stages", 0),
            ("crop", -1),
            ("recon_c_weight", -1.0),
            ("weight_decay", -1.0),
            ("lr", 0.0),
            ("beta1", 1.0),
        ],
    )
    def test_refuses_naming_the_field_and_what_was_found(self, field: str, value: object) -> None:
        with pytest.raises(ValueError, match=f"{field} must .*found .?{value}"):
            MUNITConfig(**{field: value})  # type: ignore[arg-type]

    def test_refuses_to_learn_nothing(self) -> None:
        with pytest.raises(ValueError, match="must be positive, found 0"):
            MUNITConfig(gan_weight=0, recon_x_weight=0, recon_s_weight=0, recon_c_weight=0)

    @pytest.mark.parametrize(("n_layers", "scales", "side"), [(4, 3, 61), (4, 2, 31), (3, 3, 29), (2, 1, 4)])
    def test_smallest_pictures(self, n_layers: int, scales: int, side: int) -> None:
        assert MUNITConfig(n_layers=n_layers, scales=scales).smallest_judged == side
