from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch
from fingerprint import Digest, fill_by_sequence, input_by_sequence
from torch import Tensor, nn
from torch.autograd.functional import jacobian

from i2ibench.adapter import Shape
from i2ibench.adapters.full_glow import FullGlow as Adapter
from i2ibench.errors import BenchError
from i2ibench.models.full_glow import FullGlow, FullGlowConfig, FullGlowFlow
from i2ibench.models.layers.chain import Backward
from i2ibench.models.layers.full_glow_step import ConditionalActNorm, ConditionalLUConv, Conditioner
from i2ibench.models.layers.glow_step import ActNorm, LUConv
from i2ibench.models.layers.multiscale import encode
from i2ibench.models.method import Batch
from i2ibench.task import Resolution

TINY = FullGlowConfig(n_flow=(2, 2), hidden=8)
SIZE = (20, 24)


def empty_latents(flow: FullGlowFlow, pictures: Tensor) -> list[Tensor]:
    return [pictures.new_empty(len(pictures), *shape) for shape in flow.shapes]


def seeded_flow(config: FullGlowConfig = TINY, size: tuple[int, int] = SIZE, channels: int = 3) -> FullGlowFlow:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return FullGlowFlow(config, size, channels)


def seeded_method(config: FullGlowConfig = TINY, size: tuple[int, int] = SIZE) -> FullGlow:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return FullGlow(config, size)


def perturb(module: nn.Module, std: float) -> None:
    stream = torch.Generator().manual_seed(5)
    for parameter in module.parameters():
        parameter.data += std * torch.randn(parameter.shape, generator=stream, dtype=parameter.dtype)


def pictures(count: int, size: tuple[int, int] = SIZE, seed: int = 3) -> Tensor:
    """8-bit pictures in [-1, 1], every value equally likely."""
    return torch.randint(0, 256, (count, 3, *size), generator=torch.Generator().manual_seed(seed)) / 127.5 - 1


def pairs(count: int = 2, size: tuple[int, int] = SIZE) -> Batch:
    names = tuple(f"picture {i}" for i in range(count))
    ids = torch.randint(0, 3, (count, size[0] // 4, size[1] // 4), generator=torch.Generator().manual_seed(8))
    instances = ids.repeat_interleave(4, 1).repeat_interleave(4, 2)
    return Batch(names, pictures(count, size), pictures(count, size, seed=4), instances=instances)


def target_of(batch: Batch) -> Tensor:
    assert batch.target is not None
    return batch.target


def initialized(config: FullGlowConfig = TINY, size: tuple[int, int] = SIZE, std: float = 0.0) -> FullGlow:
    method = seeded_method(config, size)
    method.initialize(pairs(4, size))
    perturb(method, std)
    return method


def edges_at_levels(count: int, dtype: torch.dtype = torch.float64) -> list[tuple[Tensor, ...]]:
    """Boundary maps of `SIZE` pictures, by any rule."""
    stream = torch.Generator().manual_seed(2)
    return [(torch.rand(count, 3, *side, generator=stream, dtype=dtype),) for side in ((10, 12), (5, 6))]


def train(method: FullGlow, batch: Batch, steps: int) -> list[float]:
    optimizer, losses = method.optimizers()["flow"], []
    for step in range(steps):
        for update in method.updates(batch, step):
            optimizer.zero_grad()
            update.loss.backward()
            optimizer.step()
            losses.append(update.loss.item())
    return losses


@dataclasses.dataclass(frozen=True)
class Published:
    """What the published code makes of one side: log p of its latents, log-determinant, latents."""

    log_prior: float
    log_det: float
    split: Digest
    top: Digest


def digest(mean: float, absmean: float, std: float, *values: float) -> Digest:
    return Digest(1536, mean, absmean, std, values)


LEFT_LU = Published(
    -4750.346463,
    -4192.453011,
    digest(0.080075, 0.667119, 0.864029, 0.889515, -0.248119, -0.543836, 0.449696, 1.222594, 1.160212),
    digest(-0.003257, 0.632738, 0.831818, 0.812722, 1.374889, 2.881604, -1.130187, -1.5792, -1.083116),
)
RIGHT_LU = Published(
    -3608.825910,
    -2529.196523,
    digest(0.122108, 0.235705, 0.276759, 1.260613, 0.374332, 0.301639, 0.474454, 0.667097, 0.519214),
    digest(0.015715, 0.3254, 0.435051, -0.170568, 0.139164, 0.305205, 0.655551, -0.438717, -0.260769),
)
LEFT_PLAIN = Published(
    -6379.367842,
    -35497.892189,
    digest(-0.021266, 0.326223, 0.386356, 0.385262, -0.16522, -0.267861, -0.171929, -0.088378, 0.057284),
    digest(0.409138, 0.837909, 0.942751, 1.206061, 2.0038, 2.414948, 0.640118, 0.243401, 0.085034),
)
RIGHT_PLAIN = Published(
    -3442.872574,
    -18747.886829,
    digest(-0.071476, 0.108986, 0.121301, 0.39109, 0.073467, 0.086816, 0.351847, 0.174624, 0.208103),
    digest(0.045534, 0.154116, 0.217842, 0.018645, 0.154127, 0.143153, 0.320112, -0.235826, -0.226904),
)
RIGHT_BOUNDARIES = Published(
    -3613.646425,
    -2530.103726,
    digest(0.128797, 0.239411, 0.281516, 1.255346, 0.412916, 0.285613, 0.489417, 0.677219, 0.518908),
    digest(0.01192, 0.32277, 0.432095, -0.172512, 0.133257, 0.287139, 0.706386, -0.389604, -0.154907),
)


@pytest.mark.parametrize(
    ("fields", "left", "right"),
    [
        ({}, LEFT_LU, RIGHT_LU),
        ({"lu": False}, LEFT_PLAIN, RIGHT_PLAIN),
        ({"boundaries": True}, LEFT_LU, RIGHT_BOUNDARIES),
    ],
)
def test_parity_of_both_sides(fields: dict[str, Any], left: Published, right: Published) -> None:
    """Against the published networks filled by rule, in float64."""
    flow = FullGlowFlow(FullGlowConfig(n_flow=(2, 2), **fields), (32, 32))
    fill_by_sequence(flow)
    for module in flow.modules():
        if isinstance(module, ActNorm):
            module.scale.data += 1
        if isinstance(module, LUConv | ConditionalLUConv):
            module.permutation.copy_(torch.eye(len(module.sign)))
            module.sign.fill_(1)
        if isinstance(module, Conditioner):
            module.output.weight.data *= 0.1
        if isinstance(module, ConditionalActNorm):
            bias = module.conditioner.output.bias
            bias.data[: len(bias) // 2] += 1
    y, x = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    checkers = ((y // 4 + x // 8) % 3 == 0).double().expand(1, 3, 32, 32)
    edges: list[tuple[Tensor, ...]] = [(checkers[..., ::2, ::2],), (checkers[..., ::4, ::4],)]
    a = 0.5 * input_by_sequence(1, 3, 32, 32) + 0.5
    b = (0.5 * input_by_sequence(2, 3, 32, 32) + 0.5)[1:]
    with torch.no_grad():
        levels, log_dets = encode(flow.double().chains, (a, b), edges if fields.get("boundaries") else [(), ()])
    sides = zip(levels, log_dets, (flow.left, flow.right), (left, right), strict=True)
    for (split, top), log_det, branch, expected in sides:
        Digest.by_sequence(split.latent).assert_close(expected.split)
        Digest.by_sequence(top.latent).assert_close(expected.top)
        assert log_det.item() == pytest.approx(expected.log_det, rel=1e-6)
        assert branch.priors.log_density([split, top]).item() == pytest.approx(expected.log_prior, rel=1e-6)


@pytest.mark.parametrize(
    ("preset", "overrides", "size", "left", "right"),
    [
        ("paper", {}, (256, 256), 37_335_440, 117_999_568),
        ("paper", {"lu": "false"}, (256, 256), 37_136_720, 108_262_288),
        ("paper", {"boundaries": "true"}, (256, 256), 37_335_440, 118_223_824),
        ("paper", {"n_flow": "[4,4]"}, (64, 64), 3_118_288, 4_979_648),
        ("paper", {"n_flow": "[4,4,4,4]"}, (128, 128), 9_468_896, 21_770_608),
        ("paper512", {}, (512, 1024), 18_757_744, 211_133_328),
        ("maps512", {}, (512, 512), 11_057_616, 102_866_320),
    ],
)
def test_published_sizes(preset: str, overrides: dict[str, str], size: tuple[int, int], left: int, right: int) -> None:
    with torch.device("meta"):
        method = Adapter.build(Adapter.configure(preset, overrides), Shape(resolution=Resolution(*size)))
    for name, expected in (("flow.left", left), ("flow.right", right), ("flow", left + right), ("", left + right)):
        assert sum(p.numel() for p in method.get_submodule(name).parameters()) == expected


def test_latents_of_a_128x128_picture() -> None:
    with torch.device("meta"):
        flow = FullGlowFlow(FullGlowConfig(n_flow=(1, 1, 1, 1)), (128, 128))
        empty = empty_latents(flow, torch.empty(2, 3, 128, 128))
    assert [tuple(latent.shape) for latent in empty] == [
        (2, 6, 64, 64),
        (2, 12, 32, 32),
        (2, 24, 16, 16),
        (2, 96, 8, 8),
    ]


class TestLikelihood:
    @pytest.mark.parametrize("lu", [True, False])
    def test_log_likelihoods_are_the_priors_plus_the_jacobian(self, lu: bool) -> None:
        """Of a picture in a batch, both sides; two levels, with boundary maps."""
        flow = seeded_flow(dataclasses.replace(TINY, lu=lu, boundaries=True), (20, 20), channels=1)
        perturb(flow, 0.05)
        flow.double()
        stream = torch.Generator().manual_seed(0)
        a, b = (torch.rand(2, 1, 20, 20, generator=stream, dtype=torch.float64) for _ in range(2))
        maps = [torch.rand(2, 3, side, side, generator=stream, dtype=torch.float64) for side in (10, 5)]
        edges = [(each[1:],) for each in maps]

        def latents(side: int, one: Tensor, two: Tensor) -> Tensor:
            return torch.cat([z.flatten() for z in encode(flow.chains, (one, two), edges).latents(side)])

        with torch.no_grad():
            log_likelihoods = flow(a, b, [(each,) for each in maps])
            levels = encode(flow.chains, (a[1:], b[1:]), edges).levels
        found = (
            jacobian(lambda one: latents(0, one, b[1:]), a[1:], vectorize=True),
            jacobian(lambda two: latents(1, a[1:], two), b[1:], vectorize=True),
        )
        for side, branch in enumerate((flow.left, flow.right)):
            expected = torch.linalg.slogdet(found[side].reshape(400, 400)).logabsdet
            for prior, (kept, latent) in zip(branch.priors, levels[side], strict=True):
                mean, log_std = prior(torch.zeros_like(latent) if kept is None else kept).chunk(2, 1)
                expected = expected + torch.distributions.Normal(mean, log_std.exp()).log_prob(latent).sum()
            torch.testing.assert_close(log_likelihoods[side][1], expected, rtol=1e-8, atol=0)

    def test_targets_depend_on_sources_not_the_other_way(self) -> None:
        flow = seeded_flow()
        perturb(flow, 0.05)
        a, b = (pictures(2, seed=seed).requires_grad_() for seed in (0, 1))
        left, right = flow(a, b, [(), ()])
        assert torch.autograd.grad(left.sum(), b, allow_unused=True, retain_graph=True)[0] is None
        assert torch.autograd.grad(right.sum(), a)[0].abs().amax((1, 2, 3)).min() > 0

    def test_of_uniform_pixels_at_first(self) -> None:
        """8.26 to 8.27, both sides: normal latents of flows that only standardise uniform values."""
        config = FullGlowConfig(n_flow=(4, 4), hidden=32)
        method, batch = seeded_method(config, (32, 32)), pairs(8, (32, 32))
        method.initialize(batch)
        (update,) = method.updates(batch, 0)
        assert isinstance(update.loss, Tensor)
        assert update.logs["source_bits_per_dim"].item() == pytest.approx(8.265, abs=0.015)
        assert update.logs["bits_per_dim"].item() == pytest.approx(8.265, abs=0.015)
        assert method.bits_per_dim(batch, seed=0).mean().item() == pytest.approx(8.265, abs=0.015)

    @pytest.mark.parametrize("over", [255, 256])
    def test_bits_per_dim_is_the_formula_on_the_noisy_pictures(self, over: int) -> None:
        method, batch = initialized(dataclasses.replace(TINY, over=over), std=0.02), pairs()
        seen: list[tuple[Tensor, Tensor]] = []
        method.flow.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[:2]))
        found = method.bits_per_dim(batch, seed=7)
        dimensions = 3 * SIZE[0] * SIZE[1]
        with torch.no_grad():
            right = method.flow(*seen[0], [(), ()])[1]
        expected = -(-math.log(256) * dimensions + right) / (dimensions * math.log(2))
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)
        for values, picture in zip(seen[0], (batch.source, target_of(batch)), strict=True):
            noise = values - torch.round((picture + 1) * 127.5) / over
            assert noise.min() >= -1e-6
            assert noise.max() < 1 / 256 + 1e-6
            assert noise.std().item() == pytest.approx(1 / 256 / math.sqrt(12), rel=0.05)
        assert not torch.allclose(
            seen[0][0] - (batch.source + 1) / 2, seen[0][1] - (target_of(batch) + 1) / 2, atol=1e-3
        )

    def test_noise_belongs_to_seed_name_and_draw(self) -> None:
        method, batch = initialized(std=0.02), pairs(3)
        first = method.bits_per_dim(batch, seed=0)
        assert torch.equal(first, method.bits_per_dim(batch, seed=0))
        for other in (method.bits_per_dim(batch, seed=1), method.bits_per_dim(batch, seed=0, draw=1)):
            assert (first != other).all()
        torch.testing.assert_close(first[1:2], method.bits_per_dim(batch[1], seed=0), rtol=1e-5, atol=0)

    def test_loss_weighs_the_sources(self) -> None:
        method, batch = initialized(dataclasses.replace(TINY, reg_factor=0.25), std=0.02), pairs()
        (update,) = method.updates(batch, 0)
        assert isinstance(update.loss, Tensor)
        expected = 0.25 * update.logs["source_bits_per_dim"] + update.logs["bits_per_dim"]
        torch.testing.assert_close(update.loss.detach(), expected)

    def test_the_left_flow_learns_through_the_conditions_its_priors_do_not(self) -> None:
        method, batch = initialized(dataclasses.replace(TINY, reg_factor=0.0), std=0.02), pairs()
        next(iter(method.updates(batch, 0))).loss.backward()
        assert all(p.grad is None or not p.grad.any() for p in method.flow.left.priors.parameters())
        assert all(p.grad is not None and p.grad.any() for p in method.flow.left.layers.parameters())


class TestGradients:
    @pytest.mark.parametrize("boundaries", [True, False])
    @pytest.mark.parametrize("lu", [True, False])
    def test_of_all_ways_backwards_agree(self, lu: bool, boundaries: bool) -> None:
        config = dataclasses.replace(TINY, lu=lu, boundaries=boundaries)
        for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-3)):
            plain = gradients(config, "plain", dtype)
            assert difference(gradients(config, "checkpointed", dtype), plain) == 0
            assert difference(gradients(config, "reversible", dtype), plain) < tolerance

    def test_of_the_reversible_way_are_as_near_under_bf16(self) -> None:
        exact = gradients(TINY, "plain", torch.float32)
        plain = difference(gradients(TINY, "plain", torch.float32, bf16=True), exact)
        reversible = difference(gradients(TINY, "reversible", torch.float32, bf16=True), exact)
        assert plain > 1e-6
        assert reversible < 2 * plain


def gradients(config: FullGlowConfig, backward: Backward, dtype: torch.dtype, bf16: bool = False) -> Tensor:
    """All parameters' gradients of the sum of both log-likelihoods."""
    flow = seeded_flow(dataclasses.replace(config, backward=backward))
    perturb(flow, 0.05)
    flow.to(dtype)
    stream = torch.Generator().manual_seed(0)
    a, b = (torch.rand(2, 3, *SIZE, generator=stream, dtype=torch.float64).to(dtype) for _ in range(2))
    edges = edges_at_levels(2, dtype) if config.boundaries else [(), ()]
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        left, right = flow(a, b, edges)
    (left.sum() + right.sum()).backward()
    return torch.cat([p.grad.flatten() for p in flow.parameters() if p.grad is not None])


def difference(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


class TestInverse:
    @pytest.mark.parametrize(("std", "tolerance32", "tolerance64"), [(0.0, 5e-6, 1e-14), (0.02, 2e-5, 5e-14)])
    @pytest.mark.parametrize("lu", [True, False])
    def test_decode_undoes_encode(self, lu: bool, std: float, tolerance32: float, tolerance64: float) -> None:
        size = (64, 64)
        method = initialized(FullGlowConfig(n_flow=(4, 4), hidden=32, lu=lu), size, std)
        stream = torch.Generator().manual_seed(0)
        a, b = (torch.rand(2, 3, *size, generator=stream, dtype=torch.float64) for _ in range(2))
        for dtype, tolerance in ((torch.float32, tolerance32), (torch.float64, tolerance64)):
            flow = method.flow.to(dtype)
            with torch.no_grad():
                latents = flow.encode(a.to(dtype), b.to(dtype), [(), ()])
                back = flow.decode(a.to(dtype), latents, [(), ()])
            assert [z.shape for z in latents] == [z.shape for z in empty_latents(flow, a)]
            assert all(z.dtype == dtype for z in latents)
            torch.testing.assert_close(back, b.to(dtype), rtol=0, atol=tolerance)

    @pytest.mark.parametrize("over", [255, 256])
    def test_pictures_come_back_to_the_bit(self, over: int) -> None:
        method, batch = initialized(dataclasses.replace(TINY, over=over, boundaries=True), std=0.05), pairs()
        with torch.no_grad():
            latents = method.encode(batch.source, target_of(batch), batch.instances)
            back = method.decode(batch.source, latents, batch.instances)
        assert torch.equal(torch.round((back + 1) * 127.5), torch.round((target_of(batch) + 1) * 127.5))

    def test_the_right_flow_is_inverted_without_the_left_one(self) -> None:
        """Its layers read activations of a left flow run forwards; the same as inverting both together."""
        flow = seeded_flow(dataclasses.replace(TINY, boundaries=True))
        perturb(flow, 0.05)
        flow.double()
        stream = torch.Generator().manual_seed(0)
        a, b = (torch.rand(2, 12, 10, 12, generator=stream, dtype=torch.float64) for _ in range(2))
        edges = edges_at_levels(2)[0]
        with torch.no_grad():
            state = flow.chains[0](a, b, *edges).state
            before = flow.chains[0].inverse(*state)
            activations = flow.activations(nn.functional.pixel_shuffle(a, 2), edges_at_levels(2))[0]
            alone = flow.decoders[0].inverse(state[1], *activations)[0]
        torch.testing.assert_close(before[0], a, rtol=0, atol=1e-12)
        torch.testing.assert_close(before[1], b, rtol=0, atol=1e-12)
        torch.testing.assert_close(alone, b, rtol=0, atol=1e-12)


def pair(source: Tensor, target: Tensor | None = None, instances: Tensor | None = None) -> Batch:
    return Batch(tuple(map(str, range(len(source)))), source, target, instances=instances)


class TestTransfer:
    def test_returns_the_content_at_first(self) -> None:
        method, batch = initialized(dataclasses.replace(TINY, over=256)), pairs()
        moved = method.transfer(batch, dataclasses.replace(batch, source=batch.source.flip(0)))
        content = torch.round((target_of(batch) + 1) * 127.5)
        assert torch.equal(torch.round((moved + 1) * 127.5), content)

    def test_keeps_the_latents_under_the_other_source(self) -> None:
        method, batch = initialized(std=0.03).double(), pairs()
        source, target = batch.source.double(), target_of(batch).double() / 2  # within range after the transfer as well
        other = source.flip(0)
        with torch.no_grad():
            latents = method.encode(source, target)
            moved = method.transfer(pair(source, target), pair(other))
            again = method.encode(other, moved)
        assert moved.abs().max() < 1
        assert (moved - target).abs().max() > 1e-2
        for one, two in zip(latents, again, strict=True):
            torch.testing.assert_close(one, two, rtol=0, atol=1e-9)

    def test_takes_each_sources_boundaries(self) -> None:
        method, batch = initialized(dataclasses.replace(TINY, boundaries=True), std=0.03), pairs()
        assert batch.instances is not None
        source, target, other = batch.source, target_of(batch), batch.source.flip(0)
        elsewhere = torch.zeros_like(batch.instances)
        moved = method.transfer(batch, pair(other, instances=elsewhere))
        with torch.no_grad():
            expected = method.decode(other, method.encode(source, target, batch.instances), elsewhere)
        assert torch.equal(moved, expected)
        assert not torch.equal(
            moved, method.transfer(pair(source, target, elsewhere), pair(other, instances=batch.instances))
        )


class TestSampling:
    def test_temperature_zero_is_the_mean(self) -> None:
        method, batch = initialized(dataclasses.replace(TINY, temperature=0.0), std=0.03), pairs()
        first = method.translate(batch, seed=0)
        assert torch.equal(first, method.translate(batch, seed=1, sample=2))
        a, flow = (batch.source + 1) / 2, method.flow
        zeros = [torch.zeros_like(empty) for empty in empty_latents(flow, a)]
        with torch.no_grad():
            found = encode(flow.chains, (a, flow.sample(a, zeros, [(), ()])), [(), ()])
            for prior, (kept, latent) in zip(flow.right.priors, found.levels[1], strict=True):
                mean, _ = prior(torch.zeros_like(latent) if kept is None else kept).chunk(2, 1)
                torch.testing.assert_close(latent, mean, rtol=0, atol=1e-3)

    def test_latents_are_normal_about_their_priors(self) -> None:
        flow = seeded_flow()
        perturb(flow, 0.03)
        flow.double()
        stream = torch.Generator().manual_seed(0)
        a = torch.rand(2, 3, *SIZE, generator=stream, dtype=torch.float64)
        noises = [torch.randn(z.shape, generator=stream, dtype=torch.float64) for z in empty_latents(flow, a)]
        with torch.no_grad():
            found = encode(flow.chains, (a, flow.sample(a, noises, [(), ()])), [(), ()])
            for prior, noise, (kept, latent) in zip(flow.right.priors, noises, found.levels[1], strict=True):
                mean, log_std = prior(torch.zeros_like(latent) if kept is None else kept).chunk(2, 1)
                torch.testing.assert_close((latent - mean) / log_std.exp(), noise, rtol=0, atol=1e-9)

    def test_translation_belongs_to_seed_name_and_sample(self) -> None:
        method, batch = initialized(std=0.02), pairs(3)
        together = method.translate(batch, seed=0)
        torch.testing.assert_close(together[1:2], method.translate(batch[1], seed=0), rtol=0, atol=1e-4)
        assert not torch.equal(together, method.translate(batch, seed=0, sample=1))
        assert not torch.equal(together, method.translate(batch, seed=1))


class TestBoundaries:
    def test_are_read_and_only_boundaries_are(self) -> None:
        method, batch = initialized(dataclasses.replace(TINY, boundaries=True), std=0.05), pairs()
        assert batch.instances is not None
        renamed = dataclasses.replace(batch, instances=70 * batch.instances + 9)
        without = dataclasses.replace(batch, instances=torch.zeros_like(batch.instances))
        bits, picture = method.bits_per_dim(batch, seed=0), method.translate(batch, seed=0)
        assert torch.equal(bits, method.bits_per_dim(renamed, seed=0))
        assert torch.equal(picture, method.translate(renamed, seed=0))
        assert (bits != method.bits_per_dim(without, seed=0)).all()
        assert not torch.equal(picture, method.translate(without, seed=0))

    def test_ceil_makes_them_binary(self) -> None:
        maps = []
        for ceil in (False, True):
            method, batch = seeded_method(dataclasses.replace(TINY, boundaries=True, ceil=ceil)), pairs()
            maps.append([edges for (edges,) in method._edges(batch.instances)])
        for soft, hard, side in zip(*maps, ((10, 12), (5, 6)), strict=True):
            assert soft.shape == (2, 3, *side)
            assert torch.equal(hard, (soft > 0).float())
        assert (maps[0][0] != maps[1][0]).any()

    def test_must_be_given(self) -> None:
        method = seeded_method(dataclasses.replace(TINY, boundaries=True))
        batch = dataclasses.replace(pairs(), instances=None)
        for call in (
            method.initialize,
            lambda b: method.translate(b, seed=0),
            lambda b: method.bits_per_dim(b, seed=0),
        ):
            with pytest.raises(ValueError, match=r"boundaries=true reads instances.*found none"):
                call(batch)


class TestTraining:
    def test_gradients_are_clipped_where_asked(self) -> None:
        for norm in (0.0, 7.0):
            method = initialized(dataclasses.replace(TINY, clip_norm=norm))
            assert next(method.updates(pairs(), 0)).clip_norm == (norm or None)

    def test_lowers_the_loss_and_stays_invertible(self) -> None:
        method, batch = initialized(dataclasses.replace(TINY, lr=2e-3)), pairs(4)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            losses = train(method, batch, 30)
        assert losses[-1] < losses[0]
        with torch.no_grad():
            back = method.decode(batch.source, method.encode(batch.source, target_of(batch)))
        torch.testing.assert_close(back, target_of(batch), rtol=0, atol=1e-3)

    def test_finds_out_what_the_source_tells(self) -> None:
        """Where targets are their sources, they soon cost less than under the source of another."""
        method = seeded_method(FullGlowConfig(n_flow=(4,), hidden=32, lr=5e-3), (10, 10))

        def copies(seed: int, source_seed: int) -> Batch:
            names = tuple(f"{seed} {i}" for i in range(8))
            return Batch(names, pictures(8, (10, 10), source_seed), pictures(8, (10, 10), seed))

        method.initialize(copies(0, 0))
        optimizer = method.optimizers()["flow"]
        with torch.random.fork_rng():
            torch.manual_seed(0)
            for step in range(70):
                optimizer.zero_grad()
                next(iter(method.updates(copies(step, step), step))).loss.backward()
                optimizer.step()
        own, others = (method.bits_per_dim(copies(999, source), seed=0).mean() for source in (999, 1000))
        assert own < others - 0.5

    def test_learning_rate(self) -> None:
        published, decaying = seeded_method(), seeded_method(dataclasses.replace(TINY, decay=True))
        warm = seeded_method(dataclasses.replace(TINY, warmup=4))
        fractions = (0.0, 0.5, 0.75, 1.0)
        assert [published.learning_rate("flow", 9, f) for f in fractions] == [1, 1, 1, 1]
        assert [decaying.learning_rate("flow", 9, f) for f in fractions] == [1, 1, 0.5, 0]
        assert [warm.learning_rate("flow", step, 0.0) for step in (0, 1, 3, 9)] == [0.25, 0.5, 1, 1]

    def test_needs_targets(self) -> None:
        batch = dataclasses.replace(pairs(), target=None)
        with pytest.raises(ValueError, match=r"full_glow reads targets.*found none"):
            next(iter(seeded_method().updates(batch, 0)))


class TestRefusals:
    @pytest.mark.parametrize(
        ("fields", "match"),
        [
            ({"n_flow": ()}, "n_flow must be the steps of each level"),
            ({"n_flow": (4, 0)}, "n_flow must be the steps of each level"),
            ({"hidden": 0}, "hidden must be at least 1"),
            ({"over": 128}, "over must be 255 or 256, found 128"),
            ({"lr": 0.0}, "lr must be positive"),
            ({"reg_factor": -1.0}, "reg_factor must not be negative"),
            ({"temperature": -1.0}, "temperature must not be negative"),
            ({"ceil": True}, "needs boundaries=true"),
        ],
    )
    def test_of_values(self, fields: dict[str, Any], match: str) -> None:
        with pytest.raises(ValueError, match=match):
            FullGlowConfig(**fields)

    def test_of_a_way_backwards(self) -> None:
        with pytest.raises(ValueError, match="backward must be one of"):
            seeded_flow(dataclasses.replace(TINY, backward="sideways"))  # type: ignore[arg-type]

    def test_of_sides(self) -> None:
        for size in ((18, 24), (16, 24)):
            with pytest.raises(ValueError, match=f"multiples of 4 and at least 20, found {size[0]}x{size[1]}"):
                seeded_flow(size=size)

    @pytest.mark.parametrize(
        ("resolution", "way_out"),
        [
            (Resolution(64, 64), r"use fewer levels, --set n_flow=\[16,16,16\], or choose another"),
            (Resolution(264, 256), r"use fewer levels, --set n_flow=\[16,16,16\], or choose another"),
            (Resolution(24, 32), r"use fewer levels, --set n_flow=\[16,16\], or choose another"),
            (Resolution(8, 8), "choose another"),
            (Resolution(255, 256), "choose another"),
        ],
    )
    def test_of_a_tasks_resolution(self, resolution: Resolution, way_out: str) -> None:
        sides = f"multiples of 16, at least 80, and the task's are {resolution}: {way_out} resolution"
        with pytest.raises(BenchError, match=f"full_glow with 4 levels needs sides that are {sides}"):
            Adapter.build(Adapter.configure("paper"), Shape(resolution=resolution))

    def test_of_a_smaller_size_at_the_edge(self) -> None:
        with torch.device("meta"):
            Adapter.build(Adapter.configure("paper"), Shape(resolution=Resolution(80, 80)))
