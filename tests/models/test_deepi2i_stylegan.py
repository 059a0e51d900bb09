from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
import torch
from flops import of_a_step
from torch import Tensor, nn

from i2ibench.models.deepi2i_stylegan import DeepI2IStyleGAN, DeepI2IStyleGANConfig
from i2ibench.models.method import Batch, Update
from i2ibench.models.stylegan import StyleGAN, StyleGANConfig

NETWORKS = ("discriminator", "encoder", "adaptor", "generator")
SIZES = {"base": 64, "max_dim": 8, "code_dim": 6, "mapping_layers": 2}
TINY = DeepI2IStyleGANConfig(**SIZES, alignment=0.5)  # type: ignore[arg-type]
ANEW = dataclasses.replace(TINY, transfer=False, fusion_weight=1.0, fusion_finest=0.1)


def make(config: DeepI2IStyleGANConfig = TINY, side: int = 32) -> DeepI2IStyleGAN:
    torch.manual_seed(0)
    return DeepI2IStyleGAN(config, side, side)


def a_gan(**settings: int) -> StyleGAN:
    gan = StyleGAN(StyleGANConfig(**(SIZES | settings)), 32, 32)  # type: ignore[arg-type]
    with torch.no_grad():
        for value in gan.parameters():
            value += 0.1 * torch.randn_like(value)
    return gan


def tiny_batch(pictures: int = 3, side: int = 32) -> Batch:
    stream = torch.Generator().manual_seed(1)
    source, target = (torch.rand(pictures, 3, side, side, generator=stream) * 2 - 1 for _ in range(2))
    return Batch(tuple(f"picture {i}" for i in range(pictures)), source, target)


def parameters(method: nn.Module, *names: str) -> list[Tensor]:
    return [p for name in names for p in method.get_submodule(name).parameters()]


def state(method: nn.Module, name: str) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in method.get_submodule(name).state_dict().items()}


def perform(method: DeepI2IStyleGAN, batch: Batch, fraction: float = 0.0) -> Iterator[Update]:
    """The least loop; yields each update before its step."""
    optimizers = method.optimizers()
    method.fraction = fraction
    for update in method.updates(batch, 0):
        method.zero_grad()
        update.loss.backward()
        yield update
        optimizers[update.optimizer].step()


class TestTransfer:
    def test_starts_from_the_gan_bit_for_bit(self) -> None:
        method, gan = make(), a_gan()
        adaptor = state(method, "adaptor")
        method.load_gan(gan.state_dict())
        for name, theirs in (
            ("generator", "generator"),
            ("discriminator", "discriminator"),
            ("encoder", "discriminator.trunk"),
        ):
            expected, found = state(gan, theirs), state(method, name)
            assert set(found) == set(expected)
            assert all(torch.equal(value, expected[key]) for key, value in found.items())
        assert all(torch.equal(value, adaptor[key]) for key, value in state(method, "adaptor").items())
        shared = {p.data_ptr() for p in method.encoder.parameters()}
        assert not shared & {p.data_ptr() for p in method.discriminator.parameters()}
        assert not any(p.requires_grad for p in method.encoder.parameters())

    def test_names_what_is_read(self) -> None:
        assert make().pretrained() == {}
        method, gan = make(dataclasses.replace(TINY, gan="one")), a_gan()
        takes = method.pretrained()
        assert list(takes) == ["one"]
        takes["one"]({f"model/{name}": value for name, value in gan.state_dict().items()})
        assert torch.equal(method.generator.to_rgb.weight, gan.generator.to_rgb.weight)

    def test_of_a_gan_of_other_sizes_is_refused(self) -> None:
        with pytest.raises(ValueError, match="is of other sizes"):
            make().load_gan(a_gan(max_dim=4).state_dict())

    def test_encoder_starts_as_the_discriminators_trunk_without_a_gan_too(self) -> None:
        method, x = make(), tiny_batch().source
        theirs = method.discriminator.trunk(x)
        assert all(torch.equal(one, theirs[side]) for side, one in method.encoder(x).items())


class TestStages:
    @pytest.mark.parametrize(
        ("config", "fraction", "moved"),
        [
            (TINY, 0.0, {"discriminator", "adaptor"}),
            (TINY, 0.499, {"discriminator", "adaptor"}),
            (TINY, 0.5, {"discriminator", "adaptor", "generator"}),
            (dataclasses.replace(TINY, loss="r1"), 0.0, {"discriminator", "adaptor"}),
            (ANEW, 0.0, set(NETWORKS)),
        ],
    )
    def test_move_and_reach_their_own(self, config: DeepI2IStyleGANConfig, fraction: float, moved: set[str]) -> None:
        method, order = make(config), []
        before = {name: [p.clone() for p in parameters(method, name)] for name in NETWORKS}
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
            frozen_for_ever = name == "encoder" and config.transfer
            assert all(p.requires_grad != frozen_for_ever for p in parameters(method, name))

    def test_adaptor_of_the_largest_maps_has_no_part_unless_it_has_weight(self) -> None:
        for finest, expected in ((0.0, False), (0.1, True)):
            method = make(dataclasses.replace(TINY, fusion_finest=finest))
            list(perform(method, tiny_batch(), 0.9))
            gradients = [p.grad for p in parameters(method, "adaptor.blocks.8")]
            assert all((gradient is not None and bool(gradient.any())) == expected for gradient in gradients)
            assert all(p.grad is not None for p in parameters(method, "adaptor.blocks.4"))
            assert list(method.adapted(tiny_batch().source)) == ([8, 4] if expected else [4])

    @pytest.mark.parametrize("config", [TINY, ANEW])
    def test_adams(self, config: DeepI2IStyleGANConfig) -> None:
        method = make(config)
        both = method.optimizers()
        assert list(both) == ["discriminator", "generator"]
        assert all(o.defaults["betas"] == (0.0, 0.99) and o.defaults["eps"] == 1e-8 for o in both.values())
        rates = {id(p): group["lr"] for o in both.values() for group in o.param_groups for p in group["params"]}
        slow = {id(p) for p in parameters(method, "generator.mapping")}
        for name, parameter in method.named_parameters():
            if name.startswith("encoder.") and config.transfer:
                assert id(parameter) not in rates
            else:
                assert rates[id(parameter)] == pytest.approx(1e-5 if id(parameter) in slow else 1e-3), name
        assert method.averages == {}


class TestLosses:
    def test_reconstruction_is_of_each_translation_and_its_own_source(self) -> None:
        method, batch = make(dataclasses.replace(TINY, recon_finest=0.01)), tiny_batch()
        fake = torch.rand_like(batch.source)
        losses = method.generator_losses(batch.source, fake)
        maps, own = method.discriminator.trunk(fake), method.discriminator.trunk(batch.source)
        expected = sum(
            weight * ((maps[side] - own[side]) ** 2).sum().item() / maps[side].numel()
            for side, weight in ((4, 0.1), (8, 0.01))
        )
        assert losses["reconstruction"].item() == pytest.approx(expected, rel=1e-5)
        assert losses["adversarial"].item() == pytest.approx(-method.discriminator(fake).mean().item(), rel=1e-5)
        assert method.generator_losses(fake, fake)["reconstruction"].item() == 0

    def test_fusion_is_weighted_by_size(self) -> None:
        method, x = make(dataclasses.replace(TINY, fusion_weight=0.5, fusion_finest=0.25)), tiny_batch().source
        maps = method.adaptor(method.encoder(x))
        for side, weight in ((8, 0.25), (4, 0.5)):
            torch.testing.assert_close(method.adapted(x)[side], weight * maps[side])

    def test_gradients_are_those_of_the_published_sum(self) -> None:
        """Nothing shared, nothing frozen; codes, noise and points between are given."""
        method, batch = make(ANEW).double(), tiny_batch()
        x, real = batch.source.double(), batch.target.double()  # type: ignore[union-attr]
        batch = dataclasses.replace(batch, source=x, target=real)
        draws = []
        for _ in range(2):
            first, second = torch.randn(2, 3, 6).double()
            draws.append(((first, second), [torch.randn(3, 1, *size).double() for size in method.generator.sizes]))
        given = iter(draws)

        def fake_of(codes: tuple[Tensor, Tensor], noise: list[Tensor], adapted: dict[int, Tensor]) -> Tensor:
            one, other = map(method.generator.mapping, codes)
            out: Tensor = method.generator([one, one, other, other], noise, adapted)
            return out

        def draw(pictures: int, mixing: float, additions: dict[int, Tensor]) -> Tensor:
            assert (pictures, mixing) == (3, 0.9)
            return fake_of(*next(given), additions)

        method.generator.draw = draw  # type: ignore[method-assign, assignment]
        groups = {"discriminator": ("discriminator",), "generator": NETWORKS[1:]}
        found = {}
        torch.manual_seed(5)
        for update in method.updates(batch, 0):  # none of them is performed
            found[update.optimizer] = torch.autograd.grad(
                update.loss, parameters(method, *groups[update.optimizer]), retain_graph=True
            )

        judge = method.discriminator
        fake = fake_of(*draws[0], method.adapted(x)).detach()
        torch.manual_seed(5)
        share = torch.rand(3, 1, 1, 1, dtype=torch.float64)
        points = (share * real + (1 - share) * fake).requires_grad_()
        (slopes,) = torch.autograd.grad(judge(points).sum(), points, create_graph=True)
        on_real = judge(real)
        judging = judge(fake).mean() - on_real.mean() + 0.001 * (on_real**2).mean()
        judging = judging + 10 * ((slopes.flatten(1).norm(dim=1) - 1) ** 2).mean()
        fake = fake_of(*draws[1], method.adapted(x))
        apart = (judge.trunk(fake)[4] - judge.trunk(x)[4]).square().mean()
        generating = 0.1 * apart - judge(fake).mean()
        for loss, name in ((judging, "discriminator"), (generating, "generator")):
            expected = torch.autograd.grad(loss, parameters(method, *groups[name]))
            torch.testing.assert_close(found[name], expected, rtol=1e-3, atol=1e-5)

    def test_without_weight_sources_are_not_judged(self) -> None:
        def passes(**weights: float) -> int:
            method = make(dataclasses.replace(TINY, **weights))  # type: ignore[arg-type]
            seen = list[int]()
            method.discriminator.trunk.register_forward_hook(lambda *_: seen.append(1))
            *_, last = method.updates(tiny_batch(), 0)
            assert ("reconstruction" in last.logs) == any(weights.values() or [1])
            return len(seen)

        assert passes() == 5
        assert passes(recon_weight=0.0, recon_finest=1.0) == 5
        assert passes(recon_weight=0.0, recon_finest=0.0) == 4

    def test_pictures_are_encoded_once_a_step(self) -> None:
        method, seen = make(), list[str]()
        for name in ("encoder", "adaptor", "generator"):
            method.get_submodule(name).register_forward_hook(lambda *_, name=name: seen.append(name))
        list(method.updates(tiny_batch(), 0))
        assert seen == ["encoder", "adaptor", "generator", "generator"]

    def test_are_finite_in_half_precision(self) -> None:
        with torch.autocast("cpu", torch.bfloat16):
            assert all(torch.isfinite(update.loss) for update in make().updates(tiny_batch(), 0))

    def test_needs_targets(self) -> None:
        with pytest.raises(ValueError, match="deepi2i_stylegan reads targets"):
            next(iter(make().updates(dataclasses.replace(tiny_batch(), target=None), 0)))


class TestTranslation:
    def test_is_of_source_code_and_noise_and_of_no_class(self) -> None:
        method, batch = make(ANEW), dataclasses.replace(tiny_batch(), target=None)
        found = method.translate(batch, seed=3, sample=2)
        assert torch.equal(found, method.generator.draw_for(batch.names, 3, 2, method.adapted(batch.source)))
        classes = torch.tensor([[0, 7]] * 3)
        assert torch.equal(found, method.translate(dataclasses.replace(batch, classes=classes), seed=3, sample=2))
        for other, sample in ((dataclasses.replace(batch, source=-batch.source), 2), (batch, 1)):
            assert not torch.allclose(found, method.translate(other, seed=3, sample=sample), rtol=0, atol=1e-4)


class TestConfig:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("base", 0),
            ("code_dim", 0),
            ("mixing", -0.1),
            ("alignment", 1.0),
            ("fusion_weight", 0.0),
            ("fusion_finest", -1.0),
            ("recon_weight", -1.0),
            ("recon_finest", -1.0),
            ("loss", "hinge"),
            ("penalty", -1.0),
            ("lr", 0.0),
            ("mapping_lr", 0.0),
            ("beta1", 1.0),
        ],
    )
    def test_refuses_naming_the_field_and_what_was_found(self, field: str, value: object) -> None:
        with pytest.raises(ValueError, match=f"{field} must .*found '?{value}"):
            DeepI2IStyleGANConfig(**{field: value})  # type: ignore[arg-type]

    def test_refuses_a_gan_that_is_not_read(self) -> None:
        with pytest.raises(ValueError, match="reads no gan, found 'x'"):
            DeepI2IStyleGANConfig(transfer=False, gan="x")


class TestPapersSize:
    @pytest.fixture(scope="class")
    def method(self) -> DeepI2IStyleGAN:
        with torch.device("meta"):
            return DeepI2IStyleGAN(DeepI2IStyleGANConfig(), 256, 256)

    def test_shapes(self, method: DeepI2IStyleGAN) -> None:
        maps = method.encoder(torch.empty(1, 3, 256, 256, device="meta"))
        expected = {side: (1, 256 if side == 64 else 512, side, side) for side in (64, 32, 16, 8, 4)}
        assert {side: tuple(one.shape) for side, one in maps.items()} == expected
        assert {side: tuple(one.shape) for side, one in method.adaptor(maps).items()} == expected
        blocks = {side: sum(p.numel() for p in block.parameters()) for side, block in method.adaptor.blocks.items()}
        assert blocks == {"64": 1_180_160, "32": 4_719_616, "16": 4_719_616, "8": 4_719_616, "4": 4_719_616}

    @pytest.mark.parametrize(("fraction", "gflop"), [(0.0, 286.5), (0.5, 323.6)])
    def test_a_steps_arithmetic_is_at_most_the_published_one(
        self, method: DeepI2IStyleGAN, fraction: float, gflop: float
    ) -> None:
        """Measured on the published networks with one picture: 1088.4 GFLOP of the discriminator's step, then 461.8
        while aligning and 507.5 after."""
        batch = Batch(("a",), *torch.empty(2, 1, 3, 256, 256, device="meta"))
        method.fraction = fraction
        assert of_a_step(method, batch) == pytest.approx({"discriminator": 886.9, "generator": gflop}, rel=1e-3)
