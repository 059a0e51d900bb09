from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from i2ibench.models.biggan import BigGAN, BigGANConfig
from i2ibench.models.deepi2i import DeepI2I, DeepI2IConfig
from i2ibench.models.layers.gaussian_codes import style_codes
from i2ibench.models.layers.hierarchical_fusion import weights_by_side
from i2ibench.models.method import Batch, Update

NETWORKS = ("discriminator", "encoder", "adaptor", "generator")
GAN = BigGANConfig(ch=2, attention=8, z_dim=8, shared_dim=4)
TINY = DeepI2IConfig(ch=2, attention=8, z_dim=8, shared_dim=4, alignment=0.5)
ANEW = dataclasses.replace(TINY, transfer=False, fusion_weight=1.0)


def make(config: DeepI2IConfig = TINY, classes: int = 5, side: int = 32) -> DeepI2I:
    torch.manual_seed(0)
    return DeepI2I(config, classes, side, side).train()


def tiny_batch(pictures: int = 3, classes: int = 5) -> Batch:
    stream = torch.Generator().manual_seed(1)
    source, target = (torch.rand(pictures, 3, 32, 32, generator=stream) * 2 - 1 for _ in range(2))
    of = torch.randint(classes, (pictures, 2), generator=stream)
    return Batch(tuple(f"picture {i}" for i in range(pictures)), source, target, classes=of)


def parameters(method: DeepI2I, *names: str) -> list[Tensor]:
    return [p for name in names for p in method.get_submodule(name).parameters()]


def state(method: nn.Module, name: str) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in method.get_submodule(name).state_dict().items()}


def perform(method: DeepI2I, batch: Batch, fraction: float = 0.0, steps: int = 1) -> Iterator[Update]:
    """The least loop; yields each update before its step."""
    optimizers = method.optimizers()
    for step in range(steps):
        method.fraction = fraction
        for update in method.updates(batch, step):
            method.zero_grad()
            update.loss.backward()
            yield update
            optimizers[update.optimizer].step()


def optimizers(method: DeepI2I) -> list[tuple[str, torch.optim.Optimizer]]:
    return list(method.optimizers().items())


class TestTransfer:
    def test_starts_from_the_gan_bit_for_bit(self) -> None:
        method, gan = make(), BigGAN(GAN, 5, 32, 32)
        with torch.no_grad():
            for value in gan.parameters():
                value += 0.1 * torch.randn_like(value)
        adaptor = state(method, "adaptor")
        method.load_gan(gan.state_dict())
        for name, theirs in (
            ("generator", "generator"),
            ("discriminator", "discriminator"),
            ("encoder", "discriminator.trunk"),
        ):
            expected = state(gan, theirs)
            found = state(method, name)
            assert set(found) == set(expected)
            assert all(torch.equal(value, expected[key]) for key, value in found.items())
        assert all(torch.equal(value, adaptor[key]) for key, value in state(method, "adaptor").items())
        shared = {p.data_ptr() for p in method.encoder.parameters()}
        assert not shared & {p.data_ptr() for p in method.discriminator.parameters()}

    def test_networks_may_come_apart_and_classes_by_rows(self) -> None:
        config = dataclasses.replace(TINY, gan="one", gan_discriminator="two", rows=(4, 0))
        method, gan = make(config, 2), BigGAN(GAN, 5, 32, 32)
        takes = method.pretrained()
        assert list(takes) == ["one", "two"]
        for take in takes.values():
            take(gan.state_dict())
        assert torch.equal(method.generator.shared.weight, gan.generator.shared.weight[[4, 0]])
        table = "embedding.parametrizations.weight.original"
        assert torch.equal(method.discriminator.get_parameter(table), gan.discriminator.get_parameter(table)[[4, 0]])

    def test_names_what_is_read(self) -> None:
        assert make().pretrained() == {}
        assert list(make(dataclasses.replace(TINY, gan="one")).pretrained()) == ["one"]

    def test_of_a_gan_of_other_sizes_is_refused(self) -> None:
        gan = BigGAN(dataclasses.replace(GAN, ch=3), 5, 32, 32)
        with pytest.raises(ValueError, match="is of other sizes"):
            make().load_gan(gan.state_dict())

    def test_encoder_is_frozen_for_ever(self) -> None:
        method = make()
        assert method.training
        assert not any(module.training for module in method.encoder.modules())
        before = state(method, "encoder")
        for _ in perform(method, tiny_batch(), fraction=0.9, steps=2):
            assert all(p.grad is None for p in parameters(method, "encoder"))
        assert all(torch.equal(value, before[name]) for name, value in state(method, "encoder").items())
        assert not {id(p) for p in parameters(method, "encoder")} & {
            id(p) for _, o in optimizers(method) for group in o.param_groups for p in group["params"]
        }


class TestStages:
    @pytest.mark.parametrize(
        ("config", "fraction", "moved"),
        [
            (TINY, 0.0, {"discriminator", "adaptor"}),
            (TINY, 0.499, {"discriminator", "adaptor"}),
            (TINY, 0.5, {"discriminator", "adaptor", "generator"}),
            (ANEW, 0.0, set(NETWORKS)),
        ],
    )
    def test_move_and_reach_their_own(self, config: DeepI2IConfig, fraction: float, moved: set[str]) -> None:
        method = make(config)
        before = {name: [p.clone() for p in parameters(method, name)] for name in NETWORKS}
        statistics = method.generator.output_norm.running_mean.clone()  # type: ignore[union-attr]
        order = []
        for update in perform(method, tiny_batch(), fraction):
            order.append(update.optimizer)
            trained = {"discriminator"} if update.optimizer == "discriminator" else moved - {"discriminator"}
            for name in NETWORKS:
                gradients = [p.grad for p in parameters(method, name)]
                if name in trained:
                    assert any(gradient is not None and gradient.any() for gradient in gradients), name
                else:
                    assert all(gradient is None for gradient in gradients), name
        assert order == ["discriminator", "generator"]
        for name in NETWORKS:
            changed = any(not torch.equal(*pair) for pair in zip(parameters(method, name), before[name], strict=True))
            assert changed == (name in moved)
        assert not torch.equal(method.generator.output_norm.running_mean, statistics), "moves while aligning too"  # type: ignore[arg-type]
        frozen_for_ever = set() if config is ANEW else {"encoder"}
        for name in NETWORKS:
            assert all(p.requires_grad == (name not in frozen_for_ever) for p in parameters(method, name))

    @pytest.mark.parametrize("config", [TINY, ANEW])
    def test_adams(self, config: DeepI2IConfig) -> None:
        method = make(config)
        both = method.optimizers()
        assert list(both) == ["discriminator", "generator"]
        assert all(o.defaults["betas"] == (0.0, 0.999) and o.defaults["eps"] == 1e-6 for o in both.values())
        rates = {id(p): group["lr"] for o in both.values() for group in o.param_groups for p in group["params"]}
        for name, rate in (("discriminator", 4e-4), ("generator", 1e-4), ("adaptor", 4e-4), ("encoder", 4e-4)):
            expected = None if name == "encoder" and config is TINY else rate
            assert {rates.get(id(p)) for p in parameters(method, name)} == {expected}


class TestLosses:
    def test_reconstruction_is_of_each_translation_and_its_own_source(self) -> None:
        method, batch = make().eval(), tiny_batch()
        fake = torch.rand_like(batch.source)
        classes = torch.tensor([0, 3, 2])
        losses = method.generator_losses(batch.source, fake, classes)
        maps, own = method.discriminator.trunk(fake), method.discriminator.trunk(batch.source)
        expected = sum(
            weight * ((maps[side] - own[side]) ** 2).sum().item() / maps[side].numel()
            for side, weight in ((4, 0.1), (8, 0.01))
        )
        assert losses["reconstruction"].item() == pytest.approx(expected, rel=1e-5)
        logits = method.discriminator(fake, classes)
        assert losses["adversarial"].item() == pytest.approx(-logits.mean().item(), rel=1e-5)
        same = method.generator_losses(fake, fake, classes)
        assert same["reconstruction"].item() == pytest.approx(0, abs=1e-10)

    def test_published_weights_by_size(self) -> None:
        with torch.device("meta"):
            method = DeepI2I(DeepI2IConfig(ch=8), 2, 128, 128)
            anew = DeepI2I(DeepI2IConfig(ch=8, transfer=False, fusion_weight=1.0), 2, 128, 128)
        assert weights_by_side(method.encoder.taps, 0.1, 0.01) == {32: 0.01, 16: 0.1, 8: 0.1, 4: 0.1}
        assert (method.config.recon_weight, method.config.recon_finest) == (0.1, 0.01)
        fused = weights_by_side(anew.encoder.taps, anew.config.fusion_weight, anew.config.fusion_finest)
        assert fused == {32: 0.1, 16: 1, 8: 1, 4: 1}

    def test_fusion_is_weighted_by_size(self) -> None:
        method, x = make(dataclasses.replace(TINY, fusion_weight=0.5, fusion_finest=0.25)).eval(), tiny_batch().source
        maps = method.adaptor(method.encoder(x))
        for side, weight in ((8, 0.25), (4, 0.5)):
            torch.testing.assert_close(method.adapted(x)[side], weight * maps[side])

    def test_gradients_are_those_of_the_published_sum(self) -> None:
        """Sources with the fakes in one pass, nothing frozen; in evaluation mode, where no pass changes a layer."""
        method, batch = make(ANEW).double().eval(), tiny_batch()
        method.generator.attentions["0"].gamma.data.fill_(0.3)  # type: ignore[union-attr, operator]
        x, real = batch.source.double(), batch.target.double()  # type: ignore[union-attr]
        of = batch.classes[:, 1]  # type: ignore[index]
        batch = dataclasses.replace(batch, source=x, target=real, classes=torch.stack([torch.full((3,), -1), of], 1))
        draws = [(torch.randn(3, 8).double(), torch.tensor(classes)) for classes in ([0, 1, 4], [2, 2, 3])]
        given = iter(draws)
        method.drawn = lambda _: next(given)  # type: ignore[method-assign]
        found = {}
        for update in method.updates(batch, 0):  # none of them is performed
            group = {"discriminator": ("discriminator",), "generator": NETWORKS[1:]}[update.optimizer]
            found[update.optimizer] = torch.autograd.grad(
                update.loss, parameters(method, *group), retain_graph=True, allow_unused=True
            )

        (z, c), (z2, c2) = draws
        fake = method.generator(z, c, method.adapted(x)).detach()
        judge = method.discriminator
        judging = torch.relu(1 - judge(real, of)).mean() + torch.relu(1 + judge(fake, c)).mean()
        fake = method.generator(z2, c2, method.adapted(x))
        maps = judge.trunk(torch.cat([fake, x]))
        apart = {side: (one[:3] - one[3:]).square().mean() for side, one in maps.items()}
        generating = -judge(fake, c2).mean() + 0.1 * apart[4] + 0.01 * apart[8]
        for loss, name, group in (
            (judging, "discriminator", ("discriminator",)),
            (generating, "generator", NETWORKS[1:]),
        ):
            expected = torch.autograd.grad(loss, parameters(method, *group), allow_unused=True)
            for ours, theirs in zip(found[name], expected, strict=True):
                assert (ours is None) == (theirs is None)
                if ours is not None and theirs is not None:
                    torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-10)

    def test_without_weight_sources_are_not_judged(self) -> None:
        def passes(**weights: float) -> int:
            method = make(dataclasses.replace(TINY, **weights))  # type: ignore[arg-type]
            seen = list[int]()
            method.discriminator.trunk.register_forward_hook(lambda *_: seen.append(1))
            *_, last = method.updates(tiny_batch(), 0)
            assert ("reconstruction" in last.logs) == any(weights.values() or [1])
            return len(seen)

        assert passes() == 3
        assert passes(recon_weight=0.0, recon_finest=1.0) == 3
        assert passes(recon_weight=0.0, recon_finest=0.0) == 2

    def test_pictures_are_encoded_once_a_step(self) -> None:
        method, seen = make(), list[str]()
        for name in ("encoder", "adaptor", "generator"):
            method.get_submodule(name).register_forward_hook(lambda *_, name=name: seen.append(name))
        list(method.updates(tiny_batch(), 0))
        assert seen == ["encoder", "adaptor", "generator", "generator"]

    def test_both_passes_of_an_update_share_their_power_iteration(self) -> None:
        method = make()
        layer = method.discriminator.trunk.blocks[1].convolution1
        raw = layer.parametrizations.weight.original.detach().flatten(1)  # type: ignore[union-attr]
        v = torch.randn(raw.shape[1])
        v /= v.norm()
        layer.get_buffer("parametrizations.weight.0._v").copy_(v)  # type: ignore[operator]
        with torch.no_grad():
            layer.parametrizations.weight.original.normal_()  # type: ignore[union-attr]
        for _ in range(2):
            u = raw @ v / (raw @ v).norm()
            v = raw.T @ u / (raw.T @ u).norm()
        list(method.updates(tiny_batch(), 0))
        torch.testing.assert_close(layer.get_buffer("parametrizations.weight.0._v"), v)  # type: ignore[operator]


class TestTranslation:
    def test_is_of_source_class_and_noise(self) -> None:
        method, batch = make(), dataclasses.replace(tiny_batch(), target=None)
        z = style_codes(batch.names, 8, 3, 2)
        found = method.translate(batch, seed=3, sample=2)
        assert method.generator.training
        assert not method.encoder.training
        method.eval()
        expected = method.generator(z, batch.classes[:, 1], method.adapted(batch.source))  # type: ignore[index]
        torch.testing.assert_close(found, expected)
        for other, sample in (
            (dataclasses.replace(batch, source=-batch.source), 2),
            (dataclasses.replace(batch, classes=(batch.classes + 1) % 5), 2),  # type: ignore[operator]
            (batch, 1),
        ):
            assert not torch.allclose(found, method.translate(other, seed=3, sample=sample), rtol=0, atol=1e-6)

    def test_of_tasks_without_classes_asks_for_the_second_domain(self) -> None:
        method, batch = make(classes=2), tiny_batch()
        bare = dataclasses.replace(batch, classes=None)
        both = dataclasses.replace(batch, classes=torch.tensor([[0, 1]] * 3))
        assert torch.equal(method.translate(bare, seed=0), method.translate(both, seed=0))
        assert all(math.isfinite(update.loss.item()) for update in perform(method, bare))

    def test_needs_classes_where_there_are_more_than_two(self) -> None:
        with pytest.raises(ValueError, match="deepi2i reads classes"):
            make().translate(dataclasses.replace(tiny_batch(), classes=None), seed=0)


class TestConfig:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("ch", 0),
            ("z_dim", 7),
            ("alignment", 1.0),
            ("fusion_weight", 0.0),
            ("fusion_finest", -1.0),
            ("recon_weight", -1.0),
            ("lr", 0.0),
            ("d_lr", 0.0),
            ("beta2", 1.0),
        ],
    )
    def test_refuses_naming_the_field_and_what_was_found(self, field: str, value: object) -> None:
        with pytest.raises(ValueError, match=f"{field} must .*found {value}"):
            DeepI2IConfig(**{field: value})  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("settings", "told"),
        [
            ({"rows": (1, -2)}, "rows must not be negative, found -2"),
            ({"gan_discriminator": "x"}, "gan_discriminator needs gan"),
            ({"transfer": False, "gan": "x"}, "reads no gan, found 'x'"),
        ],
    )
    def test_refuses_what_does_not_go_together(self, settings: dict[str, object], told: str) -> None:
        with pytest.raises(ValueError, match=told):
            DeepI2IConfig(**settings)  # type: ignore[arg-type]

    def test_rows_are_one_a_class(self) -> None:
        with pytest.raises(ValueError, match="for each of 5, found 2"):
            make(dataclasses.replace(TINY, rows=(0, 1)))
