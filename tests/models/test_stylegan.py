from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
import torch
from flops import of_a_step
from torch import Tensor

from i2ibench.models.method import Batch, Update
from i2ibench.models.stylegan import StyleGAN, StyleGANConfig

TINY = StyleGANConfig(base=64, max_dim=8, code_dim=6, mapping_layers=2)
NETWORKS = ("discriminator", "generator")


def make(config: StyleGANConfig = TINY) -> StyleGAN:
    torch.manual_seed(0)
    return StyleGAN(config, 32, 32)


def tiny_batch(pictures: int = 3) -> Batch:
    stream = torch.Generator().manual_seed(1)
    source, target = (torch.rand(pictures, 3, 32, 32, generator=stream) * 2 - 1 for _ in range(2))
    return Batch(tuple(f"picture {i}" for i in range(pictures)), source, target)


def parameters(method: StyleGAN, name: str) -> list[Tensor]:
    return list(method.get_submodule(name).parameters())


def perform(method: StyleGAN, batch: Batch) -> Iterator[Update]:
    """The least loop: zero, backward with respect to all parameters; yields each update before its step."""
    optimizers = method.optimizers()
    for update in method.updates(batch, 0):
        method.zero_grad()
        update.loss.backward()
        yield update
        optimizers[update.optimizer].step()


class TestUpdates:
    @pytest.mark.parametrize("loss", ["wgangp", "r1"])
    def test_discriminator_first_and_each_step_moves_and_reaches_its_own(self, loss: str) -> None:
        method, seen = make(dataclasses.replace(TINY, loss=loss)), []  # type: ignore[arg-type]
        before = {name: [p.clone() for p in parameters(method, name)] for name in NETWORKS}
        for update in perform(method, tiny_batch()):
            for name in NETWORKS:
                gradients = [p.grad for p in parameters(method, name)]
                if name == update.optimizer:
                    assert all(gradient is not None and gradient.any() for gradient in gradients)
                else:
                    assert all(gradient is None for gradient in gradients)
                moved = any(not torch.equal(*pair) for pair in zip(parameters(method, name), before[name], strict=True))
                assert moved == (name in seen)
            seen.append(update.optimizer)
        assert seen == list(NETWORKS)
        assert all(p.requires_grad for p in method.parameters())

    def test_losses_are_the_critics(self) -> None:
        method, batch = make(dataclasses.replace(TINY, penalty=0.0, drift=0.5)), tiny_batch()
        given = iter((torch.tensor([[3.0], [1.0], [5.0]]), torch.tensor([[0.5], [-1.0], [2.0]]), torch.ones(3, 1)))
        asked: list[Tensor] = []

        def judge(pictures: Tensor) -> Tensor:
            asked.append(pictures)
            return next(given).requires_grad_()

        method.discriminator.forward = judge  # type: ignore[method-assign]
        first, second = method.updates(batch, 0)
        assert {name: value.item() for name, value in first.logs.items()} == pytest.approx(
            {"real": -3, "fake": 0.5, "drift": 0.5 * 35 / 3}
        )
        assert first.loss.item() == pytest.approx(-2.5 + 35 / 6)
        assert second.loss.item() == -1
        assert asked[0] is batch.target
        assert [one.requires_grad for one in asked[1:]] == [False, True]
        assert not torch.equal(asked[1], asked[2]), "codes are drawn anew"

    def test_real_pictures_are_targets_or_both(self) -> None:
        batch = tiny_batch(40)
        assert make().real(batch) is batch.target
        classes = torch.tensor([[-1, 0]] * 40)  # not read
        both = make(dataclasses.replace(TINY, pictures="both")).real(dataclasses.replace(batch, classes=classes))
        of_target = [torch.equal(*pair) for pair in zip(both, batch.target, strict=True)]  # type: ignore[arg-type]
        of_source = [torch.equal(*pair) for pair in zip(both, batch.source, strict=True)]
        assert [not one for one in of_target] == of_source
        assert 8 < sum(of_target) < 32

    @pytest.mark.parametrize("pictures", ["targets", "both"])
    def test_needs_targets(self, pictures: str) -> None:
        batch = dataclasses.replace(tiny_batch(), target=None)
        with pytest.raises(ValueError, match="stylegan reads targets"):
            next(iter(make(dataclasses.replace(TINY, pictures=pictures)).updates(batch, 0)))  # type: ignore[arg-type]

    def test_are_finite_in_half_precision(self) -> None:
        method = make()
        with torch.autocast("cpu", torch.bfloat16):
            updates = list(method.updates(tiny_batch(), 0))
        assert all(torch.isfinite(update.loss) for update in updates)
        updates[0].loss.backward()
        assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in parameters(method, "discriminator"))

    def test_learns_a_colour(self) -> None:
        method = make(dataclasses.replace(TINY, lr=1e-2, mixing=0.0))
        optimizers, colour = method.optimizers(), torch.tensor([0.6, -0.6, 0.0])[:, None, None]
        batch = Batch(tuple("abcdefgh"), torch.zeros(8, 3, 32, 32), colour.expand(8, 3, 32, 32))
        before = (method.translate(batch, seed=0) - colour).abs().mean()
        for step in range(60):
            for update in method.updates(batch, step):
                optimizers[update.optimizer].zero_grad()
                update.loss.backward()
                optimizers[update.optimizer].step()
        assert (method.translate(batch, seed=0) - colour).abs().mean() < 0.7 * before


class TestOptimizers:
    def test_are_two_adams_and_the_mapping_is_slow(self) -> None:
        method = make()
        optimizers = method.optimizers()
        assert list(optimizers) == list(NETWORKS)
        assert all(o.defaults["betas"] == (0.0, 0.99) and o.defaults["eps"] == 1e-8 for o in optimizers.values())
        rates = {id(p): group["lr"] for o in optimizers.values() for group in o.param_groups for p in group["params"]}
        slow = {id(p) for p in parameters(method, "generator.mapping")}
        for name, parameter in method.named_parameters():
            assert rates[id(parameter)] == pytest.approx(1e-5 if id(parameter) in slow else 1e-3), name
        assert all(method.learning_rate(name, 10, 0.9) == 1 for name in NETWORKS)

    def test_averages_are_of_the_generator(self) -> None:
        assert make().averages == {"generator": 0.999}
        assert make(dataclasses.replace(TINY, ema=0)).averages == {}


class TestTranslation:
    def test_draws_and_ignores_the_source(self) -> None:
        method, batch = make(), dataclasses.replace(tiny_batch(), target=None)
        found = method.translate(batch, seed=3, sample=2)
        assert torch.equal(found, method.generator.draw_for(batch.names, 3, 2))
        assert torch.equal(found, method.translate(dataclasses.replace(batch, source=-batch.source), seed=3, sample=2))
        assert not torch.equal(found, method.translate(batch, seed=3, sample=1))

    def test_cuts_what_is_beyond_the_range(self) -> None:
        method = make()
        method.generator.to_rgb.bias.data = torch.tensor([50.0, -50.0, 0.0])
        red, green, _ = method.translate(tiny_batch(), seed=0).unbind(1)
        assert (red == 1).all()
        assert (green == -1).all()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base", 0),
        ("max_dim", 0),
        ("code_dim", 0),
        ("mapping_layers", 0),
        ("mixing", 1.5),
        ("loss", "hinge"),
        ("pictures", "sources"),
        ("penalty", -1.0),
        ("drift", -1.0),
        ("lr", 0.0),
        ("mapping_lr", 0.0),
        ("beta2", 1.0),
        ("ema", 1.0),
    ],
)
def test_refuses_naming_the_field_and_what_was_found(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{field} must .*found '?{value}"):
        StyleGANConfig(**{field: value})  # type: ignore[arg-type]


def test_a_steps_arithmetic_is_at_most_the_published_one() -> None:
    """Measured on the published networks at 256x256, one picture: 987.4 GFLOP of the discriminator's step and 294.1."""
    with torch.device("meta"):
        method = StyleGAN(StyleGANConfig(), 256, 256)
    batch = Batch(("a",), *torch.empty(2, 1, 3, 256, 256, device="meta"))
    assert of_a_step(method, batch) == pytest.approx({"discriminator": 809.5, "generator": 239.8}, rel=1e-3)
