from __future__ import annotations

import copy
import dataclasses
import math
from collections import Counter
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from i2ibench.models.method import Batch, Update
from i2ibench.models.simgan import (
    CycleGANBaseline,
    Psi,
    SimGAN,
    SimGANConfig,
    characteristics,
    local_adversarial_loss,
    turn_of,
)

TINY = SimGANConfig(width=8, blocks=1, pretrain_refiner=1, pretrain_discriminator=1, history=6)
BASELINE = SimGANConfig(
    networks="cyclegan",
    blocks=1,
    width=4,
    self_weight=10.0,
    pretrain_refiner=0,
    pretrain_discriminator=0,
    history=3,
    optimizer="adam",
    lr=2e-4,
    beta1=0.5,
    constant_epochs=100,
    decay_epochs=100,
    n_layers=1,
    ndf=4,
)
ROUND = 2
"""The first step of TINY's first round."""


def make(config: SimGANConfig = TINY, side: int = 16) -> SimGAN:
    torch.manual_seed(0)
    return SimGAN(config, side, side)


def tiny_batch(pictures: int = 4, side: int = 16, seed: int = 1) -> Batch:
    stream = torch.Generator().manual_seed(seed)
    source, target = (torch.rand(pictures, 3, side, side, generator=stream) * 2 - 1 for _ in range(2))
    return Batch(tuple(f"picture {i}" for i in range(pictures)), source, target)


def parameters(method: nn.Module, name: str) -> list[Tensor]:
    return list(method.get_submodule(name).parameters())


def step_once(method: SimGAN | CycleGANBaseline, batch: Batch, step: int) -> Iterator[Update]:
    """The least loop: zero, backward with respect to all parameters; yields each update before its step."""
    optimizers = method.optimizers()
    for update in method.updates(batch, step):
        method.zero_grad()
        update.loss.backward()
        yield update
        optimizers[update.optimizer].step()


class TestTurns:
    def test_pretraining_then_rounds(self) -> None:
        config = dataclasses.replace(TINY, pretrain_refiner=3, pretrain_discriminator=2, k_g=2, k_d=1)
        expected = ["pretrain_refiner"] * 3 + ["pretrain_discriminator"] * 2
        expected += ["refiner", "refiner", "discriminator"] * 3
        assert [turn_of(config, step) for step in range(len(expected))] == expected

    @pytest.mark.parametrize(("k_g", "k_d"), [(2, 1), (50, 1), (3, 2)])
    def test_counts_are_the_published_ones(self, k_g: int, k_d: int) -> None:
        config, rounds = SimGANConfig(k_g=k_g, k_d=k_d), 4
        turns = Counter(turn_of(config, step) for step in range(1200 + rounds * (k_g + k_d)))
        assert turns == {
            "pretrain_refiner": 1000,
            "pretrain_discriminator": 200,
            "refiner": rounds * k_g,
            "discriminator": rounds * k_d,
        }

    def test_each_step_is_one_of_one_network(self) -> None:
        method = make()
        seen = []
        for step in range(ROUND + 6):
            (update,) = method.updates(tiny_batch(seed=step), step)
            seen.append(update.optimizer)
        assert seen == ["refiner", "discriminator", *["refiner", "refiner", "discriminator"] * 2]


class TestLosses:
    def test_class_0_is_real_and_class_1_refined(self) -> None:
        says_refined = torch.tensor([-3.0, 3.0])[None, :, None, None].expand(2, 2, 4, 5)
        says_real = -says_refined
        for refined, agrees, differs in ((True, says_refined, says_real), (False, says_real, says_refined)):
            assert local_adversarial_loss(agrees, refined=refined) < 20 * 0.01
            assert local_adversarial_loss(differs, refined=refined) > 20 * 6

    @pytest.mark.parametrize("refined", [True, False])
    def test_local_loss_is_the_papers_sum_over_locations_and_mean_over_the_batch(self, refined: bool) -> None:
        logits = torch.randn(3, 2, 4, 5)
        probability = logits.softmax(1)[:, 1]
        expected = -(probability if refined else 1 - probability).log().sum((1, 2)).mean()
        torch.testing.assert_close(local_adversarial_loss(logits, refined=refined), expected)
        assert local_adversarial_loss(torch.zeros(3, 2, 4, 5), refined=refined).item() == pytest.approx(
            20 * math.log(2)
        )

    @pytest.mark.parametrize("weight", [0.01, 0.5])
    def test_self_regularization_is_lambda_times_the_sum_of_each_picture(self, weight: float) -> None:
        method, batch = make(dataclasses.replace(TINY, self_weight=weight)), tiny_batch()
        (update,) = method.updates(batch, 0)
        expected = weight * (method.refiner(batch.source) - batch.source).abs().flatten(1).sum(1).mean()
        torch.testing.assert_close(update.loss, expected)
        mean = update.logs["l1"].item()
        assert update.loss.item() == pytest.approx(weight * mean * 3 * 16 * 16, rel=1e-5)

    def test_the_refiner_loses_by_both_terms(self) -> None:
        method, batch = make(), tiny_batch()
        (update,) = method.updates(batch, ROUND)
        refined = method.refiner(batch.source)
        probability = method.discriminator(refined).softmax(1)[:, 1]
        adversarial = -(1 - probability).log().flatten(1).sum(1).mean()
        own = 0.01 * (refined - batch.source).abs().flatten(1).sum(1).mean()
        torch.testing.assert_close(update.loss, adversarial + own)
        torch.testing.assert_close(update.logs["adversarial"], adversarial.detach())
        torch.testing.assert_close(update.logs["self_regularization"], own.detach())

    def test_the_discriminator_loses_on_refined_and_real_pictures(self) -> None:
        method, batch = make(), tiny_batch()
        assert batch.target is not None
        for step in (1, ROUND + 2):  # the history is empty at both
            on_refined = method.discriminator(method.refiner(batch.source)).softmax(1)[:, 1]
            on_real = method.discriminator(batch.target).softmax(1)[:, 1]
            expected = -on_refined.log().flatten(1).sum(1).mean() - (1 - on_real).log().flatten(1).sum(1).mean()
            (update,) = method.updates(batch, step)
            torch.testing.assert_close(update.loss, expected)

    def test_without_weight_self_regularization_is_left_out(self) -> None:
        method = make(dataclasses.replace(TINY, self_weight=0.0, pretrain_refiner=0))
        (update,) = method.updates(tiny_batch(), 1)
        assert set(update.logs) == {"adversarial", "l1"}
        torch.testing.assert_close(update.loss.detach(), update.logs["adversarial"])

    @pytest.mark.parametrize("psi", ["identity", "mean_colour", "derivatives"])
    def test_characteristics(self, psi: Psi) -> None:
        pictures = torch.rand(2, 3, 4, 5)
        found = characteristics(pictures, psi)
        if psi == "identity":
            assert torch.equal(found, pictures)
        elif psi == "mean_colour":
            torch.testing.assert_close(found[:, 0], (pictures[:, 0] + pictures[:, 1] + pictures[:, 2]) / 3)
        else:
            along_x, along_y = found.chunk(2, 1)
            torch.testing.assert_close(along_x[..., 1:4, 2], pictures[..., 1:4, 3] - pictures[..., 1:4, 2])
            torch.testing.assert_close(along_y[..., 2, :], pictures[..., 3, :] - pictures[..., 2, :])
            assert not along_x[..., -1].any()
            assert not along_y[..., -1, :].any()
            torch.testing.assert_close(characteristics(pictures + 0.3, psi), found)

    def test_the_loss_compares_by_psi(self) -> None:
        method, batch = make(dataclasses.replace(TINY, psi="mean_colour")), tiny_batch()
        (update,) = method.updates(batch, 0)
        difference = (method.refiner(batch.source) - batch.source).mean(1)
        torch.testing.assert_close(update.loss, 0.01 * difference.abs().flatten(1).sum(1).mean())


class TestUpdates:
    @pytest.mark.parametrize(
        ("step", "trained", "still"),
        [
            (0, "refiner", "discriminator"),
            (1, "discriminator", "refiner"),
            (ROUND, "refiner", "discriminator"),
            (ROUND + 2, "discriminator", "refiner"),
        ],
    )
    def test_only_the_network_of_the_turn_gets_gradients(self, step: int, trained: str, still: str) -> None:
        method = make()
        before = {name: [p.clone() for p in parameters(method, name)] for name in (trained, still)}
        for update in step_once(method, tiny_batch(), step):
            assert update.optimizer == trained
            assert all(p.grad is not None for p in parameters(method, trained))
            assert any(p.grad.any() for p in parameters(method, trained) if p.grad is not None)
            assert all(p.grad is None for p in parameters(method, still))
        assert all(torch.equal(*pair) for pair in zip(parameters(method, still), before[still], strict=True))
        assert not all(torch.equal(*pair) for pair in zip(parameters(method, trained), before[trained], strict=True))
        assert all(p.requires_grad for p in method.parameters())

    def test_half_of_the_discriminators_refined_pictures_are_earlier_ones(self) -> None:
        method = make()
        judged: list[Tensor] = []
        method.discriminator.register_forward_pre_hook(lambda _, inputs: judged.append(inputs[0]))
        refined_before: list[Tensor] = []
        for number in range(8):
            batch = tiny_batch(seed=number)
            list(method.updates(batch, ROUND + 2))
            refined, real = judged[-2:]
            current = method.refiner(batch.source).detach()
            assert real is batch.target
            torch.testing.assert_close(refined[:2], current[:2])
            if number:
                for one in refined[2:]:
                    assert any(torch.equal(one, earlier) for earlier in refined_before)
            else:
                torch.testing.assert_close(refined, current)
            refined_before += list(refined[:2])
            assert method.history.filled == min(6, 2 * (number + 1))

    def test_the_history_begins_with_the_first_round(self) -> None:
        method = make()
        for step in (0, 1, ROUND, ROUND + 1):
            list(method.updates(tiny_batch(), step))
            assert method.history.filled == 0
        list(method.updates(tiny_batch(), ROUND + 2))
        assert method.history.filled == 2

    def test_an_odd_batch_has_the_smaller_half_of_the_history(self) -> None:
        method = make()
        list(method.updates(tiny_batch(5), ROUND + 2))
        assert method.history.filled == 2

    def test_refuses_a_batch_without_halves_unless_there_is_no_history(self) -> None:
        with pytest.raises(ValueError, match="batches must have 2 to 13 pictures, found 1"):
            list(make().updates(tiny_batch(1), ROUND + 2))
        (update,) = make(dataclasses.replace(TINY, history=0)).updates(tiny_batch(1), ROUND + 2)
        assert torch.isfinite(update.loss)

    @pytest.mark.parametrize("optimizer", ["sgd", "adam"])
    def test_a_resumed_training_goes_on_bit_for_bit(self, optimizer: str) -> None:
        config = dataclasses.replace(TINY, optimizer=optimizer)  # type: ignore[arg-type]

        def go(method: SimGAN, optimizers: dict[str, torch.optim.Optimizer], steps: range) -> None:
            for step in steps:
                torch.manual_seed(step)
                for update in method.updates(tiny_batch(seed=step), step):
                    optimizers[update.optimizer].zero_grad()
                    update.loss.backward()
                    optimizers[update.optimizer].step()

        whole = make(config)
        optimizers = whole.optimizers()
        go(whole, optimizers, range(6))
        resumed = SimGAN(config, 16, 16)
        resumed.load_state_dict({name: value.clone() for name, value in whole.state_dict().items()})
        others = resumed.optimizers()
        for name, one in optimizers.items():
            others[name].load_state_dict(copy.deepcopy(one.state_dict()))
        go(whole, optimizers, range(6, 12))
        go(resumed, others, range(6, 12))
        state = resumed.state_dict()
        assert {"history.pictures", "history.filled"} <= set(state)
        assert all(torch.equal(value, state[name]) for name, value in whole.state_dict().items())

    def test_clips_where_it_is_asked_to(self) -> None:
        for clip_norm, expected in ((0.0, None), (50.0, 50.0)):
            method = make(dataclasses.replace(TINY, clip_norm=clip_norm))
            for step in (0, 1, ROUND, ROUND + 2):
                (update,) = method.updates(tiny_batch(), step)
                assert update.clip_norm == expected

    def test_needs_targets(self) -> None:
        with pytest.raises(ValueError, match="simgan reads targets"):
            list(make().updates(Batch(("a",), torch.zeros(1, 3, 16, 16)), ROUND + 2))

    def test_pretraining_brings_the_refiner_near_the_identity(self) -> None:
        method = make(dataclasses.replace(TINY, pretrain_refiner=100, optimizer="adam", lr=1e-2))
        optimizer, l1 = method.optimizers()["refiner"], []
        for step in range(100):
            (update,) = method.updates(tiny_batch(seed=step), step)
            optimizer.zero_grad()
            update.loss.backward()
            optimizer.step()
            l1.append(update.logs["l1"].item())
        assert l1[-1] < l1[0] / 3


class TestOptimizers:
    def test_sgd_without_momentum_at_a_constant_rate(self) -> None:
        method = make()
        assert list(method.optimizers()) == ["refiner", "discriminator"]
        for name, optimizer in method.optimizers().items():
            (group,) = optimizer.param_groups
            assert isinstance(optimizer, torch.optim.SGD)
            assert (group["lr"], group["momentum"], group["weight_decay"]) == (1e-3, 0, 0)
            assert {id(p) for p in group["params"]} == {id(p) for p in parameters(method, name)}
            assert {method.learning_rate(name, 0, fraction) for fraction in (0.0, 0.5, 0.999, 1.0)} == {1.0}

    def test_adam_where_it_is_asked_for(self) -> None:
        for optimizer in make(dataclasses.replace(TINY, optimizer="adam")).optimizers().values():
            assert isinstance(optimizer, torch.optim.Adam)
            (group,) = optimizer.param_groups
            assert (group["lr"], group["betas"]) == (1e-3, (0.9, 0.999))

    def test_first_weights_are_xaviers_uniform(self) -> None:
        for layer in make(SimGANConfig(history=0)).modules():
            if isinstance(layer, nn.Conv2d):
                assert layer.bias is not None
                assert not layer.bias.any()
                area = layer.kernel_size[0] ** 2
                bound = math.sqrt(6 / (area * (layer.in_channels + layer.out_channels)))
                assert layer.weight.abs().max() <= bound
                if layer.weight.numel() > 1000:
                    assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)


class TestTranslation:
    def test_is_the_refiners_at_any_size(self) -> None:
        method, batch = make(), tiny_batch(side=21)
        found = method.translate(batch, seed=0)
        torch.testing.assert_close(found, method.refiner(batch.source))
        assert not found.requires_grad
        alone = torch.cat([method.translate(batch[i], seed=1, sample=2) for i in range(len(batch))])
        torch.testing.assert_close(found, alone)

    def test_leaves_the_global_generator_alone(self) -> None:
        method = make()
        state = torch.get_rng_state()
        method.translate(tiny_batch(), seed=0)
        assert torch.equal(state, torch.get_rng_state())


def test_a_rounds_arithmetic() -> None:
    """Of 2 steps of the refiner and one of the discriminator, counted layer by layer."""
    with torch.device("meta"):
        method = SimGAN(SimGANConfig(history=0), 64, 64)
        batch = Batch(("a",), torch.empty(1, 3, 64, 64), torch.empty(1, 3, 64, 64))
    with FlopCounterMode(display=False) as counter:
        for step in range(1200, 1203):
            (update,) = method.updates(batch, step)
            torch.autograd.backward(update.loss, inputs=parameters(method, update.optimizer))
    first, block, last = 3 * 9 * 64, 64 * 9 * 64, 64 * 3
    refiner = 64 * 64 * (first + 8 * block + last)
    judge_first = 32 * 32 * 3 * 9 * 96
    judge = judge_first + 16 * 16 * (96 * 9 * 64 + 64 * 9 * 32 + 32 * 32 + 32 * 2)
    # backward is twice forward, but for the first layer's input and for weights that are not trained
    refining = 3 * refiner - 64 * 64 * first + 2 * judge
    judging = refiner + 2 * (3 * judge - judge_first)
    assert counter.get_total_flops() == 2 * (2 * refining + judging)


class TestBaseline:
    def make(self, **settings: float) -> CycleGANBaseline:
        torch.manual_seed(0)
        return CycleGANBaseline(dataclasses.replace(BASELINE, **settings), 16, 16)  # type: ignore[arg-type]

    def test_order_and_gradients(self) -> None:
        method, seen = self.make(), []
        for update in step_once(method, tiny_batch(), 0):
            seen.append(update.optimizer)
            other = {"generator": "discriminator", "discriminator": "generator"}[update.optimizer]
            assert any(p.grad.any() for p in parameters(method, update.optimizer) if p.grad is not None)
            assert all(p.grad is None for p in parameters(method, other))
        assert seen == ["generator", "discriminator"]

    @pytest.mark.parametrize("objective", ["lsgan", "vanilla"])
    def test_losses(self, objective: str) -> None:
        method, batch = self.make(objective=objective, history=4), tiny_batch()  # type: ignore[arg-type]
        assert batch.target is not None
        fake = method.generator(batch.source)
        on_fake, on_real = method.discriminator(fake), method.discriminator(batch.target)
        if objective == "lsgan":
            wanted, judged = ((on_fake - 1) ** 2).mean(), ((on_real - 1) ** 2).mean() / 2 + (on_fake**2).mean() / 2
        else:
            ones, zeros = torch.ones_like(on_fake), torch.zeros_like(on_fake)
            loss = F.binary_cross_entropy_with_logits
            wanted, judged = loss(on_fake, ones), (loss(on_real, ones) + loss(on_fake, zeros)) / 2
        first, second = method.updates(batch, 0)
        torch.testing.assert_close(first.loss, wanted + 10 * (fake - batch.source).abs().mean())
        torch.testing.assert_close(second.loss, judged)

    def test_the_pool_is_the_discriminators_alone(self) -> None:
        batch = tiny_batch()
        losses = []
        for filling in (None, 0.3, -0.9):
            method = self.make(history=1)
            if filling is not None:
                method.pool.filled.fill_(1)
                method.pool.pictures.fill_(filling)
            torch.manual_seed(0)
            losses.append([update.loss.item() for update in method.updates(batch, 0)])
        assert losses[0][0] == losses[1][0] == losses[2][0]
        assert len({loss for _, loss in losses}) == 3

    @pytest.mark.parametrize(("epoch", "factor"), [(0, 1), (99, 1), (100, 100 / 101), (199, 1 / 101)])
    def test_schedule_and_adams_are_cyclegans(self, epoch: int, factor: float) -> None:
        method = self.make()
        for name, optimizer in method.optimizers().items():
            (group,) = optimizer.param_groups
            assert isinstance(optimizer, torch.optim.Adam)
            assert (group["lr"], group["betas"]) == (2e-4, (0.5, 0.999))
            assert method.learning_rate(name, 0, (epoch + 0.5) / 200) == pytest.approx(factor)

    def test_translates_by_its_generator(self) -> None:
        method, batch = self.make(), tiny_batch()
        torch.testing.assert_close(method.translate(batch, seed=0), method.generator(batch.source))

    def test_without_weight_l1_is_left_out(self) -> None:
        first, _ = self.make(self_weight=0.0).updates(tiny_batch(), 0)
        assert set(first.logs) == {"adversarial"}
        torch.testing.assert_close(first.loss.detach(), first.logs["adversarial"])


class TestConfig:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("networks", "unet"),
            ("width", 0),
            ("blocks", 0),
            ("kernel", 4),
            ("discriminator", "faces"),
            ("psi", "vgg"),
            ("self_weight", -0.1),
            ("pretrain_refiner", -1),
            ("pretrain_discriminator", -1),
            ("k_g", 0),
            ("k_d", 0),
            ("history", -1),
            ("optimizer", "adamax"),
            ("lr", 0.0),
            ("beta2", 1.0),
            ("clip_norm", -1.0),
            ("objective", "wgangp"),
            ("load_scale", 0.9),
        ],
    )
    def test_refuses_naming_the_field_and_what_was_found(self, field: str, value: object) -> None:
        with pytest.raises(ValueError, match=f"{field} must .*found .?{value}"):
            SimGANConfig(**{field: value})  # type: ignore[arg-type]

    def test_refuses_pretraining_by_nothing(self) -> None:
        with pytest.raises(ValueError, match="self_weight must be positive, or pretrain_refiner=0"):
            SimGANConfig(self_weight=0.0)
        SimGANConfig(self_weight=0.0, pretrain_refiner=0)

    @pytest.mark.parametrize("settings", [{"optimizer": "sgd"}, {"pretrain_refiner": 1}, {"pretrain_discriminator": 1}])
    def test_refuses_the_baseline_with_the_refiners_settings(self, settings: dict[str, object]) -> None:
        with pytest.raises(ValueError, match=r"networks=cyclegan must .*: use the preset cyclegan_baseline"):
            dataclasses.replace(BASELINE, **settings)  # type: ignore[arg-type]
