from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import pytest
import torch
from flops import of_a_step
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.funit import FUNIT, FUNITConfig
from i2ibench.models.method import Batch, Update

TINY = FUNITConfig(nf=4, latent_dim=3, n_downs_content=2, n_downs_class=2, n_res_blks=1, nf_mlp=8, nf_dis=4, pairs=2)
NETWORKS = ("discriminator", "generator")


def make(config: FUNITConfig = TINY, number: int = 3) -> FUNIT:
    return FUNIT(config, number)


def tiny_batch(pictures: int = 2, side: int = 16, classes: bool = True) -> Batch:
    stream = torch.Generator().manual_seed(1)
    source, target, exemplar = (torch.rand(pictures, 3, side, side, generator=stream) * 2 - 1 for _ in range(3))
    of = torch.tensor([[0, 1], [2, 0]])[:pictures] if classes else None
    return Batch(tuple(f"picture {i}" for i in range(pictures)), source, target, classes=of, exemplars=(exemplar,))


def perform(method: FUNIT, batch: Batch) -> Iterator[Update]:
    """The least loop; yields each update with its gradients left where they are."""
    optimizers = method.optimizers()
    for update in method.updates(batch, 0):
        method.zero_grad()
        update.loss.backward()
        optimizers[update.optimizer].step()
        yield update


def test_a_steps_arithmetic_is_below_the_published_one() -> None:
    """Published: 1,858.5 GFLOP at 128x128 for 2 contents and 2 class images, which an example here is."""
    with torch.device("meta"):
        method = FUNIT(FUNITConfig(), 119)
        batch = Batch(("a",), *torch.empty(2, 1, 3, 128, 128), classes=torch.zeros(1, 2, dtype=torch.int64))
        found = of_a_step(method, batch)
    assert sum(found.values()) == pytest.approx(1220.6, abs=0.1)


def test_first_weights_are_kaimings_in_both_networks() -> None:
    method = FUNIT(FUNITConfig(pairs=2), 2)
    for layer, fan_in in (
        (method.generator.content.layers[1], 147),
        (method.generator.mlp[-1], 256),
        (method.discriminator.trunk[0], 147),
        (method.discriminator.trunk[1].conv1, 64 * 9),
    ):
        assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / fan_in), rel=0.05)  # type: ignore[union-attr,operator]
    biases = [p for name, p in method.named_parameters() if name.endswith("bias")]
    assert biases
    assert not any(bias.any() for bias in biases)


class ToyGenerator(nn.Module):
    """Content: half a picture; code: its mean, twice."""

    def content(self, pictures: Tensor) -> Tensor:
        return 0.5 * pictures

    def code(self, pictures: Tensor) -> Tensor:
        return 2 * pictures.mean((1, 2, 3))[:, None]

    def decode(self, content: Tensor, code: Tensor) -> Tensor:
        return content + code[:, :, None, None]


class ToyDiscriminator(nn.Module):
    """The first channel times the class plus 1; features: the picture times 3."""

    def forward(self, pictures: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        return pictures[:, 0] * (classes[:, None, None] + 1), self.features(pictures)

    def features(self, pictures: Tensor) -> Tensor:
        return 3 * pictures


class TestLosses:
    def test_by_hand(self) -> None:
        """Networks of one number each, on constant pictures of classes 0 and 1."""
        method = make(number=2)
        method.generator, method.discriminator = ToyGenerator(), ToyDiscriminator()  # type: ignore[assignment]
        a, b = 0.4, -0.6
        batch = Batch(("one",), torch.full((1, 3, 4, 4), a), torch.full((1, 3, 4, 4), b))
        first, second = method.updates(batch, 0)
        a_in_b, b_in_a, a_again, b_again = 0.5 * a + 2 * b, 0.5 * b + 2 * a, 2.5 * a, 2.5 * b

        def relu(x: float) -> float:
            return max(x, 0.0)

        assert {name: value.item() for name, value in first.logs.items()} == pytest.approx(
            {
                "real": (relu(1 - a) + relu(1 - 2 * b)) / 2,
                "fake": (relu(1 + 2 * a_in_b) + relu(1 + b_in_a)) / 2,
                # of the mean of 32 logits, whose slopes are class + 1, squared, summed, over 2 pictures
                "gp": (16 * (1 / 32) ** 2 + 16 * (2 / 32) ** 2) / 2,
            },
            rel=1e-5,
        )
        logs = {name: value.item() for name, value in first.logs.items()}
        assert first.loss.item() == pytest.approx(logs["real"] + logs["fake"] + 10 * logs["gp"], rel=1e-5)
        expected = {
            "gan": (-(2 * a_in_b + b_in_a) / 2 - (a_again + 2 * b_again) / 2) / 2,
            "r": (abs(a_again - a) + abs(b_again - b)) / 2,
            "fm": 3 * (abs(a_again - a) + abs(b_again - b)) / 2 + 3 * (abs(a_in_b - b) + abs(b_in_a - a)) / 2,
        }
        assert {name: value.item() for name, value in second.logs.items()} == pytest.approx(expected, rel=1e-5)
        total = expected["gan"] + 0.1 * expected["r"] + expected["fm"]
        assert second.loss.item() == pytest.approx(total, rel=1e-5)

    def test_features_are_averaged_over_pixels_before_they_are_compared(self) -> None:
        method = make(number=2)
        method.discriminator = ToyDiscriminator()  # type: ignore[assignment]
        pictures = torch.rand(2, 3, 4, 4)
        mixed = pictures.flatten(2)[..., torch.randperm(16)].view_as(pictures)  # of the same means
        own = torch.tensor([0, 1])
        losses = method.generator_losses(pictures, own, mixed.flip(0), own.flip(0), mixed)
        assert losses["fm"].item() == pytest.approx(0, abs=1e-6)
        assert losses["r"].item() > 0.1

    def test_gradients_are_those_of_the_published_sums(self) -> None:
        """Contents and class images in batches of their own, nothing shared or frozen, real features not detached."""
        method, batch = make().double(), tiny_batch()
        assert batch.target is not None
        batch = dataclasses.replace(batch, source=batch.source.double(), target=batch.target.double())
        x_a, a = torch.cat([batch.source, batch.target]), torch.tensor([0, 2, 1, 0])  # type: ignore[list-item]
        x_b, b = torch.cat([batch.target, batch.source]), torch.tensor([1, 0, 0, 2])  # type: ignore[list-item]
        g, d = method.generator, method.discriminator

        x_t = g.decode(g.content(x_a), g.code(x_b)).detach()
        real = x_b.clone().requires_grad_()
        logits = d(real, b)[0]
        (slopes,) = torch.autograd.grad(logits.mean(), real, create_graph=True)
        judging = F.relu(1 - logits).mean() + F.relu(1 + d(x_t, b)[0]).mean() + 10 * slopes.pow(2).sum() / 4

        x_t, x_r = g.decode(g.content(x_a), g.code(x_b)), g.decode(g.content(x_a), g.code(x_a))
        generating = 0.5 * (-d(x_t, b)[0].mean() - d(x_r, a)[0].mean()) + 0.1 * (x_r - x_a).abs().mean()
        for fake, like in ((x_r, x_a), (x_t, x_b)):
            generating = generating + (d(fake, a)[1].mean((2, 3)) - d(like, a)[1].mean((2, 3))).abs().mean()
        for update, loss in zip(method.updates(batch, 0), (judging, generating), strict=True):
            own = list(method.get_submodule(update.optimizer).parameters())
            expected = torch.autograd.grad(loss, own)
            for ours, theirs in zip(torch.autograd.grad(update.loss, own), expected, strict=True):
                # losses are taken in float32
                torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-7)

    @pytest.mark.parametrize("name", ["gp", "r", "fm"])
    def test_of_weight_0_are_left_out(self, name: str) -> None:
        method, passes = make(dataclasses.replace(TINY, **{f"{name}_weight": 0.0})), []  # type: ignore[arg-type]
        method.discriminator.trunk.register_forward_hook(lambda *_: passes.append(1))
        logs = {one for update in perform(method, tiny_batch()) for one in update.logs}
        assert logs == {"gp", "real", "fake", "gan", "r", "fm"} - {name}
        assert len(passes) == (3 if name == "fm" else 4)


class TestUpdates:
    def test_order_and_what_each_step_moves(self) -> None:
        method, seen = make(), []
        before = {name: [p.clone() for p in method.get_submodule(name).parameters()] for name in NETWORKS}
        for update in perform(method, tiny_batch()):
            seen.append(update.optimizer)
            for name in NETWORKS:
                now = method.get_submodule(name).parameters()
                assert any(not torch.equal(*pair) for pair in zip(now, before[name], strict=True)) == (name in seen)
        assert seen == ["discriminator", "generator"]

    def test_nothing_that_is_not_trained_gets_a_gradient(self) -> None:
        method = make()
        for update in perform(method, tiny_batch()):
            for name in NETWORKS:
                gradients = [p.grad for p in method.get_submodule(name).parameters()]
                if name == update.optimizer:
                    assert all(gradient is not None for gradient in gradients)
                    assert any(gradient.any() for gradient in gradients if gradient is not None)
                else:
                    assert all(gradient is None for gradient in gradients)
        assert all(p.requires_grad for p in method.parameters())

    def test_each_picture_is_encoded_once_for_content_and_once_for_class(self) -> None:
        method, count = make(), {"content": 0, "code": 0, "decoder": 0}

        def counted(name: str) -> None:
            def add(*_: object) -> None:
                count[name] += 1

            method.generator.get_submodule(name).register_forward_hook(add)

        for name in count:
            counted(name)
        list(perform(method, tiny_batch()))
        assert count == {"content": 1, "code": 1, "decoder": 1}

    @pytest.mark.parametrize("division", ["classes", "sides"])
    def test_without_classes_sources_and_targets_are_the_classes(self, division: str) -> None:
        method, seen = make(dataclasses.replace(TINY, division=division), number=2), []  # type: ignore[arg-type]
        method.discriminator.register_forward_hook(lambda _, inputs, __: seen.append(inputs[1].tolist()))
        list(perform(method, tiny_batch(classes=division == "sides")))
        assert seen == [[0, 0, 1, 1], [1, 1, 0, 0], [1, 1, 0, 0, 0, 0, 1, 1]]

    def test_refuses_pictures_of_no_class(self) -> None:
        batch = dataclasses.replace(tiny_batch(), classes=torch.tensor([[-1, 0], [-1, 1]]))
        with pytest.raises(ValueError, match=r"funit .*division=sides"):
            make().initialize(batch)
        make(dataclasses.replace(TINY, division="sides"), number=2).initialize(batch)

    def test_needs_targets(self) -> None:
        with pytest.raises(ValueError, match="funit reads targets"):
            next(make().updates(Batch(("a",), torch.zeros(1, 3, 16, 16)), 0))

    def test_learns_the_classes_appearance(self) -> None:
        """Dark pictures and bright ones: in the other's class a picture gets its brightness."""
        method = make(dataclasses.replace(TINY, nf=8, lr=1e-3, r_weight=2.0), number=2)
        optimizers = method.optimizers()
        for step in range(60):
            torch.manual_seed(step)
            batch = Batch(("a", "b"), *(torch.randn(2, 3, 8, 8) * 0.1 + mean for mean in (-0.5, 0.5)))
            for update in method.updates(batch, step):
                optimizers[update.optimizer].zero_grad()
                update.loss.backward()
                optimizers[update.optimizer].step()
        assert batch.target is not None
        forth = dataclasses.replace(batch, exemplars=(batch.target,))
        back = Batch(batch.names, batch.target, exemplars=(batch.source,))
        assert method.translate(forth, seed=0).mean() - method.translate(back, seed=0).mean() > 0.4


def test_optimizers() -> None:
    method = make()
    optimizers = method.optimizers()
    assert list(optimizers) == ["discriminator", "generator"]
    for name, optimizer in optimizers.items():
        assert isinstance(optimizer, torch.optim.RMSprop)
        (group,) = optimizer.param_groups
        found = {key: group[key] for key in ("lr", "alpha", "eps", "momentum", "weight_decay", "centered")}
        assert found == {"lr": 1e-4, "alpha": 0.99, "eps": 1e-8, "momentum": 0, "weight_decay": 1e-4, "centered": False}
        assert {id(p) for p in group["params"]} == {id(p) for p in method.get_submodule(name).parameters()}
        assert method.learning_rate(name, 0, 0.9) == 1


def test_averages() -> None:
    assert make().averages == {"generator": 0.999}
    assert make(dataclasses.replace(TINY, ema=0.0)).averages == {}


class TestTranslation:
    def test_is_the_content_in_the_exemplars_class(self) -> None:
        method, batch = make(), tiny_batch()
        network = method.generator
        expected = network.decode(network.content(batch.source), network.code(*batch.exemplars))
        found = method.translate(dataclasses.replace(batch, target=None, classes=None), seed=4, sample=2)
        torch.testing.assert_close(found, expected)
        assert not found.requires_grad

    def test_of_several_shots_is_in_their_mean_code(self) -> None:
        method, batch = make(dataclasses.replace(TINY, shots=3)), tiny_batch()
        exemplars = tuple(torch.rand(2, 3, 16, 16) for _ in range(3))
        network = method.generator
        code = sum(network.code(one) for one in exemplars) / 3
        found = method.translate(Batch(batch.names, batch.source, exemplars=exemplars), seed=0)
        torch.testing.assert_close(found, network.decode(network.content(batch.source), code))

    def test_needs_as_many_exemplars_as_shots(self) -> None:
        with pytest.raises(ValueError, match=r"shots=3 .*found 1"):
            make(dataclasses.replace(TINY, shots=3)).translate(tiny_batch(), seed=0)
        with pytest.raises(ValueError, match="funit reads exemplars"):
            make().translate(dataclasses.replace(tiny_batch(), exemplars=None), seed=0)

    def test_exemplars_may_be_of_another_size(self) -> None:
        method, batch = make(), tiny_batch()
        batch = dataclasses.replace(batch, exemplars=(torch.rand(2, 3, 12, 20),))
        assert method.translate(batch, seed=0).shape == batch.source.shape


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("nf", 0),
        ("latent_dim", 0),
        ("n_downs_content", 0),
        ("n_downs_class", 0),
        ("n_res_blks", 0),
        ("nf_mlp", 0),
        ("nf_dis", 0),
        ("pairs", 0),
        ("shots", 0),
        ("gan_weight", 0.0),
        ("r_weight", -1.0),
        ("fm_weight", -1.0),
        ("gp_weight", -1.0),
        ("weight_decay", -1.0),
        ("lr", 0.0),
        ("alpha", 1.0),
        ("ema", 1.0),
        ("load_scale", 0.5),
        ("division", "halves"),
        ("direction", "up"),
    ],
)
def test_config_refuses_naming_the_field_and_what_was_found(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{field} must .*found .?{value}"):
        FUNITConfig(**{field: value})  # type: ignore[arg-type]
