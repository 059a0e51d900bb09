from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Sequence

import pytest
import torch
from exact_spectral_norm import set_singular_vectors
from fingerprint import Digest, fill_by_sequence, input_by_sequence, sequence
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import resnet18

from i2ibench.models.iegan import IEGAN, Discriminator, Generator, IEGANConfig
from i2ibench.models.layers.iegan_encoder import IEGANEncoder
from i2ibench.models.layers.layer_instance_norm import ILN, AdaLIN
from i2ibench.models.method import Batch, Update

TINY = IEGANConfig(ch=4, trunk="untrained", n_res=1, n_dis=6)
NETWORKS = ("encoder_a", "encoder_b", "discriminator_a", "discriminator_b", "generator_a", "generator_b")
OF = {"encoders": NETWORKS[:2], "discriminators": NETWORKS[2:4], "generators": NETWORKS[4:]}
SIDE = 64


def make(config: IEGANConfig = TINY) -> IEGAN:
    torch.manual_seed(0)
    return IEGAN(config)


def tiny_batch(pictures: int = 2, side: int = SIDE, seed: int = 1) -> Batch:
    stream = torch.Generator().manual_seed(seed)
    source, target = (torch.rand(pictures, 3, side, side, generator=stream) * 2 - 1 for _ in range(2))
    return Batch(tuple(f"picture {i}" for i in range(pictures)), source, target)


def parameters(method: IEGAN, *names: str) -> list[Tensor]:
    return [p for name in names for p in method.get_submodule(name).parameters()]


def statistics(encoder: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in encoder.named_buffers() if "running" in name}


def perform(method: IEGAN, batch: Batch, *, stepping: bool = True) -> Iterator[Update]:
    """The least loop: zero, backward with respect to all parameters, step; yields each update before its step."""
    optimizers = method.optimizers()
    for update in method.updates(batch, 0):
        method.zero_grad()
        update.loss.backward()
        yield update
        if stepping:
            optimizers[update.optimizer].step()


class TestNetworks:
    def test_outputs_are_the_published_ones(self) -> None:
        """Against the published networks filled by rule, whose counts include what is not built here."""
        encoder, generator, judge = IEGANEncoder(), Generator(64, 2), Discriminator(64, 7)
        counts = [sum(p.numel() for p in network.parameters()) for network in (encoder, generator, judge)]
        classifier, fourth_fusion = 513_000, 22_912
        assert counts == [21_681_651 - classifier, 6_703_872 - fourth_fusion, 46_813_953]
        first = sequence(1).item()
        for network in (encoder, generator, judge):
            fill_by_sequence(network)
            network.double().eval()
        with torch.no_grad():
            for module in (*encoder.modules(), *generator.modules()):
                if isinstance(module, ILN | AdaLIN):
                    module.rho.copy_(3 * sequence(module.rho.numel()).reshape(-1, 2))
                if isinstance(module, ILN | nn.BatchNorm2d):
                    module.weight.add_(1)
            for parameter in encoder.parameters():
                if parameter.dim() == 0:
                    parameter.fill_(0.2 * first)
            generator.decoder[-1].modulation.shift.weight.mul_(-0.5)  # type: ignore[union-attr,operator]
            for name, parameter in judge.named_parameters():
                if name.endswith("bias"):
                    parameter.mul_(0.1)
            judge.attention.classifier.parametrizations["weight"].original.mul_(3)  # type: ignore[index,union-attr,operator]
            judge.attention.gate.fill_(0.2 * first)
            for part in (judge.features, judge.attention, judge.heads.shared, judge.heads.local_head):
                set_singular_vectors(part)  # those of the global head take long, and nothing here reads it
            features = encoder(input_by_sequence(1, 3, 96, 96))
            pictures, local = generator(features), judge(features[0])[0]
        values = (0.0, 0.0, 0.0, 0.1971825, 0.1418554, 0.8518079)
        Digest.by_sequence(features[2]).assert_close(Digest(9216, 0.7574326, 0.7574326, 0.9478772, values))
        values = (-0.807186, -0.5870908, -0.4348704, 0.1959745, -0.1037471, 0.1516447)
        Digest.by_sequence(pictures).assert_close(Digest(27648, -0.01680499, 0.4888616, 0.5572392, values))
        values = (-0.1151214, -0.1677668, -0.06449687, -0.03177915, -0.09737433, -0.06830758)
        Digest.by_sequence(local).assert_close(Digest(100, -0.1107314, 0.1131254, 0.06312928, values))

    def test_parts_have_the_published_parameters(self) -> None:
        with torch.device("meta"):
            generator, judge = Generator(64, 6), Discriminator(64, 7)

        def counts(parts: nn.ModuleList) -> list[int]:
            return [sum(p.numel() for p in part.parameters()) for part in parts]

        assert counts(generator.doublings) == [1_444_864, 361_984, 90_880]
        assert counts(generator.fusions) == [1_179_904, 295_040, 73_792]
        assert sum(p.numel() for part in generator.decoder[:2] for p in part.parameters()) == 148_736
        assert sum(p.numel() for p in judge.features.parameters()) == 73_856

    @pytest.mark.parametrize(("side", "local", "whole"), [(256, 30, 6), (128, 14, 2)])
    def test_shapes(self, side: int, local: int, whole: int) -> None:
        with torch.device("meta"):
            method, x = IEGAN(IEGANConfig()), torch.empty(1, 3, side, side)
            features = method.encoder_a(x)
            shapes = [(1, 64 << level, side >> level + 2, side >> level + 2) for level in range(4)]
            assert [one.shape for one in features] == shapes
            found = [answers.shape for answers in method.discriminator_a(features[0])]
            assert found == [(1, 1, local, local), (1, 1, whole, whole), (1, 1)]
            assert method.generator_b(features).shape == method.encoder_a.reconstruct(x).shape == x.shape

    def test_arithmetic_is_below_the_published_one(self) -> None:
        """Features and translations are made once for two updates, and decoded where that is trained alone."""

        def gflop(counter: FlopCounterMode) -> float:
            return counter.get_total_flops() / 1e9  # type: ignore[no-any-return]

        with torch.device("meta"):
            method, x = IEGAN(IEGANConfig()), torch.empty(1, 3, 128, 128)
            with FlopCounterMode(display=False) as counter:
                method.encoder_a.reconstruct(x)
            assert gflop(counter) == pytest.approx(12.7, abs=0.01)
            features = method.encoder_a(x)
            with FlopCounterMode(display=False) as counter:
                method.generator_a(features)
            assert gflop(counter) == pytest.approx(17.2, abs=0.03)
            with FlopCounterMode(display=False) as counter:
                method.discriminator_a(features[0])
            assert gflop(counter) + 2 * 128 * 128 * 32 * 32 / 1e9 == pytest.approx(2.58, abs=0.006)
            with FlopCounterMode(display=False) as counter:
                for update in method.updates(Batch(("a",), x, torch.empty_like(x)), 0):
                    torch.autograd.backward(update.loss, inputs=parameters(method, *OF[update.optimizer]))
            assert 0.74 * 585.4 < gflop(counter) < 0.75 * 585.4

    def test_encoders_begin_as_the_published_trunk(self) -> None:
        weights = resnet18().state_dict()
        method = IEGAN(IEGANConfig(n_res=1))
        assert list(method.pretrained()) == ["resnet18"]
        method.pretrained()["resnet18"](weights)
        for encoder in (method.encoder_a, method.encoder_b):
            assert all(torch.equal(value, weights[name]) for name, value in encoder.trunk.state_dict().items())
        assert not make().pretrained()
        with pytest.raises(ValueError, match="ResNet-18's trunk cannot take them"):
            method.load_trunks({"weight": torch.zeros(1)})


class ToyEncoder(nn.Module):
    """Two features: pictures times a number and times another; reconstructions: times a third. Counts its pictures."""

    def __init__(self, shallow: float, deep: float, own: float) -> None:
        super().__init__()
        self.shallow, self.deep, self.own = (nn.Parameter(torch.tensor(x)) for x in (shallow, deep, own))
        self.pictures = self.reconstructed = 0

    def forward(self, x: Tensor) -> list[Tensor]:
        self.pictures += len(x)
        return [self.shallow * x, self.deep * x]

    def reconstruct(self, x: Tensor) -> Tensor:
        self.reconstructed += len(x)
        return self.own * x


class ToyGenerator(nn.Module):
    def __init__(self, shallow: float, deep: float) -> None:
        super().__init__()
        self.shallow, self.deep = (nn.Parameter(torch.tensor(x)) for x in (shallow, deep))
        self.pictures = 0

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        self.pictures += len(features[0])
        return self.shallow * features[0] + self.deep * features[1]


class ToyJudge(nn.Module):
    def __init__(self, local: float, whole: float) -> None:
        super().__init__()
        self.local, self.whole = (nn.Parameter(torch.tensor(x)) for x in (local, whole))

    def forward(self, feature: Tensor) -> list[Tensor]:
        return [self.local * feature, self.whole * feature]


def toy(**settings: float) -> IEGAN:
    method = make(dataclasses.replace(TINY, **settings))  # type: ignore[arg-type]
    for name, network in (
        ("encoder_a", ToyEncoder(0.5, -0.2, 0.9)),
        ("encoder_b", ToyEncoder(1.5, 0.3, 0.4)),
        ("discriminator_a", ToyJudge(2.0, -1.0)),
        ("discriminator_b", ToyJudge(3.0, 0.4)),
        ("generator_a", ToyGenerator(1.2, 0.7)),
        ("generator_b", ToyGenerator(-0.9, 2.0)),
    ):
        setattr(method, name, network)
    return method


def constant(a: float, b: float) -> Batch:
    source, target = (torch.full((1, 3, 1, 1), value) for value in (a, b))
    return Batch(("picture",), source, target)


class TestLosses:
    def test_all_by_hand(self) -> None:
        a, b = 0.6, -0.3

        def to_a(shallow: float, deep: float) -> float:
            return 1.2 * shallow + 0.7 * deep

        def to_b(shallow: float, deep: float) -> float:
            return -0.9 * shallow + 2.0 * deep

        def of_a(x: float) -> tuple[float, float]:
            return 0.5 * x, -0.2 * x

        def of_b(x: float) -> tuple[float, float]:
            return 1.5 * x, 0.3 * x

        def judged(feature: float, local: float, whole: float, wanted: float) -> float:
            return (local * feature - wanted) ** 2 + (whole * feature - wanted) ** 2

        fake_a, fake_b = to_a(*of_b(b)), to_b(*of_a(a))
        expected = {
            "encoders": {"recon_encoder_a": abs(0.9 * a - a), "recon_encoder_b": abs(0.4 * b - b)},
            "discriminators": {
                "adv_discriminator_a": judged(of_a(a)[0], 2, -1, 1) + judged(of_a(fake_a)[0], 2, -1, 0),
                "adv_discriminator_b": judged(of_b(b)[0], 3, 0.4, 1) + judged(of_b(fake_b)[0], 3, 0.4, 0),
            },
            "generators": {
                "recon_a": abs(to_a(*of_a(a)) - a),
                "recon_b": abs(to_b(*of_b(b)) - b),
                "adv_a": judged(of_a(fake_a)[0], 2, -1, 1),
                "adv_b": judged(of_b(fake_b)[0], 3, 0.4, 1),
                "cycle_a": abs(to_a(*of_b(fake_b)) - a),
                "cycle_b": abs(to_b(*of_a(fake_a)) - b),
            },
        }
        weights = {"adv": 2, "cycle": 7, "recon": 3}
        updates = list(toy(adv_weight=2.0, cycle_weight=7.0, recon_weight=3.0).updates(constant(a, b), 0))
        assert [update.optimizer for update in updates] == list(expected)
        for update in updates:
            terms = expected[update.optimizer]
            assert {name: value.item() for name, value in update.logs.items()} == pytest.approx(terms, rel=1e-5)
            total = sum(weights[name.split("_")[0]] * value for name, value in terms.items())
            assert update.loss.item() == pytest.approx(total, rel=1e-5)

    @pytest.mark.parametrize(
        ("settings", "generated", "optimizers", "absent"),
        [
            ({}, 3, ["encoders", "discriminators", "generators"], set()),
            ({"cycle_weight": 0.0}, 2, ["encoders", "discriminators", "generators"], {"cycle"}),
            ({"adv_weight": 0.0}, 3, ["encoders", "generators"], {"adv"}),
        ],
    )
    def test_terms_without_weight_are_not_computed(
        self, settings: dict[str, float], generated: int, optimizers: list[str], absent: set[str]
    ) -> None:
        """A generator makes a fake, an own picture and a cycle; an encoder gives back reals, and reads reals, fakes."""
        method = toy(**settings)
        updates = list(method.updates(constant(0.6, -0.3), 0))
        assert [update.optimizer for update in updates] == optimizers
        assert method.generator_b.pictures == generated
        assert (method.encoder_a.reconstructed, method.encoder_a.pictures) == (1, 2)
        assert {name.split("_")[0] for name in updates[-1].logs} == {"adv", "cycle", "recon"} - absent


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
        assert order == ["encoders", "discriminators", "generators"]

    def test_encoders_learn_by_reconstruction_alone(self) -> None:
        """Each update gives its own networks gradients, and none to any other."""
        method = make()
        for update in perform(method, tiny_batch()):
            for name in NETWORKS:
                gradients = [p.grad for p in parameters(method, name)]
                assert all((gradient is not None) == (name in OF[update.optimizer]) for gradient in gradients)
        assert all(p.requires_grad for p in method.parameters())

    def test_generators_learn_through_the_frozen_encoders(self) -> None:
        method, batch = make(), tiny_batch()
        assert batch.target is not None
        passed = method.translated(batch.source, batch.target)
        losses = method.generator_losses(batch.source, batch.target, passed)
        for term in ("adv_b", "cycle_a"):  # of the fake of B, which encoder_b reads
            found = torch.autograd.grad(losses[term], parameters(method, "generator_b"), retain_graph=True)
            assert all(gradient.any() for gradient in found)
        assert not any(feature.requires_grad for feature in (*passed.real_a, *passed.real_b))

    def test_generators_read_features_of_the_encoders_after_their_step(self) -> None:
        method, batch = make(dataclasses.replace(TINY, lr=0.1)).train(), tiny_batch()
        read: list[list[Tensor]] = []
        method.generator_b.register_forward_hook(lambda _, inputs, __: read.append(inputs[0]))
        optimizer, updates = method.optimizers()["encoders"], method.updates(batch, 0)
        before = method.encoder_a(batch.source)[0].detach()
        next(updates).loss.backward()
        optimizer.step()
        moved = copy.deepcopy(method.encoder_a)
        next(updates)
        for found, expected in zip(read[0], moved(batch.source), strict=True):
            torch.testing.assert_close(found[:2], expected)
        assert not torch.allclose(read[0][0][:2], before)

    def test_gradients_are_those_of_the_published_sum(self) -> None:
        """Every pass apart, nothing frozen; in eval mode, or the power iterations would differ."""
        method, batch = make().double().eval(), tiny_batch()
        for name, parameter in method.named_parameters():
            if name.endswith("gate"):
                nn.init.constant_(parameter, 0.3)
        assert batch.target is not None
        x_a, x_b = batch.source.double(), batch.target.double()
        e_a, e_b, d_a, d_b, g_a, g_b = (method.get_submodule(name) for name in NETWORKS)

        def said(judge: nn.Module, feature: Tensor, wanted: float) -> Tensor:
            return torch.stack([((one - wanted) ** 2).mean() for one in judge(feature)]).sum()

        fake_b, fake_a = g_b(e_a(x_a)), g_a(e_b(x_b))
        losses = {
            "encoders": 10 * F.l1_loss(method.encoder_a.reconstruct(x_a), x_a)
            + 10 * F.l1_loss(method.encoder_b.reconstruct(x_b), x_b),
            "discriminators": said(d_a, e_a(x_a)[0].detach(), 1)
            + said(d_a, e_a(fake_a)[0].detach(), 0)
            + said(d_b, e_b(x_b)[0].detach(), 1)
            + said(d_b, e_b(fake_b)[0].detach(), 0),
            "generators": said(d_a, e_a(fake_a)[0], 1)
            + said(d_b, e_b(fake_b)[0], 1)
            + 10 * (F.l1_loss(g_a(e_b(fake_b)), x_a) + F.l1_loss(g_b(e_a(fake_a)), x_b))
            + 10 * (F.l1_loss(g_a(e_a(x_a)), x_a) + F.l1_loss(g_b(e_b(x_b)), x_b)),
        }
        expected = {
            name: torch.autograd.grad(loss, parameters(method, *OF[name]), retain_graph=True)
            for name, loss in losses.items()
        }
        for update in method.updates(dataclasses.replace(batch, source=x_a, target=x_b), 0):  # none is performed
            found = torch.autograd.grad(update.loss, parameters(method, *OF[update.optimizer]))
            for ours, theirs in zip(found, expected[update.optimizer], strict=True):
                torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)  # judgements are of float32

    def test_running_statistics_are_those_of_the_published_passes(self) -> None:
        """Of each encoder: a real when it learns, then real and fake for discriminators, then both for generators."""
        method, other, batch = make().train(), make().train(), tiny_batch(1)
        list(perform(method, batch, stepping=False))
        assert batch.target is not None
        with torch.no_grad():
            other.encoder_a.reconstruct(batch.source)
            other.encoder_b.reconstruct(batch.target)
            for _ in range(2):
                real_a, real_b = other.encoder_a(batch.source), other.encoder_b(batch.target)
                fake_a, fake_b = other.generator_a(real_b), other.generator_b(real_a)
                other.encoder_a(fake_a), other.encoder_b(fake_b)
        for name in NETWORKS[:2]:
            found, expected = (statistics(one.get_submodule(name)) for one in (method, other))
            assert found
            for key, value in expected.items():
                torch.testing.assert_close(found[key], value, rtol=1e-4, atol=1e-5)
        norms = [module for module in method.modules() if isinstance(module, nn.BatchNorm2d)]
        assert all(norm.momentum == 0.1 for norm in norms)

    def test_frozen_statistics_never_move(self) -> None:
        method = make(dataclasses.replace(TINY, frozen_statistics=True)).train()
        before = statistics(method)
        list(perform(method, tiny_batch()))
        assert before
        assert all(torch.equal(value, before[name]) for name, value in statistics(method).items())

    def test_needs_targets(self) -> None:
        with pytest.raises(ValueError, match="iegan reads targets"):
            next(make().updates(Batch(("a",), torch.zeros(1, 3, SIDE, SIDE)), 0))

    def test_learns_two_pictures_of_each_domain(self) -> None:
        method = make(dataclasses.replace(TINY, ch=8, lr=2e-3, adv_weight=0.1)).train()
        coarse = tiny_batch(side=4)
        source, target = (F.interpolate(x, (SIDE, SIDE), mode="bilinear") for x in (coarse.source, coarse.target))  # type: ignore[arg-type]
        optimizers, logs = method.optimizers(), []
        for step in range(25):
            seen: dict[str, float] = {}
            for update in method.updates(Batch(coarse.names, source, target), step):
                optimizers[update.optimizer].zero_grad()
                update.loss.backward()
                optimizers[update.optimizer].step()
                seen |= {name: value.item() for name, value in update.logs.items()}
            logs.append(seen)
        for term in ("recon_encoder", "recon", "cycle"):
            assert all(logs[-1][f"{term}_{domain}"] < 0.7 * logs[0][f"{term}_{domain}"] for domain in "ab")


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
        encoder = method.get_submodule(f"encoder_{ours}").eval()
        torch.testing.assert_close(found, method.get_submodule(f"generator_{theirs}")(encoder(batch.source)))

    def test_reads_running_statistics_and_leaves_the_method_alone(self) -> None:
        method, batch = make().train(), tiny_batch(3)
        list(perform(method, batch))
        before = {name: value.clone() for name, value in method.state_dict().items()}
        together = method.translate(batch, seed=0)
        alone = torch.cat([method.translate(batch[i], seed=0) for i in range(3)])
        torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
        assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())
        assert all(module.training for module in method.modules())


class TestConfig:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("ch", 32),
            ("trunk", "resnet50"),
            ("n_res", 0),
            ("n_dis", 5),
            ("adv_weight", -1.0),
            ("cycle_weight", -1.0),
            ("recon_weight", 0.0),
            ("weight_decay", -1.0),
            ("constant_share", 1.0),
            ("lr", 0.0),
            ("beta1", 1.0),
            ("load_scale", 0.5),
            ("direction", "up"),
        ],
    )
    def test_refuses_naming_the_field_and_what_was_found(self, field: str, value: object) -> None:
        with pytest.raises(ValueError, match=f"{field} must .*found .?{value}"):
            IEGANConfig(**{field: value})  # type: ignore[arg-type]

    @pytest.mark.parametrize(("n_dis", "side"), [(7, 96), (6, 64)])
    def test_smallest_pictures(self, n_dis: int, side: int) -> None:
        assert IEGANConfig(n_dis=n_dis).smallest == side
