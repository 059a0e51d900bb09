from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from i2ibench.models import cut
from i2ibench.models.cut import CUT, CUTConfig, build_discriminator
from i2ibench.models.layers.antialiased_patchgan import AntialiasedPatchDiscriminator
from i2ibench.models.layers.patchgan import PatchDiscriminator
from i2ibench.models.method import Batch, Update, frozen

TINY = CUTConfig(
    blocks=2,
    ngf=4,
    n_layers=1,
    ndf=4,
    nce_layers=("picture", "halving1", "halving2", "block2"),
    num_patches=12,
    netf_nc=8,
    init_gain=1.0,
)
FAST = dataclasses.replace(
    TINY, nce_weight=10.0, identity=False, flip_equivariance=True, constant_epochs=150, decay_epochs=50
)
NETWORKS = ("discriminator", "generator", "projections")


def tiny_batch(pictures: int = 2, height: int = 16, width: int = 24) -> Batch:
    stream = torch.Generator().manual_seed(1)
    source, target = (torch.rand(pictures, 3, height, width, generator=stream) * 2 - 1 for _ in range(2))
    return Batch(tuple(f"picture {i}" for i in range(pictures)), source, target)


def parameters(method: CUT, name: str) -> list[Tensor]:
    return list(method.get_submodule(name).parameters())


def perform(method: CUT, batch: Batch, stepping: bool = True) -> Iterator[tuple[Update, list[Tensor]]]:
    """The least loop; yields each update with its own gradients after the step that it was part of."""
    optimizers = method.optimizers()
    for yielded in method.updates(batch, 0):
        together = yielded if isinstance(yielded, tuple) else (yielded,)
        gradients = [
            torch.autograd.grad(update.loss, parameters(method, update.optimizer), retain_graph=True)
            for update in together
        ]
        for update, found in zip(together, gradients, strict=True):
            for parameter, gradient in zip(parameters(method, update.optimizer), found, strict=True):
                parameter.grad = gradient.clone()
            if stepping:
                optimizers[update.optimizer].step()
        yield from ((update, list(found)) for update, found in zip(together, gradients, strict=True))


def seed_that_draws(mirrored: bool) -> int:
    for seed in range(100):
        torch.manual_seed(seed)
        if bool(torch.rand(()) < 0.5) == mirrored:
            return seed
    raise AssertionError("no seed of a hundred draws it")


def published(method: CUT, batch: Batch, mirrored: bool) -> dict[str, Tensor]:
    """The sheet's losses, every pass computed anew; positions are drawn where the method draws them."""
    config, source, target = method.config, batch.source, batch.target
    assert target is not None
    real = torch.cat([source, target]) if config.identity else source
    out = method.generator(real.flip(3) if mirrored else real)
    fake, again = out[: len(source)], out[len(source) :]

    def contrast(given: Tensor, made: Tensor) -> Tensor:
        losses = []
        keys = method.generator.features(given, config.nce_layers)
        queries = method.generator.features(made, config.nce_layers)
        for project, key, query in zip(method.projections, keys, queries, strict=True):
            query = query.flip(3) if mirrored else query
            at = torch.randperm(query.shape[2] * query.shape[3])[: config.num_patches]
            for k, q in zip(key, query, strict=True):  # of each picture alone
                own, found = project(k.flatten(1)[:, at].T).detach(), project(q.flatten(1)[:, at].T)
                negatives = (found @ own.T).masked_fill(torch.eye(len(at), dtype=torch.bool), -10.0)
                logits = torch.cat([(found * own).sum(1, keepdim=True), negatives], 1) / 0.07
                losses.append(F.cross_entropy(logits, torch.zeros(len(at), dtype=torch.int64)))
        return torch.stack(losses).mean()

    adversarial = (method.discriminator(fake) - 1).square().mean()
    nce = contrast(source, fake)
    identity = contrast(target, again) if config.identity else nce
    judged = method.discriminator(fake.detach()).square().mean() + (method.discriminator(target) - 1).square().mean()
    return {
        "discriminator": judged / 2,
        "generator": config.gan_weight * adversarial + config.nce_weight * (nce + identity) / 2,
        "adversarial": adversarial,
        "nce": nce,
        "identity": identity,
    }


class TestNetworks:
    def test_all_parameters_are_the_published_ones(self) -> None:
        with torch.device("meta"):
            method = CUT(CUTConfig())
        counts = {name: sum(p.numel() for p in parameters(method, name)) for name in NETWORKS}
        assert counts == {"discriminator": 2_764_737, "generator": 11_378_179, "projections": 560_384}
        assert [sum(p.numel() for p in one.parameters()) for one in method.projections] == [
            66_816,
            98_816,
            *[131_584] * 3,
        ]

    def test_discriminator_is_antialiased_with_the_generator(self) -> None:
        assert isinstance(build_discriminator(TINY), AntialiasedPatchDiscriminator)
        plain = dataclasses.replace(TINY, antialias=False)
        assert isinstance(build_discriminator(plain), PatchDiscriminator)
        with torch.device("meta"):
            logits = build_discriminator(CUTConfig())(torch.empty(1, 3, 256, 256))
        assert logits.shape == (1, 1, 30, 30)

    def test_first_weights(self) -> None:
        method = CUT(dataclasses.replace(TINY, ngf=16, netf_nc=256, init_gain=0.02))
        deep = [m for m in method.generator.modules() if isinstance(m, nn.Conv2d)][3]
        linear = method.projections[3].mlp[0]  # type: ignore[union-attr, index]
        for layer, fans in ((deep, 2 * 9 * 64), (linear, 64 + 256)):
            assert layer.weight.std().item() == pytest.approx(0.02 * (2 / fans) ** 0.5, rel=0.02)
        biases = [p for name, p in method.named_parameters() if name.endswith("bias")]
        assert biases
        assert not any(bias.any() for bias in biases)

    @pytest.mark.parametrize(
        ("fast", "mirrored", "theirs", "ours"),
        [(False, False, 357.1, 323.2), (True, False, 190.9, 173.9), (True, True, 190.9, 191.1)],
    )
    def test_a_steps_arithmetic_is_the_published_one(
        self, fast: bool, mirrored: bool, theirs: float, ours: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """At 128x128. Published, keys are encoded anew; ours come from the pass that translates, where that is not
        mirrored. The published count has 0.05 GFLOP a picture for the doubling filters, which here are no
        convolutions."""

        def plain_nce(queries: Tensor, keys: Tensor, temperature: float) -> Tensor:
            return (queries @ keys.transpose(1, 2) / temperature).logsumexp(-1).mean()

        monkeypatch.setattr(cut, "patch_nce", plain_nce)  # `meta` knows no autocast
        config = dataclasses.replace(CUTConfig(), identity=not fast, flip_equivariance=fast)
        with torch.device("meta"):
            method, pictures = CUT(config), torch.empty(2, 1, 3, 128, 128)
        batch = Batch(("a",), *pictures)
        torch.manual_seed(seed_that_draws(mirrored))
        with FlopCounterMode(display=False) as counted:
            for _ in perform(method, batch, stepping=False):
                pass
        assert counted.get_total_flops() / 1e9 == pytest.approx(ours, abs=0.06)
        with FlopCounterMode(display=False) as counted:
            out = method.generator(torch.cat([*pictures]) if config.identity else pictures[0])
            for seen in (out[:1].detach(), pictures[1]):
                method.discriminator(seen).mean().backward()
            with frozen(method.discriminator):
                loss = method.discriminator(out[:1]).mean()
            for given, made in zip(pictures, out, strict=False):
                queries = method.generator.features(made[None], config.nce_layers)
                loss = loss + method.contrastive(queries, method.generator.features(given, config.nce_layers))
            loss.backward()
        assert counted.get_total_flops() / 1e9 == pytest.approx(theirs, abs=0.12)


class TestLosses:
    @pytest.mark.parametrize(
        "config",
        [
            TINY,
            dataclasses.replace(TINY, identity=False, gan_weight=0.5, nce_weight=2.0),
            dataclasses.replace(TINY, antialias=False, antialias_up=False),
            dataclasses.replace(TINY, mlp=False, num_patches=10_000),
            dataclasses.replace(TINY, nce_layers=("block1", "picture")),
        ],
    )
    def test_values_and_gradients_are_the_sheets(self, config: CUTConfig) -> None:
        self.compare(config, mirrored=False)

    @pytest.mark.parametrize("mirrored", [False, True])
    @pytest.mark.parametrize("identity", [False, True])
    def test_mirrored_steps_are_the_sheets(self, mirrored: bool, identity: bool) -> None:
        self.compare(dataclasses.replace(FAST, identity=identity), mirrored)

    def compare(self, config: CUTConfig, mirrored: bool) -> None:
        method, batch = CUT(config), tiny_batch()
        seed = seed_that_draws(mirrored)
        torch.manual_seed(seed)
        found = {u.optimizer: (u, gradients) for u, gradients in perform(method, batch, stepping=False)}

        torch.manual_seed(seed)
        if config.flip_equivariance:
            torch.rand(())
        expected = published(method, batch, mirrored)
        for name in found:
            loss = expected["discriminator" if name == "discriminator" else "generator"]
            torch.testing.assert_close(found[name][0].loss, loss, rtol=1e-4, atol=1e-5)
            gradients = torch.autograd.grad(loss, parameters(method, name), retain_graph=True)
            largest = max(gradient.abs().max() for gradient in gradients)
            for ours, theirs in zip(found[name][1], gradients, strict=True):
                # biases before a norm have gradients of nothing but rounding
                torch.testing.assert_close(ours / largest, theirs / largest, rtol=1e-3, atol=5e-5)
        logs = found["generator"][0].logs
        assert set(logs) == {"adversarial", "nce"} | ({"identity"} if config.identity else set())
        for name, value in logs.items():
            torch.testing.assert_close(value, expected[name].detach(), rtol=1e-4, atol=1e-5)

    def test_nothing_is_learnt_by_way_of_the_keys(self) -> None:
        method = CUT(dataclasses.replace(TINY, nce_layers=("picture",)))
        queries, keys = (torch.rand(2, 3, 5, 6, requires_grad=True) for _ in range(2))
        method.contrastive([queries], [keys]).backward()
        assert queries.grad is not None
        assert queries.grad.any()
        assert keys.grad is None

    def test_without_contrast_nothing_is_encoded_or_projected(self) -> None:
        method, widths = CUT(dataclasses.replace(TINY, nce_weight=0.0)), []
        method.generator.layers[0].register_forward_hook(lambda module, args, out: widths.append(len(args[0])))
        found = [update for update, _ in perform(method, tiny_batch(2))]
        assert widths == [2], "the sources alone, once"
        assert [update.optimizer for update in found] == ["discriminator", "generator"]
        assert set(found[1].logs) == {"adversarial"}
        assert not parameters(method, "projections")
        assert set(method.optimizers()) == {"discriminator", "generator"}

    def test_bare_features_have_nothing_to_train(self) -> None:
        method = CUT(dataclasses.replace(TINY, mlp=False))
        assert set(method.optimizers()) == {"discriminator", "generator"}
        assert [u.optimizer for u, _ in perform(method, tiny_batch())] == ["discriminator", "generator"]


class TestUpdates:
    @pytest.mark.parametrize("config", [TINY, FAST])
    def test_order_and_what_each_step_touches(self, config: CUTConfig) -> None:
        method = CUT(config)
        before = {name: [p.clone() for p in parameters(method, name)] for name in NETWORKS}
        optimizers, seen = method.optimizers(), []
        for yielded in method.updates(tiny_batch(), 0):
            together = yielded if isinstance(yielded, tuple) else (yielded,)
            for update in together:
                update.loss.backward(inputs=parameters(method, update.optimizer), retain_graph=True)
            for update in together:
                optimizers[update.optimizer].step()
            seen.append([update.optimizer for update in together])
            for name in NETWORKS:
                moved = any(not torch.equal(p, q) for p, q in zip(parameters(method, name), before[name], strict=True))
                assert moved == any(name in names for names in seen)
        assert seen == [["discriminator"], ["generator", "projections"]]

    def test_each_loss_reaches_its_own_networks_alone(self) -> None:
        method = CUT(TINY)
        reached = {}
        for yielded in method.updates(tiny_batch(), 0):
            for update in yielded if isinstance(yielded, tuple) else (yielded,):
                gradients = {
                    name: torch.autograd.grad(
                        update.loss, parameters(method, name), retain_graph=True, allow_unused=True
                    )
                    for name in NETWORKS
                }
                reached[update.optimizer] = {n for n, found in gradients.items() if any(g is not None for g in found)}
        both = {"generator", "projections"}
        assert reached == {"discriminator": {"discriminator"}, "generator": both, "projections": both}

    @pytest.mark.parametrize("config", [TINY, FAST])
    def test_generator_is_judged_by_the_discriminator_that_has_stepped(self, config: CUTConfig) -> None:
        """And projections and features are those of before: the contrastive terms stay as they are."""
        found = []
        for lr in (1e-9, 0.1):
            torch.manual_seed(0)
            method = CUT(dataclasses.replace(config, lr=lr))
            torch.manual_seed(1)
            found.append({u.optimizer: u for u, _ in perform(method, tiny_batch())})
        still, moved = found
        torch.testing.assert_close(still["discriminator"].loss, moved["discriminator"].loss)
        torch.testing.assert_close(still["generator"].logs["nce"], moved["generator"].logs["nce"])
        assert not torch.allclose(still["generator"].logs["adversarial"], moved["generator"].logs["adversarial"])

    @pytest.mark.parametrize(("identity", "pictures"), [(True, 4), (False, 2)])
    def test_one_pass_translates_all(self, identity: bool, pictures: int) -> None:
        method, first, last = CUT(dataclasses.replace(TINY, identity=identity)), [], []
        method.generator.layers[0].register_forward_hook(lambda module, args, out: first.append(len(out)))
        method.generator.layers[-1].register_forward_hook(lambda module, args, out: last.append(len(out)))
        for _ in perform(method, tiny_batch(2)):
            pass
        assert last == [pictures]
        assert first == [pictures, pictures], "the second encodes what was translated"

    def test_every_other_step_is_mirrored(self) -> None:
        method = CUT(FAST)
        given: list[Tensor] = []
        method.generator.layers[0].register_forward_hook(lambda module, args, out: given.append(args[0]))
        batch, mirrored = tiny_batch(1), []
        for seed in range(30):
            given.clear()
            torch.manual_seed(seed)
            next(iter(method.updates(batch, 0)))
            assert torch.equal(given[0], batch.source) or torch.equal(given[0], batch.source.flip(3))
            mirrored.append(torch.equal(given[0], batch.source.flip(3)))
        assert 8 <= sum(mirrored) <= 22

    def test_pictures_are_translated_as_they_are_without_equivariance(self) -> None:
        method = CUT(dataclasses.replace(FAST, flip_equivariance=False))
        given: list[Tensor] = []
        method.generator.layers[0].register_forward_hook(lambda module, args, out: given.append(args[0]))
        batch = tiny_batch(1)
        for seed in range(10):
            torch.manual_seed(seed)
            next(iter(method.updates(batch, 0)))
        assert all(torch.equal(one, batch.source) for one in given)

    @pytest.mark.parametrize("mirrored", [False, True])
    def test_all_parameters_are_reached_under_autocast(self, mirrored: bool) -> None:
        """Which keeps weights as it first cast them: had keys been the first to ask, without gradients."""
        method = CUT(FAST)
        torch.manual_seed(seed_that_draws(mirrored))
        with torch.autocast("cpu", torch.bfloat16):
            updates = iter(method.updates(tiny_batch(), 0))
            next(updates)
        with torch.autocast("cpu", torch.bfloat16):
            yielded = next(updates)
        assert isinstance(yielded, tuple)
        for update in yielded:
            found = torch.autograd.grad(update.loss, parameters(method, update.optimizer), retain_graph=True)
            assert all(gradient.any() for gradient in found)

    def test_needs_targets(self) -> None:
        with pytest.raises(ValueError, match="cut reads targets"):
            next(iter(CUT(TINY).updates(Batch(("a",), torch.zeros(1, 3, 16, 16)), 0)))

    @pytest.mark.parametrize("config", [TINY, FAST])
    def test_learns_to_keep_patches_apart(self, config: CUTConfig) -> None:
        method = CUT(dataclasses.replace(config, lr=2e-3))
        optimizers, nce = method.optimizers(), []
        for step in range(40):
            torch.manual_seed(step)
            for yielded in method.updates(tiny_batch(1), step):
                together = yielded if isinstance(yielded, tuple) else (yielded,)
                for update in together:
                    optimizers[update.optimizer].zero_grad()
                    update.loss.backward(inputs=parameters(method, update.optimizer), retain_graph=True)
                for update in together:
                    optimizers[update.optimizer].step()
                    nce += [update.logs["nce"].item()] if "nce" in update.logs else []
        assert sum(nce[-5:]) < 0.75 * sum(nce[:5])


class TestSchedule:
    @pytest.mark.parametrize(
        ("config", "epoch", "factor"),
        [
            (TINY, 0, 1),
            (TINY, 199, 1),
            (TINY, 200, 200 / 201),
            (TINY, 399, 1 / 201),
            (FAST, 149, 1),
            (FAST, 150, 50 / 51),
            (FAST, 199, 1 / 51),
        ],
    )
    def test_published_rates(self, config: CUTConfig, epoch: int, factor: float) -> None:
        """Epochs counted from 0: 1 - max(0, epoch + 1 - n) / (decay + 1)."""
        method, epochs = CUT(config), config.constant_epochs + config.decay_epochs
        for optimizer in NETWORKS:
            for fraction in (epoch / epochs, (epoch + 0.999) / epochs):
                assert method.learning_rate(optimizer, 0, fraction) == pytest.approx(factor, rel=1e-6)

    def test_adams(self) -> None:
        method = CUT(TINY)
        assert tuple(method.optimizers()) == NETWORKS
        for name, optimizer in method.optimizers().items():
            (group,) = optimizer.param_groups
            assert (group["lr"], group["betas"], group["weight_decay"]) == (2e-4, (0.5, 0.999), 0)
            assert {id(p) for p in group["params"]} == {id(p) for p in parameters(method, name)}


class TestTranslation:
    def test_is_the_generators_whatever_the_mode_seed_and_sample(self) -> None:
        method, batch = CUT(FAST), tiny_batch()
        expected = method.generator(batch.source)
        state = torch.get_rng_state()
        for seed, sample in ((0, 0), (5, 3)):
            found = method.train(seed == 0).translate(batch, seed=seed, sample=sample)
            torch.testing.assert_close(found, expected)
            assert not found.requires_grad
        assert torch.equal(state, torch.get_rng_state())


class TestConfig:
    @pytest.mark.parametrize(
        ("field", "value", "found"),
        [
            ("blocks", 0, "0"),
            ("n_layers", 0, "0"),
            ("num_patches", 1, "1"),
            ("netf_nc", 0, "0"),
            ("gan_weight", 0.0, "0.0"),
            ("nce_weight", -1.0, "-1.0"),
            ("nce_t", 0.0, "0.0"),
            ("nce_layers", (), "none"),
            ("nce_layers", ("block5", "block5"), "block5, block5"),
            ("nce_layers", ("block10",), "block10"),
            ("nce_layers", ("4",), "4"),
            ("init", "zeros", "'zeros'"),
            ("lr", 0.0, "0.0"),
            ("beta1", 1.0, "1.0"),
            ("load_scale", 0.5, "0.5"),
        ],
    )
    def test_refuses_naming_the_field_and_what_was_found(self, field: str, value: object, found: str) -> None:
        with pytest.raises(ValueError, match=f"{field} must .*found {found}$"):
            CUTConfig(**{field: value})  # type: ignore[arg-type]

    def test_fewer_blocks_have_fewer_features(self) -> None:
        with pytest.raises(ValueError, match=r"nce_layers must be some of picture, .*, block4 with blocks=4.*block5$"):
            CUTConfig(blocks=4)
        assert CUTConfig(blocks=6).compared == ("picture", "halving1", "halving2", "block1", "block5")

    def test_refuses_a_schedule_without_epochs(self) -> None:
        with pytest.raises(ValueError, match="constant_epochs"):
            CUTConfig(constant_epochs=0, decay_epochs=0)
