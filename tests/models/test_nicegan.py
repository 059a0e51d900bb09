from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
import torch
from exact_spectral_norm import set_singular_vectors
from fingerprint import Digest, fill_by_sequence, input_by_sequence, sequence
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from i2ibench.models.layers.layer_instance_norm import ILN, AdaLIN
from i2ibench.models.method import Batch, Update
from i2ibench.models.nicegan import NICEGAN, Discriminator, Encoded, Generator, NICEGANConfig

TINY = NICEGANConfig(ch=4, n_res=1, n_dis=6)
NETWORKS = ("discriminator_a", "discriminator_b", "generator_a", "generator_b")
OF = {"discriminators": NETWORKS[:2], "generators": NETWORKS[2:]}
SIDE = 48
"""The least that discriminators of six layers can judge."""


def make(config: NICEGANConfig = TINY, side: int = SIDE) -> NICEGAN:
    torch.manual_seed(0)
    return NICEGAN(config, side, side)


def tiny_batch(pictures: int = 2, side: int = SIDE, seed: int = 1) -> Batch:
    stream = torch.Generator().manual_seed(seed)
    source, target = (torch.rand(pictures, 3, side, side, generator=stream) * 2 - 1 for _ in range(2))
    return Batch(tuple(f"picture {i}" for i in range(pictures)), source, target)


def parameters(method: NICEGAN, *names: str) -> list[Tensor]:
    return [p for name in names for p in method.get_submodule(name).parameters()]


def encoder_of(discriminator: Discriminator) -> list[Tensor]:
    return [*discriminator.features.parameters(), *discriminator.attention.parameters()]


def perform(method: NICEGAN, batch: Batch) -> Iterator[Update]:
    """The least loop: zero, backward with respect to all parameters, step; yields each update before its step."""
    optimizers = method.optimizers()
    for update in method.updates(batch, 0):
        method.zero_grad()
        update.loss.backward()
        yield update
        optimizers[update.optimizer].step()


class TestNetworks:
    def test_outputs_are_the_published_ones(self) -> None:
        """Against the published networks filled by rule."""
        judge, generator = Discriminator(16, 7), Generator(32, 64, 2)
        assert sum(p.numel() for p in judge.parameters()) == 2_938_833
        assert sum(p.numel() for p in generator.parameters()) == 214_192
        for network in (judge, generator):
            fill_by_sequence(network)
            network.double().eval()
        with torch.no_grad():
            for module in generator.modules():
                if isinstance(module, ILN | AdaLIN):
                    module.rho.copy_(3 * sequence(module.rho.numel()).reshape(-1, 2))
                if isinstance(module, ILN):
                    module.weight.add_(1)
            generator[-1].modulation.shift.weight.mul_(-0.5)
            for name, parameter in judge.named_parameters():
                if name.endswith("bias"):
                    parameter.mul_(0.1)
            judge.attention.classifier.parametrizations["weight"].original.mul_(3)  # type: ignore[index,union-attr,operator]
            judge.attention.gate.fill_(0.2 * sequence(1).item())
            set_singular_vectors(judge)
            encoded = judge.encode(4 * input_by_sequence(2, 3, 96, 96))
            local = judge.judge(encoded)[0]
            pictures = generator(encoded.code)
        values = (0.1030233, 1.133702, -0.09441794, 1.164774, 0.06633462, -0.06666923)
        Digest.by_sequence(encoded.code).assert_close(Digest(36864, 0.320659, 0.3534904, 0.5252753, values))
        values = (-0.1138779, -0.1085715, 0.04445734, 0.1679815, -0.1117537, 0.01445747)
        Digest.by_sequence(local).assert_close(Digest(200, -0.1132052, 0.1360057, 0.129972, values))
        values = (-0.04536883, -0.6922446, 0.62537, 0.2431283, -0.9268228, -0.3843653)
        Digest.by_sequence(pictures).assert_close(Digest(55296, -0.257466, 0.3723208, 0.3618115, values))

    @pytest.mark.parametrize(("side", "code", "local", "whole"), [(256, 64, 30, 6), (128, 32, 14, 2)])
    def test_shapes(self, side: int, code: int, local: int, whole: int) -> None:
        with torch.device("meta"):
            judge, x = Discriminator(64, 7), torch.empty(1, 3, side, side)
            encoded = judge.encode(x)
            assert encoded.code.shape == (1, 128, code, code)
            found = [answers.shape for answers in judge.judge(encoded)]
            assert found == [(1, 1, local, local), (1, 1, whole, whole), (1, 1)]
            assert NICEGAN(NICEGANConfig(), side, side).generator_b(encoded.code).shape == x.shape

    def test_at_first_the_slope_is_taken_twice(self) -> None:
        judge = Discriminator(4, 6).eval()
        x = torch.randn(1, 3, 48, 48)
        features = judge.features(x)
        torch.testing.assert_close(judge.encode(x).code, F.leaky_relu(features, 0.2))
        assert (features < 0).any()

    @pytest.mark.parametrize(
        ("n_dis", "local", "whole"),
        [(7, 70, 286), (6, 34, 142)],
    )
    def test_heads_see(self, n_dis: int, local: int, whole: int) -> None:
        with torch.device("meta"):
            judge = Discriminator(2, n_dis)
        for head, expected in ((judge.heads.local_head, local), (judge.heads.global_head, whole)):
            seen, stride = 1, 1
            for part in (judge.features, judge.heads.shared, head):
                for layer in part.modules():
                    if isinstance(layer, nn.Conv2d):
                        seen += (layer.kernel_size[0] - 1) * stride
                        stride *= layer.stride[0]
            assert seen == expected

    @pytest.mark.parametrize(("light", "forward", "step"), [(True, 16.9, 393.3), (False, 17.0, 396.0)])
    def test_arithmetic_is_below_the_published_one(self, light: bool, forward: float, step: float) -> None:
        """The attention's kernel is weighed, not copies of features; what is not judged is encoded alone."""
        with torch.device("meta"):
            method, x = NICEGAN(NICEGANConfig(light=light), 128, 128), torch.empty(1, 3, 128, 128)
            batch = Batch(("a",), x, torch.empty_like(x))
            with FlopCounterMode(display=False) as counter:
                code = method.discriminator_a.encode(x)
                method.discriminator_a.judge(code)
            saved = 2 * 128 * 128 * 32 * 32
            assert (counter.get_total_flops() + saved) / 1e9 == pytest.approx(2.72, abs=0.006)
            with FlopCounterMode(display=False) as counter:
                method.generator_a(code.code)
            assert counter.get_total_flops() / 1e9 == pytest.approx(forward, abs=0.06)
            with FlopCounterMode(display=False) as counter:
                for update in method.updates(batch, 0):
                    torch.autograd.backward(update.loss, inputs=parameters(method, *OF[update.optimizer]))
            assert 0.95 * step < counter.get_total_flops() / 1e9 < 0.98 * step

    def test_sizes_of_the_full_version(self) -> None:
        method = make(dataclasses.replace(TINY, light=False))
        assert method.generator_a[-1].modulation.first.weight.shape == (16, 16 * 12 * 12)
        with pytest.raises(ValueError, match=r"at 144 positions.*found 256"):
            method.translate(tiny_batch(side=64), seed=0)
        assert make().translate(tiny_batch(side=64), seed=0).shape == (2, 3, 64, 64)


class ToyJudge(nn.Module):
    """Codes: pictures times a number; answers: the code times two others, and its mean. Counts what it is asked."""

    def __init__(self, encoder: float, local: float, whole: float) -> None:
        super().__init__()
        self.encoder, self.local, self.whole = (nn.Parameter(torch.tensor(x)) for x in (encoder, local, whole))
        self.encoded = self.judged = 0

    def encode(self, x: Tensor) -> Encoded:
        self.encoded += len(x)
        return Encoded(self.encoder * x, (self.encoder * x).mean((1, 2, 3))[:, None])

    def judge(self, encoded: Encoded) -> list[Tensor]:
        self.judged += len(encoded.code)
        return [self.local * encoded.code, self.whole * encoded.code, encoded.logits]


class Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor, self.pictures = nn.Parameter(torch.tensor(factor)), 0

    def forward(self, x: Tensor) -> Tensor:
        self.pictures += len(x)
        return self.factor * x


def toy(**settings: float) -> NICEGAN:
    method = make(dataclasses.replace(TINY, **settings))  # type: ignore[arg-type]
    for name, network in (
        ("discriminator_a", ToyJudge(0.5, 2.0, -1.0)),
        ("discriminator_b", ToyJudge(-0.7, 3.0, 0.4)),
        ("generator_a", Times(1.2)),
        ("generator_b", Times(-0.9)),
    ):
        setattr(method, name, network)
    return method


def constant(a: float, b: float) -> Batch:
    source, target = (torch.full((1, 3, 1, 1), value) for value in (a, b))
    return Batch(("picture",), source, target)


class TestLosses:
    def test_all_by_hand(self) -> None:
        a, b = 0.6, -0.3
        code_a, code_b = 0.5 * a, -0.7 * b
        fake_b, fake_a = -0.9 * code_a, 1.2 * code_b

        def judged(code: float, local: float, whole: float, wanted: float) -> float:
            return (local * code - wanted) ** 2 + (whole * code - wanted) ** 2 + (code - wanted) ** 2

        first, second = toy(adv_weight=2.0, cycle_weight=7.0, recon_weight=3.0).updates(constant(a, b), 0)
        expected = {
            "discriminator_a": judged(code_a, 2, -1, 1) + judged(0.5 * fake_a, 2, -1, 0),
            "discriminator_b": judged(code_b, 3, 0.4, 1) + judged(-0.7 * fake_b, 3, 0.4, 0),
        }
        assert {name: value.item() for name, value in first.logs.items()} == pytest.approx(expected, rel=1e-5)
        assert first.loss.item() == pytest.approx(2 * sum(expected.values()), rel=1e-5)
        expected = {
            "adv_a": judged(0.5 * fake_a, 2, -1, 1),
            "adv_b": judged(-0.7 * fake_b, 3, 0.4, 1),
            "cycle_a": abs(1.2 * -0.7 * fake_b - a),
            "cycle_b": abs(-0.9 * 0.5 * fake_a - b),
            "recon_a": abs(1.2 * code_a - a),
            "recon_b": abs(-0.9 * code_b - b),
        }
        assert {name: value.item() for name, value in second.logs.items()} == pytest.approx(expected, rel=1e-5)
        weights = {"adv": 2, "cycle": 7, "recon": 3}
        total = sum(weights[name.split("_")[0]] * value for name, value in expected.items())
        assert second.loss.item() == pytest.approx(total, rel=1e-5)

    @pytest.mark.parametrize(
        ("settings", "generated", "absent"),
        [({}, 4, set()), ({"recon_weight": 0.0}, 3, {"recon"}), ({"cycle_weight": 0.0}, 3, {"cycle"})],
    )
    def test_terms_without_weight_are_not_computed(
        self, settings: dict[str, float], generated: int, absent: set[str]
    ) -> None:
        """A generator makes a fake for each update, an own picture and a cycle."""
        method = toy(**settings)
        *_, last = method.updates(constant(0.6, -0.3), 0)
        assert method.generator_b.pictures == generated
        assert {name.split("_")[0] for name in last.logs} == {"adv", "cycle", "recon"} - absent

    def test_reals_are_encoded_once_an_update_and_judged_in_the_discriminators_alone(self) -> None:
        method = toy()
        list(method.updates(constant(0.6, -0.3), 0))
        assert method.discriminator_a.encoded == 4
        assert method.discriminator_a.judged == 3


class TestUpdates:
    def test_order_and_what_each_step_moves(self) -> None:
        method, seen, order = make(), list[str](), list[str]()
        before = {name: [p.clone() for p in parameters(method, name)] for name in NETWORKS}
        optimizers = method.optimizers()
        for update in method.updates(tiny_batch(), 0):
            optimizers[update.optimizer].zero_grad()
            update.loss.backward()
            optimizers[update.optimizer].step()
            order.append(update.optimizer)
            seen += OF[update.optimizer]
            for name in NETWORKS:
                pairs = zip(parameters(method, name), before[name], strict=True)
                assert any(not torch.equal(*pair) for pair in pairs) == (name in seen)
        assert order == ["discriminators", "generators"]

    def test_encoders_learn_by_what_discriminators_lose_alone(self) -> None:
        method = make()
        for update in perform(method, tiny_batch()):
            for name in NETWORKS:
                gradients = [p.grad for p in parameters(method, name)]
                assert all((gradient is not None) == (name in OF[update.optimizer]) for gradient in gradients)
            of_encoders = [p.grad for p in encoder_of(method.discriminator_a)]
            if update.optimizer == "discriminators":
                assert any(gradient.any() for gradient in of_encoders if gradient is not None)
        assert all(p.requires_grad for p in method.parameters())

    def test_cycles_reach_the_translating_generator_through_the_other_domains_encoder(self) -> None:
        method, batch = make(), tiny_batch()
        method.discriminator_b.requires_grad_(False)
        assert batch.target is not None
        losses = method.generator_losses(batch.source, batch.target)
        # A's cycle begins with generator_b, whose translation discriminator_b encodes for generator_a
        found = torch.autograd.grad(losses["cycle_a"], parameters(method, "generator_b"))
        assert all(gradient.any() for gradient in found)

    def test_generators_read_codes_of_the_encoders_after_their_step(self) -> None:
        def persuaded(lr: float) -> float:
            *_, last = perform(make(dataclasses.replace(TINY, lr=lr)), tiny_batch())
            return last.logs["recon_a"].item()

        assert persuaded(1e-6) == pytest.approx(persuaded(1e-7), rel=1e-3)
        assert persuaded(1e-1) != pytest.approx(persuaded(1e-7), rel=1e-3)

    def test_gradients_are_those_of_the_published_sum(self) -> None:
        """Every pass apart, nothing frozen; in eval mode, or the power iterations would differ."""
        method, batch = make().double().eval(), tiny_batch()
        nn.init.constant_(method.discriminator_a.attention.gate, 0.3)
        nn.init.constant_(method.discriminator_b.attention.gate, -0.3)
        assert batch.target is not None
        x_a, x_b = batch.source.double(), batch.target.double()
        d_a, d_b, g_a, g_b = (method.get_submodule(name) for name in NETWORKS)

        def said(judge: nn.Module, x: Tensor, wanted: float) -> Tensor:
            return torch.stack([((one - wanted) ** 2).mean() for one in judge.judge(judge.encode(x))]).sum()  # type: ignore[operator]

        def code(judge: nn.Module, x: Tensor) -> Tensor:
            return judge.encode(x).code  # type: ignore[no-any-return,operator]

        fake_b, fake_a = g_b(code(d_a, x_a)), g_a(code(d_b, x_b))
        of_discriminators = (
            said(d_a, x_a, 1) + said(d_a, fake_a.detach(), 0) + said(d_b, x_b, 1) + said(d_b, fake_b.detach(), 0)
        )
        of_generators = (
            said(d_a, fake_a, 1)
            + said(d_b, fake_b, 1)
            + 10 * (F.l1_loss(g_a(code(d_b, fake_b)), x_a) + F.l1_loss(g_b(code(d_a, fake_a)), x_b))
            + 10 * (F.l1_loss(g_a(code(d_a, x_a)), x_a) + F.l1_loss(g_b(code(d_b, x_b)), x_b))
        )
        expected = {
            name: torch.autograd.grad(loss, parameters(method, *OF[name]))
            for name, loss in (("discriminators", of_discriminators), ("generators", of_generators))
        }
        for update in method.updates(dataclasses.replace(batch, source=x_a, target=x_b), 0):  # none is performed
            found = torch.autograd.grad(update.loss, parameters(method, *OF[update.optimizer]))
            for ours, theirs in zip(found, expected[update.optimizer], strict=True):
                torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)  # judgements are of float32

    def test_needs_targets(self) -> None:
        with pytest.raises(ValueError, match="nicegan reads targets"):
            next(make().updates(Batch(("a",), torch.zeros(1, 3, SIDE, SIDE)), 0))

    def test_learns_two_pictures_of_each_domain(self) -> None:
        method = make(dataclasses.replace(TINY, ch=8, lr=2e-3, adv_weight=0.1))
        coarse = tiny_batch(side=4)
        source, target = (F.interpolate(x, (SIDE, SIDE), mode="bilinear") for x in (coarse.source, coarse.target))  # type: ignore[arg-type]
        optimizers, logs = method.optimizers(), []
        for step in range(25):
            for update in method.updates(Batch(coarse.names, source, target), step):
                optimizers[update.optimizer].zero_grad()
                update.loss.backward()
                optimizers[update.optimizer].step()
            logs.append({name: value.item() for name, value in update.logs.items()})
        for term in ("cycle", "recon"):
            assert all(logs[-1][f"{term}_{domain}"] < 0.6 * logs[0][f"{term}_{domain}"] for domain in "ab")


class TestSchedule:
    @pytest.mark.parametrize(("fraction", "rate"), [(0, 1e-4), (0.5, 1e-4), (0.75, 5e-5), (1.0, 0.0)])
    def test_rates(self, fraction: float, rate: float) -> None:
        method = make()
        for optimizer in OF:
            assert 1e-4 * method.learning_rate(optimizer, 0, fraction) == pytest.approx(rate)

    def test_adams(self) -> None:
        method = make()
        assert list(method.optimizers()) == list(OF)
        for name, optimizer in method.optimizers().items():
            assert type(optimizer) is torch.optim.Adam
            (group,) = optimizer.param_groups
            assert (group["lr"], group["betas"], group["weight_decay"]) == (1e-4, (0.5, 0.999), 1e-4)
            assert {id(p) for p in group["params"]} == {id(p) for p in parameters(method, *OF[name])}


class TestTranslation:
    @pytest.mark.parametrize(("direction", "ours", "theirs"), [("forward", "a", "b"), ("backward", "b", "a")])
    def test_is_by_one_domains_encoder_and_the_others_generator(self, direction: str, ours: str, theirs: str) -> None:
        method, batch = make(dataclasses.replace(TINY, direction=direction)), tiny_batch()  # type: ignore[arg-type]
        found = method.translate(dataclasses.replace(batch, target=None), seed=0)
        encoder = method.get_submodule(f"discriminator_{ours}").eval()
        expected = method.get_submodule(f"generator_{theirs}")(encoder.encode(batch.source).code)  # type: ignore[operator]
        torch.testing.assert_close(found, expected)

    def test_iterates_no_spectral_norm_and_leaves_modes_alone(self) -> None:
        method, batch = make().train(), tiny_batch()
        before = {name: value.clone() for name, value in method.state_dict().items()}
        method.translate(batch, seed=0)
        assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())
        assert all(module.training for module in method.modules())
        list(method.updates(batch, 0))
        assert any(not torch.equal(value, before[name]) for name, value in method.state_dict().items())


class TestConfig:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("ch", 0),
            ("n_res", 0),
            ("n_dis", 5),
            ("adv_weight", 0.0),
            ("cycle_weight", -1.0),
            ("recon_weight", -1.0),
            ("weight_decay", -1.0),
            ("constant_share", -0.5),
            ("lr", 0.0),
            ("beta1", 1.0),
            ("load_scale", 0.5),
            ("direction", "up"),
        ],
    )
    def test_refuses_naming_the_field_and_what_was_found(self, field: str, value: object) -> None:
        with pytest.raises(ValueError, match=f"{field} must .*found .?{value}"):
            NICEGANConfig(**{field: value})  # type: ignore[arg-type]

    @pytest.mark.parametrize(("n_dis", "side"), [(7, 96), (6, 48), (8, 192)])
    def test_smallest_pictures(self, n_dis: int, side: int) -> None:
        assert NICEGANConfig(n_dis=n_dis).smallest == side
