from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from fingerprint import Digest, fill_by_cosine, input_by_cosine
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.adversarial import Objective, adversarial_loss
from i2ibench.models.layers.norms import Norm, translating
from i2ibench.models.layers.patchgan import PatchDiscriminator, PixelDiscriminator, patch_map_side
from i2ibench.models.layers.resnet import ResNet
from i2ibench.models.layers.unet import UNet
from i2ibench.models.layers.weights import Init, initialize_weights
from i2ibench.models.method import Batch, Update
from i2ibench.models.pix2pix import Pix2Pix, Pix2PixConfig, build_discriminator, build_generator

TINY = Pix2PixConfig(levels=4, ngf=4, ndf=4, n_layers=1)


def tiny_batch(pictures: int = 2, side: int = 16) -> Batch:
    stream = torch.Generator().manual_seed(1)
    source, target = (torch.rand(pictures, 3, side, side, generator=stream) * 2 - 1 for _ in range(2))
    return Batch(tuple(f"picture {i}" for i in range(pictures)), source, target)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def perform(method: Pix2Pix, batch: Batch) -> Iterator[Update]:
    """The least loop: zero, backward, step; yields each update after its step."""
    optimizers = method.optimizers()
    for update in method.updates(batch, 0):
        optimizers[update.optimizer].zero_grad()
        update.loss.backward()
        optimizers[update.optimizer].step()
        yield update


class TestParity:
    """Against the published networks filled by rule."""

    def test_unet_256(self) -> None:
        network = UNet(3, 3).eval()
        fill_by_cosine(network)
        with torch.no_grad():
            found = Digest.by_cosine(network(input_by_cosine(1, 3, 256, 256)))
        found.assert_close(Digest(196608, 0.003509, 0.333695, 0.406561, (-0.12222, -0.131986, -0.032449)))

    def test_resnet_9_of_cyclegan(self) -> None:
        network = ResNet(3, 3)
        fill_by_cosine(network)
        with torch.no_grad():
            found = Digest.by_cosine(network(input_by_cosine(1, 3, 64, 64)))
        found.assert_close(Digest(12288, 0.002647, 0.893788, 0.920814, (0.985145, -0.843049, 0.043376)))


class TestNetworks:
    @pytest.mark.parametrize(
        ("config", "parameters"),
        [
            (Pix2PixConfig(), 54_413_955),
            (Pix2PixConfig(norm="instance"), 54_409_603),
            (Pix2PixConfig(levels=7), 41_828_995),
            (Pix2PixConfig(generator="resnet", norm="instance"), 11_378_179),
            (Pix2PixConfig(generator="resnet", norm="instance", blocks=6), 7_837_699),
            (Pix2PixConfig(generator="resnet"), 11_383_427),
        ],
    )
    def test_generator_parameters_are_the_published_ones(self, config: Pix2PixConfig, parameters: int) -> None:
        with torch.device("meta"):
            assert count(build_generator(config)) == parameters

    @pytest.mark.parametrize(
        ("network", "parameters"),
        [(Pix2PixConfig(), 2_768_705), (Pix2PixConfig(discriminator="pixel"), 9_024)],
    )
    def test_discriminator_parameters_are_the_published_ones(self, network: Pix2PixConfig, parameters: int) -> None:
        with torch.device("meta"):
            assert count(build_discriminator(network)) == parameters

    @pytest.mark.parametrize(("n_layers", "side"), [(1, 126), (2, 62), (3, 30), (4, 14), (5, 6)])
    def test_patch_map_of_256(self, n_layers: int, side: int) -> None:
        with torch.device("meta"):
            network = PatchDiscriminator(6, n_layers=n_layers)
            assert network(torch.empty(1, 6, 256, 256)).shape == (1, 1, side, side)
        assert patch_map_side(256, n_layers) == side

    def test_patch_map_of_128(self) -> None:
        assert patch_map_side(128, 3) == 14

    @given(side=st.integers(8, 300), n_layers=st.integers(1, 5))
    @settings(max_examples=30, deadline=None)
    def test_patch_map_side_is_what_the_network_gives(self, side: int, n_layers: int) -> None:
        with torch.device("meta"):
            network, picture = PatchDiscriminator(6, 1, n_layers, "none"), torch.empty(1, 6, side, side)
        expected = patch_map_side(side, n_layers)
        if expected < 1:
            with pytest.raises(RuntimeError):
                network(picture)
        else:
            assert network(picture).shape[-1] == expected

    @pytest.mark.parametrize(("n_layers", "pixels"), [(1, 16), (2, 34), (3, 70), (4, 142)])
    def test_receptive_field(self, n_layers: int, pixels: int) -> None:
        side = pixels + 2 ** (n_layers + 2)
        network = PatchDiscriminator(1, 1, n_layers, "none")
        for parameter in network.parameters():
            nn.init.constant_(parameter, 1e-2)  # nothing cancels, no LeakyReLU blocks
        picture = torch.zeros(1, 1, side, side, requires_grad=True)
        logits = network(picture)
        middle = logits.shape[-1] // 2
        logits[0, 0, middle, middle].backward()
        assert picture.grad is not None
        seen = picture.grad[0, 0] != 0
        rows = seen.any(1).nonzero().flatten()
        assert len(rows) == rows[-1] - rows[0] + 1 == pixels
        assert seen.sum() == pixels**2

    def test_pixel_discriminator_sees_single_pixels(self) -> None:
        network = PixelDiscriminator(6, 4, "none")
        picture = torch.rand(1, 6, 3, 3, requires_grad=True)
        network(picture)[0, 0, 1, 2].backward()
        assert picture.grad is not None
        assert set(map(tuple, picture.grad.abs().sum((0, 1)).nonzero().tolist())) == {(1, 2)}

    @pytest.mark.parametrize(("levels", "dropouts"), [(4, 0), (5, 0), (6, 1), (7, 2), (8, 3)])
    def test_dropout_leaves_out_four_outer_levels_and_the_innermost(self, levels: int, dropouts: int) -> None:
        network = UNet(3, 3, levels, 1)
        assert sum(isinstance(module, nn.Dropout) for module in network.modules()) == dropouts
        assert not any(isinstance(module, nn.Dropout) for module in network.up[-1].modules())

    @pytest.mark.parametrize("norm", ["batch", "none"])
    def test_without_instance_norm_convolutions_before_a_norm_have_no_bias(self, norm: Norm) -> None:
        unet = UNet(3, 3, 5, 2, norm)
        biased = [m for m in unet.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d) and m.bias is not None]
        assert biased == [unet.up[0][1]]  # the last one alone
        patch = PatchDiscriminator(6, 2, 3, norm)
        assert [m.bias is not None for m in patch.modules() if isinstance(m, nn.Conv2d)] == [True, *[False] * 3, True]
        pixel = PixelDiscriminator(6, 2, norm)
        assert [m.bias is not None for m in pixel.modules() if isinstance(m, nn.Conv2d)] == [True, False, False]

    def test_instance_norm_convolutions_have_a_bias(self) -> None:
        for network in (UNet(3, 3, 5, 2, "instance"), PatchDiscriminator(6, 2, 3, "instance")):
            assert all(m.bias is not None for m in network.modules() if isinstance(m, nn.Conv2d))

    @pytest.mark.parametrize("generator", ["unet", "resnet"])
    def test_pictures_need_not_be_square(self, generator: str) -> None:
        network = build_generator(Pix2PixConfig(generator=generator, levels=5, ngf=2, blocks=1))  # type: ignore[arg-type]
        out = network(torch.rand(1, 3, 32, 64))
        assert out.shape == (1, 3, 32, 64)
        assert out.abs().max() <= 1

    @pytest.mark.parametrize(
        ("init", "std"),
        [
            ("normal", 0.02),
            ("xavier", 0.02 * math.sqrt(2 / (64 * 16 + 128 * 16))),
            ("kaiming", math.sqrt(2 / (64 * 16))),
            ("orthogonal", 0.02 / math.sqrt(64 * 16)),
        ],
    )
    def test_first_weights(self, init: Init, std: float) -> None:
        network = nn.Sequential(nn.Conv2d(64, 128, 4), nn.BatchNorm2d(128))
        with torch.random.fork_rng():
            torch.manual_seed(0)
            initialize_weights(network, init, 0.02)
        weight = next(network.parameters())
        assert weight.std().item() == pytest.approx(std, rel=0.02)
        if init == "orthogonal":
            rows = weight.flatten(1)
            torch.testing.assert_close(rows @ rows.T, 0.02**2 * torch.eye(128), atol=1e-8, rtol=1e-4)
        assert torch.equal(dict(network.named_parameters())["0.bias"], torch.zeros(128))
        gain = dict(network.named_parameters())["1.weight"]
        assert gain.mean().item() == pytest.approx(1, abs=0.01)
        assert gain.std().item() == pytest.approx(0.02, rel=0.3)


class TestLosses:
    LOGITS = torch.tensor([[0.0, 2.0], [-1.0, 0.5]], dtype=torch.float64)

    @pytest.mark.parametrize("real", [True, False])
    def test_vanilla_is_binary_cross_entropy_on_logits(self, real: bool) -> None:
        expected = F.binary_cross_entropy_with_logits(self.LOGITS, torch.full_like(self.LOGITS, float(real)))
        torch.testing.assert_close(adversarial_loss(self.LOGITS, real, "vanilla"), expected)

    def test_vanilla_is_finite_where_the_sigmoid_saturates(self) -> None:
        assert adversarial_loss(torch.tensor([-200.0, 200.0]), True, "vanilla").item() == pytest.approx(100)

    def test_lsgan_by_hand(self) -> None:
        assert adversarial_loss(self.LOGITS, False, "lsgan").item() == pytest.approx((0 + 4 + 1 + 0.25) / 4)
        assert adversarial_loss(self.LOGITS, True, "lsgan").item() == pytest.approx((1 + 1 + 4 + 0.25) / 4)

    def test_wgangp_by_hand(self) -> None:
        assert adversarial_loss(self.LOGITS, False, "wgangp").item() == pytest.approx(1.5 / 4)
        assert adversarial_loss(self.LOGITS, True, "wgangp").item() == pytest.approx(-1.5 / 4)

    @pytest.mark.parametrize(("objective", "expected"), [("vanilla", math.log(2)), ("lsgan", 0.5), ("wgangp", 0.0)])
    def test_discriminator_that_says_zero(self, objective: Objective, expected: float) -> None:
        method = Pix2Pix(Pix2PixConfig(levels=4, ngf=2, ndf=2, n_layers=1, objective=objective))
        for parameter in method.discriminator.parameters():
            nn.init.zeros_(parameter)
        update = next(iter(method.updates(tiny_batch(), 0)))
        assert update.loss.item() == pytest.approx(expected)

    def test_both_losses_by_hand(self) -> None:
        """A discriminator that sums its six channels at every pixel, on constant pictures."""
        method = Pix2Pix(TINY)
        method.discriminator = Sum()
        method.generator = Constant(0.5)
        batch = Batch(("a",), torch.full((1, 3, 2, 2), 0.1), torch.full((1, 3, 2, 2), -0.2))
        updates = method.updates(batch, 0)
        on_fake, on_real = 3 * 0.1 + 3 * 0.5, 3 * 0.1 - 3 * 0.2
        first = next(updates)
        assert first.optimizer == "discriminator"
        expected = 0.5 * (math.log1p(math.exp(on_fake)) + math.log1p(math.exp(-on_real)))
        assert first.loss.item() == pytest.approx(expected, rel=1e-6)
        second = next(updates)
        assert second.optimizer == "generator"
        assert second.loss.item() == pytest.approx(math.log1p(math.exp(-on_fake)) + 100 * 0.7, rel=1e-6)
        assert second.logs["l1"].item() == pytest.approx(0.7)
        assert list(updates) == []


class Sum(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x.sum(1, keepdim=True)


class Constant(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, x: Tensor) -> Tensor:
        return self.value.expand_as(x)


class TestUpdates:
    def test_each_step_touches_its_own_network_alone(self) -> None:
        method = Pix2Pix(TINY)
        networks = {"discriminator": method.discriminator, "generator": method.generator}
        batch = tiny_batch()
        before = {name: [p.clone() for p in network.parameters()] for name, network in networks.items()}
        done = []
        for update in perform(method, batch):
            done.append(update.optimizer)
            for name, network in networks.items():
                moved = any(not torch.equal(p, q) for p, q in zip(network.parameters(), before[name], strict=True))
                assert moved == (name in done)
        assert done == ["discriminator", "generator"]

    def test_the_generator_meets_the_discriminator_that_was_just_stepped(self) -> None:
        method = Pix2Pix(TINY)
        batch = tiny_batch()
        stale = method.generator_loss(batch.source, method.generator(batch.source)).item()
        updates = list(perform(method, batch))
        assert updates[-1].logs["adversarial"].item() != pytest.approx(stale, abs=1e-6)

    def test_no_gradient_of_the_generator_loss_stays_in_the_discriminator(self) -> None:
        method = Pix2Pix(TINY)
        updates = method.updates(tiny_batch(), 0)
        next(updates)
        next(updates).loss.backward()
        assert all(p.grad is None for p in method.discriminator.parameters())
        assert all(p.requires_grad for p in method.discriminator.parameters())
        assert all(p.grad is not None for p in method.generator.parameters())

    def test_needs_targets(self) -> None:
        with pytest.raises(ValueError, match="targets"):
            next(iter(Pix2Pix(TINY).updates(Batch(("a",), torch.zeros(1, 3, 16, 16)), 0)))

    def test_learns_a_mapping(self) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            method = Pix2Pix(Pix2PixConfig(levels=3, ngf=8, ndf=4, n_layers=1, lr=5e-3))
            optimizers = method.optimizers()
            batch = tiny_batch(4)
            batch = Batch(batch.names, batch.source, -batch.source)
            l1 = []
            for step in range(60):
                for update in method.updates(batch, step):
                    optimizers[update.optimizer].zero_grad()
                    update.loss.backward()
                    optimizers[update.optimizer].step()
                l1.append(float(update.logs["l1"]))
        assert l1[-1] < l1[0] / 2


class TestSchedule:
    @pytest.mark.parametrize(
        ("epoch", "rate"), [(1, 2e-4), (100, 2e-4), (101, 1.98020e-4), (150, 1.00990e-4), (200, 1.98020e-6)]
    )
    def test_published_rates(self, epoch: int, rate: float) -> None:
        method = Pix2Pix(TINY)
        for fraction in ((epoch - 1) / 200, (epoch - 0.001) / 200):
            assert 2e-4 * method.learning_rate("generator", 0, fraction) == pytest.approx(rate, rel=1e-5)

    def test_never_reaches_zero(self) -> None:
        assert Pix2Pix(TINY).learning_rate("generator", 0, 1.0) == pytest.approx(1 / 101)

    @given(fraction=st.floats(0, 1))
    def test_is_the_sheets_formula_everywhere(self, fraction: float) -> None:
        factor = METHOD.learning_rate("generator", 0, fraction)
        epoch = 100 + (1 - factor) * 101 if factor < 1 else 100
        assert epoch == pytest.approx(round(epoch), abs=1e-6)
        assert max(100, min(math.floor(fraction * 200 + 1e-9) + 1, 200)) == round(epoch)

    def test_steps_and_cosine(self) -> None:
        step = Pix2Pix(Pix2PixConfig(levels=2, ngf=1, ndf=1, schedule="step"))
        assert [step.learning_rate("generator", 0, e / 200) for e in (0, 49, 50, 199)] == pytest.approx(
            [1, 1, 0.1, 1e-3]
        )
        cosine = Pix2Pix(Pix2PixConfig(levels=2, ngf=1, ndf=1, schedule="cosine"))
        assert [cosine.learning_rate("generator", 0, f) for f in (0, 0.5)] == pytest.approx([1, 0.5])


METHOD = Pix2Pix(Pix2PixConfig(levels=2, ngf=1, ndf=1, n_layers=1))


class TestTranslation:
    CONFIG = Pix2PixConfig(levels=6, ngf=2, ndf=2, n_layers=1)

    def test_running_statistics_are_left_alone(self) -> None:
        method = Pix2Pix(self.CONFIG).train()
        before = {name: value.clone() for name, value in method.state_dict().items()}
        method.translate(tiny_batch(side=64), seed=0)
        after = method.state_dict()
        assert all(torch.equal(value, after[name]) for name, value in before.items())
        assert all(module.training for module in method.modules())
        assert all(m.track_running_stats for m in method.modules() if isinstance(m, nn.BatchNorm2d))

    def test_statistics_of_the_picture_are_those_of_a_training_forward(self) -> None:
        method = Pix2Pix(Pix2PixConfig(levels=4, ngf=2, ndf=2, n_layers=1, dropout=False))
        batch = tiny_batch(3)
        expected = torch.cat([method.train().generator(batch.source[i : i + 1]) for i in range(3)])
        torch.testing.assert_close(method.eval().translate(batch, seed=0), expected)

    def test_running_statistics_without_dropout_are_eval_mode(self) -> None:
        config = Pix2PixConfig(levels=6, ngf=2, ndf=2, n_layers=1, test_dropout=False, test_statistics="running")
        method = Pix2Pix(config)
        method.generator(tiny_batch(4, 64).source)  # some statistics
        batch = tiny_batch(3, 64)
        translated = method.train().translate(batch, seed=0)
        torch.testing.assert_close(translated, method.eval().generator(batch.source))

    def test_dropout_alone_makes_samples_differ(self) -> None:
        batch = tiny_batch(side=64)
        for test_dropout in (True, False):
            method = Pix2Pix(
                Pix2PixConfig(levels=6, ngf=8, ndf=2, n_layers=1, test_dropout=test_dropout, init_gain=0.2)
            )
            first, second = (method.translate(batch, seed=0, sample=sample) for sample in (0, 1))
            assert torch.equal(first, second) != test_dropout

    def test_the_global_generator_is_left_alone(self) -> None:
        method = Pix2Pix(self.CONFIG)
        state = torch.get_rng_state()
        method.translate(tiny_batch(side=64), seed=0)
        assert torch.equal(state, torch.get_rng_state())

    def test_modes_return_after_an_error(self) -> None:
        network = UNet(3, 3, 6, 1).train()
        with pytest.raises(KeyError), translating(network, dropout=False, batch_statistics=True):
            raise KeyError
        assert all(module.training for module in network.modules())


class TestConfig:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("generator", "vit"),
            ("levels", 1),
            ("blocks", 0),
            ("norm", "layer"),
            ("n_layers", 0),
            ("objective", "hinge"),
            ("l1_weight", -1.0),
            ("init", "zeros"),
            ("lr", 0.0),
            ("beta1", 1.0),
            ("schedule", "plateau"),
            ("load_scale", 0.5),
            ("test_statistics", "none"),
        ],
    )
    def test_refuses_naming_the_field_and_what_was_found(self, field: str, value: object) -> None:
        with pytest.raises(ValueError, match=f"{field} must .*found .?{value}"):
            Pix2PixConfig(**{field: value})  # type: ignore[arg-type]

    def test_refuses_a_schedule_without_epochs(self) -> None:
        with pytest.raises(ValueError, match="constant_epochs"):
            Pix2PixConfig(constant_epochs=0, decay_epochs=0)
