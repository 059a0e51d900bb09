from __future__ import annotations

import dataclasses
import math
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
from i2ibench.models.ugatit import UGATIT, Discriminator, Generator, UGATITConfig

TINY = UGATITConfig(ch=4, n_res=1, light=True, global_layers=4, local_layers=3)
NETWORKS = ("generator_ab", "generator_ba", "discriminators_a", "discriminators_b")
OF = {"discriminators": NETWORKS[2:], "generators": NETWORKS[:2]}


def make(config: UGATITConfig = TINY, side: int = 16) -> UGATIT:
    torch.manual_seed(0)
    return UGATIT(config, side, side)


def tiny_batch(pictures: int = 2, side: int = 16, seed: int = 1) -> Batch:
    stream = torch.Generator().manual_seed(seed)
    source, target = (torch.rand(pictures, 3, side, side, generator=stream) * 2 - 1 for _ in range(2))
    return Batch(tuple(f"picture {i}" for i in range(pictures)), source, target)


def parameters(method: UGATIT, *names: str) -> list[Tensor]:
    return [p for name in names for p in method.get_submodule(name).parameters()]


def perform(method: UGATIT, batch: Batch) -> Iterator[Update]:
    """The least loop: zero, backward with respect to all parameters, step; yields each update before its step."""
    optimizers = method.optimizers()
    for update in method.updates(batch, 0):
        method.zero_grad()
        update.loss.backward()
        yield update
        optimizers[update.optimizer].step()


class TestNetworks:
    """Against the published networks filled by rule."""

    def test_generator_answers_as_the_published_one(self) -> None:
        network = Generator(16, 2, None)
        assert sum(p.numel() for p in network.parameters()) == 370_864
        fill_by_sequence(network)
        with torch.no_grad():
            for module in network.modules():
                if isinstance(module, ILN | AdaLIN):
                    module.rho.copy_(0.5 + 0.5 * sequence(len(module.rho)))
                if isinstance(module, ILN):
                    module.weight.add_(1)
            network.decoder.modulation.shift.weight.mul_(-0.5)
            network.attention.maximum.weight.mul_(-0.5)
            found = network.double()(input_by_sequence(2, 3, 96, 96))[0]
        values = (-0.2472075, -0.05427874, -0.2940341, -0.9245503, -0.9788508, -0.9773356)
        Digest.by_sequence(found).assert_close(Digest(55296, -0.2342346, 0.3767721, 0.3895316, values))

    @pytest.mark.parametrize(
        ("layers", "parameters", "expected"),
        [
            (
                5,
                208_240,
                Digest(
                    200,
                    -0.05581281,
                    0.05581281,
                    0.009522581,
                    (-0.05707905, -0.04680083, -0.05392507, -0.04846109, -0.06557764, -0.04779106),
                ),
            ),
            (
                7,
                3_329_264,
                Digest(2, -0.008032723, 0.008032723, 0.003619342, (-0.01165206, -0.004413381, -0.004413381)),
            ),
        ],
    )
    def test_discriminators_answer_as_the_published_ones(self, layers: int, parameters: int, expected: Digest) -> None:
        network = Discriminator(16, layers)
        assert sum(p.numel() for p in network.parameters()) == parameters
        fill_by_sequence(network)
        network.double().eval()
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                if name.endswith("bias"):
                    parameter.mul_(0.1)
            network.attention.maximum.parametrizations["weight"].original.mul_(-0.5)  # type: ignore[index,union-attr,operator]
            set_singular_vectors(network)
            found = network(4 * input_by_sequence(2, 3, 96, 96))[0]
        Digest.by_sequence(found).assert_close(expected)

    @pytest.mark.parametrize(("index", "logits"), [(0, 2), (1, 14)])
    def test_discriminators_maps(self, index: int, logits: int) -> None:
        with torch.device("meta"):
            method = UGATIT(UGATITConfig(light=True), 128, 128)
            for judges in (method.discriminators_a, method.discriminators_b):
                patches, said = judges[index](torch.empty(1, 3, 128, 128))
                assert (patches.shape, said.shape) == ((1, 1, logits, logits), (1, 2))

    @pytest.mark.parametrize(("layers", "seen"), [(7, 286), (6, 142), (5, 70), (4, 34)])
    def test_discriminators_see(self, layers: int, seen: int) -> None:
        with torch.device("meta"):
            judge = Discriminator(2, layers)
        field, stride = 1, 1
        for layer in judge.modules():
            if isinstance(layer, nn.Conv2d):
                field += (layer.kernel_size[0] - 1) * stride
                stride *= layer.stride[0]
        assert field == seen

    def test_arithmetic_is_below_the_published_one(self) -> None:
        """The attentions' kernels are weighed, not copies of features; translations are made once."""

        def counted(work: object) -> float:
            with FlopCounterMode(display=False) as counter:
                work()  # type: ignore[operator]
            return counter.get_total_flops() / 1e9  # type: ignore[no-any-return]

        with torch.device("meta"):
            x = torch.empty(1, 3, 128, 128)
            batch = Batch(("a",), x, torch.empty_like(x))
            for light, forward, step in ((True, 26.3, 692.9), (False, 26.4, 696.1)):
                method = UGATIT(UGATITConfig(light=light), 128, 128)
                saved = 2 * 256 * 256 * 32 * 32 / 1e9
                found = counted(lambda method=method: method.generator_ab(x))
                assert found + saved == pytest.approx(forward, abs=0.06)

                def take(method: UGATIT = method) -> None:
                    for update in method.updates(batch, 0):
                        torch.autograd.backward(update.loss, inputs=parameters(method, *OF[update.optimizer]))

                assert 0.7 * step < counted(take) < 0.76 * step
            known = ((1.85, 2048, 3), (1.75, 512, 15))
            for judge, (published, width, side) in zip(method.discriminators_a, known, strict=True):
                saved = 2 * width * width * side * side / 1e9
                assert counted(lambda judge=judge: judge(x)) + saved == pytest.approx(published, abs=0.006)

    def test_sizes_of_the_full_version(self) -> None:
        method = make(dataclasses.replace(TINY, light=False))
        assert method.generator_ab.decoder.modulation.first.weight.shape == (16, 16 * 4 * 4)
        with pytest.raises(ValueError, match=r"at 16 positions.*found 36"):
            method.translate(tiny_batch(side=24), seed=0)
        assert make().translate(tiny_batch(side=24), seed=0).shape == (2, 3, 24, 24)


class Times(nn.Module):
    """A generator: pictures times a number, and logits that are their mean times another. Counts its pictures."""

    def __init__(self, factor: float, classifier: float) -> None:
        super().__init__()
        self.factor, self.classifier = nn.Parameter(torch.tensor(factor)), nn.Parameter(torch.tensor(classifier))
        self.pictures = 0

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        self.pictures += len(x)
        return self.factor * x, self.classifier * x.mean((1, 2, 3))[:, None].expand(-1, 2)


def toy(**settings: float) -> UGATIT:
    """Generators that multiply by 0.5 and -0.8, judges by 2 and 3 of B and by -1 and 4 of A."""
    method = make(dataclasses.replace(TINY, **settings))  # type: ignore[arg-type]
    method.generator_ab, method.generator_ba = Times(0.5, 0.7), Times(-0.8, 1.5)  # type: ignore[assignment]
    method.discriminators_b = nn.ModuleList([Times(2.0, 1.0), Times(3.0, -2.0)])
    method.discriminators_a = nn.ModuleList([Times(-1.0, 0.5), Times(4.0, 2.0)])
    return method


def constant(a: float, b: float) -> Batch:
    source, target = (torch.full((1, 3, 1, 1), value) for value in (a, b))
    return Batch(("picture",), source, target)


class TestLosses:
    def test_all_by_hand(self) -> None:
        a, b = 0.6, -0.3
        fake_b, fake_a = 0.5 * a, -0.8 * b
        factors = {"b": (2.0, 1.0, 3.0, -2.0), "a": (-1.0, 0.5, 4.0, 2.0)}

        def judged(domain: str, picture: float, wanted: float) -> float:
            return sum((factor * picture - wanted) ** 2 for factor in factors[domain])

        def softplus(x: float) -> float:
            return math.log1p(math.exp(x))

        first, second = toy(adv_weight=2.0, cycle_weight=7.0, identity_weight=3.0, cam_weight=100.0).updates(
            constant(a, b), 0
        )
        expected = {
            "discriminators_a": judged("a", a, 1) + judged("a", fake_a, 0),
            "discriminators_b": judged("b", b, 1) + judged("b", fake_b, 0),
        }
        assert {name: value.item() for name, value in first.logs.items()} == pytest.approx(expected, rel=1e-5)
        assert first.loss.item() == pytest.approx(2 * sum(expected.values()), rel=1e-5)
        expected = {
            "adv_a": judged("a", fake_a, 1),
            "adv_b": judged("b", fake_b, 1),
            "cycle_a": abs(-0.8 * fake_b - a),
            "cycle_b": abs(0.5 * fake_a - b),
            "identity_a": abs(-0.8 * a - a),
            "identity_b": abs(0.5 * b - b),
            "cam_a": softplus(-1.5 * b) + softplus(1.5 * a),  # its sources are B's
            "cam_b": softplus(-0.7 * a) + softplus(0.7 * b),
        }
        assert {name: value.item() for name, value in second.logs.items()} == pytest.approx(expected, rel=1e-5)
        weights = {"adv": 2, "cycle": 7, "identity": 3, "cam": 100}
        total = sum(weights[name.split("_")[0]] * value for name, value in expected.items())
        assert second.loss.item() == pytest.approx(total, rel=1e-5)

    @pytest.mark.parametrize(
        ("settings", "pictures", "absent"),
        [
            ({}, (3, 3), set()),
            ({"identity_weight": 0.0}, (3, 3), {"identity"}),
            ({"cam_weight": 0.0}, (3, 3), {"cam"}),
            ({"identity_weight": 0.0, "cam_weight": 0.0}, (2, 3), {"identity", "cam"}),
            ({"cycle_weight": 0.0}, (2, 3), {"cycle"}),
            ({"adv_weight": 0.0}, (3, 0), {"adv"}),
        ],
    )
    def test_terms_without_weight_are_not_computed(
        self, settings: dict[str, float], pictures: tuple[int, int], absent: set[str]
    ) -> None:
        """A generator translates sources, own pictures and cycles; a judge sees a real and a fake, then that again."""
        method = toy(**settings)
        *_, last = method.updates(constant(0.6, -0.3), 0)
        assert (method.generator_ab.pictures, method.discriminators_b[0].pictures) == pictures
        assert {name.split("_")[0] for name in last.logs} == {"adv", "cycle", "identity", "cam"} - absent


class TestUpdates:
    def test_order_and_what_each_step_moves(self) -> None:
        method, seen = make(), list[str]()
        before = {name: [p.clone() for p in parameters(method, name)] for name in NETWORKS}
        optimizers, order = method.optimizers(), list[str]()
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

    def test_nothing_that_is_not_trained_gets_a_gradient(self) -> None:
        method = make()
        for update in perform(method, tiny_batch()):
            for name in NETWORKS:
                gradients = [p.grad for p in parameters(method, name)]
                assert all((gradient is not None) == (name in OF[update.optimizer]) for gradient in gradients)
        assert all(p.requires_grad for p in method.parameters())

    def test_shares_are_clamped_after_the_generators_step(self) -> None:
        method = make(dataclasses.replace(TINY, lr=1.0))
        shares = [module.rho for module in method.modules() if isinstance(module, ILN | AdaLIN)]
        assert len(shares) == 2 * (2 + 2)
        left = False
        for update in perform(method, tiny_batch()):
            last = update.optimizer
        outside = [share.clone() for share in shares]
        assert last == "generators"
        assert all((share >= 0).all() and (share <= 1).all() for share in outside)
        optimizer = method.optimizers()["generators"]
        for update in method.updates(tiny_batch(), 0):
            if update.optimizer == "generators":
                update.loss.backward()
                optimizer.step()
                left = any(((share < 0) | (share > 1)).any() for share in shares)
        assert left, "the step alone leaves [0, 1]"
        assert all((share >= 0).all() and (share <= 1).all() for share in shares)

    def test_gradients_are_those_of_the_published_sum(self) -> None:
        """Every pass apart, nothing frozen; in eval mode, or the judges' power iterations would differ."""
        method, batch = make().double().eval(), tiny_batch()
        assert batch.target is not None
        a, b = batch.source.double(), batch.target.double()
        (fake_b, cam_ab), (fake_a, cam_ba) = method.generator_ab(a), method.generator_ba(b)
        (own_b, own_cam_ab), (own_a, own_cam_ba) = method.generator_ab(b), method.generator_ba(a)

        def said(judges: nn.ModuleList, x: Tensor, wanted: float) -> Tensor:
            terms = [((answer - wanted) ** 2).mean() for judge in judges for answer in judge(x)]
            return torch.stack(terms).sum()

        of_discriminators = (
            said(method.discriminators_a, a, 1)
            + said(method.discriminators_a, fake_a.detach(), 0)
            + said(method.discriminators_b, b, 1)
            + said(method.discriminators_b, fake_b.detach(), 0)
        )

        def classified(logits: Tensor, wanted: float) -> Tensor:
            return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, wanted))

        of_generators = (
            said(method.discriminators_a, fake_a, 1)
            + said(method.discriminators_b, fake_b, 1)
            + 10 * (F.l1_loss(method.generator_ba(fake_b)[0], a) + F.l1_loss(method.generator_ab(fake_a)[0], b))
            + 10 * (F.l1_loss(own_a, a) + F.l1_loss(own_b, b))
            + 1000 * (classified(cam_ab, 1) + classified(own_cam_ab, 0))
            + 1000 * (classified(cam_ba, 1) + classified(own_cam_ba, 0))
        )
        expected = {
            name: torch.autograd.grad(loss, parameters(method, *OF[name]))
            for name, loss in (("discriminators", of_discriminators), ("generators", of_generators))
        }
        for update in method.updates(dataclasses.replace(batch, source=a, target=b), 0):  # none is performed
            found = torch.autograd.grad(update.loss, parameters(method, *OF[update.optimizer]))
            for ours, theirs in zip(found, expected[update.optimizer], strict=True):
                torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)  # judgements are of float32

    def test_needs_targets(self) -> None:
        with pytest.raises(ValueError, match="ugatit reads targets"):
            next(make().updates(Batch(("a",), torch.zeros(1, 3, 16, 16)), 0))

    def test_learns_two_pictures_of_each_domain(self) -> None:
        method = make(dataclasses.replace(TINY, ch=8, lr=2e-3, adv_weight=0.1, cam_weight=10.0))
        coarse = tiny_batch(side=4)
        source, target = (F.interpolate(x, (16, 16), mode="bilinear") for x in (coarse.source, coarse.target))  # type: ignore[arg-type]
        optimizers, logs = method.optimizers(), []
        for step in range(30):
            for update in method.updates(Batch(coarse.names, source, target), step):
                optimizers[update.optimizer].zero_grad()
                update.loss.backward()
                optimizers[update.optimizer].step()
            logs.append({name: value.item() for name, value in update.logs.items()})
        for term in ("cycle", "identity", "cam"):
            assert all(logs[-1][f"{term}_{domain}"] < logs[0][f"{term}_{domain}"] / 2 for domain in "ab")


class TestSchedule:
    @pytest.mark.parametrize(("fraction", "rate"), [(0, 1e-4), (0.499, 1e-4), (0.5, 1e-4), (0.75, 5e-5), (1.0, 0.0)])
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
    @pytest.mark.parametrize("direction", ["forward", "backward"])
    def test_is_the_generators_of_the_direction(self, direction: str) -> None:
        method, batch = make(dataclasses.replace(TINY, direction=direction)), tiny_batch()  # type: ignore[arg-type]
        network = method.generator_ab if direction == "forward" else method.generator_ba
        torch.testing.assert_close(method.translate(batch, seed=0), network(batch.source)[0])
        bare = dataclasses.replace(batch, target=None)
        assert torch.equal(method.translate(bare, seed=3, sample=2), method.translate(batch, seed=0))


class TestConfig:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("ch", 0),
            ("n_res", 0),
            ("global_layers", 2),
            ("local_layers", 2),
            ("adv_weight", -1.0),
            ("cam_weight", -1.0),
            ("weight_decay", -1.0),
            ("constant_share", 1.0),
            ("lr", 0.0),
            ("beta2", 1.0),
            ("load_scale", 0.5),
            ("direction", "up"),
        ],
    )
    def test_refuses_naming_the_field_and_what_was_found(self, field: str, value: object) -> None:
        with pytest.raises(ValueError, match=f"{field} must .*found .?{value}"):
            UGATITConfig(**{field: value})  # type: ignore[arg-type]

    def test_refuses_to_learn_nothing(self) -> None:
        with pytest.raises(ValueError, match="must be positive, found 0"):
            UGATITConfig(adv_weight=0, cycle_weight=0, identity_weight=0, cam_weight=0)

    @pytest.mark.parametrize(("layers", "side"), [(7, 96), (6, 48), (5, 24), (3, 8)])
    def test_smallest_pictures(self, layers: int, side: int) -> None:
        assert UGATITConfig(global_layers=layers, local_layers=3).smallest == side
        assert UGATITConfig(global_layers=3, local_layers=layers).smallest == side
