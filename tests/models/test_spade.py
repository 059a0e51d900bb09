from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from i2ibench.models.layers.feature_losses import feature_matching_loss
from i2ibench.models.layers.gaussian_codes import drawn, standard_normal_divergence
from i2ibench.models.layers.norms import translating
from i2ibench.models.method import Batch, Update, generator
from i2ibench.models.spade import SPADE, SPADEConfig, build_generator

TINY = SPADEConfig(ngf=2, hidden=3, ndf=2, perceptual="none")
VAE = dataclasses.replace(TINY, vae=True, z_dim=4, nef=2, style_side=128)
CITYSCAPES = SPADEConfig(upsampling="more", use_instances=True, unknown=False, perceptual="none")


@pytest.fixture(autouse=True)
def draws() -> Iterator[None]:
    """Networks drawn in a test are the same every time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def tiny_batch(pictures: int = 2, height: int = 32, width: int = 64, classes: int = 3) -> Batch:
    stream = torch.Generator().manual_seed(1)
    source, target, exemplar = (torch.rand(pictures, 3, height, width, generator=stream) * 2 - 1 for _ in range(3))
    labels = torch.randint(0, classes, (pictures, height, width), generator=stream)
    names = tuple(f"picture {i}" for i in range(pictures))
    return Batch(names, source, target, labels=labels, instances=labels + 10, exemplars=(exemplar,))


def made(config: SPADEConfig = TINY, classes: int = 3) -> SPADE:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return SPADE(config, (32, 64), classes)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def perform(method: SPADE, batch: Batch) -> Iterator[Update]:
    """The least loop: zero, backward, step; yields each update after its step."""
    optimizers = method.optimizers()
    for update in method.updates(batch, 0):
        optimizers[update.optimizer].zero_grad()
        update.loss.backward()
        optimizers[update.optimizer].step()
        yield update


class Recorded(nn.Module):
    """A discriminator of two scales whose stages are multiples of the mean of its input's channels."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.inputs: list[Tensor] = []

    def forward(self, x: Tensor) -> list[list[Tensor]]:
        self.inputs.append(x.detach())
        mean = self.weight * x[:, -3:].mean(1, keepdim=True)
        return [[2 * mean, mean], [3 * mean, -mean]]


class Constant(nn.Module):
    """A generator of pictures of one colour."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, segmentation: Tensor) -> Tensor:
        return self.value.expand(len(segmentation), 3, *segmentation.shape[2:])


class TestNetworks:
    @pytest.mark.parametrize(
        ("config", "classes", "channels", "parameters"),
        [
            (SPADEConfig(use_instances=True, perceptual="none"), 182, 184, 5_904_514),
            (SPADEConfig(perceptual="none"), 150, 151, 5_836_930),
            (CITYSCAPES, 35, 36, 5_601_410),
        ],
    )
    def test_discriminators_are_the_published_ones(
        self, config: SPADEConfig, classes: int, channels: int, parameters: int
    ) -> None:
        with torch.device("meta"):
            assert config.channels(classes) == channels
            assert count(SPADE(config, (256, 512), classes).discriminator) == parameters

    def test_generator_of_pix2pixhd(self) -> None:
        """Its own, of 35 labels and boundaries."""
        config = SPADEConfig(generator="pix2pixhd")
        with torch.device("meta"):
            network = build_generator(config, 36, (256, 512))
        assert count(network) == 182_546_755
        assert config.multiple == 16

    @pytest.mark.parametrize(
        ("config", "classes", "size", "gigaflops"),
        [
            (SPADEConfig(perceptual="none"), 150, (128, 128), 90.6),
            (CITYSCAPES, 35, (128, 256), 140.6),
        ],
    )
    def test_work_is_the_published_networks(
        self, config: SPADEConfig, classes: int, size: tuple[int, int], gigaflops: float
    ) -> None:
        channels = config.channels(classes)
        with torch.device("meta"), FlopCounterMode(display=False) as counter:
            build_generator(config, channels, size)(torch.empty(1, channels, *size))
        assert counter.get_total_flops() / 1e9 == pytest.approx(gigaflops, abs=0.05)


class TestSegmentation:
    def test_labels_unknown_and_boundaries(self) -> None:
        labels = torch.tensor([[[0, 0, 2, 255]]])
        batch = Batch(("a",), torch.zeros(1, 3, 1, 4), labels=labels, instances=torch.tensor([[[0, 0, 2, 2]]]))
        method = made(dataclasses.replace(TINY, use_instances=True))
        expected = torch.tensor([[1.0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 1, 1, 0]])
        assert torch.equal(method.segmentation(batch)[0, :, 0], expected)
        without = made(dataclasses.replace(TINY, unknown=False))
        assert torch.equal(without.segmentation(batch)[0, :, 0], expected[:3])

    def test_or_the_source_picture(self) -> None:
        method = made(dataclasses.replace(TINY, use_labels=False), classes=0)
        batch = dataclasses.replace(tiny_batch(), labels=None, instances=None)
        assert torch.equal(method.segmentation(batch), batch.source)
        assert len(list(perform(method, batch))) == 2

    @pytest.mark.parametrize("missing", ["labels", "instances", "target"])
    def test_names_what_a_batch_lacks(self, missing: str) -> None:
        method = made(dataclasses.replace(TINY, use_instances=True))
        batch = dataclasses.replace(tiny_batch(), **{missing: None})
        with pytest.raises(ValueError, match=f"spade reads {missing}"):
            next(iter(method.updates(batch, 0)))


class TestLosses:
    def test_by_hand(self) -> None:
        """Logits of fakes 0.5 and -0.5, of reals -0.2 and 0.2; features differ by 2 x 0.7 and 3 x 0.7."""
        method = made()
        method.discriminator, method.generator = Recorded(), Constant(0.5)
        batch = dataclasses.replace(tiny_batch(), target=torch.full((2, 3, 32, 64), -0.2))
        updates = method.updates(batch, 0)
        first = next(updates)
        assert first.optimizer == "generator"
        assert first.logs["adversarial"].item() == pytest.approx(0, abs=1e-6)
        assert first.logs["feature_matching"].item() == pytest.approx(10 * (2 * 0.7 + 3 * 0.7) / 2, rel=1e-5)
        assert first.loss.item() == pytest.approx(17.5, rel=1e-5)
        second = next(updates)
        assert second.optimizer == "discriminator"
        assert second.logs["fake"].item() == pytest.approx((1.5 + 0.5) / 2, rel=1e-5)
        assert second.logs["real"].item() == pytest.approx((1.2 + 0.8) / 2, rel=1e-5)
        assert second.loss.item() == pytest.approx(2, rel=1e-5)
        assert list(updates) == []

    def test_discriminators_see_segmentation_and_picture_fakes_first_in_one_batch(self) -> None:
        method = made()
        recorded = Recorded()
        method.discriminator, method.generator = recorded, Constant(0.5)
        batch = tiny_batch()
        assert batch.target is not None
        list(method.updates(batch, 0))
        segmentation = method.segmentation(batch)
        fake, real = (torch.cat([segmentation, x], 1) for x in (torch.full_like(batch.target, 0.5), batch.target))
        for found, expected in zip(recorded.inputs, (fake, real, torch.cat([fake, real])), strict=True):
            assert torch.equal(found, expected)

    def test_halves_answer_as_if_they_went_through_the_discriminators_together(self) -> None:
        """What the generator's losses are by the plain formulas, on a discriminator of one power iteration."""
        method, other = made(), made()
        batch, fake = tiny_batch(), torch.rand(2, 3, 32, 64)
        assert batch.target is not None
        segmentation = method.segmentation(batch)
        losses = method.generator_losses(segmentation, fake, batch.target)
        pairs = torch.cat([torch.cat([segmentation, fake], 1), torch.cat([segmentation, batch.target], 1)])
        stages = other.discriminator(pairs)
        fakes, reals = ([[stage.chunk(2)[half] for stage in scale] for scale in stages] for half in (0, 1))
        adversarial = -sum(scale[-1].mean() for scale in fakes) / 2
        torch.testing.assert_close(losses["adversarial"], adversarial)
        torch.testing.assert_close(losses["feature_matching"], 10 * feature_matching_loss(fakes, reals))
        for (name, one), two in zip(method.named_buffers(), other.buffers(), strict=True):
            assert torch.equal(one, two), name

    def test_weights(self) -> None:
        batch = tiny_batch()
        target = batch.target
        assert target is not None
        config = dataclasses.replace(TINY, perceptual="untrained", perceptual_weight=2.0, feature_weight=3.0)
        method, plain = made(config), made(dataclasses.replace(config, perceptual_weight=1.0, feature_weight=1.0))
        segmentation, fake = method.segmentation(batch), torch.zeros_like(target)
        weighted, unit = (one.generator_losses(segmentation, fake, target) for one in (method, plain))
        assert list(weighted) == ["adversarial", "feature_matching", "perceptual"]
        for name, weight in (("adversarial", 1), ("feature_matching", 3), ("perceptual", 2)):
            torch.testing.assert_close(weighted[name], weight * unit[name])
        torch.testing.assert_close(unit["perceptual"], plain.perceptual(fake, target))
        without = made(dataclasses.replace(config, perceptual_weight=0.0, feature_weight=0.0))
        assert list(without.generator_losses(segmentation, fake, target)) == ["adversarial"]

    def test_the_published_weights(self) -> None:
        config = SPADEConfig()
        assert (config.feature_weight, config.perceptual_weight, config.kl_weight) == (10, 10, 0.05)
        assert config.perceptual == "vgg19"

    def test_divergence_of_the_codes(self) -> None:
        method = made(VAE)
        batch = tiny_batch()
        with torch.random.fork_rng():
            torch.manual_seed(3)
            update = next(iter(method.updates(batch, 0)))
        other = made(VAE)
        assert other.encoder is not None
        expected = 0.05 * standard_normal_divergence(*other.encoder(batch.target))
        torch.testing.assert_close(update.logs["kl"], expected.detach())
        torch.testing.assert_close(update.loss.detach(), torch.stack([*update.logs.values()]).sum())


class TestUpdates:
    @pytest.mark.parametrize("config", [TINY, VAE])
    def test_each_step_touches_its_own_networks_alone(self, config: SPADEConfig) -> None:
        method, batch = made(config), tiny_batch()
        encoder = [("generator", method.encoder)] if method.encoder is not None else []
        networks = [("generator", method.generator), ("discriminator", method.discriminator), *encoder]
        before = [[p.clone() for p in network.parameters()] for _, network in networks]
        done = []
        for update in perform(method, batch):
            done.append(update.optimizer)
            for (owner, network), was in zip(networks, before, strict=True):
                moved = any(not torch.equal(p, q) for p, q in zip(network.parameters(), was, strict=True))
                assert moved == (owner in done)
        assert done == ["generator", "discriminator"]

    def test_discriminators_meet_a_new_fake_of_the_stepped_generator(self) -> None:
        method, batch = made(), tiny_batch()
        seen: list[Tensor] = []
        method.discriminator.register_forward_hook(lambda _, given, __: seen.append(given[0].detach()))
        updates = perform(method, batch)
        next(updates)
        twin = made()
        twin.load_state_dict(method.state_dict())
        next(updates)
        expected = twin.generator(twin.segmentation(batch))
        torch.testing.assert_close(seen[2][:2, -3:], expected)
        assert not torch.allclose(seen[2][:2, -3:], seen[0][:, -3:])

    def test_and_of_a_new_code(self) -> None:
        method, twin, batch = made(VAE), made(VAE), tiny_batch()
        codes: list[Tensor] = []
        method.generator.register_forward_hook(lambda _, given, __: codes.append(given[1].detach()))
        updates = perform(method, batch)
        next(updates)
        twin.load_state_dict(method.state_dict())
        assert twin.encoder is not None
        with torch.random.fork_rng():
            torch.manual_seed(9)
            next(updates)
            torch.manual_seed(9)
            expected = drawn(*twin.encoder(batch.target))
        assert len(codes) == 2
        torch.testing.assert_close(codes[1], expected.detach())

    def test_no_gradient_of_the_generators_loss_stays_in_the_discriminators(self) -> None:
        method = made(VAE)
        next(iter(method.updates(tiny_batch(), 0))).loss.backward()
        assert method.encoder is not None
        assert all(p.grad is None and p.requires_grad for p in method.discriminator.parameters())
        assert all(p.grad is not None for p in (*method.generator.parameters(), *method.encoder.parameters()))

    def test_gradients_are_those_of_the_plain_loss(self) -> None:
        """Of the whole loss written out, without shortcuts, on a twin."""
        method, twin, batch = made(VAE), made(VAE), tiny_batch()
        with torch.random.fork_rng():
            torch.manual_seed(5)
            next(iter(method.updates(batch, 0))).loss.backward()
            torch.manual_seed(5)
            assert twin.encoder is not None
            assert batch.target is not None
            segmentation = twin.segmentation(batch)
            mean, log_variance = twin.encoder(batch.target)
            fake = twin.generator(segmentation, drawn(mean, log_variance))
        pictures = torch.cat([fake, batch.target])
        stages = twin.discriminator(torch.cat([torch.cat([segmentation] * 2), pictures], 1))
        loss = 0.05 * standard_normal_divergence(mean, log_variance)
        for *features, last in stages:
            loss = loss - last[:2].mean() / 2
            loss = loss + sum(10 * F.l1_loss(stage[:2], stage[2:].detach()) / 2 for stage in features)
        loss.backward()
        for (name, one), two in zip(method.generator.named_parameters(), twin.generator.parameters(), strict=True):
            torch.testing.assert_close(one.grad, two.grad, msg=name, rtol=1e-4, atol=1e-6)

    @pytest.mark.parametrize(
        ("ttur", "rates", "betas"), [(True, (1e-4, 4e-4), (0.0, 0.9)), (False, (2e-4, 2e-4), (0.5, 0.999))]
    )
    def test_rates(self, ttur: bool, rates: tuple[float, float], betas: tuple[float, float]) -> None:
        optimizers = made(dataclasses.replace(TINY, ttur=ttur)).optimizers()
        groups = [optimizers[name].param_groups[0] for name in ("generator", "discriminator")]
        assert tuple(group["lr"] for group in groups) == pytest.approx(rates)
        assert all(group["betas"] == betas for group in groups)

    def test_runs_in_bfloat16(self) -> None:
        method, batch = made(VAE), tiny_batch()
        with torch.autocast("cpu", torch.bfloat16):
            for update in method.updates(batch, 0):
                assert torch.isfinite(update.loss)
                update.loss.backward()
        assert all(torch.isfinite(p.grad).all() for p in method.generator.parameters() if p.grad is not None)

    def test_learns_a_mapping(self) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            config = SPADEConfig(ngf=4, hidden=8, ndf=4, perceptual="none", lr=4e-3)
            method = SPADE(config, (32, 64), 3)
            batch = tiny_batch(4)
            labels = batch.labels
            assert labels is not None
            labels = labels[:, ::8, ::8].repeat_interleave(8, 1).repeat_interleave(8, 2)
            colours = torch.tensor([[1.0, -1, -1], [-1, 1, -1], [-1, -1, 1]])
            target = 0.8 * colours[labels].permute(0, 3, 1, 2)
            batch = dataclasses.replace(batch, labels=labels, target=target)
            before = F.l1_loss(method.translate(batch, seed=0), target)
            optimizers = method.optimizers()
            for step in range(40):
                for update in method.updates(batch, step):
                    optimizers[update.optimizer].zero_grad()
                    update.loss.backward()
                    optimizers[update.optimizer].step()
            assert F.l1_loss(method.translate(batch, seed=0), target) < before / 2


class TestSchedule:
    @pytest.mark.parametrize(("epoch", "factor"), [(1, 1), (100, 1), (101, 1), (102, 0.99), (200, 0.01)])
    def test_first_epoch_of_decay_has_the_full_rate(self, epoch: int, factor: float) -> None:
        for fraction in ((epoch - 1) / 200, (epoch - 0.001) / 200):
            assert METHOD.learning_rate("generator", 0, fraction) == pytest.approx(factor)

    @given(fraction=st.floats(0, 1))
    def test_both_rates_keep_their_ratio(self, fraction: float) -> None:
        rates = [METHOD.learning_rate(name, 0, fraction) for name in ("generator", "discriminator")]
        epoch = min(1 + math.floor(fraction * 200 + 1e-9), 200)
        assert rates == pytest.approx([1 - max(0, epoch - 101) / 100] * 2)

    def test_without_decay_it_is_constant(self) -> None:
        method = made(dataclasses.replace(TINY, constant_epochs=50, decay_epochs=0))
        assert {method.learning_rate("generator", 0, step / 100) for step in range(101)} == {1.0}


METHOD = made()


class TestTranslation:
    def test_is_by_running_statistics_and_without_power_iterations(self) -> None:
        method, batch = made(), tiny_batch()
        list(perform(method, batch))
        before = {name: value.clone() for name, value in method.state_dict().items()}
        translated = method.translate(batch, seed=0)
        assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())
        assert all(module.training for module in method.modules())
        torch.testing.assert_close(translated, method.eval().generator(method.segmentation(batch)))

    def test_draws_a_style_for_each_name_seed_and_sample(self) -> None:
        method, batch = made(VAE), tiny_batch()
        codes = torch.stack([torch.randn(4, generator=generator(7, "style", name, 2)) for name in batch.names])
        with translating(method.generator, dropout=False, batch_statistics=False), torch.no_grad():
            expected = method.generator(method.segmentation(batch), codes)
        torch.testing.assert_close(method.translate(batch, seed=7, sample=2), expected)
        assert not torch.allclose(method.translate(batch, seed=7, sample=1), expected)

    def test_takes_the_mean_code_of_exemplars(self) -> None:
        method, batch = made(dataclasses.replace(VAE, style="exemplar")), tiny_batch()
        assert method.encoder is not None
        network = nn.ModuleList([method.generator, method.encoder])
        with translating(network, dropout=False, batch_statistics=False), torch.no_grad():
            expected = method.generator(method.segmentation(batch), method.encoder(*batch.exemplars)[0])
        first, second = (method.translate(batch, seed=0, sample=sample) for sample in (0, 1))
        assert torch.equal(first, second)
        torch.testing.assert_close(first, expected)

    def test_averages_only_where_asked(self) -> None:
        assert METHOD.averages == {}
        assert made(dataclasses.replace(TINY, ema=0.999)).averages == {"generator": 0.999}


class TestConfig:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("generator", "unet"),
            ("upsampling", "least"),
            ("norm", "none"),
            ("perceptual", "alexnet"),
            ("init_spectral", "zeros"),
            ("style", "encoded"),
            ("ngf", 0),
            ("discriminators", 0),
            ("style_side", 64),
            ("kl_weight", -1.0),
            ("decay_epochs", -1),
            ("lr", 0.0),
            ("ema", 1.0),
            ("load_scale", 0.5),
        ],
    )
    def test_refuses_naming_the_field_and_what_was_found(self, field: str, value: object) -> None:
        with pytest.raises(ValueError, match=f"{field} must .*found .?{value}"):
            SPADEConfig(**{field: value})  # type: ignore[arg-type]

    def test_refuses_what_does_not_go_together(self) -> None:
        with pytest.raises(ValueError, match="vae=true must have generator=spade"):
            SPADEConfig(vae=True, generator="pix2pixhd")
        with pytest.raises(ValueError, match="style=exemplar must have vae=true"):
            SPADEConfig(style="exemplar")
        with pytest.raises(ValueError, match=r"constant_epochs \+ decay_epochs must be at least 1"):
            SPADEConfig(constant_epochs=0, decay_epochs=0)
        with pytest.raises(ValueError, match="ngf must be at least 2"):
            SPADEConfig(ngf=1, upsampling="most")
