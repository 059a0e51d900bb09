from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from flops import of_a_step
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.method import Batch, Update
from i2ibench.models.stargan import StarGAN, StarGANConfig

TINY = StarGANConfig(conv_dim=4, blocks=1, d_conv_dim=4, n_layers=3, n_critic=2)
NETWORKS = ("critic", "generator")


def make(config: StarGANConfig = TINY, number: int = 3, side: int = 16) -> StarGAN:
    return StarGAN(config, number, side, side)


def tiny_batch(pictures: int = 2, side: int = 16, classes: bool = True) -> Batch:
    stream = torch.Generator().manual_seed(1)
    source, target = (torch.rand(pictures, 3, side, side, generator=stream) * 2 - 1 for _ in range(2))
    of = torch.tensor([[0, 1], [2, 0], [1, 2], [0, 2]])[:pictures] if classes else None
    return Batch(tuple(f"picture {i}" for i in range(pictures)), source, target, classes=of)


def perform(method: StarGAN, batch: Batch, step: int = 1, stepping: bool = True) -> list[Update]:
    """The least loop; gradients stay where `stepping` is off."""
    optimizers, done = method.optimizers(), []
    for update in method.updates(batch, step):
        optimizers[update.optimizer].zero_grad()
        update.loss.backward()
        if stepping:
            optimizers[update.optimizer].step()
        done.append(update)
    return done


def test_a_steps_arithmetic_is_below_the_published_one() -> None:
    """Published, at 128x128 and a batch of 2: 72.6 GFLOP for the critic, 245.6 for the generator."""
    with torch.device("meta"):
        method = StarGAN(StarGANConfig(), 5, 128, 128)
        batch = Batch(("a",), *torch.empty(2, 1, 3, 128, 128), classes=torch.zeros(1, 2, dtype=torch.int64))
        alone, both = of_a_step(method, batch, 0), of_a_step(method, batch, 4)
    assert alone == {"critic": pytest.approx(72.5, abs=0.1)}
    # the translation is made once, and counts for the critic
    assert both == {"critic": pytest.approx(72.5, abs=0.1), "generator": pytest.approx(203.0, abs=0.1)}


class TestAttributes:
    """Classes are all combinations of attributes, the n-th of which counts 2 to the n."""

    def test_networks_have_a_label_each(self) -> None:
        method = make(dataclasses.replace(TINY, labels="attributes"), number=8)
        assert (method.generator.layers[0].in_channels, method.critic.labels.out_channels) == (3 + 3, 3)

    def test_each_has_a_cross_entropy_of_its_own_summed_as_published(self) -> None:
        method, batch = make(dataclasses.replace(TINY, labels="attributes"), number=4), tiny_batch()
        pictures, own = torch.cat([batch.source, batch.target]), torch.tensor([0, 3, 1, 2])  # type: ignore[list-item]
        _, logits = method.critic(pictures)
        attributes = torch.tensor([[0, 0], [1, 1], [1, 0], [0, 1]]).float()
        expected = F.binary_cross_entropy_with_logits(logits, attributes, reduction="sum") / 4
        losses = method.critic_losses(pictures, own, pictures)
        torch.testing.assert_close(losses["critic_cls"], expected)
        _, on_fakes = method.critic(fakes := method.generator(pictures, attributes))
        losses = method.generator_losses(pictures, own, fakes, own.flip(0))
        expected = F.binary_cross_entropy_with_logits(on_fakes, attributes.flip(0), reduction="sum") / 4
        torch.testing.assert_close(losses["cls"], expected)

    @pytest.mark.parametrize("number", [1, 3, 6])
    def test_classes_that_are_no_combinations_are_refused(self, number: int) -> None:
        with pytest.raises(ValueError, match=rf"all combinations of attributes, 2, 4, 8..., found {number}"):
            make(dataclasses.replace(TINY, labels="attributes"), number)
        with pytest.raises(ValueError, match="division must be classes where labels are attributes"):
            StarGANConfig(labels="attributes", division="sides")


class TestTwoDataSets:
    def test_networks_read_and_tell_both_sets_labels(self) -> None:
        """CelebA's five attributes and RaFD's eight expressions, at the published size."""
        with torch.device("meta"):
            method = StarGAN(StarGANConfig(labels="attributes", second_set=8), 32 + 8, 128, 128)
        assert method.generator.layers[0].in_channels == 3 + 5 + 8 + 2
        assert method.critic.labels.out_channels == 5 + 8

    def test_new_labels_are_of_a_pictures_own_set(self) -> None:
        method, labels = make(dataclasses.replace(TINY, second_set=1)), []
        method.generator.register_forward_hook(lambda _, inputs, __: labels.append(inputs[1]))
        for seed in range(5):
            torch.manual_seed(seed)
            list(method.updates(tiny_batch(4), 0))
        own = torch.tensor([0, 2, 1, 0, 1, 0, 2, 2])
        assert all(torch.equal(one[:, -1] == 1, own == 2) for one in labels)
        assert all(torch.equal(one[:, 2], one[:, -1]) for one in labels), "the only category of the second set"

    def test_sides_are_no_data_sets(self) -> None:
        with pytest.raises(ValueError, match="division must be classes where second_set is 3, found sides"):
            StarGANConfig(second_set=3, division="sides")


class TestLosses:
    def test_by_hand(self) -> None:
        """Networks of one number each, on constant pictures; answers are 2 a pixel, so gradients are 2 everywhere."""
        method = make(dataclasses.replace(TINY, cls_weight=2.0), number=2)

        class Generator(nn.Module):
            def forward(self, x: Tensor, labels: Tensor) -> Tensor:
                return 0.5 * x + labels[:, 1, None, None, None]

        class Critic(nn.Module):
            def answers(self, x: Tensor) -> Tensor:
                return 2 * x[:, :1]

            def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
                mean = x.mean((1, 2, 3))
                return self.answers(x), torch.stack([mean, -mean], 1)

        method.generator, method.critic = Generator(), Critic()  # type: ignore[assignment]
        a, b = 0.4, -0.6
        pictures = torch.tensor([a, b])[:, None, None, None].expand(2, 3, 4, 4).contiguous()
        own, wanted = torch.tensor([0, 1]), torch.tensor([1, 0])
        fakes = method.generator(pictures, F.one_hot(wanted, 2))
        fake_a, fake_b = 0.5 * a + 1, 0.5 * b

        def entropy(mean: float, label: int) -> float:
            logits = (mean, -mean)
            return math.log(sum(map(math.exp, logits))) - logits[label]

        found = {name: value.item() for name, value in method.critic_losses(pictures, own, fakes).items()}
        assert found == pytest.approx(
            {
                "critic_real": -(2 * a + 2 * b) / 2,
                "critic_fake": (2 * fake_a + 2 * fake_b) / 2,
                "critic_cls": (entropy(a, 0) + entropy(b, 1)) / 2,
                "gp": (math.sqrt(16 * 4) - 1) ** 2,
            },
            rel=1e-5,
        )
        found = {n: v.item() for n, v in method.generator_losses(pictures, own, fakes, wanted).items()}
        assert found == pytest.approx(
            {
                "gan": -(2 * fake_a + 2 * fake_b) / 2,
                "cls": (entropy(fake_a, 1) + entropy(fake_b, 0)) / 2,
                "rec": (abs(0.5 * fake_a - a) + abs(0.5 * fake_b + 1 - b)) / 2,
            },
            rel=1e-5,
        )

    def test_gradients_are_those_of_the_published_sums(self) -> None:
        """Nothing shared, nothing frozen; draws are read beside the method."""
        method, batch = make().double(), tiny_batch()
        assert batch.target is not None
        batch = dataclasses.replace(batch, source=batch.source.double(), target=batch.target.double())
        x, own = torch.cat([batch.source, batch.target]), torch.tensor([0, 2, 1, 0])  # type: ignore[list-item]
        torch.manual_seed(3)
        wanted = method.labels.permuted(own)
        share = torch.rand(4, 1, 1, 1, dtype=torch.float64)
        g, d = method.generator, method.critic

        def labels(of: Tensor) -> Tensor:
            return F.one_hot(of, 3).double()

        fake = g(x, labels(wanted)).detach()
        points = (share * x + (1 - share) * fake).requires_grad_()
        (slopes,) = torch.autograd.grad(d(points)[0].sum(), points, create_graph=True)
        penalty = ((slopes.flatten(1).norm(dim=1) - 1) ** 2).mean()
        judging = -d(x)[0].mean() + d(fake)[0].mean() + F.cross_entropy(d(x)[1], own) + 10 * penalty
        fake = g(x, labels(wanted))
        generating = -d(fake)[0].mean() + F.cross_entropy(d(fake)[1], wanted)
        generating = generating + 10 * (x - g(fake, labels(own))).abs().mean()
        expected = {
            name: torch.autograd.grad(loss, list(method.get_submodule(name).parameters()))
            for name, loss in (("critic", judging), ("generator", generating))
        }
        torch.manual_seed(3)
        for update in method.updates(batch, 1):
            found = torch.autograd.grad(update.loss, list(method.get_submodule(update.optimizer).parameters()))
            for ours, theirs in zip(found, expected[update.optimizer], strict=True):
                torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7)

    @pytest.mark.parametrize(
        ("weight", "absent"), [("cls_weight", {"critic_cls", "cls"}), ("gp_weight", {"gp"}), ("rec_weight", {"rec"})]
    )
    def test_of_weight_0_are_left_out(self, weight: str, absent: set[str]) -> None:
        def logs(method: StarGAN) -> dict[str, float]:
            return {k: v for update in perform(method, tiny_batch(), stepping=False) for k, v in update.logs.items()}

        everything = {"critic_real", "critic_fake", "critic_cls", "gp", "gan", "cls", "rec"}
        assert set(logs(make())) == everything
        assert set(logs(make(dataclasses.replace(TINY, **{weight: 0.0})))) == everything - absent  # type: ignore[arg-type]

    def test_cycle_of_weight_0_has_no_pass(self) -> None:
        calls = []
        method = make(dataclasses.replace(TINY, rec_weight=0.0))
        method.generator.register_forward_hook(lambda *_: calls.append(1))
        perform(method, tiny_batch())
        assert len(calls) == 1


class TestUpdates:
    def test_the_generator_has_every_fifth_step(self) -> None:
        method = make(dataclasses.replace(TINY, n_critic=5))
        turns = [[u.optimizer for u in method.updates(tiny_batch(), step)] for step in range(10)]
        assert turns == ([["critic"]] * 4 + [["critic", "generator"]]) * 2

    def test_each_step_moves_its_own_network(self) -> None:
        method, seen = make(), []
        before = {name: [p.clone() for p in method.get_submodule(name).parameters()] for name in NETWORKS}
        optimizers = method.optimizers()
        for update in method.updates(tiny_batch(), 1):
            optimizers[update.optimizer].zero_grad()
            update.loss.backward()
            optimizers[update.optimizer].step()
            seen.append(update.optimizer)
            for name in NETWORKS:
                now = method.get_submodule(name).parameters()
                assert any(not torch.equal(*pair) for pair in zip(now, before[name], strict=True)) == (name in seen)
        assert seen == ["critic", "generator"]

    def test_nothing_that_is_not_trained_gets_a_gradient(self) -> None:
        method = make()
        for update in method.updates(tiny_batch(), 1):
            method.zero_grad()
            update.loss.backward()
            for name in NETWORKS:
                gradients = [p.grad for p in method.get_submodule(name).parameters()]
                if name == update.optimizer:
                    assert all(gradient is not None and gradient.any() for gradient in gradients)
                else:
                    assert all(gradient is None for gradient in gradients)

    def test_reads_all_real_pictures_and_permutes_their_labels(self) -> None:
        method, seen = make(), []
        method.critic_losses = lambda pictures, own, fakes: seen.append((pictures, own)) or {"gan": fakes.sum() * 0}  # type: ignore[method-assign,func-returns-value]
        labels = []
        method.generator.register_forward_hook(lambda _, inputs, __: labels.append(inputs[1]))
        batch = tiny_batch(4)
        for seed in range(5):
            torch.manual_seed(seed)
            list(method.updates(batch, 0))
        assert batch.target is not None
        for pictures, own in seen:
            assert torch.equal(pictures, torch.cat([batch.source, batch.target]))
            assert own.tolist() == [0, 2, 1, 0, 1, 0, 2, 2]
        permuted = [one.argmax(1).tolist() for one in labels]
        assert all(sorted(one) == sorted(seen[0][1].tolist()) for one in permuted)
        assert len({tuple(one) for one in permuted}) > 1

    @pytest.mark.parametrize("division", ["classes", "sides"])
    def test_without_classes_sources_and_targets_are_the_domains(self, division: str) -> None:
        method, seen = make(dataclasses.replace(TINY, division=division), number=2), []  # type: ignore[arg-type]
        judged = method.critic_losses
        method.critic_losses = lambda *given: seen.append(given[1].tolist()) or judged(*given)  # type: ignore[method-assign,func-returns-value]
        perform(method, tiny_batch(classes=division == "sides"))
        assert seen == [[0, 0, 1, 1]]

    def test_refuses_pictures_of_no_class(self) -> None:
        batch = dataclasses.replace(tiny_batch(), classes=torch.tensor([[-1, 0], [-1, 1]]))
        with pytest.raises(ValueError, match=r"stargan .*division=sides"):
            make().initialize(batch)
        make(dataclasses.replace(TINY, division="sides"), number=2).initialize(batch)

    def test_needs_targets(self) -> None:
        with pytest.raises(ValueError, match="stargan reads targets"):
            next(make().updates(Batch(("a",), torch.zeros(1, 3, 16, 16)), 0))

    def test_learns_to_translate_between_two_domains(self) -> None:
        """A dark domain and a bright one."""
        config = dataclasses.replace(TINY, conv_dim=8, d_conv_dim=8, n_layers=2, lr=3e-3, rec_weight=1.0)
        method = make(config, number=2, side=8)
        optimizers = method.optimizers()
        for step in range(80):
            torch.manual_seed(step)
            batch = Batch(("a", "b"), *(torch.randn(2, 3, 8, 8) * 0.1 + mean for mean in (-0.5, 0.5)))
            for update in method.updates(batch, step):
                optimizers[update.optimizer].zero_grad()
                update.loss.backward()
                optimizers[update.optimizer].step()
        back = Batch(("a", "b"), batch.target, classes=torch.tensor([[1, 0]] * 2))  # type: ignore[arg-type]
        assert method.translate(batch, seed=0).mean() > 0.25
        assert method.translate(back, seed=0).mean() < -0.25


class TestSchedule:
    @pytest.mark.parametrize(
        ("iteration", "published", "linear"),
        [(0, 1.0, 1.0), (100_999, 1.0, 1.0), (101_000, 1 - 1e-5, 0.99), (199_999, 1 - 99e-5, 0.01)],
    )
    def test_rates(self, iteration: int, published: float, linear: float) -> None:
        """Every 1,000 of the second 100,000 iterations the published code takes off 1/100,000, the paper 1/100."""
        for decay, rate in (("published", published), ("linear", linear)):
            method = make(dataclasses.replace(TINY, decay=decay))  # type: ignore[arg-type]
            for optimizer in NETWORKS:
                assert method.learning_rate(optimizer, 0, iteration / 200_000) == pytest.approx(rate, abs=1e-9)
        assert method.learning_rate("critic", 0, 1.0) > 0

    def test_adams(self) -> None:
        method = make()
        optimizers = method.optimizers()
        assert list(optimizers) == ["critic", "generator"]
        for name, optimizer in optimizers.items():
            (group,) = optimizer.param_groups
            assert isinstance(optimizer, torch.optim.Adam)
            assert (group["lr"], group["betas"], group["weight_decay"]) == (1e-4, (0.5, 0.999), 0)
            assert {id(p) for p in group["params"]} == {id(p) for p in method.get_submodule(name).parameters()}


class TestTranslation:
    def test_is_the_generators_with_the_class_asked_for(self) -> None:
        method, batch = make(), tiny_batch()
        expected = method.generator(batch.source, torch.tensor([[0.0, 1, 0], [1, 0, 0]]))
        found = method.translate(dataclasses.replace(batch, target=None), seed=4, sample=2)
        torch.testing.assert_close(found, expected)
        assert not found.requires_grad

    @pytest.mark.parametrize(("direction", "label"), [("forward", [0.0, 1]), ("backward", [1.0, 0])])
    def test_of_sides(self, direction: str, label: list[float]) -> None:
        config = dataclasses.replace(TINY, division="sides", direction=direction)  # type: ignore[arg-type]
        method, batch = make(config, number=2), tiny_batch()
        torch.testing.assert_close(
            method.translate(batch, seed=0), method.generator(batch.source, torch.tensor([label] * 2))
        )

    def test_needs_classes_where_there_are_more_than_two(self) -> None:
        with pytest.raises(ValueError, match="stargan reads classes"):
            make().translate(tiny_batch(classes=False), seed=0)

    def test_does_not_depend_on_the_mode(self) -> None:
        method, batch = make(), tiny_batch()
        assert torch.equal(method.eval().translate(batch, seed=0), method.train().translate(batch, seed=0))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("conv_dim", 0),
        ("blocks", 0),
        ("d_conv_dim", 0),
        ("n_layers", 0),
        ("n_critic", 0),
        ("second_set", -1),
        ("cls_weight", -1.0),
        ("rec_weight", -1.0),
        ("gp_weight", -1.0),
        ("lr", 0.0),
        ("beta1", 1.0),
        ("decay", "cosine"),
        ("division", "halves"),
        ("direction", "up"),
    ],
)
def test_config_refuses_naming_the_field_and_what_was_found(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{field} must .*found .?{value}"):
        StarGANConfig(**{field: value})  # type: ignore[arg-type]
