from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from fingerprint import Digest, fill_by_cosine
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from i2ibench.models import pix2pixhd
from i2ibench.models.layers.local_enhancer import LocalEnhancer
from i2ibench.models.layers.multiscale_patchgan import logits
from i2ibench.models.layers.perceptual import weight_shapes
from i2ibench.models.layers.pyramid import halved
from i2ibench.models.layers.resnet import ResidualBlock
from i2ibench.models.layers.semantics import one_hot
from i2ibench.models.method import Batch, Update
from i2ibench.models.pix2pixhd import Pix2PixHD, Pix2PixHDConfig

TINY = Pix2PixHDConfig(
    ngf=4, halvings=2, blocks=1, enhancer_blocks=1, ndf=4, nef=2, encoder_halvings=2, centres=2, perceptual="untrained"
)
LOCAL = dataclasses.replace(TINY, generator="local", discriminators=3)
FEATURES = dataclasses.replace(TINY, features=True)
CLASSES = 4


def made(config: Pix2PixHDConfig = TINY, fraction: float = 0.0) -> Pix2PixHD:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        method = Pix2PixHD(config, CLASSES)
    method.fraction = fraction
    return method


def scenes(pictures: int = 2, side: int = 32) -> Batch:
    """Random pictures; labels in patches of 8 pixels, each of an id of its own."""
    stream = torch.Generator().manual_seed(1)
    source, target = (torch.rand(pictures, 3, side, side, generator=stream) * 2 - 1 for _ in range(2))
    coarse = torch.randint(0, CLASSES, (pictures, side // 8, side // 8), generator=stream)
    patches = torch.arange(coarse[0].numel()).reshape(coarse.shape[1:]).expand_as(coarse)
    labels, ids = (x.repeat_interleave(8, 1).repeat_interleave(8, 2) for x in (coarse, 1000 * (coarse + 1) + patches))
    return Batch(tuple(f"picture {i}" for i in range(pictures)), source, target, labels=labels, instances=ids)


def target_of(batch: Batch) -> Tensor:
    assert batch.target is not None
    return batch.target


def perform(method: Pix2PixHD, batch: Batch, optimizers: dict[str, Any] | None = None) -> Iterator[Update]:
    """The least loop: zero, backward, step; yields each update after its step."""
    optimizers = optimizers or method.optimizers()
    for update in method.updates(batch, 0):
        parameters = [p for group in optimizers[update.optimizer].param_groups for p in group["params"]]
        optimizers[update.optimizer].zero_grad()
        torch.autograd.backward(update.loss, inputs=parameters)
        optimizers[update.optimizer].step()
        yield update


def count(*modules: nn.Module | None) -> int:
    return sum(p.numel() for module in modules if module is not None for p in module.parameters())


class TestPublished:
    """Against what was measured on the published code."""

    def test_global_generator_filled_by_rule(self) -> None:
        method = published({})
        layers = list(method.generator.to_empty(device="cpu").layers)  # type: ignore[arg-type]
        first, *others = (layer for layer in layers if isinstance(layer, ResidualBlock))
        fill_by_cosine(nn.ModuleList(layer for layer in layers if layer not in others))
        for block in others:  # equal shapes are filled equally
            block.load_state_dict(first.state_dict())
        y, x = torch.meshgrid(torch.arange(64), torch.arange(128), indexing="ij")
        labels, instances = ((y // 16) * 3 + x // 16) % 35, (y // 12) * 100 + x // 20
        batch = Batch(("a",), torch.zeros(1, 3, 64, 128), labels=labels[None], instances=instances[None])
        assert method.conditions(batch)[:, 35:].sum() == 1928
        found = Digest.by_cosine(method.translate(batch, seed=0))
        found.assert_close(Digest(24576, 0.00044, 0.875926, 0.907427, (0.852582, -0.997512, -0.699174)))

    @pytest.mark.parametrize(
        ("settings", "generator", "discriminator"),
        [
            ({}, 182_546_755, 5_603_202),
            ({"discriminators": 3}, 182_546_755, 8_404_803),
            ({"features": True}, 182_556_163, 5_603_202),
            ({"generator": "local", "ngf": 32, "discriminators": 3}, 182_857_059, 8_404_803),
            ({"use_labels": False, "use_instances": False}, 182_443_267, 5_535_618),
        ],
    )
    def test_parameters(self, settings: dict[str, Any], generator: int, discriminator: int) -> None:
        method = published(settings)
        assert count(method.generator) == generator
        assert count(method.discriminator) == discriminator
        assert count(method.encoder) == (788_803 if method.config.features else 0)
        assert count(method.perceptual) == 0

    def test_parameters_trained_while_the_trunk_is_fixed(self) -> None:
        method = published({"generator": "local", "ngf": 32, "discriminators": 3})
        assert isinstance(method.generator, LocalEnhancer)
        assert count(method.generator) - count(method.generator.trunk) == 319_715

    @pytest.mark.parametrize(
        ("settings", "height", "forward", "step"),
        [
            ({}, 128, 61.2, 296.1),
            ({}, 256, 122.3, 587.5),
            ({"generator": "local", "ngf": 32, "discriminators": 3}, 128, 23.4, 188.0),
            ({"features": True}, 128, None, 308.0),
        ],
    )
    def test_work(
        self, settings: dict[str, Any], height: int, forward: float | None, step: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """GFLOP of 256 pixels' width; the published step also takes gradients of the discriminators for nobody."""
        method = published(settings)
        method.fraction = 0.99
        with torch.device("meta"):
            maps, picture = torch.zeros(1, height, 256, dtype=torch.int64), torch.empty(1, 3, height, 256)
        batch = Batch(("a",), picture, picture, labels=maps, instances=maps)
        if forward is not None:
            with FlopCounterMode(display=False) as counter, torch.no_grad():
                method.generator(method.conditions(batch))
            assert counter.get_total_flops() / 1e9 == pytest.approx(forward, abs=0.05)

        def work() -> float:
            with FlopCounterMode(display=False) as counter:
                for update in list(method.updates(batch, 0)):
                    torch.autograd.backward(update.loss)
            return counter.get_total_flops() / 1e9

        least = work()
        monkeypatch.setattr(pix2pixhd, "frozen", lambda *modules: nullcontext())
        assert work() == pytest.approx(step, abs=0.05)
        assert least < step - 5

    def test_discriminators_see_maps_of_the_published_sizes(self) -> None:
        method = published({})
        stages = method.discriminator(torch.empty(1, 39, 256, 512, device="meta"))
        assert [tuple(x.shape[2:]) for x in stages[0]] == [(129, 257), (65, 129), (33, 65), (34, 66), (35, 67)]


def published(settings: dict[str, Any]) -> Pix2PixHD:
    """Of the 35 classes of Cityscapes, without any memory."""
    with torch.device("meta"):
        method = Pix2PixHD(Pix2PixHDConfig(**settings), 35)
        method.perceptual.load({name: torch.empty(shape) for name, shape in weight_shapes("vgg19", 5).items()})
    return method


class TestInput:
    def test_label_map_and_boundaries(self) -> None:
        batch = dataclasses.replace(
            scenes(1), labels=torch.tensor([[[1, 1, 2], [1, 3, 255]]]), instances=torch.tensor([[[1, 1, 2], [1, 3, 2]]])
        )
        found = made().conditions(batch)
        assert found.shape == (1, CLASSES + 1, 2, 3)
        assert found[0, :CLASSES].argmax(0).tolist() == [[1, 1, 2], [1, 3, 0]]
        assert found[0, :CLASSES, 1, 2].tolist() == [0, 0, 0, 0]
        assert found[0, CLASSES].tolist() == [[0, 1, 1], [1, 1, 1]]

    def test_pictures_instead_of_labels(self) -> None:
        batch = scenes()
        method = made(dataclasses.replace(TINY, use_labels=False, use_instances=False))
        assert torch.equal(method.conditions(batch), batch.source)
        bare = Batch(batch.names, batch.source)
        assert method.translate(bare, seed=0).shape == batch.source.shape

    @pytest.mark.parametrize(
        ("field", "told"), [("labels", "use_labels=true reads label maps"), ("instances", "use_instances=true reads")]
    )
    def test_says_which_maps_are_missing(self, field: str, told: str) -> None:
        with pytest.raises(ValueError, match=told):
            made().translate(dataclasses.replace(scenes(), **{field: None}), seed=0)

    def test_first_weights(self) -> None:
        method = made(dataclasses.replace(TINY, ngf=32))
        layers = [m for m in method.generator.modules() if isinstance(m, nn.Conv2d)]
        assert torch.cat([m.weight.flatten() for m in layers]).std().item() == pytest.approx(0.02, rel=0.01)
        bound = 1 / math.sqrt(layers[0].weight[0].numel())
        biases = layers[0].bias
        assert biases is not None
        assert 0.5 * bound < biases.detach().abs().max() <= bound


class TestLosses:
    def test_of_the_generator_by_the_papers_formula(self) -> None:
        """All discriminators' terms written out, VGG's asked from its own loss (tested apart)."""
        method, batch = made(), scenes()
        conditions, target = method.conditions(batch), target_of(batch)
        fake = method.generator(conditions)
        on_fake, on_real = (method.discriminator(torch.cat([conditions, x], 1)) for x in (fake, target))
        matching = torch.zeros(())
        for stages, others in zip(on_fake, on_real, strict=True):
            assert len(stages) == 5
            for one, other in zip(stages[:4], others[:4], strict=True):
                matching = matching + (one - other).abs().mean() * (1 / 2) * (4 / 4)
        adversarial = sum((stages[-1] - 1).square().mean() for stages in on_fake)
        perceptual = method.perceptual(fake, target)
        update = next(iter(method.updates(batch, 0)))
        torch.testing.assert_close(update.loss, adversarial + 10 * matching + 10 * perceptual)
        expected = {"adversarial": adversarial, "feature_matching": 10 * matching, "perceptual": 10 * perceptual}
        assert set(update.logs) == set(expected)
        for name, value in update.logs.items():
            torch.testing.assert_close(value, expected[name].detach())

    @pytest.mark.parametrize("n_layers", [1, 3, 4])
    def test_feature_matching_weighs_less_the_more_stages_there_are(self, n_layers: int) -> None:
        config = dataclasses.replace(TINY, n_layers=n_layers, perceptual="none", discriminators=1, feature_weight=3.0)
        method = made(config)
        ones = [[torch.ones(1, 1, 2, 2) for _ in range(n_layers + 2)]]
        zeros = [[torch.zeros(1, 1, 2, 2) for _ in range(n_layers + 2)]]
        picture = torch.zeros(1, 3, 4, 4)
        losses = method.generator_losses(ones, zeros, picture, picture)
        assert losses["feature_matching"].item() == pytest.approx(3 * 4 / (n_layers + 1) * (n_layers + 1))
        assert losses["adversarial"].item() == 0

    @pytest.mark.parametrize("objective", ["lsgan", "vanilla"])
    def test_of_the_discriminators(self, objective: pix2pixhd.Objective) -> None:
        method, batch = made(dataclasses.replace(TINY, objective=objective)), scenes()
        conditions = method.conditions(batch)
        fake = method.generator(conditions).detach()
        losses = []
        for picture, answer in ((target_of(batch), 1.0), (fake, 0.0)):
            for found in logits(method.discriminator(torch.cat([conditions, picture], 1))):
                wanted = torch.full_like(found, answer)
                losses.append(
                    F.mse_loss(found, wanted)
                    if objective == "lsgan"
                    else F.binary_cross_entropy_with_logits(found, wanted)
                )
        *_, update = method.updates(batch, 0)
        torch.testing.assert_close(update.loss, torch.stack(losses).sum() / 2)

    @pytest.mark.parametrize(
        ("settings", "terms"),
        [
            ({"feature_weight": 0.0}, {"adversarial", "perceptual"}),
            ({"perceptual_weight": 0.0}, {"adversarial", "feature_matching"}),
            ({"perceptual": "none", "feature_weight": 0.0}, {"adversarial"}),
        ],
    )
    def test_terms_can_be_left_out(self, settings: dict[str, Any], terms: set[str]) -> None:
        method = made(dataclasses.replace(TINY, **settings))
        update = next(iter(method.updates(scenes(), 0)))
        assert set(update.logs) == terms
        torch.testing.assert_close(update.loss.detach(), torch.stack(list(update.logs.values())).sum())

    def test_perception_needs_its_network(self) -> None:
        with pytest.raises(ValueError, match="reads vgg19: load its weights first"):
            next(iter(made(dataclasses.replace(TINY, perceptual="vgg19")).updates(scenes(), 0)))


class TestUpdates:
    def test_generator_and_encoder_step_before_the_discriminators(self) -> None:
        method, batch = made(FEATURES), scenes()
        assert method.encoder is not None
        networks = {"generator": [method.generator, method.encoder], "discriminator": [method.discriminator]}
        before = {name: [[p.clone() for p in n.parameters()] for n in group] for name, group in networks.items()}
        done = []
        for update in perform(method, batch):
            done.append(update.optimizer)
            for name, group in networks.items():
                for network, old in zip(group, before[name], strict=True):
                    moved = any(not torch.equal(p, q) for p, q in zip(network.parameters(), old, strict=True))
                    assert moved == (name in done)
        assert done == ["generator", "discriminator"]

    def test_the_discriminators_judge_the_translation_of_before_the_step(self) -> None:
        method, batch = made(), scenes()
        *_, expected = made().updates(batch, 0)
        *_, found = perform(method, batch)
        torch.testing.assert_close(found.loss, expected.loss)

    def test_one_translation_and_three_judgements_a_step(self) -> None:
        method, calls = made(), {"generator": 0, "discriminator": 0}
        method.generator.register_forward_hook(lambda *_: calls.update(generator=calls["generator"] + 1))
        method.discriminator.scales[0].register_forward_hook(
            lambda *_: calls.update(discriminator=calls["discriminator"] + 1)
        )
        assert len(list(perform(method, scenes()))) == 2
        assert calls == {"generator": 1, "discriminator": 3}

    def test_each_loss_reaches_its_own_networks_alone(self) -> None:
        method = made()
        updates = method.updates(scenes(), 0)
        next(updates).loss.backward()
        assert all(p.grad is None and p.requires_grad for p in method.discriminator.parameters())
        assert all(p.grad is not None for p in method.generator.parameters())
        method.zero_grad()
        next(updates).loss.backward()
        assert all(p.grad is None for p in method.generator.parameters())
        assert all(p.grad is not None for p in method.discriminator.parameters())

    def test_discriminators_do_not_read_features(self) -> None:
        method = made(FEATURES)
        first = next(iter(method.discriminator.parameters()))
        assert first.shape[1] == CLASSES + 1 + 3

    def test_needs_targets(self) -> None:
        with pytest.raises(ValueError, match="targets"):
            next(iter(made().updates(dataclasses.replace(scenes(), target=None), 0)))

    def test_learns_a_scene(self) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            method = made(dataclasses.replace(TINY, ngf=8, lr=4e-3, perceptual="none"))
            batch = scenes()
            labels = one_hot(batch.labels, CLASSES)  # type: ignore[arg-type]
            batch = dataclasses.replace(batch, target=labels[:, :3] * 1.6 - 0.8)
            optimizers = method.optimizers()
            before = F.l1_loss(method.translate(batch, seed=0), target_of(batch))
            for _ in range(25):
                list(perform(method, batch, optimizers))
            after = F.l1_loss(method.translate(batch, seed=0), target_of(batch))
        assert after < before / 2


class TestStages:
    """`local`: 200 epochs of G1, 10 of the enhancers, 90 of all."""

    @pytest.mark.parametrize(
        ("epoch", "stage"),
        [(0, "coarse"), (199.9, "coarse"), (200, "fixed"), (209.9, "fixed"), (210.1, "joint"), (300, "joint")],
    )
    def test_shares(self, epoch: float, stage: str) -> None:
        assert LOCAL.stage(epoch / 300) == stage
        assert TINY.stage(epoch / 300) == "joint"

    @pytest.mark.parametrize(
        ("fraction", "trained"),
        [
            (0.0, {"trunk", "coarse_head", "scales.1", "scales.2"}),
            (205 / 300, {"enhancers", "generator.head", "scales.0", "scales.1", "scales.2"}),
            (0.9, {"trunk", "enhancers", "generator.head", "scales.0", "scales.1", "scales.2"}),
        ],
    )
    def test_what_is_trained(self, fraction: float, trained: set[str]) -> None:
        method = made(LOCAL, fraction)
        before = {name: p.clone() for name, p in method.named_parameters()}
        list(perform(method, scenes(side=64)))
        parts = ("trunk", "enhancers", "generator.head", "coarse_head", "scales.0", "scales.1", "scales.2")
        for part in parts:
            moved = [not torch.equal(p, before[name]) for name, p in method.named_parameters() if part in name]
            assert moved
            assert any(moved) == (part in trained), part
            assert all(p.requires_grad for p in method.parameters())

    def test_the_coarse_stage_by_its_parts(self) -> None:
        """G1 with its own head and the two coarser discriminators, on averaged maps and pictures."""
        method, batch = made(LOCAL), scenes(side=64)
        assert isinstance(method.generator, LocalEnhancer) and method.coarse_head is not None
        conditions, target = halved(method.conditions(batch)), halved(target_of(batch))
        fake = method.coarse_head(method.generator.trunk(conditions))
        assert fake.shape == target.shape == (2, 3, 32, 32)
        on_fake, on_real = (
            [
                method.discriminator.scales[1](torch.cat([conditions, x], 1)),
                method.discriminator.scales[2](halved(torch.cat([conditions, x], 1))),
            ]
            for x in (fake, target)
        )
        expected = torch.stack(list(method.generator_losses(on_fake, on_real, fake, target).values())).sum()
        torch.testing.assert_close(next(iter(method.updates(batch, 0))).loss, expected)

    def test_discriminators_keep_their_pictures_size(self) -> None:
        """What the second sees of a target in the coarse stage is what it sees of it later."""
        seen: dict[float, Tensor] = {}
        for fraction in (0.0, 0.9):
            method = made(LOCAL, fraction)
            calls: list[Tensor] = []
            method.discriminator.scales[1].register_forward_pre_hook(lambda _, given, to=calls: to.append(given[0]))
            next(iter(method.updates(scenes(side=64), 0)))
            seen[fraction] = calls[0]  # the real pair comes first
        torch.testing.assert_close(seen[0.0], seen[0.9])

    @pytest.mark.parametrize(
        ("epoch", "rate"), [(1, 2e-4), (101, 2e-4), (102, 1.98e-4), (200, 2e-6), (201, 2e-4), (251, 2e-4), (300, 4e-6)]
    )
    def test_published_rates_of_coarse_to_fine(self, epoch: int, rate: float) -> None:
        """Afterwards 50 constant epochs and 50 falling by 2e-4 / 50: epoch 252 of 300 is the first lower one."""
        for name in ("generator", "discriminator"):
            for fraction in ((epoch - 1 + 1e-6) / 300, (epoch - 0.001) / 300):
                assert 2e-4 * METHOD.learning_rate(name, 0, fraction) == pytest.approx(rate, rel=1e-5)

    @pytest.mark.parametrize(
        ("epoch", "rate"), [(1, 2e-4), (100, 2e-4), (101, 2e-4), (102, 1.98e-4), (151, 1e-4), (200, 2e-6)]
    )
    def test_published_rates(self, epoch: int, rate: float) -> None:
        method = made()
        for fraction in ((epoch - 1) / 200, (epoch - 0.001) / 200):
            assert 2e-4 * method.learning_rate("generator", 0, fraction) == pytest.approx(rate, rel=1e-5)

    def test_the_encoder_learns_in_the_coarse_stage_alone(self) -> None:
        config = dataclasses.replace(LOCAL, features=True)
        for fraction, learns in ((0.0, True), (205 / 300, False), (0.9, False)):
            method = made(config, fraction)
            assert method.encoder is not None
            next(iter(method.updates(scenes(side=64), 0))).loss.backward()
            assert all((p.grad is not None) == learns for p in method.encoder.parameters())

    def test_without_a_coarse_stage_there_is_no_second_head(self) -> None:
        method = made(dataclasses.replace(LOCAL, coarse=0.0, fixed=0.0, discriminators=1))
        assert method.coarse_head is None
        assert len(list(method.updates(scenes(side=64), 0))) == 2


METHOD = made(LOCAL)


class TestFeatures:
    def concluded(self, **settings: Any) -> Pix2PixHD:
        method = made(dataclasses.replace(FEATURES, **settings))
        assert method.encoder is not None
        nn.init.normal_(method.encoder.network.layers[-2].weight, generator=torch.Generator().manual_seed(0))
        method.conclude(iter([scenes()]))
        return method

    def test_the_generator_reads_the_targets_features_while_training(self) -> None:
        method, batch = made(FEATURES), scenes()
        assert method.encoder is not None and batch.instances is not None
        seen: list[Tensor] = []
        method.generator.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        next(iter(method.updates(batch, 0)))
        torch.testing.assert_close(seen[0][:, : CLASSES + 1], method.conditions(batch))
        torch.testing.assert_close(seen[0][:, CLASSES + 1 :], method.encoder(target_of(batch), batch.instances))

    def test_centres_are_found_after_training_and_again_the_same(self) -> None:
        method = self.concluded()
        assert method.encoder is not None
        centres = method.encoder.centres
        assert centres.counts.tolist() == [2] * CLASSES
        first = centres.centres.clone()
        method.conclude(iter([scenes()]))
        assert torch.equal(first, centres.centres)
        parts = scenes()
        method.conclude(iter([parts[0], parts[1]]))
        torch.testing.assert_close(first, centres.centres, atol=1e-5, rtol=0)

    def test_small_instances_do_not_count(self) -> None:
        """Patches have 64 pixels of 1024: two 32nds, so half a 32nd is less and two are not."""
        for least_area, found in ((1.99, True), (2.0, False)):
            method = self.concluded(least_area=least_area)
            assert method.encoder is not None
            assert bool(method.encoder.centres.counts.any()) == found

    def test_conclusion_without_features_reads_nothing(self) -> None:
        unread = iter([scenes()])
        made().conclude(unread)
        assert len(list(unread)) == 1

    def test_samples_differ_by_their_features(self) -> None:
        method, batch = self.concluded(), scenes()
        first = method.translate(batch, seed=0)
        assert torch.equal(first, method.translate(batch, seed=0))
        assert not torch.equal(first, method.translate(batch, seed=0, sample=1))
        alone = torch.cat([method.translate(batch[i], seed=0) for i in range(2)])
        torch.testing.assert_close(first, alone, atol=1e-5, rtol=0)

    def test_a_choice_for_every_class_leaves_nothing_to_draw(self) -> None:
        batch = scenes()
        chosen = [tuple((kind, centre) for kind in range(CLASSES)) for centre in (0, 1)]
        methods = [self.concluded(feature_choice=choice) for choice in chosen]
        outputs = [method.translate(batch, seed=0) for method in methods]
        assert not torch.equal(*outputs)
        for method, output in zip(methods, outputs, strict=True):
            assert torch.equal(output, method.translate(batch, seed=5, sample=3))

    def test_a_pictures_own_pair_is_encoded_and_made_again(self) -> None:
        method, batch = self.concluded(), scenes()
        assert method.encoder is not None and batch.instances is not None
        with torch.no_grad():
            features = method.encoder(target_of(batch), batch.instances)
            expected = method.generator(torch.cat([method.conditions(batch), features], 1))
        found = method.transfer(batch, dataclasses.replace(batch, target=None))
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)

    def test_without_features_nothing_is_moved(self) -> None:
        with pytest.raises(NotImplementedError, match="features=true"):
            made().transfer(scenes(), scenes())

    def test_batch_norm_reads_each_pictures_own_statistics(self) -> None:
        method, batch = self.concluded(norm="batch"), scenes(3)
        before = {name: value.clone() for name, value in method.state_dict().items()}
        together = method.translate(batch, seed=0)
        expected = torch.cat([method.translate(batch[i], seed=0) for i in range(3)])
        torch.testing.assert_close(together, expected, atol=1e-5, rtol=0)
        method.transfer(batch, batch)
        assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())
        assert all(module.training for module in method.modules())


class TestConfig:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("generator", "resnet"),
            ("norm", "none"),
            ("objective", "wgangp"),
            ("perceptual", "alexnet"),
            ("ngf", 0),
            ("levels", 1),
            ("blocks", -1),
            ("discriminators", 0),
            ("centres", 0),
            ("least_area", -0.5),
            ("feature_weight", -1.0),
            ("coarse", -0.1),
            ("crop", -1),
            ("lr", 0.0),
            ("beta1", 1.0),
        ],
    )
    def test_refuses_naming_the_field_and_what_was_found(self, field: str, value: object) -> None:
        with pytest.raises(ValueError, match=f"{field} must .*found .?{value}"):
            Pix2PixHDConfig(**{field: value})  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("settings", "told"),
        [
            ({"constant_epochs": 0, "decay_epochs": 0}, r"constant_epochs \+ decay_epochs must be at least 1"),
            ({"fine_constant_epochs": 0, "fine_decay_epochs": 0}, "fine_constant_epochs"),
            ({"coarse": 0.9, "fixed": 0.1}, r"coarse \+ fixed must leave a share"),
            ({"features": True, "use_labels": False}, "features=true needs use_labels=true"),
            ({"features": True, "generator": "local", "coarse": 0.0}, "needs a coarse stage"),
            ({"generator": "local", "discriminators": 1}, "more than enhancers=1, .*found 1"),
            ({"feature_choice": ((0, 10),)}, r"centres 0 to 9, found \[\[0, 10\]\]"),
            ({"feature_choice": ((-1, 0),)}, "feature_choice must be pairs"),
        ],
    )
    def test_refuses_what_does_not_go_together(self, settings: dict[str, Any], told: str) -> None:
        with pytest.raises(ValueError, match=told):
            Pix2PixHDConfig(**settings)
