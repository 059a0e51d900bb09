from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import pytest
import torch
from flops import of_a_step
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.gaussian_codes import style_codes
from i2ibench.models.method import Batch, Update
from i2ibench.models.starganv2 import StarGANv2, StarGANv2Config

TINY = StarGANv2Config(base=128, max_dim=8, style_dim=4, latent_dim=3, mapping_dim=8)
NETWORKS = ("generator", "mapping", "style_encoder", "discriminator")
PHASES = ["discriminator", "discriminator", "generator", "generator"]


def make(config: StarGANv2Config = TINY, number: int = 3) -> StarGANv2:
    return StarGANv2(config, number, 32, 32)


def tiny_batch(pictures: int = 2, classes: bool = True, seed: int = 1) -> Batch:
    stream = torch.Generator().manual_seed(seed)
    source, target = (torch.rand(pictures, 3, 32, 32, generator=stream) * 2 - 1 for _ in range(2))
    of = torch.tensor([[0, 1], [2, 0]])[:pictures] if classes else None
    return Batch(tuple(f"picture {i}" for i in range(pictures)), source, target, classes=of)


def perform(method: StarGANv2, batch: Batch, stepping: bool = True) -> Iterator[tuple[Update, dict[str, bool]]]:
    """The least loop; yields each update and which networks have gradients that are not all zeros."""
    optimizers = method.optimizers()
    for update in method.updates(batch, 0):
        method.zero_grad()
        update.loss.backward()
        reached = {
            name: any(p.grad is not None and bool(p.grad.any()) for p in method.get_submodule(name).parameters())
            for name in NETWORKS
        }
        if stepping:
            optimizers[update.optimizer].step()
        yield update, reached


def test_a_steps_arithmetic_is_below_the_published_one() -> None:
    """Published, at 128x128: 2,184.0 GFLOP for each picture of a batch, of which an example here is two."""
    with torch.device("meta"):
        method = StarGANv2(StarGANv2Config(), 2, 128, 128)
        found = of_a_step(method, Batch(("a",), *torch.empty(2, 1, 3, 128, 128)))
    assert sum(found.values()) == pytest.approx(3669.6, abs=0.1)
    assert sum(found.values()) < 2 * 2184.0


def test_first_weights() -> None:
    method = StarGANv2(StarGANv2Config(), 2, 32, 32)
    layers = {
        method.generator.encoder[1].conv1: 512 * 9,
        method.generator.decoder[0].norm1.parameters_of: 64,
        method.mapping.shared[1]: 512,
        method.discriminator.own: 512,
    }
    for layer, fan_in in layers.items():
        assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / fan_in), rel=0.06)  # type: ignore[union-attr,operator]
        assert not layer.bias.any()  # type: ignore[union-attr,operator]
    assert method.mapping.own[0].weight.std().item() == pytest.approx(math.sqrt(2 / 512), rel=0.02)  # type: ignore[union-attr,operator]


class Styler(nn.Module):
    """A style of one number: that of the picture's mean, or of the code's first number, times the domain plus 1."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, x: Tensor, domain: Tensor) -> Tensor:
        return self.factor * x.flatten(1).mean(1, keepdim=True) * (domain[:, None] + 1)


class Painter(nn.Module):
    def forward(self, pictures: Tensor, style: Tensor) -> Tensor:
        return 0.5 * pictures + style[:, :, None, None]


class Judge(nn.Module):
    """Twice the sum of a picture, times the domain plus 1."""

    def forward(self, pictures: Tensor, domain: Tensor) -> Tensor:
        return 2 * pictures.mean((1, 2, 3)) * (domain + 1)


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


class TestLosses:
    def test_by_hand(self) -> None:
        """Networks of one number each, on constant pictures of two domains."""
        method = make(number=2)
        method.generator, method.discriminator, method.style_encoder = Painter(), Judge(), Styler(0.5)  # type: ignore[assignment]
        x, own, wanted = (0.4, -0.6), torch.tensor([0, 1]), torch.tensor([1, 0])
        pictures = torch.tensor(x)[:, None, None, None].expand(2, 3, 4, 4).contiguous()
        style, other = torch.tensor([[0.3], [-0.2]]), torch.tensor([[0.1], [0.5]])
        fakes = method.generator(pictures, style)
        fake = (0.5 * 0.4 + 0.3, -0.5 * 0.6 - 0.2)

        found = method.discriminator_losses(pictures, own, fakes, wanted)
        assert {name: value.item() for name, value in found.items()} == pytest.approx(
            {
                "real": (softplus(-2 * x[0]) + softplus(-4 * x[1])) / 2,
                "fake": (softplus(4 * fake[0]) + softplus(2 * fake[1])) / 2,
                # a logit's slope is 2 (y + 1) / 48 at each of 48 numbers
                "r1": (4 / 48 + 16 / 48) / 2 / 2,
            },
            rel=1e-5,
        )
        found = method.generator_losses(pictures, own, fakes, wanted, style, other)
        back = (0.5 * fake[0] + 0.5 * x[0], 0.5 * fake[1] + 0.5 * x[1] * 2)
        assert {name: value.item() for name, value in found.items()} == pytest.approx(
            {
                "adv": (softplus(-4 * fake[0]) + softplus(-2 * fake[1])) / 2,
                "sty": (abs(0.5 * fake[0] * 2 - 0.3) + abs(0.5 * fake[1] + 0.2)) / 2,
                "ds": (abs(0.3 - 0.1) + abs(-0.2 - 0.5)) / 2,
                "cyc": (abs(back[0] - x[0]) + abs(back[1] - x[1])) / 2,
            },
            rel=1e-5,
        )

    @pytest.mark.parametrize("fraction", [0.0, 0.25, 1.0])
    def test_diversity_is_sought_less_and_less(self, fraction: float) -> None:
        method = make(dataclasses.replace(TINY, ds_weight=2.0, sty_weight=0.5, cyc_weight=3.0))
        method.fraction = fraction
        for update, _ in list(perform(method, tiny_batch(), stepping=False))[2:]:
            logs = {name.removesuffix("_guided"): value.item() for name, value in update.logs.items()}
            assert ("ds" in logs) == (fraction < 1)
            expected = logs["adv"] + 0.5 * logs["sty"] + 3 * logs["cyc"] - 2 * (1 - fraction) * logs.get("ds", 0.0)
            assert update.loss.item() == pytest.approx(expected, rel=1e-5)

    def test_the_second_translation_is_not_moved(self) -> None:
        """The diversity's gradient goes into the first one's style alone."""
        method = make()
        pictures, style, other = torch.rand(2, 3, 32, 32), *torch.randn(2, 2, 4).requires_grad_()
        fakes = method.generator(pictures, style)
        own = torch.zeros(2, dtype=torch.int64)
        losses = method.generator_losses(pictures, own, fakes, own, style, other)
        found = torch.autograd.grad(losses["ds"], [style, other], allow_unused=True)
        assert found[0] is not None
        assert found[1] is None

    @pytest.mark.parametrize(
        ("weight", "absent", "runs"),
        [
            # pictures in two styles, twice, the references' for the discriminator, and two cycles
            ("", "", {"generator": 7, "style_encoder": 6}),
            ("ds_weight", "ds", {"generator": 5, "style_encoder": 6}),
            ("sty_weight", "sty", {"generator": 7, "style_encoder": 4}),
            ("cyc_weight", "cyc", {"generator": 5, "style_encoder": 4}),
            ("r1_weight", "r1", {"generator": 7, "style_encoder": 6}),
        ],
    )
    def test_of_weight_0_have_no_passes(self, weight: str, absent: str, runs: dict[str, int]) -> None:
        method = make(dataclasses.replace(TINY, **({weight: 0.0} if weight else {})))  # type: ignore[arg-type]
        count = dict.fromkeys(runs, 0)

        def counted(name: str) -> None:
            def add(*_: object) -> None:
                count[name] += 1

            method.get_submodule(name).register_forward_hook(add)

        for name in runs:
            counted(name)
        logs = {name for update, _ in perform(method, tiny_batch()) for name in update.logs}
        assert count == runs
        everything = {
            f"{term}{suffix}"
            for term in ("r1", "real", "fake", "adv", "sty", "ds", "cyc")
            for suffix in ("", "_guided")
        }
        assert logs == everything - {absent, f"{absent}_guided"}

    def test_gradients_are_those_of_the_published_sums(self) -> None:
        """All four phases, each network called for each term anew, nothing frozen; draws are read beside the method."""
        method, batch = make().double(), tiny_batch()
        assert batch.target is not None
        batch = dataclasses.replace(batch, source=batch.source.double(), target=batch.target.double())
        x = torch.cat([batch.source, batch.target])  # type: ignore[list-item]
        reference = torch.cat([batch.target, batch.source])  # type: ignore[list-item]
        second = torch.rand(3, 3, 32, 32).double()
        method.last_seen.pictures.copy_(second)
        method.last_seen.seen.fill_(True)
        own, wanted = torch.tensor([0, 2, 1, 0]), torch.tensor([1, 0, 0, 2])
        z, z2 = torch.randn(4, 3).double(), torch.randn(4, 3).double()
        drawn = iter((z, z2))
        method._codes = lambda pictures: next(drawn)  # type: ignore[method-assign]
        g, f, e, d = (method.get_submodule(name) for name in NETWORKS)

        def judging(style: Tensor) -> Tensor:
            real = x.clone().requires_grad_()
            answers = d(real, own)
            (slopes,) = torch.autograd.grad(answers.sum(), real, create_graph=True)
            r1 = 0.5 * slopes.pow(2).flatten(1).sum(1).mean()
            fake = d(g(x, style).detach(), wanted)
            bce = F.binary_cross_entropy_with_logits
            return bce(answers, torch.ones_like(answers)) + bce(fake, torch.zeros_like(fake)) + r1

        def generating(style: Tensor, other: Tensor) -> Tensor:
            fake = g(x, style)
            answers = d(fake, wanted)
            adversarial = F.binary_cross_entropy_with_logits(answers, torch.ones_like(answers))
            sty = (e(fake, wanted) - style).abs().mean()
            ds = (fake - g(x, other).detach()).abs().mean()
            cyc = (g(fake, e(x, own)) - x).abs().mean()
            return adversarial + sty - ds + cyc

        losses = [
            judging(f(z, wanted)),
            judging(e(reference, wanted)),
            generating(f(z, wanted), f(z2, wanted)),
            generating(e(reference, wanted), e(second[wanted], wanted)),
        ]
        trained = [["discriminator"]] * 2 + [["generator", "mapping", "style_encoder"], ["generator"]]
        found = []
        for update, names in zip(method.updates(batch, 0), trained, strict=True):
            own_parameters = [p for name in names for p in method.get_submodule(name).parameters()]
            found.append(torch.autograd.grad(update.loss, own_parameters))
        for ours, loss, names in zip(found, losses, trained, strict=True):
            own_parameters = [p for name in names for p in method.get_submodule(name).parameters()]
            for one, theirs in zip(ours, torch.autograd.grad(loss, own_parameters), strict=True):
                # answers are judged in float32
                torch.testing.assert_close(one, theirs, rtol=1e-4, atol=1e-7)


class TestUpdates:
    def test_four_phases_and_what_each_moves(self) -> None:
        method = make()
        names, moved = [], []
        before = {name: [p.clone() for p in method.get_submodule(name).parameters()] for name in NETWORKS}
        for update, _ in perform(method, tiny_batch()):
            names.append(update.optimizer)
            now = {name: [p.clone() for p in method.get_submodule(name).parameters()] for name in NETWORKS}
            moved.append(
                {n for n in NETWORKS if any(not torch.equal(*pair) for pair in zip(now[n], before[n], strict=True))}
            )
            before = now
        assert names == PHASES
        assert moved == [
            {"discriminator"},
            {"discriminator"},
            {"generator", "mapping", "style_encoder"},
            {"generator"},
        ]

    def test_nothing_that_is_not_trained_gets_a_gradient(self) -> None:
        method = make()
        for phase, (_, reached) in enumerate(perform(method, tiny_batch())):
            expected = [{"discriminator"}, {"discriminator"}, {"generator", "mapping", "style_encoder"}, {"generator"}]
            assert {name for name, one in reached.items() if one} == expected[phase]
        assert all(p.requires_grad for p in method.parameters())

    def test_each_picture_is_translated_in_its_partners_style(self) -> None:
        method, batch, encoded, mapped = make(), tiny_batch(), [], []
        assert batch.target is not None
        method.style_encoder.register_forward_hook(lambda _, inputs, __: encoded.append(inputs))
        method.mapping.register_forward_hook(lambda _, inputs, __: mapped.append(inputs[1].tolist()))
        list(perform(method, batch))
        partners = torch.cat([batch.target, batch.source])
        assert torch.equal(encoded[0][0], partners)
        assert encoded[0][1].tolist() == [1, 0, 0, 2]
        assert mapped == [[1, 0, 0, 2]] * 2

    def test_the_second_reference_is_the_last_seen_of_the_domain(self) -> None:
        method, first, second = make(), tiny_batch(seed=1), tiny_batch(seed=2)
        assert first.target is not None
        seen: list[Tensor] = []
        method.style_encoder.register_forward_hook(
            lambda _, inputs, __: seen.append(inputs[0][4:]) if len(inputs[0]) == 8 else None
        )
        list(perform(method, first))
        list(perform(method, second))
        assert torch.equal(seen[0], torch.cat([first.target, first.source])), "none was seen before: the first again"
        # of domain 0 the first batch has source 0 and then target 1; wanted are 1, 0, 0, 2
        assert torch.equal(seen[1], torch.stack([first.target[0], first.target[1], first.target[1], first.source[1]]))

    def test_a_resumed_training_goes_on_bit_for_bit(self) -> None:
        whole, other = make(), make()
        list(perform(whole, tiny_batch(seed=1)))
        other.load_state_dict(whole.state_dict())
        ends = []
        for method in (whole, other):
            torch.manual_seed(5)
            list(perform(method, tiny_batch(seed=2)))
            ends.append(method.state_dict())
        assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())

    def test_refuses_pictures_of_no_class(self) -> None:
        batch = dataclasses.replace(tiny_batch(), classes=torch.tensor([[-1, 0], [-1, 1]]))
        with pytest.raises(ValueError, match=r"starganv2 .*division=sides"):
            make().initialize(batch)
        make(dataclasses.replace(TINY, division="sides"), number=2).initialize(batch)

    def test_needs_targets(self) -> None:
        with pytest.raises(ValueError, match="starganv2 reads targets"):
            next(make().updates(Batch(("a",), torch.zeros(1, 3, 32, 32)), 0))


def test_optimizers() -> None:
    method = make()
    optimizers = method.optimizers()
    assert list(optimizers) == ["discriminator", "generator"]
    rates = {}
    for optimizer in optimizers.values():
        assert isinstance(optimizer, torch.optim.Adam)
        for group in optimizer.param_groups:
            assert (group["betas"], group["weight_decay"]) == ((0.0, 0.99), 1e-4)
            rates |= {id(p): group["lr"] for p in group["params"]}
    for name in NETWORKS:
        expected = 1e-6 if name == "mapping" else 1e-4
        assert {rates.pop(id(p)) for p in method.get_submodule(name).parameters()} == {expected}
    assert not rates
    assert method.learning_rate("generator", 0, 0.9) == 1


def test_averages() -> None:
    assert make().averages == {"generator": 0.999, "mapping": 0.999, "style_encoder": 0.999}
    assert make(dataclasses.replace(TINY, ema=0.0)).averages == {}


class TestTranslation:
    @pytest.mark.parametrize("style", ["latent", "exemplar"])
    def test_is_in_the_class_asked_for(self, style: str) -> None:
        method, batch = make(dataclasses.replace(TINY, style=style)), tiny_batch()  # type: ignore[arg-type]
        batch = dataclasses.replace(batch, target=None, exemplars=(tiny_batch(seed=3).source,))
        asked = torch.tensor([1, 0])
        if style == "latent":
            code = method.mapping(style_codes(batch.names, 3, 5, 2), asked)
        else:
            code = method.style_encoder(*batch.exemplars, asked)
        found = method.translate(batch, seed=5, sample=2)
        torch.testing.assert_close(found, method.generator(batch.source, code).clamp(-1, 1))
        assert not found.requires_grad

    def test_is_clamped(self) -> None:
        method = make()
        method.generator.head.bias.data.copy_(torch.tensor([3.0, -3.0, 3.0]))
        nn.init.zeros_(method.generator.head.weight)
        assert method.translate(tiny_batch(1), seed=0)[0, :, 0, 0].tolist() == [1, -1, 1]

    @pytest.mark.parametrize(("direction", "asked"), [("forward", 1), ("backward", 0)])
    def test_of_sides(self, direction: str, asked: int) -> None:
        config = dataclasses.replace(TINY, division="sides", direction=direction)  # type: ignore[arg-type]
        method, batch = make(config, number=2), tiny_batch()
        style = method.mapping(style_codes(batch.names, 3, 0, 0), torch.tensor([asked] * 2))
        torch.testing.assert_close(method.translate(batch, seed=0), method.generator(batch.source, style).clamp(-1, 1))

    def test_leaves_the_global_generator_alone(self) -> None:
        method, state = make(), torch.get_rng_state()
        method.translate(tiny_batch(), seed=0)
        assert torch.equal(state, torch.get_rng_state())


def test_learns_to_reconstruct() -> None:
    """Brightness is all of a picture, and instance norm takes it from the content: styles must carry it."""
    config = dataclasses.replace(TINY, max_dim=16, mapping_dim=16, lr=5e-3, ds_weight=0.0, cyc_weight=10.0)
    method = make(config, number=2)
    optimizers, cycles = method.optimizers(), []
    for step in range(40):
        torch.manual_seed(step)
        coarse = [torch.randn(1, 3, 4, 4) * 0.1 + mean for mean in (-0.5, 0.5)]
        batch = Batch(("a",), *(F.interpolate(one, (32, 32), mode="bilinear") for one in coarse))
        for update in method.updates(batch, step):
            optimizers[update.optimizer].zero_grad()
            update.loss.backward()
            optimizers[update.optimizer].step()
            cycles += [update.logs["cyc"].item()] if "cyc" in update.logs else []
    assert sum(cycles[-5:]) / 5 < 0.7 * cycles[0]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base", 0),
        ("max_dim", 0),
        ("style_dim", 0),
        ("latent_dim", 0),
        ("mapping_dim", 0),
        ("r1_weight", -1.0),
        ("sty_weight", -1.0),
        ("ds_weight", -1.0),
        ("cyc_weight", -1.0),
        ("f_lr", -1.0),
        ("lr", 0.0),
        ("beta1", 1.0),
        ("weight_decay", -1.0),
        ("ema", 1.0),
        ("crop_probability", 1.5),
        ("division", "halves"),
        ("style", "sampled"),
        ("direction", "up"),
    ],
)
def test_config_refuses_naming_the_field_and_what_was_found(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{field} must .*found .?{value}"):
        StarGANv2Config(**{field: value})  # type: ignore[arg-type]
