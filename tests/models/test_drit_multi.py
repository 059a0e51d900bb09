from __future__ import annotations

import copy
import dataclasses
import math
import re
import weakref

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer
from torch.utils.flop_counter import FlopCounterMode

from i2ibench.models.drit_multi import DRITMulti, DRITMultiConfig, classification_loss, halves_loss
from i2ibench.models.layers.adain import MLP
from i2ibench.models.layers.drit_generator import with_planes
from i2ibench.models.layers.gaussian_codes import style_codes
from i2ibench.models.method import Batch
from i2ibench.training.loop import perform

TINY = DRITMultiConfig(
    dim=3,
    nz=3,
    n_res=1,
    mlp_dim=6,
    attribute_halvings=2,
    dis_dim=4,
    n_layers=3,
    content_layers=1,
    content_kernel=3,
    crop=0,
)
CLASSES, SIDE = 4, 32
FULL, ALONE = 2, 0
"""A step of either kind."""
JUDGES = ("discriminator", "discriminator2")


def build(side: int = SIDE, **settings: object) -> DRITMulti:
    return DRITMulti(dataclasses.replace(TINY, **settings), CLASSES, side)  # type: ignore[arg-type]


def tiny_batch(pictures: int = 2, side: int = SIDE) -> Batch:
    stream = torch.Generator().manual_seed(1)
    source, target = (torch.rand(pictures, 3, side, side, generator=stream) * 2 - 1 for _ in range(2))
    classes = torch.tensor([[0, 2], [1, 3], [2, 0], [3, 1]])[:pictures]
    return Batch(tuple(f"picture {i}" for i in range(pictures)), source, target, classes=classes)


def networks(method: DRITMulti) -> dict[str, nn.Module]:
    """Of all that learn apart from each other."""
    names = (*JUDGES, "content_discriminator", *(f"autoencoders.{x}" for x in ("content", "attribute", "generator")))
    return {name.removeprefix("autoencoders."): method.get_submodule(name) for name in names}


def losses(method: DRITMulti, batch: Batch, step: int = FULL) -> dict[str, Tensor]:
    """Of all updates of a step, by what they are called, with no step taken; the phases' terms too, not weighted."""
    found: dict[str, Tensor] = {}
    for update in method.updates(batch, step):
        name = "first" if "gan" in update.logs else "second" if "gan2" in update.logs else update.optimizer
        found |= {name: update.loss.detach(), **update.logs}
    return found


def strong(method: DRITMulti) -> DRITMulti:
    """Weights so large that no gradient drowns in another's rounding."""
    for parameter in method.parameters():
        if parameter.dim() == 4:
            parameter.data *= 10
    return method


class TestNetworks:
    @pytest.mark.parametrize(
        ("concat", "attribute", "generator", "total"),
        [(True, 1_347_152, 5_465_273, 54_070_668), (False, 2_774_344, 8_573_955, 58_606_542)],
    )
    def test_all_parameters_are_the_published_ones(
        self, concat: bool, attribute: int, generator: int, total: int
    ) -> None:
        """Of three domains, the published number."""
        with torch.device("meta"):
            method = DRITMulti(DRITMultiConfig(concat=concat), 3, 216)
        counts = {name: sum(p.numel() for p in one.parameters()) for name, one in networks(method).items()}
        assert counts == {
            "discriminator": 15_737_472,
            "discriminator2": 15_737_472,
            "content_discriminator": 10_684_163,
            "content": 5_099_136,
            "attribute": attribute,
            "generator": generator,
        }
        assert sum(p.numel() for p in method.parameters()) == total

    @pytest.mark.parametrize("concat", [True, False])
    @pytest.mark.parametrize("spectral", [True, False])
    def test_first_weights(self, concat: bool, spectral: bool) -> None:
        """Those of convolutions are normal; linear layers' and biases stay as PyTorch draws them, uniform."""
        method = build(concat=concat, spectral=spectral, dim=16, dis_dim=32)
        convolutions = [p for p in method.parameters() if p.dim() == 4]
        pooled = torch.cat([p.flatten() for p in convolutions])
        assert pooled.std().item() == pytest.approx(0.02, rel=0.01)
        assert (pooled.abs() > 0.04).float().mean().item() == pytest.approx(0.0455, abs=0.002)  # two deviations
        for head in (m for m in method.modules() if isinstance(m, nn.Linear)):
            bound = head.in_features**-0.5
            assert bound / 2 < head.weight.abs().max().item() <= bound

    @pytest.mark.parametrize(("concat", "full", "translating"), [(True, 1440.1, 65.4), (False, 1782.8, 75.0)])
    def test_a_steps_arithmetic_is_below_the_published_one(self, concat: bool, full: float, translating: float) -> None:
        """Published, with concat: 1,952.0 GFLOP, the content discriminator's step 85.0, a translation 65.4."""
        with torch.device("meta"):
            method = DRITMulti(DRITMultiConfig(concat=concat), 3, 216)
            x, z, domain = torch.empty(2, 1, 3, 216, 216), torch.empty(1, 8), torch.empty(1, 3)
            batch = Batch(("a",), *x, classes=torch.zeros(1, 2, dtype=torch.int64))

        def arithmetic(step: int) -> float:
            with FlopCounterMode(display=False) as counter:
                for update in method.updates(batch, step):
                    own = [*method.get_submodule(update.optimizer).parameters()]
                    torch.autograd.backward(update.loss, inputs=own)
            return counter.get_total_flops() / 1e9

        assert arithmetic(FULL) == pytest.approx(full, abs=0.05)
        assert arithmetic(ALONE) == pytest.approx(85.0, abs=0.05)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            method.autoencoders.generator(method.autoencoders.content(x[0]), z, domain)
        assert counter.get_total_flops() / 1e9 == pytest.approx(translating, abs=0.05)


class TestHandComputed:
    def test_classes_are_told_by_a_cross_entropy_each(self) -> None:
        """Means over pictures and classes: at logits 0 and ln 3 the probabilities are 1/2 and 3/4."""
        logits = torch.tensor([[math.log(3), 0.0], [0.0, math.log(3)]])
        domains = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
        expected = (math.log(4 / 3) + math.log(2) + math.log(2) + math.log(4)) / 4
        assert classification_loss(logits, domains).item() == pytest.approx(expected)
        assert classification_loss(logits, 1 - domains).item() == pytest.approx(
            (math.log(4) + math.log(2) + math.log(2) + math.log(4 / 3)) / 4
        )

    def test_adversarial_terms_are_of_each_half(self) -> None:
        """One picture in either half, as published: the sum of both pictures' means."""
        logits = torch.tensor([[math.log(3), 0.0], [0.0, 0.0]])[:, None, None]
        assert halves_loss(logits, True).item() == pytest.approx((math.log(4 / 3) + math.log(2)) / 2 + math.log(2))
        assert halves_loss(logits, False).item() == pytest.approx((math.log(4) + math.log(2)) / 2 + math.log(2))
        assert halves_loss(logits.repeat(3, 1, 1, 1), True) == pytest.approx(halves_loss(logits, True))

    def test_terms_of_discriminators_that_answer_constants(self) -> None:
        """Logits of 0 for being real, and of ln 3 for class 2 and 0 for the others."""
        method, batch = build(), tiny_batch(1)
        for judge in (method.discriminator, method.discriminator2):
            judge.forward = lambda x: (torch.zeros(len(x), 1, 2, 2), told.repeat(len(x), 1))  # type: ignore[assignment]
        method.content_discriminator.forward = lambda c: told[:, :, None, None].repeat(len(c), 1, 2, 2)  # type: ignore[assignment,union-attr]
        told = torch.tensor([[0.0, 0.0, math.log(3), 0.0]])
        found = losses(method, batch)
        two, wrong, right = math.log(2), math.log(4), math.log(4 / 3)
        # the source is of class 0, the target of class 2
        recognition = ((3 * two + wrong) / 4 + (3 * two + right) / 4) / 2
        for judge in JUDGES:
            assert found[judge].item() == pytest.approx(4 * two + recognition)
        for name in ("gan", "gan2"):
            assert found[name].item() == pytest.approx(2 * two)
        for name in ("class", "class2"):
            assert found[name].item() == pytest.approx(recognition)
        to_others = ((3 * two + right) / 4 + (3 * two + wrong) / 4) / 2
        assert found["content_gan"].item() == pytest.approx(to_others)
        assert losses(method, batch, ALONE)["content_discriminator"].item() == pytest.approx(recognition)

    def test_pictures_of_no_class_have_a_vector_of_zeros(self) -> None:
        found = build()._domains(torch.tensor([2, -1, 0]))
        assert found.tolist() == [[0, 0, 1, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
        batch = tiny_batch()
        assert batch.classes is not None
        without = dataclasses.replace(batch, classes=torch.stack([torch.full((2,), -1), batch.classes[:, 1]], 1))
        for step in (ALONE, FULL):
            for update in build().updates(without, step):
                assert torch.isfinite(update.loss)


class Published:
    """Full updates as the sheet tells them, in plain code of its own but for the networks: halves are kept apart,
    cross-entropies are of probabilities, and Adams each step what they hold."""

    def __init__(self, method: DRITMulti, lr: float) -> None:
        self.method = method
        self.parts = networks(method)
        rates = dict.fromkeys(self.parts, lr) | {"content_discriminator": method.config.content_lr}
        self.adams: dict[str, Optimizer] = {
            name: Adam(part.parameters(), rates[name], (0.5, 0.999), weight_decay=1e-4)
            for name, part in self.parts.items()
        }

    def truths(self, batch: Batch) -> tuple[Tensor, Tensor]:
        assert batch.classes is not None
        a, b = (torch.eye(CLASSES)[batch.classes[:, side]].to(batch.source) for side in (0, 1))
        return a, b

    def alone(self, batch: Batch) -> None:
        x = torch.cat([batch.source, batch.target])  # type: ignore[list-item]
        c = self.parts["content"](x).detach()
        c = c + torch.randn_like(c)
        told = self.parts["content_discriminator"](c).mean((2, 3)).sigmoid()
        loss = F.binary_cross_entropy(told, torch.cat(self.truths(batch)))
        self.step(loss, "content_discriminator", clip=5.0)

    def __call__(self, batch: Batch) -> None:
        content, attribute, generator = (self.parts[name] for name in ("content", "attribute", "generator"))
        config, (a, b), (x_a, x_b) = self.method.config, self.truths(batch), (batch.source, batch.target)
        assert x_b is not None
        both, n = torch.cat([a, b]), len(batch)

        def noisy(x: Tensor) -> tuple[Tensor, Tensor]:
            c = content(x)
            first, second = (c + torch.randn_like(c)).split(n)
            return first, second

        def encoded(x: Tensor) -> tuple[list[Tensor], Tensor]:
            found = attribute(with_planes(x, both))
            if not config.concat:
                return [*found.float().to(x).split(n)], (found**2).mean()
            mean, log_variance = (one.to(x) for one in found)
            kl = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum() / n
            noise = torch.randn(2 * n, config.nz).to(x)  # of float32, of which many draws are others than of float64
            return [*(mean + torch.exp(log_variance / 2) * noise).split(n)], kl

        c_a, c_b = noisy(torch.cat([x_a, x_b]))
        (z_a, z_b), kl = encoded(torch.cat([x_a, x_b]))
        z = [torch.randn(n, config.nz).to(x_a) for _ in range(2 if config.mode_seeking else 1)]
        fake_a, self_a, rand_a = generator(c_b, z_a, a), generator(c_a, z_a, a), [generator(c_b, one, a) for one in z]
        fake_b, self_b, rand_b = generator(c_a, z_b, b), generator(c_b, z_b, b), [generator(c_a, one, b) for one in z]
        again_b, again_a = noisy(torch.cat([fake_a, fake_b]))
        (cyc_z_a, cyc_z_b), _ = encoded(torch.cat([fake_a, fake_b]))
        cyc_a, cyc_b = generator(again_a, cyc_z_a, a), generator(again_b, cyc_z_b, b)

        def bce(logits: Tensor, truth: Tensor | float) -> Tensor:
            truth = truth if isinstance(truth, Tensor) else torch.full_like(logits, truth)
            return F.binary_cross_entropy(logits.sigmoid(), truth)

        def told_apart(name: str, *fakes: tuple[Tensor, Tensor]) -> None:
            loss = torch.zeros((), dtype=x_a.dtype)
            for fake in fakes:
                real, classes = self.parts[name](torch.cat([x_a, x_b]))
                loss = loss + sum(bce(one, 1) for one in real.split(n)) + bce(classes, both)
                loss = loss + sum(bce(self.parts[name](one.detach())[0], 0) for one in fake)
            self.step(loss, name)

        told_apart("discriminator", (fake_a, fake_b))
        told_apart("discriminator2", *zip(rand_a, rand_b, strict=True))

        def fooled(name: str, fake: tuple[Tensor, Tensor]) -> Tensor:
            real, classes = self.parts[name](torch.cat(fake))
            return torch.stack([bce(one, 1) for one in real.split(n)]).sum() + 5 * bce(classes, both)

        first = fooled("discriminator", (fake_a, fake_b))
        told = self.parts["content_discriminator"](torch.cat([c_a, c_b])).mean((2, 3))
        first = first + bce(told, 1 - both)
        real = torch.cat([x_a, x_b])
        first = first + 10 * (torch.cat([self_a, self_b]) - real).abs().mean()
        first = first + 10 * (torch.cat([cyc_a, cyc_b]) - real).abs().mean()
        first = first + 0.01 * (torch.cat([c_a, c_b]) ** 2).mean() + 0.01 * kl

        second = torch.zeros((), dtype=x_a.dtype)
        for fake in zip(rand_a, rand_b, strict=True):
            second = second + fooled("discriminator2", fake)
        found = attribute(with_planes(torch.cat([rand_a[0], rand_b[0]]), both))
        for one in (found[0] if config.concat else found.float()).to(x_a).split(n):
            second = second + 10 * (one - z[0]).abs().mean()
        for rands in (rand_a, rand_b) if config.mode_seeking else ():
            ratio = (rands[1] - rands[0]).abs().mean() / (z[1] - z[0]).abs().mean()
            second = second + 1 / (ratio + 1e-5)

        self.step(second, "content", "generator", apply=False)
        kept = [(p, p.grad) for name in ("content", "generator") for p in self.parts[name].parameters()]
        self.step(first, "content", "attribute", "generator")
        for parameter, gradient in kept:
            parameter.grad = gradient
        for stepped in ("content", "generator"):
            self.adams[stepped].step()

    def step(self, loss: Tensor, *names: str, clip: float = 0.0, apply: bool = True) -> None:
        parameters = [p for name in names for p in self.parts[name].parameters()]
        for parameter, gradient in zip(
            parameters, torch.autograd.grad(loss, parameters, retain_graph=True), strict=True
        ):
            parameter.grad = gradient
        if clip:
            nn.utils.clip_grad_norm_(parameters, clip)
        for name in names:
            if apply:
                self.adams[name].step()


DEAD = re.compile(r"content\.\d+.*bias|generator.*(shared.layers|blocks).*(layers|convolutions).*bias")
"""Biases before instance norms: their gradients are rounding errors, which Adam blows up."""


class TestAgainstThePublishedUpdate:
    @pytest.mark.parametrize("pictures", [1, 2])
    @pytest.mark.parametrize(("concat", "mode_seeking"), [(True, False), (False, False), (True, True)])
    def test_weights_after_a_round_and_two_full_updates(self, concat: bool, mode_seeking: bool, pictures: int) -> None:
        """Losses, their weights and order, the Adams, and phase 2's gradient of the weights before phase 1."""
        ours = strong(build(concat=concat, mode_seeking=mode_seeking, lr=1e-2, content_lr=4e-3)).double()
        for network in ours.modules():
            if isinstance(network, MLP):  # attributes are float32, whatever the networks are
                network.register_forward_pre_hook(lambda _, inputs: (inputs[0].double(),))
        theirs = copy.deepcopy(ours)
        batch = tiny_batch(pictures)
        batch = dataclasses.replace(batch, source=batch.source.double(), target=batch.target.double())  # type: ignore[union-attr]
        before = copy.deepcopy(ours.state_dict())
        optimizers, reference = ours.optimizers(), Published(theirs, 1e-2)
        for step in (0, 2, 5):
            torch.manual_seed(step)
            for update in ours.updates(batch, step):
                perform((update,), optimizers)
            torch.manual_seed(step)
            (reference if step else reference.alone)(batch)
        expected = theirs.state_dict()
        for name, value in ours.state_dict().items():
            assert not torch.equal(value, before[name]), name
            if not DEAD.search(name) or name == "autoencoders.content.0.bias":
                torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-4, msg=f"{name} differs")


class TestUpdates:
    def test_order_and_what_each_step_moves(self) -> None:
        """All of a network moves at once, the attribute encoder in the first phase alone and the content discriminator
        in no full step."""
        method = strong(build())
        optimizers, seen = method.optimizers(), []
        for step in range(3):
            for update in method.updates(tiny_batch(), step):
                before = {name: [p.clone() for p in part.parameters()] for name, part in networks(method).items()}
                perform((update,), optimizers)
                moved = {
                    name
                    for name, part in networks(method).items()
                    if any(not torch.equal(p, q) for p, q in zip(part.parameters(), before[name], strict=True))
                }
                seen.append((step, update.optimizer, moved))
        assert seen == [
            *((step, "content_discriminator", {"content_discriminator"}) for step in (0, 1)),
            *((2, name, {name}) for name in JUDGES),
            (2, "autoencoders", {"content", "attribute", "generator"}),
            (2, "autoencoders", {"content", "generator"}),
        ]

    @pytest.mark.parametrize("d_iter", [2, 3])
    def test_one_of_so_many_steps_is_full(self, d_iter: int) -> None:
        method = build(d_iter=d_iter)
        alone = [len([*method.updates(tiny_batch(), step)]) == 1 for step in range(6)]
        assert alone == [(step + 1) % d_iter != 0 for step in range(6)]

    @pytest.mark.parametrize("concat", [True, False])
    def test_gradients_reach_what_an_update_is_of_and_nothing_else(self, concat: bool) -> None:
        method, found = strong(build(concat=concat)), []
        for step in (ALONE, FULL):
            for update in method.updates(tiny_batch(), step):
                method.zero_grad()
                update.loss.backward()
                reached = {
                    n for n, part in networks(method).items() if any(p.grad is not None for p in part.parameters())
                }
                for name in reached:
                    assert all(p.grad is not None for p in networks(method)[name].parameters()), name
                found.append(reached)
        apart = [{name} for name in ("content_discriminator", *JUDGES)]
        assert found == [*apart, {"content", "attribute", "generator"}, {"content", "generator"}]
        assert all(p.requires_grad for p in method.parameters())

    def test_content_discriminators_gradient_alone_is_clipped(self) -> None:
        for clip, expected in ((5.0, 5.0), (0.0, None)):
            method = build(content_clip=clip)
            for update in (*method.updates(tiny_batch(), ALONE), *method.updates(tiny_batch(), FULL)):
                assert update.clip_norm == (expected if update.optimizer == "content_discriminator" else None)

    @pytest.mark.parametrize("mode_seeking", [False, True])
    def test_what_is_decoded_for_which_domain(self, mode_seeking: bool) -> None:
        """Translations and reconstructions, then one draw, or two, the same for both halves, then cycles."""
        method, seen = build(mode_seeking=mode_seeking), []
        branch = method.autoencoders.generator.branch
        branch.register_forward_hook(lambda _, inputs, __: seen.append(inputs))
        shared = method.autoencoders.generator.shared
        shared.register_forward_hook(lambda _, __, out: contents.append(out))
        contents: list[Tensor] = []
        list(method.updates(tiny_batch(), FULL))
        assert [len(one[0]) for one in seen] == [8, 4, 4, 4] if mode_seeking else [8, 4, 4]
        sources, targets = contents[0].chunk(2)
        classes = torch.eye(CLASSES)[torch.tensor([0, 1, 2, 3])][:, :, None, None]
        planes = 4 * TINY.dim
        for content, _ in seen:
            assert torch.equal(content[:4, planes:], classes.expand(-1, -1, 8, 8))
        assert torch.equal(seen[0][0][:, :planes], torch.cat([targets, sources, sources, targets]))
        attributes, (first, second) = seen[0][1], seen[1][1].chunk(2)
        assert torch.equal(attributes[:4], attributes[4:])
        assert torch.equal(first, second)
        assert len(first.unique(dim=0)) == 2
        assert torch.equal(seen[1][0][:, :planes], torch.cat([targets, sources]))
        if mode_seeking:
            assert not torch.isclose(seen[2][1], seen[1][1]).any()
        again = contents[-1].chunk(2)
        assert torch.equal(seen[-1][0][:, :planes], torch.cat(again)), "swapped before"

    def test_modes_are_not_sought_by_default(self) -> None:
        assert not DRITMultiConfig().mode_seeking
        assert "ms" not in losses(build(), tiny_batch())
        assert losses(build(mode_seeking=True), tiny_batch())["ms"] > 0

    def test_second_phases_pictures_are_let_go_before_the_first_phase(self) -> None:
        """Or both phases' graphs would be kept at once."""
        method, kept = build(), []
        method.autoencoders.generator.branch.register_forward_hook(
            lambda _, __, pictures: kept.append(weakref.ref(pictures[0]))
        )
        updates = method.updates(tiny_batch(), FULL)
        while "gan" not in next(updates).logs:
            pass
        fakes_and_reconstructions, randoms, _ = (one() for one in kept)
        assert randoms is None
        assert fakes_and_reconstructions is not None

    @pytest.mark.parametrize(("field", "told"), [("target", "targets"), ("classes", "classes")])
    def test_needs_targets_and_classes(self, field: str, told: str) -> None:
        batch = dataclasses.replace(tiny_batch(), **{field: None})  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=f"drit_multi reads {told}"):
            next(iter(build().updates(batch, ALONE)))

    def test_learns_to_reconstruct(self) -> None:
        method = build(16, dim=8, n_layers=1, lr=1e-2, content_gan_weight=0, latent_weight=0, class_weight=0)
        coarse, optimizers, recon = tiny_batch(1, 4), method.optimizers(), []
        source, target = (F.interpolate(x, (16, 16), mode="bilinear") for x in (coarse.source, coarse.target))
        batch = dataclasses.replace(coarse, source=source, target=target)
        for step in range(70):
            for update in method.updates(batch, step):
                perform((update,), optimizers)
                recon += [update.logs["recon"].item()] if "recon" in update.logs else []
        assert recon[-1] < recon[0] / 2


class TestWeights:
    TERMS = (
        ("class", "first"),
        ("content_gan", "first"),
        ("recon", "first"),
        ("cycle", "first"),
        ("content", "first"),
        ("kl", "first"),
        ("class", "second"),
        ("latent", "second"),
        ("ms", "second"),
    )

    @pytest.mark.parametrize(("term", "phase"), TERMS)
    def test_each_scales_its_own_term(self, term: str, phase: str) -> None:
        found = []
        for weight in (1.0, 3.0):
            torch.manual_seed(0)
            found.append(losses(build(mode_seeking=True, **{f"{term}_weight": weight}), tiny_batch()))
        once, thrice = found
        other = {"first": "second", "second": "first"}[phase]
        name = f"{term}2" if (term, phase) == ("class", "second") else term
        assert (thrice[phase] - once[phase]).item() == pytest.approx(2 * once[name].item(), rel=1e-3)
        assert (thrice[other] == once[other]) == (term != "class")

    @pytest.mark.parametrize("concat", [True, False])
    def test_divergence_is_of_a_picture_of_either_half(self, concat: bool) -> None:
        """Of one pair it is the published sum; without Gaussians it is one mean square."""
        method, one = build(concat=concat), tiny_batch(1)
        four = Batch(one.names * 4, *(x.repeat(4, 1, 1, 1) for x in (one.source, one.target)))  # type: ignore[union-attr]
        four = dataclasses.replace(four, classes=one.classes.repeat(4, 1))  # type: ignore[union-attr]
        assert one.target is not None
        domains = torch.eye(CLASSES)[[0, 2]]
        encoded = method.autoencoders.attribute(with_planes(torch.cat([one.source, one.target]), domains))
        expected = encoded.square().mean() if not concat else None
        if concat:
            mean, log_variance = encoded
            expected = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum()
        for batch in (one, four):
            torch.testing.assert_close(losses(method, batch)["kl"], expected.detach())  # type: ignore[union-attr]

    def test_recognition_is_the_discriminators(self) -> None:
        found = []
        for weight in (0.0, 1.0, 3.0):
            torch.manual_seed(0)
            found.append(losses(build(recognition_weight=weight), tiny_batch()))
        without, once, thrice = found
        for judge in JUDGES:
            assert (thrice[judge] - once[judge]).item() == pytest.approx(2 * (once[judge] - without[judge]).item())
            assert once[judge] > without[judge]
        assert thrice["first"] == without["first"]

    @pytest.mark.parametrize(
        ("settings", "runs"),
        [
            ({}, {"content": 2, "attribute": 3, "branch": 3, "decoded": 16}),
            ({"recon_weight": 0.0}, {"content": 2, "attribute": 3, "branch": 3, "decoded": 12}),
            ({"cycle_weight": 0.0}, {"content": 1, "attribute": 2, "branch": 2, "decoded": 12}),
            ({"latent_weight": 0.0}, {"content": 2, "attribute": 2, "branch": 3, "decoded": 16}),
            ({"class_weight": 0.0}, {"content": 2, "attribute": 3, "branch": 3, "decoded": 16}),
        ],
    )
    def test_of_0_leave_passes_out(self, settings: dict[str, float], runs: dict[str, int]) -> None:
        """How often each network runs in a full step, and how many pictures are decoded."""
        method, count = build(**settings), dict.fromkeys(runs, 0)

        def counted(name: str, module: nn.Module) -> None:
            def add(_: nn.Module, inputs: tuple[Tensor, ...], __: object) -> None:
                count[name] += 1
                count["decoded"] += len(inputs[0]) if name == "branch" else 0

            module.register_forward_hook(add)

        counted("content", method.autoencoders.content)
        counted("attribute", method.autoencoders.attribute)
        counted("branch", method.autoencoders.generator.branch)
        found = losses(method, tiny_batch())
        assert count == runs
        left_out = {name.removesuffix("_weight") for name in settings}
        assert {"recon", "cycle", "latent", "class"} - set(found) == left_out

    def test_without_content_discriminator_all_steps_are_full(self) -> None:
        method = build(content_gan_weight=0)
        assert method.content_discriminator is None
        assert list(method.optimizers()) == [*JUDGES, "autoencoders"]
        for step in range(3):
            assert [u.optimizer for u in method.updates(tiny_batch(), step)] == [*JUDGES, *["autoencoders"] * 2]


class TestSchedule:
    @pytest.mark.parametrize(("epoch", "rate"), [(0, 1), (600, 1), (601, 600 / 601), (900, 301 / 601), (1199, 2 / 601)])
    def test_published_rates(self, epoch: int, rate: float) -> None:
        """Epochs counted from 0: 1 - max(0, epoch - 600) / 601."""
        with torch.device("meta"):
            method = build()
        for fraction in (epoch / 1200, (epoch + 0.999) / 1200):
            assert method.learning_rate("autoencoders", 0, fraction) == pytest.approx(rate)
            assert method.learning_rate("content_discriminator", 0, fraction) == pytest.approx(rate)

    def test_adams(self) -> None:
        method = build()
        for name, optimizer in method.optimizers().items():
            assert type(optimizer) is Adam
            (group,) = optimizer.param_groups
            lr = 4e-5 if name == "content_discriminator" else 1e-4
            assert (group["lr"], group["betas"], group["weight_decay"]) == (lr, (0.5, 0.999), 1e-4)
            assert {id(p) for p in group["params"]} == {id(p) for p in method.get_submodule(name).parameters()}
        assert list(method.optimizers()) == [*JUDGES, "content_discriminator", "autoencoders"]


class TestTranslation:
    @pytest.mark.parametrize(
        ("style", "posterior", "concat"),
        [
            ("sampled", "sampled", True),
            ("sampled", "sampled", False),
            ("exemplar", "sampled", True),
            ("exemplar", "mean", True),
            ("exemplar", "sampled", False),
        ],
    )
    def test_decodes_content_in_the_class_asked_for_without_noise(
        self, style: str, posterior: str, concat: bool
    ) -> None:
        method = strong(build(style=style, posterior=posterior, concat=concat)).train()
        batch = dataclasses.replace(tiny_batch(), target=None, exemplars=(tiny_batch().target,))
        networks, codes = method.autoencoders, style_codes(batch.names, 3, seed=5, sample=2)
        wanted = torch.eye(CLASSES)[[2, 3]]
        if style == "exemplar":
            found = networks.attribute(with_planes(*batch.exemplars, wanted))  # type: ignore[arg-type]
            codes = (found[0] + torch.exp(found[1] / 2) * codes * (posterior == "sampled")) if concat else found
        expected = networks.generator(networks.content(batch.source), codes, wanted)
        state = torch.get_rng_state()
        found = method.translate(batch, seed=5, sample=2)
        torch.testing.assert_close(found, expected)
        assert not found.requires_grad
        assert torch.equal(state, torch.get_rng_state())

    @pytest.mark.parametrize("concat", [True, False])
    def test_asked_for_another_class_gives_another_picture_whatever_the_sources_was(self, concat: bool) -> None:
        method, batch = strong(build(concat=concat)), tiny_batch(1)
        found = {
            (own, wanted): method.translate(dataclasses.replace(batch, classes=torch.tensor([[own, wanted]])), seed=0)
            for own in (0, 1)
            for wanted in (2, 3)
        }
        assert torch.equal(found[0, 2], found[1, 2])
        assert not torch.equal(found[0, 2], found[0, 3])

    def test_synchronized_gives_all_sources_the_draw_of_their_sample(self) -> None:
        batch = tiny_batch()
        batch = dataclasses.replace(
            batch, source=batch.source[:1].expand(2, -1, -1, -1), classes=torch.tensor([[0, 1], [0, 1]])
        )
        for synchronized in (True, False):
            method = strong(build(synchronized=synchronized))
            first, second = method.translate(batch, seed=0)
            assert torch.equal(first, second) == synchronized
            assert not torch.equal(first, method.translate(batch, seed=0, sample=1)[0])

    def test_pictures_have_their_sources_size(self) -> None:
        batch = Batch(("a",), torch.zeros(1, 3, 20, 36), classes=torch.tensor([[0, 1]]))
        assert build().translate(batch, seed=0).shape == batch.source.shape

    @pytest.mark.parametrize("lacking", ["exemplars", "classes"])
    def test_needs_exemplars_where_styles_are_theirs_and_classes(self, lacking: str) -> None:
        batch = dataclasses.replace(tiny_batch(), exemplars=(tiny_batch().target,))
        with pytest.raises(ValueError, match=f"drit_multi reads {lacking}"):
            build(style="exemplar").translate(dataclasses.replace(batch, **{lacking: None}), seed=0)  # type: ignore[arg-type]


class TestConfig:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("style", "mean"),
            ("posterior", "mode"),
            ("dim", 0),
            ("nz", 0),
            ("n_res", 0),
            ("attribute_halvings", 0),
            ("n_layers", 0),
            ("content_layers", -1),
            ("content_kernel", 1),
            ("d_iter", 0),
            ("crop", -1),
            ("class_weight", -1.0),
            ("recognition_weight", -1.0),
            ("content_clip", -1.0),
            ("ms_weight", 0.0),
            ("lr", 0.0),
            ("content_lr", 0.0),
            ("beta1", 1.0),
            ("load_scale", 0.5),
        ],
    )
    def test_refuses_naming_the_field_and_what_was_found(self, field: str, value: object) -> None:
        with pytest.raises(ValueError, match=f"{field} must .*found .?{value}"):
            DRITMultiConfig(**{field: value})  # type: ignore[arg-type]

    def test_refuses_a_content_discriminator_that_would_never_learn(self) -> None:
        with pytest.raises(ValueError, match="d_iter must be at least 2, or content_gan_weight 0, found 1"):
            DRITMultiConfig(d_iter=1)
        assert DRITMultiConfig(d_iter=1, content_gan_weight=0).d_iter == 1

    @pytest.mark.parametrize(
        ("settings", "judged", "content"),
        [({}, 33, 209), ({"n_layers": 4, "content_layers": 2, "content_kernel": 3}, 9, 49)],
    )
    def test_smallest_pictures_that_can_be_judged(self, settings: dict[str, int], judged: int, content: int) -> None:
        config = DRITMultiConfig(**settings)  # type: ignore[arg-type]
        assert (config.smallest_judged, config.smallest_content) == (judged, content)
        assert dataclasses.replace(config, content_gan_weight=0).smallest_content == 1
