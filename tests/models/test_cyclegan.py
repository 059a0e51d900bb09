from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Iterator

import pytest
import torch
from fingerprint import Digest, fill_by_cosine, input_by_cosine
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from i2ibench.models.cyclegan import CycleGAN, CycleGANConfig, build_generator
from i2ibench.models.method import Batch, Update

TINY = CycleGANConfig(blocks=1, ngf=4, n_layers=1, ndf=4, init_gain=0.2)
NETWORKS = ("generator_ab", "generator_ba", "discriminator_b", "discriminator_a")
OF = {"generators": NETWORKS[:2], "discriminators": NETWORKS[2:]}


def make(config: CycleGANConfig = TINY, side: int = 16) -> CycleGAN:
    torch.manual_seed(0)
    return CycleGAN(config, side, side)


def tiny_batch(pictures: int = 2, side: int = 16, seed: int = 1) -> Batch:
    stream = torch.Generator().manual_seed(seed)
    source, target = (torch.rand(pictures, 3, side, side, generator=stream) * 2 - 1 for _ in range(2))
    return Batch(tuple(f"picture {i}" for i in range(pictures)), source, target)


def parameters(method: CycleGAN, *names: str) -> list[Tensor]:
    return [p for name in names for p in method.get_submodule(name).parameters()]


def perform(method: CycleGAN, batch: Batch, step: int = 0) -> Iterator[Update]:
    """The least loop: zero, backward with respect to all parameters, step; yields each update before its step."""
    optimizers = method.optimizers()
    for update in method.updates(batch, step):
        method.zero_grad()
        update.loss.backward()
        yield update
        optimizers[update.optimizer].step()


class TestNetworks:
    def test_generator_answers_as_the_published_one(self) -> None:
        network = build_generator(CycleGANConfig())
        fill_by_cosine(network)
        with torch.no_grad():
            found = Digest.by_cosine(network(input_by_cosine(1, 3, 64, 64)))
        found.assert_close(Digest(12288, 0.002647, 0.893788, 0.920814, (0.985145, -0.843049, 0.043376)))

    def test_all_parameters_are_the_published_ones(self) -> None:
        with torch.device("meta"):
            method = CycleGAN(CycleGANConfig(), 256, 256)
        assert sum(p.numel() for p in method.parameters()) == 28_285_832
        shared = {id(p) for p in parameters(method, "generator_ab")} & {
            id(p) for p in parameters(method, "generator_ba")
        }
        assert not shared

    @pytest.mark.parametrize(("side", "logits"), [(256, 30), (128, 14), (64, 6)])
    def test_discriminators_map(self, side: int, logits: int) -> None:
        with torch.device("meta"):
            method = CycleGAN(CycleGANConfig(), side, side)
            for judge in (method.discriminator_a, method.discriminator_b):
                assert judge(torch.empty(1, 3, side, side)).shape == (1, 1, logits, logits)

    def test_discriminators_see_70_pixels(self) -> None:
        with torch.device("meta"):
            method = CycleGAN(CycleGANConfig(), 256, 256)
        for judge in (method.discriminator_a, method.discriminator_b):
            seen, stride = 1, 1
            for layer in judge.modules():
                if isinstance(layer, nn.Conv2d):
                    seen += (layer.kernel_size[0] - 1) * stride
                    stride *= layer.stride[0]
            assert seen == 70

    def test_every_convolution_before_an_instance_norm_has_a_bias_and_no_norm_has_parameters(self) -> None:
        method = make()
        assert all(m.bias is not None for m in method.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d))
        norms = [m for m in method.modules() if isinstance(m, nn.InstanceNorm2d)]
        assert norms
        assert not any(m.affine or m.track_running_stats for m in norms)

    def test_first_weights(self) -> None:
        method = make(CycleGANConfig(blocks=1, ngf=16, ndf=16))
        for name in NETWORKS:
            for layer in method.get_submodule(name).modules():
                if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                    assert layer.bias is not None
                    assert not layer.bias.any()
                    # four standard deviations of a deviation's estimate
                    allowed = 4 * 0.02 / math.sqrt(2 * layer.weight.numel())
                    assert abs(layer.weight.std().item() - 0.02) < allowed

    def test_dropout_is_asked_for(self) -> None:
        for dropout in (False, True):
            method = make(dataclasses.replace(TINY, blocks=3, dropout=dropout))
            assert sum(isinstance(m, nn.Dropout) for m in method.modules()) == 2 * 3 * dropout

    @pytest.mark.parametrize(("side", "identity", "gflop"), [(128, 0.5, 468.8), (128, 0.0, 320.7), (256, 0.5, 1879.0)])
    def test_a_steps_arithmetic_is_the_published_one(self, side: int, identity: float, gflop: float) -> None:
        with torch.device("meta"):
            method = CycleGAN(CycleGANConfig(identity_weight=identity, pool_size=0), side, side)
            batch = Batch(("a",), torch.empty(1, 3, side, side), torch.empty(1, 3, side, side))
        with FlopCounterMode(display=False) as counter:
            for update in method.updates(batch, 0):
                torch.autograd.backward(update.loss, inputs=parameters(method, *OF[update.optimizer]))
        assert counter.get_total_flops() / 1e9 == pytest.approx(gflop, rel=2e-4)


class Scale(nn.Module):
    """A network of one number, which counts how often it is called."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale, self.calls = nn.Parameter(torch.tensor(scale)), 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.scale * x


def toy(**settings: float) -> CycleGAN:
    """Generators that multiply by 0.5 and -0.8, discriminators by 2 and 3."""
    method = make(dataclasses.replace(TINY, **settings), side=1)  # type: ignore[arg-type]
    for name, scale in zip(NETWORKS, (0.5, -0.8, 2.0, 3.0), strict=True):
        setattr(method, name, Scale(scale))
    return method


def constant(a: float, b: float) -> Batch:
    source, target = (torch.full((1, 3, 1, 1), value) for value in (a, b))
    return Batch(("picture",), source, target)


class TestLosses:
    def test_all_by_hand(self) -> None:
        a, b = 0.6, -0.3
        fake_b, fake_a = 0.5 * a, -0.8 * b
        terms = {
            "adversarial_b": (2 * fake_b - 1) ** 2,
            "adversarial_a": (3 * fake_a - 1) ** 2,
            "cycle_a": abs(-0.8 * fake_b - a),
            "cycle_b": abs(0.5 * fake_a - b),
            "identity_b": abs(0.5 * b - b),
            "identity_a": abs(-0.8 * a - a),
        }
        first, second = toy(cycle_a_weight=7.0).updates(constant(a, b), 0)
        assert {name: value.item() for name, value in first.logs.items()} == pytest.approx(terms, rel=1e-5)
        expected = terms["adversarial_b"] + terms["adversarial_a"] + 7 * terms["cycle_a"] + 10 * terms["cycle_b"]
        expected += 0.5 * 10 * terms["identity_b"] + 0.5 * 7 * terms["identity_a"]
        assert first.loss.item() == pytest.approx(expected, rel=1e-5)
        judged = {
            "discriminator_b": ((2 * b - 1) ** 2 + (2 * fake_b) ** 2) / 2,
            "discriminator_a": ((3 * a - 1) ** 2 + (3 * fake_a) ** 2) / 2,
        }
        assert {name: value.item() for name, value in second.logs.items()} == pytest.approx(judged, rel=1e-5)
        assert second.loss.item() == pytest.approx(sum(judged.values()), rel=1e-5)

    def test_discriminators_that_say_nothing_lose_a_half_each(self) -> None:
        method = make()
        for parameter in parameters(method, *OF["discriminators"]):
            nn.init.zeros_(parameter)
        _, second = method.updates(tiny_batch(), 0)
        assert [value.item() for value in second.logs.values()] == [0.5, 0.5]

    def test_of_the_log_objective(self) -> None:
        first, _ = toy(objective="vanilla").updates(constant(0.6, -0.3), 0)  # type: ignore[arg-type]
        assert first.logs["adversarial_b"].item() == pytest.approx(math.log1p(math.exp(-2 * 0.5 * 0.6)), rel=1e-5)

    @pytest.mark.parametrize(
        ("settings", "calls", "absent"),
        [
            ({}, (3, 3), set()),
            ({"identity_weight": 0.0}, (2, 2), {"identity_a", "identity_b"}),
            # a cycle from B goes through `generator_ba` and back through `generator_ab`, which also keeps B as it is
            ({"cycle_b_weight": 0.0}, (1, 3), {"cycle_b", "identity_b"}),
            ({"cycle_a_weight": 0.0}, (3, 1), {"cycle_a", "identity_a"}),
        ],
    )
    def test_terms_without_weight_are_not_computed(
        self, settings: dict[str, float], calls: tuple[int, int], absent: set[str]
    ) -> None:
        method = toy(**settings)
        first, _ = method.updates(constant(0.6, -0.3), 0)
        found = tuple(method.get_submodule(name).calls for name in OF["generators"])
        assert found == calls
        assert (
            set(first.logs)
            == {
                "adversarial_b",
                "adversarial_a",
                "cycle_a",
                "cycle_b",
                "identity_b",
                "identity_a",
            }
            - absent
        )


class TestUpdates:
    def test_order_and_what_each_step_moves(self) -> None:
        method, batch = make(), tiny_batch()
        before = {name: [p.clone() for p in parameters(method, name)] for name in NETWORKS}
        optimizers, seen = method.optimizers(), []
        for update in method.updates(batch, 0):
            optimizers[update.optimizer].zero_grad()
            update.loss.backward()
            optimizers[update.optimizer].step()
            seen += OF[update.optimizer]
            for name in NETWORKS:
                pairs = zip(parameters(method, name), before[name], strict=True)
                assert any(not torch.equal(*pair) for pair in pairs) == (name in seen)
        assert seen == list(NETWORKS)

    def test_nothing_that_is_not_trained_gets_a_gradient(self) -> None:
        method = make()
        for update in perform(method, tiny_batch()):
            for name in NETWORKS:
                gradients = [p.grad for p in parameters(method, name)]
                if name in OF[update.optimizer]:
                    assert all(gradient is not None for gradient in gradients)
                    assert any(gradient.any() for gradient in gradients if gradient is not None)
                else:
                    assert all(gradient is None for gradient in gradients)
        assert all(p.requires_grad for p in method.parameters())

    def test_gradients_are_those_of_both_directions_summed(self) -> None:
        """Against the sheet's formulas, written out and differentiated in float64."""
        method, batch = make().double(), tiny_batch()
        assert batch.target is not None
        a, b = batch.source.double(), batch.target.double()
        batch = dataclasses.replace(batch, source=a, target=b)
        fake_b, fake_a = method.generator_ab(a), method.generator_ba(b)
        judge_b, judge_a = method.discriminator_b, method.discriminator_a
        of_generators = (
            ((judge_b(fake_b) - 1) ** 2).mean()
            + ((judge_a(fake_a) - 1) ** 2).mean()
            + 10 * (method.generator_ba(fake_b) - a).abs().mean()
            + 10 * (method.generator_ab(fake_a) - b).abs().mean()
            + 5 * (method.generator_ab(b) - b).abs().mean()
            + 5 * (method.generator_ba(a) - a).abs().mean()
        )
        of_discriminators = (
            0.5 * ((judge_b(b) - 1) ** 2).mean()
            + 0.5 * (judge_b(fake_b.detach()) ** 2).mean()
            + 0.5 * ((judge_a(a) - 1) ** 2).mean()
            + 0.5 * (judge_a(fake_a.detach()) ** 2).mean()
        )
        expected = {
            name: torch.autograd.grad(loss, parameters(method, *OF[name]))
            for name, loss in (("generators", of_generators), ("discriminators", of_discriminators))
        }
        for update in method.updates(batch, 0):  # none of them is performed
            found = torch.autograd.grad(update.loss, parameters(method, *OF[update.optimizer]))
            for ours, theirs in zip(found, expected[update.optimizer], strict=True):
                # the pools keep float32
                torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)

    def test_the_pools_are_the_discriminators_alone(self) -> None:
        method = toy(pool_size=1)
        list(method.updates(constant(0.1, 0.1), 0))  # fills the pools
        stale = -0.8 * 0.1, 0.5 * 0.1
        fresh = -0.8 * -0.3, 0.5 * 0.6
        seen = set()
        for seed in range(20):
            method.pool_a.pictures.fill_(stale[0])
            method.pool_b.pictures.fill_(stale[1])
            torch.manual_seed(seed)
            first, second = method.updates(constant(0.6, -0.3), 0)
            assert first.logs["adversarial_b"].item() == pytest.approx((2 * fresh[1] - 1) ** 2, rel=1e-5)
            assert first.logs["adversarial_a"].item() == pytest.approx((3 * fresh[0] - 1) ** 2, rel=1e-5)
            judged = []
            for name, scale, real, fakes in (
                ("discriminator_b", 2, -0.3, (stale[1], fresh[1])),
                ("discriminator_a", 3, 0.6, (stale[0], fresh[0])),
            ):
                losses = [((scale * real - 1) ** 2 + (scale * fake) ** 2) / 2 for fake in fakes]
                found = second.logs[name].item()
                matching = [i for i, loss in enumerate(losses) if found == pytest.approx(loss, rel=1e-5)]
                assert len(matching) == 1
                judged += matching
            seen.add(tuple(judged))
        assert seen == {(0, 0), (0, 1), (1, 0), (1, 1)}, "each pool decides for itself"

    def test_a_resumed_training_goes_on_bit_for_bit(self) -> None:
        config = dataclasses.replace(TINY, pool_size=3)

        def go(method: CycleGAN, optimizers: dict[str, torch.optim.Optimizer], steps: range) -> None:
            for step in steps:
                torch.manual_seed(step)
                for update in method.updates(tiny_batch(seed=step), step):
                    optimizers[update.optimizer].zero_grad()
                    update.loss.backward()
                    optimizers[update.optimizer].step()

        whole = make(config)
        optimizers = whole.optimizers()
        go(whole, optimizers, range(3))
        resumed = CycleGAN(config, 16, 16)
        resumed.load_state_dict({name: value.clone() for name, value in whole.state_dict().items()})
        others = resumed.optimizers()
        for name, optimizer in optimizers.items():
            others[name].load_state_dict(copy.deepcopy(optimizer.state_dict()))
        go(whole, optimizers, range(3, 6))
        go(resumed, others, range(3, 6))
        state = resumed.state_dict()
        assert {"pool_a.pictures", "pool_a.filled", "pool_b.pictures", "pool_b.filled"} <= set(state)
        assert all(torch.equal(value, state[name]) for name, value in whole.state_dict().items())

    def test_needs_targets(self) -> None:
        with pytest.raises(ValueError, match="cyclegan reads targets"):
            next(make().updates(Batch(("a",), torch.zeros(1, 3, 16, 16)), 0))

    def test_learns_to_translate_there_and_back(self) -> None:
        """A dark domain and a bright one: translations become bright, and cycles close."""
        method = make(dataclasses.replace(TINY, ngf=8, lr=3e-3, identity_weight=0.0, init_gain=0.02), side=8)
        optimizers, cycle = method.optimizers(), []
        for step in range(60):
            torch.manual_seed(step)
            source, target = (torch.randn(2, 3, 8, 8) * 0.1 + mean for mean in (-0.5, 0.5))
            batch = Batch(("a", "b"), source, target)
            for update in method.updates(batch, step):
                optimizers[update.optimizer].zero_grad()
                update.loss.backward()
                optimizers[update.optimizer].step()
                cycle += [update.logs["cycle_a"].item()] if "cycle_a" in update.logs else []
        assert method.translate(batch, seed=0).mean() > 0.3
        assert cycle[-1] < cycle[0] / 2


class TestSchedule:
    @pytest.mark.parametrize(
        ("epoch", "rate"), [(0, 2e-4), (99, 2e-4), (100, 2e-4 * 100 / 101), (150, 2e-4 * 50 / 101), (199, 2e-4 / 101)]
    )
    def test_published_rates(self, epoch: int, rate: float) -> None:
        """Epochs counted from 0: 1 - max(0, epoch + 1 - 100) / 101."""
        method = make()
        for optimizer in OF:
            for fraction in (epoch / 200, (epoch + 0.999) / 200):
                assert 2e-4 * method.learning_rate(optimizer, 0, fraction) == pytest.approx(rate, rel=1e-6)

    def test_one_adam_of_both_generators_and_one_of_both_discriminators(self) -> None:
        method = make()
        optimizers = method.optimizers()
        assert list(optimizers) == ["generators", "discriminators"]
        for name, optimizer in optimizers.items():
            (group,) = optimizer.param_groups
            assert isinstance(optimizer, torch.optim.Adam)
            assert (group["lr"], group["betas"], group["weight_decay"]) == (2e-4, (0.5, 0.999), 0)
            assert {id(p) for p in group["params"]} == {id(p) for p in parameters(method, *OF[name])}


class TestTranslation:
    @pytest.mark.parametrize("direction", ["forward", "backward"])
    def test_is_the_generators_of_the_direction(self, direction: str) -> None:
        method, batch = make(dataclasses.replace(TINY, direction=direction)), tiny_batch()  # type: ignore[arg-type]
        network = method.generator_ab if direction == "forward" else method.generator_ba
        torch.testing.assert_close(method.translate(batch, seed=0), network(batch.source))
        bare = dataclasses.replace(batch, target=None)
        assert torch.equal(method.translate(bare, seed=3, sample=2), method.translate(batch, seed=0))

    @pytest.mark.parametrize("norm", ["instance", "batch", "none"])
    def test_drops_nothing_and_does_not_depend_on_the_batch(self, norm: str) -> None:
        config = dataclasses.replace(TINY, dropout=True, norm=norm)  # type: ignore[arg-type]
        method, batch = make(config).train(), tiny_batch(3)
        found = method.translate(batch, seed=0)
        assert torch.equal(found, method.translate(batch, seed=0))
        alone = torch.cat([method.translate(batch[i], seed=0) for i in range(3)])
        torch.testing.assert_close(found, alone)

    def test_batch_norm_reads_the_pictures_own_statistics_and_keeps_none(self) -> None:
        method, batch = make(dataclasses.replace(TINY, norm="batch")), tiny_batch(1)
        before = {name: value.clone() for name, value in method.state_dict().items()}
        found = method.translate(batch, seed=0)
        assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())
        torch.testing.assert_close(found, method.train().generator_ab(batch.source))

    def test_leaves_modes_and_the_global_generator_alone(self) -> None:
        method, state = make(dataclasses.replace(TINY, dropout=True)).train(), torch.get_rng_state()
        method.translate(tiny_batch(), seed=0)
        assert torch.equal(state, torch.get_rng_state())
        assert all(module.training for module in method.modules())

    def test_pictures_need_not_be_of_the_training_s_size(self) -> None:
        assert make().translate(tiny_batch(side=24), seed=0).shape == (2, 3, 24, 24)


class TestConfig:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("generator", "spade"),
            ("blocks", 0),
            ("levels", 1),
            ("norm", "layer"),
            ("n_layers", 0),
            ("ndf", 0),
            ("objective", "wgangp"),
            ("pool_size", -1),
            ("cycle_a_weight", -1.0),
            ("identity_weight", -0.5),
            ("init", "zeros"),
            ("lr", 0.0),
            ("beta1", 1.0),
            ("crop", -4),
            ("load_scale", 0.5),
            ("direction", "up"),
        ],
    )
    def test_refuses_naming_the_field_and_what_was_found(self, field: str, value: object) -> None:
        with pytest.raises(ValueError, match=f"{field} must .*found .?{value}"):
            CycleGANConfig(**{field: value})  # type: ignore[arg-type]

    def test_refuses_a_schedule_without_epochs(self) -> None:
        with pytest.raises(ValueError, match="constant_epochs"):
            CycleGANConfig(constant_epochs=0, decay_epochs=0)
