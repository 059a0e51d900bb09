from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
import torch
from fingerprint import Digest, fill_by_sequence, input_by_sequence
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.hierarchy_flow import HierarchicalFlow, HierarchyFlow, HierarchyFlowConfig
from i2ibench.models.layers.hierarchical_coupling import HierarchicalCoupling
from i2ibench.models.layers.perceptual import untrained_weights, weight_shapes
from i2ibench.models.method import Batch
from i2ibench.training.precision import lay_out

TINY: Mapping[str, object] = {"channels": (6, 12), "pad": 2, "style_width": 4, "perceptual": "untrained", "lr": 1e-3}
INERT = {f"couplings.{coupling}.features.{layer}.bias" for coupling in (0, 1) for layer in (0, 3)}


def config(**fields: object) -> HierarchyFlowConfig:
    return HierarchyFlowConfig(**{**TINY, **fields})  # type: ignore[arg-type]


def seeded_flow(**fields: object) -> HierarchicalFlow:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return HierarchicalFlow(config(**fields))


def seeded_method(**fields: object) -> HierarchyFlow:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return HierarchyFlow(config(**fields))


def published(**fields: object) -> HierarchicalFlow:
    """The published size, filled by rule; its parameters stay float32's values in float64."""
    flow = HierarchicalFlow(HierarchyFlowConfig(**fields))  # type: ignore[arg-type]
    fill_by_sequence(flow)
    return flow.double()


def rule_inputs() -> tuple[Tensor, Tensor]:
    return 0.5 * input_by_sequence(1, 3, 32, 48) + 0.5, 0.5 * input_by_sequence(1, 3, 40, 40) + 0.5


def pictures(count: int = 2, side: int = 16, seed: int = 3) -> Tensor:
    coarse = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return F.interpolate(coarse, (side, side), mode="bilinear")


def pairs(count: int = 2, side: int = 16) -> Batch:
    names = tuple(f"picture {i}" for i in range(count))
    return Batch(names, pictures(count, side), pictures(count, side, 4), exemplars=(pictures(count, side, 5),))


def train(method: HierarchyFlow, batch: Batch, steps: int) -> list[float]:
    optimizers, losses = method.optimizers(), []
    for step in range(steps):
        for update in method.updates(batch, step):
            optimizers[update.optimizer].zero_grad()
            update.loss.backward()
            optimizers[update.optimizer].step()
            losses.append(update.loss.item())
    return losses


def perturb(module: nn.Module, std: float = 0.1) -> None:
    stream = torch.Generator().manual_seed(5)
    for parameter in module.parameters():
        parameter.data += std * torch.randn(parameter.shape, generator=stream, dtype=parameter.dtype)


class TestParity:
    """Against the published networks filled by rule, in float64."""

    def test_style_code(self) -> None:
        with torch.no_grad():
            found = Digest.by_sequence(published().style_encoder(rule_inputs()[1]))
        expected = (0.621314, -0.08142, -0.251579, 0.161038, -0.244893, -0.416931)
        found.assert_close(Digest(8, -0.081504, 0.277092, 0.325718, expected))

    def test_groups(self) -> None:
        flow = published()
        x = F.pad(rule_inputs()[0], [10] * 4, mode="reflect")
        with torch.no_grad():
            first, _ = flow.couplings[0](x)
            second, features = flow.couplings[1](first)
            whole, all_features = flow.encode(rule_inputs()[0])
        values = (0.784283, 0.374567, 0.965797, 0.679969, 0.374567, 0.965797)
        Digest.by_sequence(first).assert_close(Digest(106080, -0.251911, 0.654211, 0.88726, values))
        values = (0.784283, 0.374567, 0.965797, 0.325489, -0.274209, 0.066802)
        Digest.by_sequence(second).assert_close(Digest(424320, -0.906002, 1.071797, 1.133844, values))
        assert torch.equal(whole, second)
        assert torch.equal(all_features[1], features)

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            (
                {"reverse": "exact"},
                Digest(
                    4608,
                    0.050062,
                    0.182239,
                    0.260414,
                    (-0.116892, -0.001761, -0.100598, -0.009819, -0.095936, -0.234447),
                ),
            ),
            (
                {"reverse": "current"},
                Digest(
                    4608,
                    -0.060492,
                    0.115521,
                    0.125663,
                    (-0.119571, -0.063225, -0.108902, -0.089295, -0.122310, -0.255234),
                ),
            ),
            (
                {"feature_relu": False, "group_weight": "fixed"},
                Digest(
                    4608,
                    -1.239892,
                    1.314775,
                    1.136495,
                    (-1.487209, -2.588794, -3.273419, -1.040791, -1.492656, -1.928075),
                ),
            ),
            (
                {"feature_relu": False, "group_weight": "fixed", "channels": (30,)},
                Digest(
                    4608,
                    -1.241847,
                    1.300068,
                    1.106336,
                    (-1.568117, -2.602232, -3.223118, -0.928165, -1.427320, -1.813809),
                ),
            ),
        ],
        ids=["exact", "current", "first", "first-one-coupling"],
    )
    def test_output(self, fields: Mapping[str, object], expected: Digest) -> None:
        with torch.no_grad():
            Digest.by_sequence(published(**fields)(*rule_inputs())).assert_close(expected)

    @pytest.mark.parametrize(
        ("channels", "group_weight", "parameters"),
        [
            ((30, 120), "learned", 1_017_362),
            ((30, 120), "fixed", 1_017_360),
            ((12, 60, 120), "learned", 1_291_941),
            ((30, 120, 480), "learned", 6_304_083),
            ((30,), "learned", 683_881),
        ],
    )
    def test_parameters(self, channels: tuple[int, ...], group_weight: str, parameters: int) -> None:
        with torch.device("meta"):
            flow = HierarchicalFlow(HierarchyFlowConfig(channels, group_weight=group_weight))  # type: ignore[arg-type]
        assert sum(p.numel() for p in flow.parameters()) == parameters

    def test_parameters_of_the_parts(self) -> None:
        with torch.device("meta"):
            flow = HierarchicalFlow(HierarchyFlowConfig())
        parts = [flow.style_encoder, *flow.couplings]
        assert [sum(p.numel() for p in part.parameters()) for part in parts] == [667_272, 16_609, 333_481]


class TestInverse:
    @pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-14)])
    @pytest.mark.parametrize("state", ["initial", "perturbed", "trained"])
    def test_without_style_the_content_returns(self, state: str, dtype: torch.dtype, tolerance: float) -> None:
        method = seeded_method()
        if state == "perturbed":
            perturb(method.flow)
        if state == "trained":
            train(method, pairs(), 10)
        flow = method.flow.to(dtype)
        content = torch.rand(100, 3, 9, 11, generator=torch.Generator().manual_seed(0), dtype=dtype)
        with torch.no_grad():
            groups, _ = flow.encode(content)
            torch.testing.assert_close(flow.reconstruct(content), content, rtol=0, atol=tolerance)
        assert groups.std() > 0.1

    def test_of_the_published_size(self) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            flow = HierarchicalFlow(HierarchyFlowConfig())
        content = torch.rand(1, 3, 33, 35, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            torch.testing.assert_close(flow.reconstruct(content), content, rtol=0, atol=1e-6)

    @given(g=st.floats(-1, 2), groups=st.integers(1, 6))
    @settings(max_examples=25, deadline=None)
    def test_for_any_weight_and_number_of_groups(self, g: float, groups: int) -> None:
        coupling = HierarchicalCoupling(3, 3 * groups).double()
        coupling.weight.data.fill_(g)
        x = torch.rand(2, 3, 4, 5, dtype=torch.float64)
        with torch.no_grad():
            back = coupling.reverse(*coupling(x), None)
        torch.testing.assert_close(back, x, rtol=0, atol=1e-11)

    @pytest.mark.parametrize("groups", [1, 2, 5])
    def test_current_form_loses_half_of_the_features(self, groups: int) -> None:
        coupling = HierarchicalCoupling(3, 3 * groups, reverse="current").double()
        x = torch.rand(2, 3, 8, 8, dtype=torch.float64)
        with torch.no_grad():
            h, features = coupling(x)
            found = coupling.reverse(h, features, None)
        f = features.chunk(groups, 1)
        expected = x - sum(f[i] / 2 ** (i + 1) for i in range(groups - 1))
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)

    @pytest.mark.parametrize("reverse", ["exact", "current"])
    def test_styled_reverse_is_the_recursion(self, reverse: str) -> None:
        """Group by group as the paper's scheme goes, with AdaIN by its definition."""
        coupling = HierarchicalCoupling(3, 12, reverse=reverse).double()  # type: ignore[arg-type]
        coupling.weight.data.fill_(0.3)
        stream = torch.Generator().manual_seed(0)
        x, code = (torch.rand(2, *shape, generator=stream, dtype=torch.float64) for shape in ((3, 6, 7), (8,)))
        with torch.no_grad():
            o, features = coupling(x)
            found = coupling.reverse(o, features, code)
            mu, sigma = coupling.style(code)[:, :, None, None].chunk(2, 1)
        deviation = (o.var((2, 3), keepdim=True, unbiased=True) + 1e-5).sqrt()
        h = ((o - o.mean((2, 3), keepdim=True)) / deviation * sigma + mu).chunk(4, 1)
        f = features.chunk(4, 1)
        t = h[3] + f[3]
        for i in (2, 1, 0):
            t = 0.3 * t + 0.7 * h[i] + f[i] if reverse == "exact" else 0.3 * (t + h[i]) + 0.7 * f[i]
        torch.testing.assert_close(found, t, rtol=0, atol=1e-12)

    def test_features_belong_to_the_call(self) -> None:
        """Two encodings may be open at once."""
        flow = seeded_flow().double()
        one, other = torch.rand(2, 1, 3, 9, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            first, _ = flow.encode(one), flow.encode(other)
            torch.testing.assert_close(flow.decode(*first, None), one, rtol=0, atol=1e-13)


class TestGradients:
    @pytest.mark.parametrize("group_weight", ["learned", "fixed"])
    @pytest.mark.parametrize("reverse", ["exact", "current"])
    def test_are_finite_and_reach_every_trainable_parameter(self, reverse: str, group_weight: str) -> None:
        method = seeded_method(reverse=reverse, group_weight=group_weight, l1_weight=1.0)
        next(iter(method.updates(pairs(), 0))).loss.backward()
        named = dict(method.flow.named_parameters())
        assert {name for name, p in named.items() if not p.requires_grad} == INERT
        assert {name for name, p in named.items() if p.grad is None or not p.grad.any()} == INERT
        assert all(p.grad is None or torch.isfinite(p.grad).all() for p in named.values())
        assert ("couplings.0.weight" in named) == (group_weight == "learned")
        optimized = [p for group in method.optimizers()["flow"].param_groups for p in group["params"]]
        assert {id(p) for p in optimized} == {id(p) for p in method.parameters() if p.requires_grad}

    def test_biases_before_a_norm_change_nothing(self) -> None:
        flow = seeded_flow().double()
        content = torch.rand(1, 3, 9, 9, dtype=torch.float64)
        with torch.no_grad():
            before = flow(content, content)
            for name in INERT:
                flow.get_parameter(name).add_(3.0)
            torch.testing.assert_close(flow(content, content), before, rtol=0, atol=1e-10)

    def test_clamped_pixels_have_none(self) -> None:
        method = seeded_method(content_weight=0.0, style_weight=0.0, l1_weight=1.0)
        method.flow.forward = lambda content, style: offset + content  # type: ignore[method-assign]
        offset = torch.tensor([2.0, 0.0, -2.0]).reshape(1, 3, 1, 1).requires_grad_()
        next(iter(method.updates(pairs(1), 0))).loss.backward()
        assert offset.grad is not None
        assert offset.grad.flatten()[[0, 2]].tolist() == [0, 0]
        assert offset.grad.flatten()[1] != 0

    def test_autocast_keeps_statistics_and_content_whole(self) -> None:
        method = seeded_method(l1_weight=1.0)
        batch = pairs()
        with torch.autocast("cpu", torch.bfloat16):
            update = next(iter(method.updates(batch, 0)))
            with torch.no_grad():
                back = method.flow.reconstruct((batch.source + 1) / 2)
        update.loss.backward()
        assert update.loss.dtype == torch.float32
        assert all(p.grad is None or torch.isfinite(p.grad).all() for p in method.parameters())
        torch.testing.assert_close(back, (batch.source + 1) / 2, rtol=0, atol=1e-5)
        exact = next(iter(method.updates(batch, 0))).loss
        assert update.loss.item() == pytest.approx(exact.item(), rel=0.05)


class TestUpdates:
    def test_loss_is_the_weighted_sum(self) -> None:
        weights = {"content": 0.3, "style": 2.0, "l1": 0.7}
        method = seeded_method(**{f"{name}_weight": value for name, value in weights.items()})
        batch = pairs()
        assert batch.target is not None
        (update,) = method.updates(batch, 0)
        assert set(update.logs) == set(weights)
        expected = sum(weights[name] * update.logs[name].item() for name in weights)
        assert update.loss.item() == pytest.approx(expected, rel=1e-5)
        with torch.no_grad():
            output = method.flow((batch.source + 1) / 2, (batch.target + 1) / 2).clamp(0, 1)
        assert update.logs["l1"].item() == pytest.approx(
            (output - (batch.target + 1) / 2).abs().mean().item(), rel=1e-5
        )

    def test_source_as_style(self) -> None:
        method = seeded_method(style="source", content_weight=0.0, style_weight=0.0, l1_weight=1.0)
        batch = pairs()
        assert batch.target is not None
        source = (batch.source + 1) / 2
        with torch.no_grad():
            expected = F.l1_loss(method.flow(source, source).clamp(0, 1), (batch.target + 1) / 2)
        assert next(iter(method.updates(batch, 0))).loss.item() == pytest.approx(expected.item(), rel=1e-6)

    def test_mixup_blends_sources_with_their_targets(self) -> None:
        method = seeded_method(mixup=0.5, content_weight=0.0, style_weight=0.0, l1_weight=1.0)
        seen: list[Tensor] = []
        method.flow.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        batch = Batch(tuple("abcdefgh"), torch.full((8, 3, 16, 16), -1.0), torch.ones(8, 3, 16, 16))
        shares: list[float] = []
        with torch.random.fork_rng():
            for step in range(25):
                torch.manual_seed(step)
                next(iter(method.updates(batch, step)))
                shares += seen[-1].mean((1, 2, 3)).tolist()
                assert (seen[-1].std((1, 2, 3)) < 1e-6).all()
            torch.manual_seed(24)
            next(iter(method.updates(batch, 24)))
        assert torch.equal(seen[-1], seen[-2])
        assert 60 < sum(share == 0 for share in shares) < 140
        blended = [share for share in shares if share > 0]
        assert max(blended) <= 1
        assert sum(blended) / len(blended) == pytest.approx(0.5, abs=0.1)

    def test_loss_falls(self) -> None:
        method = seeded_method(l1_weight=1.0)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            losses = train(method, pairs(), 15)
        assert losses[-1] < 0.9 * losses[0]

    def test_needs_targets(self) -> None:
        with pytest.raises(ValueError, match="must have targets"):
            next(iter(seeded_method().updates(Batch(("a",), pictures(1)), 0)))

    def test_cosine_to_zero(self) -> None:
        method = seeded_method()
        rates = [method.learning_rate("flow", 0, fraction) for fraction in (0, 0.25, 0.5, 1)]
        assert rates == pytest.approx([1, (1 + math.sqrt(0.5)) / 2, 0.5, 0], abs=1e-12)


class TestPerceptual:
    def test_losses_refuse_to_go_without_weights(self) -> None:
        with pytest.raises(ValueError, match="vgg16: give its weights to load_perceptual"):
            next(iter(seeded_method(perceptual="vgg16").updates(pairs(), 0)))

    @pytest.mark.parametrize("trunk", ["vgg16", "vgg19_normalised"])
    def test_weights_given_are_the_ones_used(self, trunk: str) -> None:
        method = seeded_method(perceptual=trunk)
        assert method.config.trunk == trunk
        weights = untrained_weights(trunk, "test")  # type: ignore[arg-type]
        method.load_perceptual(weights)
        first = next(iter(method.updates(pairs(), 0))).logs["style"]
        method.load_perceptual({name: 0.5 * tensor for name, tensor in weights.items()})
        assert next(iter(method.updates(pairs(), 0))).logs["style"] < first

    def test_is_no_part_of_what_is_trained_or_saved(self) -> None:
        bare, whole = seeded_method(perceptual="vgg16"), seeded_method()
        assert whole.perceptual is not None
        assert sum(b.numel() for b in whole.buffers()) > 1e6
        assert set(whole.state_dict()) == set(bare.state_dict())
        assert [name for name, _ in whole.named_parameters()] == [name for name, _ in bare.named_parameters()]
        bare.load_state_dict(whole.state_dict())
        before = [b.clone() for b in whole.perceptual.buffers()]
        train(whole, pairs(), 2)
        assert all(torch.equal(b, kept) for b, kept in zip(whole.perceptual.buffers(), before, strict=True))

    def test_follows_the_method(self) -> None:
        method = seeded_method()
        assert method.perceptual is not None
        assert {b.dtype for b in method.double().perceptual.buffers()} == {torch.float64}  # type: ignore[union-attr]
        late = HierarchyFlow(config(perceptual="vgg16")).to("meta")
        late.load_perceptual(untrained_weights("vgg16", "test"))
        assert {b.device.type for b in late.perceptual.buffers()} == {"meta"}  # type: ignore[union-attr]

    def test_is_not_asked_for_where_nothing_reads_it(self) -> None:
        method = seeded_method(perceptual="vgg16", content_weight=0.0, style_weight=0.0, l1_weight=1.0)
        assert method.config.trunk is None
        assert next(iter(method.updates(pairs(), 0))).loss > 0
        with pytest.raises(ValueError, match="nothing to load"):
            method.load_perceptual(untrained_weights("vgg16", "test"))

    def test_refuses_another_networks_weights(self) -> None:
        with pytest.raises(ValueError, match=r"vgg19_normalised must have '0.weight'.*none of that name"):
            seeded_method(perceptual="vgg19_normalised").load_perceptual(untrained_weights("vgg16", "test"))
        assert not set(weight_shapes("vgg16")) & set(weight_shapes("vgg19_normalised"))


class TestTranslation:
    def test_is_a_function_of_source_and_exemplar(self) -> None:
        method, batch = seeded_method(), pairs()
        out = method.translate(batch, seed=0)
        assert out.shape == batch.source.shape
        assert out.abs().max() <= 1
        assert torch.equal(out, method.translate(batch, seed=1, sample=3))
        other = Batch(batch.names, batch.source, exemplars=(batch.target,))
        assert not torch.equal(out, method.translate(other, seed=0))

    @pytest.mark.parametrize("side", [11, 16, 21])
    def test_exemplars_may_be_of_any_size(self, side: int) -> None:
        batch = Batch(("a",), pictures(1)[..., :13], exemplars=(pictures(1, side),))
        assert seeded_method().translate(batch, seed=0).shape == (1, 3, 16, 13)

    def test_does_not_depend_on_neighbours(self) -> None:
        method, batch = seeded_method(), pairs(3)
        train(method, batch, 2)
        together = method.translate(batch, seed=0)
        alone = torch.cat([method.translate(batch[i], seed=0) for i in range(3)])
        torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)

    def test_needs_exemplars(self) -> None:
        with pytest.raises(ValueError, match="must have exemplars"):
            seeded_method().translate(Batch(("a",), pictures(1), pictures(1)), seed=0)
        out = seeded_method(style="source").translate(Batch(("a",), pictures(1)), seed=0)
        assert out.shape == (1, 3, 16, 16)

    def test_layout_of_memory_changes_nothing(self) -> None:
        method, batch = seeded_method(), pairs()
        expected = method.translate(batch, seed=0)
        lay_out(method, torch.channels_last)
        found = method.translate(batch.to("cpu", torch.channels_last), seed=0)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


class TestConfig:
    @pytest.mark.parametrize(
        ("field", "value", "found"),
        [
            ("channels", (), r"\(\)"),
            ("channels", (31,), r"\(31,\)"),
            ("channels", (30, 100), r"\(30, 100\)"),
            ("channels", (30, 0), r"\(30, 0\)"),
            ("group_weight", "softmax", "'softmax'"),
            ("reverse", "inexact", "'inexact'"),
            ("style", "content", "'content'"),
            ("perceptual", "alexnet", "'alexnet'"),
            ("style_width", 0, "0"),
            ("style_dim", 0, "0"),
            ("pad", -1, "-1"),
            ("l1_weight", -1.0, "-1"),
            ("keep", 1.5, "1.5"),
            ("mixup", -0.1, "-0.1"),
            ("lr", 0.0, "0"),
            ("beta1", 1.0, "1"),
            ("crop_area", (0.9, 0.8), r"\(0.9, 0.8\)"),
        ],
    )
    def test_refuses_naming_the_field_and_what_was_found(self, field: str, value: object, found: str) -> None:
        with pytest.raises(ValueError, match=f"{field} must .*found {found}"):
            HierarchyFlowConfig(**{field: value})  # type: ignore[arg-type]

    def test_refuses_to_minimise_nothing(self) -> None:
        with pytest.raises(ValueError, match="must be positive"):
            HierarchyFlowConfig(content_weight=0, style_weight=0)
