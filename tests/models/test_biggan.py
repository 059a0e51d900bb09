from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from i2ibench.models.biggan import BigGAN, BigGANConfig
from i2ibench.models.layers.gaussian_codes import style_codes
from i2ibench.models.method import Batch, Update

TINY = BigGANConfig(ch=2, attention=8, z_dim=8, shared_dim=4)
NETWORKS = ("discriminator", "generator")


def tiny_batch(pictures: int = 3, classes: int = 5) -> Batch:
    stream = torch.Generator().manual_seed(1)
    source, target = (torch.rand(pictures, 3, 32, 32, generator=stream) * 2 - 1 for _ in range(2))
    of = torch.randint(classes, (pictures, 2), generator=stream)
    return Batch(tuple(f"picture {i}" for i in range(pictures)), source, target, classes=of)


def parameters(method: BigGAN, name: str) -> list[Tensor]:
    return list(method.get_submodule(name).parameters())


def perform(method: BigGAN, batch: Batch) -> Iterator[Update]:
    """The least loop: zero, backward with respect to all parameters; yields each update before its step."""
    optimizers = method.optimizers()
    for update in method.updates(batch, 0):
        method.zero_grad()
        update.loss.backward()
        yield update
        optimizers[update.optimizer].step()


class TestUpdates:
    def test_discriminator_first_and_each_step_moves_and_reaches_its_own(self) -> None:
        method, seen = BigGAN(TINY, 5, 32, 32), []
        before = {name: [p.clone() for p in parameters(method, name)] for name in NETWORKS}
        for update in perform(method, tiny_batch()):
            for name in NETWORKS:
                gradients = [p.grad for p in parameters(method, name)]
                if name == update.optimizer:
                    assert any(gradient is not None and gradient.any() for gradient in gradients)
                else:
                    assert all(gradient is None for gradient in gradients)
                moved = any(not torch.equal(*pair) for pair in zip(parameters(method, name), before[name], strict=True))
                assert moved == (name in seen)
            seen.append(update.optimizer)
        assert seen == list(NETWORKS)
        assert all(p.requires_grad for p in method.parameters())

    def test_losses_are_the_hinge(self) -> None:
        method, batch = BigGAN(TINY, 5, 32, 32), tiny_batch()
        logits = torch.tensor([[0.5], [-3.0], [1.0], [2.0], [0.25], [-1.0]])
        given = iter((logits, torch.tensor([[3.0], [-1.0], [4.0]])))
        asked: list[tuple[Tensor, Tensor]] = []

        def judge(pictures: Tensor, classes: Tensor) -> Tensor:
            asked.append((pictures, classes))
            return next(given).requires_grad_()

        method.discriminator.forward = judge  # type: ignore[method-assign]
        first, second = method.updates(batch, 0)
        assert first.logs["fake"].item() == pytest.approx((1.5 + 0 + 2) / 3)
        assert first.logs["real"].item() == pytest.approx((0 + 0.75 + 2) / 3)
        assert first.loss.item() == pytest.approx((3.5 + 2.75) / 3)
        assert second.loss.item() == pytest.approx(-2)
        pictures, classes = asked[0]
        assert not pictures.requires_grad
        for row in range(3):  # behind the fakes: each example's source or target, with its own class
            of_target = torch.equal(pictures[3 + row], batch.target[row])  # type: ignore[index]
            assert of_target or torch.equal(pictures[3 + row], batch.source[row])
            assert classes[3 + row] == batch.classes[row, int(of_target)]  # type: ignore[index]
        assert asked[1][0].requires_grad
        assert not torch.equal(asked[1][0], pictures[:3]), "noise is drawn anew"

    def test_fakes_are_of_all_classes(self) -> None:
        method = BigGAN(TINY, 5, 32, 32)
        z, classes = method.drawn(Batch(("a",) * 2000, torch.zeros(2000, 1, 1, 1)))
        assert z.shape == (2000, 8)
        assert abs(z.mean().item()) < 4 / 16000**0.5
        assert abs(z.std().item() - 1) < 0.03
        shares = classes.bincount() / 2000
        assert len(shares) == 5
        assert (shares - 0.2).abs().max() < 4 * (0.2 * 0.8 / 2000) ** 0.5

    def test_needs_targets(self) -> None:
        batch = dataclasses.replace(tiny_batch(), target=None)
        with pytest.raises(ValueError, match="biggan reads targets"):
            next(iter(BigGAN(TINY, 5, 32, 32).updates(batch, 0)))

    def test_learns_a_colour_for_each_class(self) -> None:
        config = dataclasses.replace(TINY, attention=0, lr=2e-3, d_lr=4e-3)
        method, colours = BigGAN(config, 2, 32, 32), torch.tensor([-0.6, 0.6])
        optimizers, of = method.optimizers(), torch.tensor([[0, 1]] * 8)
        pictures = colours[of][:, :, None, None, None].expand(8, 2, 3, 32, 32)
        batch = Batch(tuple(map(str, range(8))), *pictures.unbind(1), classes=of)
        for step in range(60):
            for update in method.updates(batch, step):
                optimizers[update.optimizer].zero_grad()
                update.loss.backward()
                optimizers[update.optimizer].step()
        drawn = [
            method.translate(dataclasses.replace(batch, classes=torch.tensor([[0, one]] * 8)), seed=0).mean().item()
            for one in (0, 1)
        ]
        assert drawn[0] < -0.2
        assert drawn[1] > 0.2


class TestOptimizers:
    def test_are_two_adams_of_rates_of_their_own(self) -> None:
        method = BigGAN(TINY, 5, 32, 32)
        optimizers = method.optimizers()
        assert list(optimizers) == list(NETWORKS)
        for name, rate in zip(NETWORKS, (4e-4, 1e-4), strict=True):
            (group,) = optimizers[name].param_groups
            assert (group["lr"], group["betas"], group["eps"]) == (rate, (0.0, 0.999), 1e-6)
            assert {id(p) for p in group["params"]} == {id(p) for p in parameters(method, name)}
            assert method.learning_rate(name, 10, 0.9) == 1

    def test_averages_are_of_the_generator(self) -> None:
        assert BigGAN(TINY, 5, 32, 32).averages == {"generator": 0.9999}
        assert BigGAN(dataclasses.replace(TINY, ema=0), 5, 32, 32).averages == {}


class TestTranslation:
    def test_draws_the_class_asked_for_and_ignores_the_source(self) -> None:
        method, batch = BigGAN(TINY, 5, 32, 32), dataclasses.replace(tiny_batch(), target=None)
        z = style_codes(batch.names, 8, 3, 2)
        found = method.translate(batch, seed=3, sample=2)
        expected = method.generator.eval()(z, batch.classes[:, 1])  # type: ignore[index]
        assert torch.equal(found, expected)
        assert torch.equal(found, method.translate(dataclasses.replace(batch, source=-batch.source), seed=3, sample=2))
        other = dataclasses.replace(batch, classes=(batch.classes + 1) % 5)  # type: ignore[operator]
        assert not torch.equal(found, method.translate(other, seed=3, sample=2))

    def test_of_tasks_without_classes_draws_the_target_domain(self) -> None:
        method, batch = BigGAN(TINY, 2, 32, 32), tiny_batch()
        classes = torch.tensor([[0, 1]] * 3)
        bare = method.translate(dataclasses.replace(batch, classes=None), seed=0)
        assert torch.equal(bare, method.translate(dataclasses.replace(batch, classes=classes), seed=0))

    def test_needs_classes_where_there_are_more_than_two(self) -> None:
        with pytest.raises(ValueError, match="biggan reads classes"):
            BigGAN(TINY, 5, 32, 32).translate(dataclasses.replace(tiny_batch(), classes=None), seed=0)

    def test_puts_the_modes_back(self) -> None:
        method = BigGAN(TINY, 5, 32, 32).train()
        method.translate(tiny_batch(), seed=0)
        assert all(module.training for module in method.modules())


@pytest.mark.parametrize(
    ("field", "value"),
    [("ch", 0), ("attention", -1), ("z_dim", 7), ("lr", 0.0), ("d_lr", 0.0), ("beta1", 1.0), ("ema", 1.0)],
)
def test_refuses_naming_the_field_and_what_was_found(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{field} must .*found {value}"):
        BigGANConfig(**{field: value})  # type: ignore[arg-type]


def test_one_forward_is_one_power_iteration() -> None:
    """The discriminator sees fakes and real pictures at once: two iterations a step, one an update."""
    method = BigGAN(TINY, 5, 32, 32)
    layer = method.discriminator.linear
    layer.parametrizations.weight.original.data.normal_()  # type: ignore[union-attr]
    raw = layer.parametrizations.weight.original.detach()  # type: ignore[union-attr]
    v = layer.get_buffer("parametrizations.weight.0._v").clone()
    for _ in range(2):
        u = F.normalize(raw @ v, dim=0)
        v = F.normalize(raw.T @ u, dim=0)
    list(method.updates(tiny_batch(), 0))  # none of them is performed
    torch.testing.assert_close(layer.get_buffer("parametrizations.weight.0._v"), v)
