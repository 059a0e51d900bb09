from __future__ import annotations

import copy
import dataclasses
import re
import weakref
from collections.abc import Iterator
from itertools import chain

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer
from torch.utils.flop_counter import FlopCounterMode

from i2ibench.models.drit import DRIT, OTHER, DRITConfig
from i2ibench.models.layers.adain import MLP
from i2ibench.models.layers.gaussian_codes import style_codes
from i2ibench.models.layers.pyramid import halved
from i2ibench.models.method import Batch
from i2ibench.training.loop import perform

TINY = DRITConfig(
    dim=3,
    nz=3,
    n_res=1,
    mlp_dim=6,
    attribute_halvings=2,
    dis_dim=4,
    n_layers=2,
    scales=2,
    content_layers=1,
    content_kernel=3,
    crop=0,
)
FULL, ALONE = 2, 0
"""A step of either kind."""
JUDGES = ("discriminator_a", "discriminator_a2", "discriminator_b", "discriminator_b2")


def tiny_batch(pictures: int = 2, side: int = 32) -> Batch:
    stream = torch.Generator().manual_seed(1)
    source, target = (torch.rand(pictures, 3, side, side, generator=stream) * 2 - 1 for _ in range(2))
    return Batch(tuple(f"picture {i}" for i in range(pictures)), source, target)


def networks(method: DRIT) -> dict[str, nn.Module]:
    """Of all that learn apart from each other."""
    parts: dict[str, nn.Module] = {f"discriminator_{name}": one for name, one in method.discriminators.items()}
    assert method.content_discriminator is not None
    parts["content_discriminator"] = method.content_discriminator
    for name in ("content", "attribute", "generator"):
        parts[name] = method.autoencoders.get_submodule(name)
    return parts


def losses(method: DRIT, batch: Batch, step: int = FULL) -> dict[str, Tensor]:
    """Of all updates of a step, by what they are called, with no step taken; the phases' terms too, not weighted."""
    found: dict[str, Tensor] = {}
    for update in method.updates(batch, step):
        name = "first" if "gan" in update.logs else "second" if "gan2" in update.logs else update.optimizer
        found |= {name: update.loss.detach(), **update.logs}
    return found


def strong(method: DRIT) -> DRIT:
    """Weights so large that no gradient drowns in another's rounding."""
    for parameter in method.parameters():
        if parameter.dim() == 4:
            parameter.data *= 10
    return method


class TestNetworks:
    @pytest.mark.parametrize(("concat", "parameters"), [(True, 65_039_315), (False, 75_462_691)])
    def test_all_parameters_are_the_published_ones(self, concat: bool, parameters: int) -> None:
        with torch.device("meta"):
            method = DRIT(DRITConfig(concat=concat))
        assert sum(p.numel() for p in method.parameters()) == parameters

    @pytest.mark.parametrize("concat", [True, False])
    @pytest.mark.parametrize("spectral", [True, False])
    def test_first_weights(self, concat: bool, spectral: bool) -> None:
        """Those of convolutions are normal; linear layers' and biases stay as PyTorch draws them, uniform."""
        method = DRIT(dataclasses.replace(TINY, concat=concat, spectral=spectral, dim=16, dis_dim=32))
        convolutions = [p for p in method.parameters() if p.dim() == 4]
        for p in convolutions:
            assert p.std().item() == pytest.approx(0.02, rel=6 / p.numel() ** 0.5)
        pooled = torch.cat([p.flatten() for p in convolutions])
        assert (pooled.abs() > 0.04).float().mean().item() == pytest.approx(0.0455, abs=0.002)  # two deviations
        others = {name: p for name, p in method.named_parameters() if p.dim() == 1 and name.endswith("bias")}
        assert sum(bool(p.any()) for p in others.values()) >= len(others) - 8, "but layer norms'"
        heads = [m for m in method.modules() if isinstance(m, nn.Linear)]
        assert heads
        for head in heads:
            bound = head.in_features**-0.5
            assert bound / 2 < head.weight.abs().max().item() <= bound

    def test_a_steps_arithmetic_is_below_the_published_one(self) -> None:
        """Published: 2,364.9 GFLOP with one pass of generators over all that they decode, through which both phases go
        back, shared blocks and real pictures as often as they are used, and discriminators' gradients taken in vain."""
        with torch.device("meta"):
            method = DRIT(DRITConfig())
            batch = Batch(("a", "b"), *torch.empty(2, 2, 3, 216, 216))
            x, z = torch.empty(1, 3, 216, 216), torch.empty(1, 8)
        with FlopCounterMode(display=False) as theirs:
            for loss in published_losses(method, x, z):
                loss.backward(retain_graph=True)
        assert theirs.get_total_flops() / 1e9 == pytest.approx(2364.9, abs=0.05)

        def ours(step: int) -> float:
            with FlopCounterMode(display=False) as counter:
                for update in method.updates(batch, step):
                    own = [*method.get_submodule(where(update.optimizer)).parameters()]
                    torch.autograd.backward(update.loss, inputs=own)
            return counter.get_total_flops() / 1e9

        assert ours(FULL) == pytest.approx(1659.8, abs=0.05)
        assert ours(ALONE) == pytest.approx(85.0, abs=0.05)
        with FlopCounterMode(display=False) as translating, torch.no_grad():
            method.autoencoders.generator(method.autoencoders.content(x, "a"), z, "b")
        assert translating.get_total_flops() / 1e9 == pytest.approx(64.8, abs=0.05)


def where(optimizer: str) -> str:
    """The module that an optimiser trains."""
    return optimizer.replace("_", "s.") if optimizer in JUDGES else optimizer


def published_losses(method: DRIT, x: Tensor, z: Tensor) -> Iterator[Tensor]:
    """Sums in place of losses, of what the published code makes of pictures `x` and attributes `z`."""
    networks, judge_content = method.autoencoders, method.content_discriminator
    assert judge_content is not None
    content = {d: networks.content(x, d) for d in OTHER}
    attribute = {d: networks.attribute[d](x) for d in OTHER}
    made = {}
    for d, other in OTHER.items():
        contents = torch.cat([content[other], content[d], content[other], content[other]])
        made[d] = networks.generator(contents, torch.cat([torch.stack(attribute[d]).sum(0)] * 2 + [z] * 2), d)[0]
    made_of = {d: one.chunk(4) for d, one in made.items()}
    again = {d: networks.content(made_of[d][0], d) for d in OTHER}
    codes = {d: torch.stack(networks.attribute[d](made_of[d][0])).sum(0) for d in OTHER}
    cycled = [networks.generator(again[OTHER[d]], codes[d], d)[0] for d in OTHER]
    found = [networks.attribute[d](made_of[d][2])[0] for d in OTHER]

    def total(*values: Tensor) -> Tensor:
        return torch.stack([value.sum() for value in values]).sum()

    for d in OTHER:
        for name, fake in ((d, 0), (f"{d}2", 2), (f"{d}2", 3)):
            judge = method.discriminators[name]
            yield total(*judge(made_of[d][fake].detach()), *judge(x))
    yield total(*(judge_content(content[d].detach()) for d in OTHER))
    first = chain.from_iterable(method.discriminators[d](made_of[d][0]) for d in OTHER)
    second = chain.from_iterable(method.discriminators[f"{d}2"](made_of[d][i]) for d in OTHER for i in (2, 3))
    undecided = [judge_content(content[d]) for d in OTHER]
    first_loss = total(*first, *undecided, *(made_of[d][1] for d in OTHER), *cycled, *chain(*attribute.values()))
    second_loss = total(*second, *found, *(made_of[d][i] for d in OTHER for i in (2, 3)))
    yield first_loss
    yield second_loss


class Published:
    """Full updates as the sheet tells them, in plain code of its own but for the networks: everything is decoded in one
    pass, cross-entropies are of probabilities, and eight Adams each step what they hold."""

    def __init__(self, method: DRIT, lr: float) -> None:
        self.method = method
        self.parts = networks(method)
        rates = dict.fromkeys(self.parts, lr) | {"content_discriminator": method.config.content_lr}
        self.adams: dict[str, Optimizer] = {
            name: Adam(part.parameters(), rates[name], (0.5, 0.999), weight_decay=1e-4)
            for name, part in self.parts.items()
        }

    def __call__(self, batch: Batch) -> None:
        assert batch.target is not None
        config, net = self.method.config, self.method.autoencoders
        (x_a, real_a), (x_b, real_b) = batch.source.chunk(2), batch.target.chunk(2)
        n = len(x_a)
        c_a, c_b = net.content(x_a, "a"), net.content(x_b, "b")
        c_a, c_b = c_a + torch.randn_like(c_a), c_b + torch.randn_like(c_b)

        def encoded(domain: str, x: Tensor) -> tuple[Tensor, Tensor]:
            if not config.concat:
                code = net.attribute[domain](x).float().to(x)
                return code, (code**2).mean()
            mean, log_variance = (one.to(x) for one in net.attribute[domain](x))
            kl = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum() / n
            return mean + torch.exp(log_variance / 2) * torch.randn_like(mean), kl

        (z_a, kl_a), (z_b, kl_b) = encoded("a", x_a), encoded("b", x_b)
        drawn = [torch.randn_like(z_a) for _ in range(2 if config.mode_seeking else 1)]
        made_a = net.generator(torch.cat([c_b, c_a] + [c_b] * len(drawn)), torch.cat([z_a, z_a, *drawn]), "a")[0]
        made_b = net.generator(torch.cat([c_a, c_b] + [c_a] * len(drawn)), torch.cat([z_b, z_b, *drawn]), "b")[0]
        (fake_a, self_a, *rand_a), (fake_b, self_b, *rand_b) = (one.split(n) for one in (made_a, made_b))

        def judged(name: str, x: Tensor, truth: float) -> Tensor:
            answers = self.parts[name](x)
            answers = answers if isinstance(answers, list) else [answers]
            return sum(F.binary_cross_entropy(one.sigmoid(), torch.full_like(one, truth)) for one in answers)  # type: ignore[return-value]

        def told_apart(name: str, real: Tensor, *fakes: Tensor) -> None:
            loss = torch.zeros((), dtype=real.dtype)
            for fake in fakes:
                loss = loss + judged(name, fake.detach(), 0) + judged(name, real, 1)
            self.step(loss, name)

        told_apart("discriminator_a", x_a, fake_a)
        told_apart("discriminator_a2", real_a, *rand_a)
        told_apart("discriminator_b", x_b, fake_b)
        told_apart("discriminator_b2", real_b, *rand_b)
        name = "content_discriminator"
        self.step(judged(name, c_a.detach(), 0) + judged(name, c_b.detach(), 1), name, clip=5.0)

        again_b, again_a = net.content(fake_a, "a"), net.content(fake_b, "b")
        again_b, again_a = again_b + torch.randn_like(again_b), again_a + torch.randn_like(again_a)
        cyc_z_a, cyc_z_b = encoded("a", fake_a)[0], encoded("b", fake_b)[0]
        cyc_a, cyc_b = net.generator(again_a, cyc_z_a, "a")[0], net.generator(again_b, cyc_z_b, "b")[0]
        first = judged("discriminator_a", fake_a, 1) + judged("discriminator_b", fake_b, 1)
        first = first + judged(name, c_a, 0.5) + judged(name, c_b, 0.5)
        for one, other in ((self_a, x_a), (self_b, x_b), (cyc_a, x_a), (cyc_b, x_b)):
            first = first + 10 * (one - other).abs().mean()
        first = first + 0.01 * ((c_a**2).mean() + (c_b**2).mean()) + 0.01 * (kl_a + kl_b)

        second = torch.zeros((), dtype=x_a.dtype)
        for domain, rands in (("a", rand_a), ("b", rand_b)):
            for one in rands:
                second = second + judged(f"discriminator_{domain}2", one, 1)
            found = net.attribute[domain](rands[0])
            found = (found[0] if config.concat else found.float()).to(x_a)
            second = second + 10 * (found - drawn[0]).abs().mean()
            if config.mode_seeking:
                ratio = (rands[1] - rands[0]).abs().mean() / (drawn[1] - drawn[0]).abs().mean()
                second = second + 1 / (ratio + 1e-5)
        self.step(second, "content", "generator", apply=False)
        kept = self.taken("content", "generator")
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

    def taken(self, *names: str) -> list[tuple[Tensor, Tensor | None]]:
        return [(p, p.grad) for name in names for p in self.parts[name].parameters()]


class TestAgainstThePublishedUpdate:
    @pytest.mark.parametrize(("concat", "mode_seeking"), [(True, True), (True, False), (False, True)])
    def test_weights_after_two_full_updates(self, concat: bool, mode_seeking: bool) -> None:
        """Losses, their weights and order, the Adams, and phase 2's gradient of the weights before phase 1."""
        config = dataclasses.replace(TINY, concat=concat, mode_seeking=mode_seeking, lr=1e-2, content_lr=4e-3)
        ours = strong(DRIT(config)).double()
        for network in ours.modules():
            if isinstance(network, MLP):  # attributes are float32, whatever the networks are
                network.register_forward_pre_hook(lambda _, inputs: (inputs[0].double(),))
        theirs = copy.deepcopy(ours)
        batch = tiny_batch(4)
        batch = dataclasses.replace(batch, source=batch.source.double(), target=batch.target.double())  # type: ignore[union-attr]
        before = copy.deepcopy(ours.state_dict())
        optimizers, reference = ours.optimizers(), Published(theirs, 1e-2)
        for step in (2, 5):
            torch.manual_seed(step)
            for update in ours.updates(batch, step):
                perform((update,), optimizers)
            torch.manual_seed(step)
            reference(batch)
        expected = theirs.state_dict()
        for name, value in ours.state_dict().items():
            assert not torch.equal(value, before[name]), name
            if not DEAD.search(name):
                torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-5, msg=f"{name} differs")


DEAD = re.compile(
    r"content.(own.[ab].[23]|own.[ab].\d+.layers|shared).*bias|generator.*(shared.layers|blocks).*(layers|convolutions).*bias"
)
"""Biases before instance norms: their gradients are rounding errors, which Adam blows up."""


class TestUpdates:
    def test_order_and_what_each_step_moves(self) -> None:
        """Biases before norms aside, all of a network moves at once, attribute encoders in the first phase alone."""
        method = strong(DRIT(TINY))
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
        first, second = {"content", "attribute", "generator"}, {"content", "generator"}
        assert seen == [
            *((step, "content_discriminator", {"content_discriminator"}) for step in (0, 1)),
            *((2, name, {name}) for name in (*JUDGES, "content_discriminator")),
            (2, "autoencoders", first),
            (2, "autoencoders", second),
        ]

    @pytest.mark.parametrize("d_iter", [1, 2, 3])
    def test_one_of_so_many_steps_is_full(self, d_iter: int) -> None:
        method = DRIT(dataclasses.replace(TINY, d_iter=d_iter))
        alone = [len([*method.updates(tiny_batch(), step)]) == 1 for step in range(6)]
        assert alone == [(step + 1) % d_iter != 0 for step in range(6)]

    @pytest.mark.parametrize("concat", [True, False])
    def test_gradients_reach_what_an_update_is_of_and_nothing_else(self, concat: bool) -> None:
        method = strong(DRIT(dataclasses.replace(TINY, concat=concat)))
        found = []
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
        apart = [{name} for name in ("content_discriminator", *JUDGES, "content_discriminator")]
        assert found == [*apart, {"content", "attribute", "generator"}, {"content", "generator"}]
        assert all(p.requires_grad for p in method.parameters())

    def test_content_discriminators_gradient_alone_is_clipped(self) -> None:
        for clip, expected in ((5.0, 5.0), (0.0, None)):
            method = DRIT(dataclasses.replace(TINY, content_clip=clip))
            for update in (*method.updates(tiny_batch(), ALONE), *method.updates(tiny_batch(), FULL)):
                assert update.clip_norm == (expected if update.optimizer == "content_discriminator" else None)

    @pytest.mark.parametrize("high_resolution", [False, True])
    def test_second_half_is_real_pictures_of_the_second_discriminators_alone(self, high_resolution: bool) -> None:
        method = strong(DRIT(dataclasses.replace(TINY, high_resolution=high_resolution)))
        batch = tiny_batch(4)
        assert batch.target is not None

        def told(source: Tensor, target: Tensor) -> dict[str, Tensor]:
            torch.manual_seed(3)
            return losses(method, Batch(batch.names, source, target))

        def changed(source: Tensor, target: Tensor) -> set[str]:
            other = told(source, target)
            return {name for name, value in told(batch.source, batch.target).items() if value != other[name]}  # type: ignore[arg-type]

        signs = torch.tensor([1.0, 1.0, -1.0, -1.0])[:, None, None, None]
        assert changed(signs * batch.source, batch.target) == {"discriminator_a2"}
        assert changed(batch.source, signs * batch.target) == {"discriminator_b2"}
        assert changed(-signs * batch.source, batch.target) >= {"discriminator_a", "discriminator_b2", "recon", "kl"}

    def test_content_discriminators_own_steps_read_the_first_half(self) -> None:
        method, batch = DRIT(TINY), tiny_batch(4)
        found = []
        for signs in ((1, 1, 1, 1), (1, 1, -1, -1), (-1, 1, 1, 1)):
            torch.manual_seed(3)
            signed = batch.source * torch.tensor(signs)[:, None, None, None]
            found.append(losses(method, dataclasses.replace(batch, source=signed), ALONE)["content_discriminator"])
        assert found[0] == found[1] != found[2]

    def test_both_domains_get_the_same_draws(self) -> None:
        method, drawn = DRIT(TINY), dict[str, list[Tensor]]()
        for domain in "ab":
            method.autoencoders.generator.branches[domain].register_forward_hook(
                lambda _, inputs, __, domain=domain: drawn.setdefault(domain, []).append(inputs[1])
            )
        list(method.updates(tiny_batch(4), FULL))
        # fakes and reconstructions, then both draws, then cycles
        assert [len(one) for one in drawn["a"]] == [4, 4, 2]
        assert torch.equal(drawn["a"][1], drawn["b"][1])
        assert not torch.isclose(drawn["a"][0], drawn["b"][0]).any()
        assert len(drawn["a"][1].unique(dim=0)) == 4

    @pytest.mark.parametrize(("second_gan", "judged"), [(True, 2), (False, 1)])
    def test_second_draws_count_with_the_adversary_if_asked(self, second_gan: bool, judged: int) -> None:
        method = DRIT(dataclasses.replace(TINY, second_gan=second_gan))
        counted: list[dict[str, int]] = [{}, {}]
        for name, judge in method.discriminators.items():
            judge.scales[0].register_forward_hook(  # type: ignore[union-attr,index,operator]
                lambda _, inputs, __, name=name: counted[0 if name not in counted[0] else 1].update(
                    {name: len(inputs[0])}
                )
            )
        list(method.updates(tiny_batch(), FULL))
        assert counted[0] == {"a": 2, "a2": 3, "b": 2, "b2": 3}, "a real picture and the fakes"
        assert counted[1] == {"a": 1, "a2": judged, "b": 1, "b2": judged}, "the fakes that generators learn of"

    def test_generators_of_high_resolution_are_judged_by_their_own_smaller_pictures(self) -> None:
        method = DRIT(dataclasses.replace(TINY, high_resolution=True))
        for branch in method.autoencoders.generator.branches.values():
            nn.init.constant_(branch.half_head[0].bias, 50.0)  # type: ignore[union-attr,index,operator]
        batch, seen = tiny_batch(), []
        method.discriminators["a"].scales[1].register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))  # type: ignore[union-attr,index,operator]
        list(method.updates(batch, FULL))
        (real, fake), (again,) = seen
        torch.testing.assert_close(real, halved(batch.source[:1])[0])
        assert torch.equal(fake, torch.ones_like(fake))
        assert torch.equal(again, fake)

    def test_second_phases_pictures_are_let_go_before_the_first_phase(self) -> None:
        """Or both phases' graphs would be kept at once."""
        method, kept = DRIT(TINY), []
        method.autoencoders.generator.branches["b"].register_forward_hook(
            lambda _, __, pictures: kept.append(weakref.ref(pictures[0]))
        )
        updates = method.updates(tiny_batch(), FULL)
        while "gan" not in next(updates).logs:
            pass
        fakes_and_reconstructions, randoms, _ = (one() for one in kept)
        assert randoms is None
        assert fakes_and_reconstructions is not None

    @pytest.mark.parametrize("pictures", [1, 3])
    def test_refuses_a_batch_without_halves(self, pictures: int) -> None:
        with pytest.raises(ValueError, match=f"even number of pictures, found {pictures}"):
            next(iter(DRIT(TINY).updates(tiny_batch(pictures), ALONE)))

    def test_needs_targets(self) -> None:
        with pytest.raises(ValueError, match="drit reads targets"):
            next(iter(DRIT(TINY).updates(dataclasses.replace(tiny_batch(), target=None), ALONE)))

    def test_learns_to_reconstruct(self) -> None:
        quiet = {"content_gan_weight": 0, "latent_weight": 0, "mode_seeking": False}
        method = DRIT(dataclasses.replace(TINY, dim=8, n_layers=1, scales=1, lr=1e-2, **quiet))  # type: ignore[arg-type]
        coarse, optimizers, recon = tiny_batch(2, 4), method.optimizers(), []
        assert coarse.target is not None
        batch = Batch(
            coarse.names, *(F.interpolate(x, (16, 16), mode="bilinear") for x in (coarse.source, coarse.target))
        )
        for step in range(40):
            for update in method.updates(batch, step):
                perform((update,), optimizers)
                recon += [update.logs["recon"].item()] if "recon" in update.logs else []
        assert recon[-1] < recon[0] / 2


class TestWeights:
    TERMS = (
        ("content_gan", "first"),
        ("recon", "first"),
        ("cycle", "first"),
        ("content", "first"),
        ("kl", "first"),
        ("latent", "second"),
        ("ms", "second"),
    )

    @pytest.mark.parametrize(("term", "phase"), TERMS)
    def test_each_scales_its_own_term(self, term: str, phase: str) -> None:
        found = []
        for weight in (1.0, 3.0):
            torch.manual_seed(0)
            found.append(losses(DRIT(dataclasses.replace(TINY, **{f"{term}_weight": weight})), tiny_batch()))  # type: ignore[arg-type]
        once, thrice = found
        other = {"first": "second", "second": "first"}[phase]
        assert (thrice[phase] - once[phase]).item() == pytest.approx(2 * once[term].item(), rel=1e-3)
        assert thrice[other] == once[other]

    @pytest.mark.parametrize(
        ("settings", "runs"),
        [
            ({}, {"content": 4, "attribute": 6, "branches": 6, "decoded": 10}),
            ({"recon_weight": 0.0}, {"content": 4, "attribute": 6, "branches": 6, "decoded": 8}),
            ({"cycle_weight": 0.0}, {"content": 2, "attribute": 4, "branches": 4, "decoded": 8}),
            ({"latent_weight": 0.0}, {"content": 4, "attribute": 4, "branches": 6, "decoded": 10}),
            ({"mode_seeking": False}, {"content": 4, "attribute": 6, "branches": 6, "decoded": 8}),
        ],
    )
    def test_of_0_leave_passes_out(self, settings: dict[str, float], runs: dict[str, int]) -> None:
        """How often each network runs in a full step, and how many pictures are decoded."""
        method = DRIT(dataclasses.replace(TINY, **settings))  # type: ignore[arg-type]
        count = dict.fromkeys(runs, 0)

        def counted(name: str, module: nn.Module) -> None:
            def add(_: nn.Module, inputs: tuple[Tensor, ...], __: object) -> None:
                count[name] += 1
                count["decoded"] += len(inputs[0]) if name == "branches" else 0

            module.register_forward_hook(add)

        counted("content", method.autoencoders.content)
        for domain in OTHER:
            counted("attribute", method.autoencoders.attribute[domain])
            counted("branches", method.autoencoders.generator.branches[domain])
        found = losses(method, tiny_batch())
        assert count == runs
        left_out = {name.removesuffix("_weight") for name in settings}
        assert {"recon", "cycle", "latent"} - set(found) == left_out - {"mode_seeking"}
        assert ("ms" in found) == ("mode_seeking" not in settings)

    def test_without_content_discriminator_all_steps_are_full(self) -> None:
        method = DRIT(dataclasses.replace(TINY, content_gan_weight=0))
        assert method.content_discriminator is None
        assert list(method.optimizers()) == [*JUDGES, "autoencoders"]
        for step in range(3):
            assert [u.optimizer for u in method.updates(tiny_batch(), step)] == [*JUDGES, *["autoencoders"] * 2]


class TestSchedule:
    @pytest.mark.parametrize(("epoch", "rate"), [(0, 1), (600, 1), (601, 600 / 601), (900, 301 / 601), (1199, 2 / 601)])
    def test_published_rates(self, epoch: int, rate: float) -> None:
        """Epochs counted from 0: 1 - max(0, epoch - 600) / 601."""
        with torch.device("meta"):
            method = DRIT(TINY)
        for fraction in (epoch / 1200, (epoch + 0.999) / 1200):
            assert method.learning_rate("autoencoders", 0, fraction) == pytest.approx(rate)
            assert method.learning_rate("content_discriminator", 0, fraction) == pytest.approx(rate)

    def test_adams(self) -> None:
        method = DRIT(TINY)
        for name, optimizer in method.optimizers().items():
            assert type(optimizer) is Adam
            (group,) = optimizer.param_groups
            lr = 4e-5 if name == "content_discriminator" else 1e-4
            assert (group["lr"], group["betas"], group["weight_decay"]) == (lr, (0.5, 0.999), 1e-4)
            assert {id(p) for p in group["params"]} == {id(p) for p in method.get_submodule(where(name)).parameters()}
        assert list(method.optimizers()) == [*JUDGES, "content_discriminator", "autoencoders"]


class TestTranslation:
    @pytest.mark.parametrize(("direction", "ours", "theirs"), [("forward", "a", "b"), ("backward", "b", "a")])
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
    def test_decodes_content_in_the_other_domain_without_noise(
        self, direction: str, ours: str, theirs: str, style: str, posterior: str, concat: bool
    ) -> None:
        settings = {"direction": direction, "style": style, "posterior": posterior, "concat": concat}
        method = strong(DRIT(dataclasses.replace(TINY, **settings))).train()  # type: ignore[arg-type]
        batch = dataclasses.replace(tiny_batch(), target=None, exemplars=(tiny_batch().target,))
        networks, codes = method.autoencoders, style_codes(batch.names, 3, seed=5, sample=2)
        if style == "exemplar":
            found = networks.attribute[theirs](*batch.exemplars)
            codes = (found[0] + torch.exp(found[1] / 2) * codes * (posterior == "sampled")) if concat else found
        expected = networks.generator(networks.content(batch.source, ours), codes, theirs)[0]
        state = torch.get_rng_state()
        found = method.translate(batch, seed=5, sample=2)
        torch.testing.assert_close(found, expected)
        assert not found.requires_grad
        assert torch.equal(state, torch.get_rng_state())

    def test_synchronized_gives_all_sources_the_draw_of_their_sample(self) -> None:
        batch = tiny_batch()
        batch = dataclasses.replace(batch, source=batch.source[:1].expand(2, -1, -1, -1))
        for synchronized in (True, False):
            method = strong(DRIT(dataclasses.replace(TINY, synchronized=synchronized)))
            first, second = method.translate(batch, seed=0)
            assert torch.equal(first, second) == synchronized
            assert not torch.equal(first, method.translate(batch, seed=0, sample=1)[0])

    @pytest.mark.parametrize("high_resolution", [False, True])
    def test_pictures_have_their_sources_size(self, high_resolution: bool) -> None:
        batch = Batch(("a",), torch.zeros(1, 3, 20, 36))
        method = DRIT(dataclasses.replace(TINY, high_resolution=high_resolution))
        assert method.translate(batch, seed=0).shape == batch.source.shape

    def test_needs_exemplars_where_styles_are_theirs(self) -> None:
        method = DRIT(dataclasses.replace(TINY, style="exemplar"))
        with pytest.raises(ValueError, match="drit reads exemplars"):
            method.translate(tiny_batch(), seed=0)


class TestConfig:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("style", "mean"),
            ("posterior", "mode"),
            ("direction", "both"),
            ("dim", 0),
            ("nz", 0),
            ("n_res", 0),
            ("attribute_halvings", 0),
            ("scales", 0),
            ("kernel", 5),
            ("content_layers", -1),
            ("content_kernel", 1),
            ("d_iter", 0),
            ("crop", -1),
            ("cycle_weight", -1.0),
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
            DRITConfig(**{field: value})  # type: ignore[arg-type]

    def test_refuses_high_resolution_of_what_it_was_not_published_for(self) -> None:
        with pytest.raises(ValueError, match="must have concat=true, found concat=false"):
            DRITConfig(high_resolution=True, concat=False)
        with pytest.raises(ValueError, match="scales must be at least 2, found 1"):
            DRITConfig(high_resolution=True, scales=1)

    @pytest.mark.parametrize(
        ("settings", "side"),
        [({}, 209), ({"content_layers": 2, "content_kernel": 3}, 49), ({"content_gan_weight": 0}, 1)],
    )
    def test_smallest_pictures_whose_content_can_be_judged(self, settings: dict[str, int], side: int) -> None:
        assert DRITConfig(**settings).smallest_content == side  # type: ignore[arg-type]
