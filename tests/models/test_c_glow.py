from __future__ import annotations

import math

import pytest
import torch
from fingerprint import Digest, fill_by_sequence, input_by_sequence
from torch import Tensor, nn
from torch.autograd.functional import jacobian

from i2ibench.models.c_glow import CGlow, CGlowConfig, ConditionalGlow
from i2ibench.models.layers.chain import Backward
from i2ibench.models.layers.likelihood import bits_per_dim, keyed_normal, normal_log_density
from i2ibench.models.method import Batch


def empty_latents(flow: ConditionalGlow, pictures: int) -> list[Tensor]:
    return [torch.empty(pictures, *shape, dtype=flow.top_mean.dtype) for shape in flow.shapes]


def config(**fields: object) -> CGlowConfig:
    tiny = {
        "x_hidden_size": 6,
        "x_hidden_channels": 4,
        "y_hidden_channels": 8,
        "flow_depth": 2,
        "num_levels": 2,
        "init": "fixed",
    }
    return CGlowConfig(**{**tiny, **fields})  # type: ignore[arg-type]


def seeded_flow(size: tuple[int, int] = (16, 16), y_channels: int = 3, **fields: object) -> ConditionalGlow:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return ConditionalGlow(config(**fields), size, y_channels=y_channels)


def seeded_method(size: tuple[int, int] = (16, 16), **fields: object) -> CGlow:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return CGlow(config(**fields), size)


def perturb(module: nn.Module, std: float) -> None:
    stream = torch.Generator().manual_seed(5)
    for parameter in module.parameters():
        parameter.data += std * torch.randn(parameter.shape, generator=stream, dtype=parameter.dtype)


def pictures(*shape: int, seed: int = 3) -> Tensor:
    """8-bit pictures in [-1, 1]."""
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(seed)) / 127.5 - 1


def pairs(count: int = 2, side: int = 16) -> Batch:
    names = tuple(f"picture {i}" for i in range(count))
    return Batch(names, pictures(count, 3, side, side), pictures(count, 3, side, side, seed=4))


def train(method: CGlow, batch: Batch, steps: int) -> list[float]:
    optimizers, losses = method.optimizers(), []
    for step in range(steps):
        for update in method.updates(batch, step):
            optimizers["flow"].zero_grad()
            update.loss.backward()
            if update.clip_value is not None:
                nn.utils.clip_grad_value_(method.parameters(), update.clip_value)
            optimizers["flow"].step()
            losses.append(update.loss.item())
    return losses


def test_parity_of_the_top_latent() -> None:
    """Against the published flow filled by rule, in float64."""
    flow = ConditionalGlow(CGlowConfig(8, 16, 32, 2, 2), (32, 32))
    fill_by_sequence(flow)
    flow.double()
    x = 0.5 * input_by_sequence(2, 3, 32, 32) + 0.5
    y = (0.5 * input_by_sequence(3, 3, 32, 32) + 0.5)[1:]
    with torch.no_grad():
        latents, _ = flow(x, y)
    expected = (0.354591, 0.352838, 0.358317, 0.343058, 0.331411, 0.337557)
    Digest.by_sequence(latents[-1]).assert_close(Digest(3072, -0.010937, 0.122413, 0.153927, expected))


@pytest.mark.parametrize(
    ("sizes", "side", "parameters", "top"),
    [
        ((26, 52, 104, 8, 3), 256, 70_174_956, (48, 32, 32)),
        ((10, 20, 512, 16, 4), 256, 76_483_644, (96, 16, 16)),
        ((64, 128, 256, 8, 3), 64, 38_407_596, (48, 8, 8)),
        ((26, 52, 104, 8, 3), 64, 7_782_636, (48, 8, 8)),
        ((10, 20, 512, 4, 3), 64, 6_956_892, (48, 8, 8)),
    ],
)
def test_published_sizes(
    sizes: tuple[int, int, int, int, int], side: int, parameters: int, top: tuple[int, ...]
) -> None:
    with torch.device("meta"):
        flow = ConditionalGlow(CGlowConfig(*sizes), (side, side))
    assert sum(p.numel() for p in flow.parameters()) == parameters == counted(*sizes, side)
    assert flow.shapes[-1] == top


@pytest.mark.parametrize(("sizes", "side"), [((16, 32, 32, 16, 4), 256), ((128, 64, 256, 8, 3), 64)])
def test_sizes_of_no_published_count(sizes: tuple[int, int, int, int, int], side: int) -> None:
    with torch.device("meta"):
        flow = ConditionalGlow(CGlowConfig(*sizes), (side, side))
    assert sum(p.numel() for p in flow.parameters()) == counted(*sizes, side)


def counted(size: int, channels: int, hidden: int, depth: int, levels: int, side: int) -> int:
    """Parameters for square pictures, from the sizes of the layers alone."""

    def conditioner(outputs: int) -> int:
        convolutions = 4 * 3 * channels + 2 * 4 * channels**2 + 3 * channels
        return convolutions + (channels * (side // 8) ** 2 + 1) * size + (size + 1) * size + (size + 1) * outputs

    def coupling(c: int, stride: int) -> int:
        condition = (9 * 3 + 1) * 16 + (16 * stride**2 + 1) * c // 2 + (9 * c // 2 + 1) * c // 2
        return condition + (9 * c + 2) * hidden + (hidden + 2) * hidden + (9 * hidden + 3) * c

    total, c = 0, 3
    for level in range(levels):
        c *= 4
        total += depth * (conditioner(2 * c) + conditioner(c * c) + coupling(c, 2 << level))
        if level < levels - 1:
            total += (9 * c // 2 + 1) * c
            c //= 2
    return total + 2 * c * (side >> levels) ** 2


class TestLikelihood:
    @pytest.mark.parametrize("init", ["reference", "fixed", "orthogonal"])
    def test_log_determinant_is_that_of_the_jacobian(self, init: str) -> None:
        flow = seeded_flow((16, 16), y_channels=1, num_levels=2, init=init)
        perturb(flow, 0.02)
        flow.double()
        stream = torch.Generator().manual_seed(0)
        x = torch.rand(2, 3, 16, 16, generator=stream, dtype=torch.float64)
        y = torch.rand(2, 1, 16, 16, generator=stream, dtype=torch.float64)
        with torch.no_grad():
            latents, log_likelihood = flow(x, y)
        for b in range(2):

            def flat(one: Tensor, b: int = b) -> Tensor:
                found, _ = flow(x[b : b + 1], one)
                return torch.cat([latent.flatten() for latent in found])

            log_det = torch.linalg.slogdet(jacobian(flat, y[b : b + 1]).reshape(256, 256)).logabsdet
            prior = flow.priors[0](flow_kept(flow, x[b : b + 1], y[b : b + 1]))
            split = torch.distributions.Normal(prior[0], prior[1].exp()).log_prob(latents[0][b : b + 1]).sum()
            top = torch.distributions.Normal(flow.top_mean, flow.top_log_std.exp())
            expected = log_det + split + top.log_prob(latents[1][b : b + 1]).sum()
            assert log_likelihood[b].item() == pytest.approx(expected.item(), rel=1e-9)

    def test_bits_per_dim_is_the_formula_on_the_noisy_pictures(self) -> None:
        method = seeded_method().double()
        batch = pairs()
        assert batch.target is not None
        seen: list[tuple[Tensor, Tensor]] = []
        method.flow.register_forward_pre_hook(lambda _, inputs: seen.append(inputs))
        found = method.bits_per_dim(batch, seed=7)
        (x, y), dimensions = seen[0], 3 * 16 * 16
        with torch.no_grad():
            _, log_likelihood = method.flow(x, y)
        expected = -(log_likelihood - dimensions * math.log(256)) / (dimensions * math.log(2))
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
        for noisy, clean in ((x, batch.source), (y, batch.target)):
            noise = noisy - (clean + 1) / 2
            assert noise.min() >= -1e-6
            assert noise.max() < 1 / 256
            assert noise.std().item() == pytest.approx(1 / 256 / math.sqrt(12), rel=0.05)

    def test_binary_pictures_are_centred_with_noise_of_width_one(self) -> None:
        method = seeded_method(y_bins=2)
        batch = pairs()
        binary = Batch(batch.names, batch.source, pictures(2, 3, 16, 16, seed=9).sign())
        seen: list[tuple[Tensor, Tensor]] = []
        method.flow.register_forward_pre_hook(lambda _, inputs: seen.append(inputs))
        method.bits_per_dim(binary, seed=0)
        assert binary.target is not None
        noise = seen[0][1] - ((binary.target + 1) / 2 - 0.5)
        assert noise.min().item() == pytest.approx(-0.5, abs=0.01)
        assert noise.max().item() == pytest.approx(0.5, abs=0.01)
        assert set(method.translate(binary, seed=0).unique().tolist()) <= {-1.0, 1.0}

    def test_noise_belongs_to_seed_name_and_draw(self) -> None:
        method, batch = seeded_method().double(), pairs(3)
        first = method.bits_per_dim(batch, seed=0)
        assert torch.equal(first, method.bits_per_dim(batch, seed=0))
        for other in (method.bits_per_dim(batch, seed=1), method.bits_per_dim(batch, seed=0, draw=1)):
            assert (first != other).all()
        torch.testing.assert_close(first[1:2], method.bits_per_dim(batch[1], seed=0), rtol=1e-5, atol=0)

    def test_under_autocast_the_state_stays_in_float32(self) -> None:
        method, batch = seeded_method(init="orthogonal"), pairs()
        perturb(method, 0.02)
        expected = method.bits_per_dim(batch, seed=0)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            inside = method.bits_per_dim(batch, seed=0)
            latents = method.encode(batch.source, batch.target)
            sample = method.translate(batch, seed=0)
        assert inside.dtype == sample.dtype == torch.float32
        assert {latent.dtype for latent in latents} == {torch.float32}
        torch.testing.assert_close(inside, expected, rtol=1e-2, atol=0)
        assert not torch.equal(inside, expected)

    def test_bits_per_dim_of_a_known_density(self) -> None:
        """A unit-width uniform density over 256 bins of width 1/256 costs 8 bits."""
        assert bits_per_dim(torch.zeros(1), 256, 10).item() == pytest.approx(8)
        assert bits_per_dim(torch.tensor([10 * math.log(256)]), 256, 10).item() == pytest.approx(0, abs=1e-6)

    def test_normal_log_density(self) -> None:
        z, mean, log_std = torch.randn(3, 2, 5, 4, 4, dtype=torch.float64)
        expected = torch.distributions.Normal(mean, log_std.exp()).log_prob(z).flatten(1).sum(1)
        torch.testing.assert_close(normal_log_density(z, mean, log_std), expected)
        expected = torch.distributions.Normal(mean[:1], log_std[:1].exp()).log_prob(z).flatten(1).sum(1)
        torch.testing.assert_close(normal_log_density(z, mean[:1], log_std[:1]), expected)


def flow_kept(flow: ConditionalGlow, x: Tensor, y: Tensor) -> Tensor:
    """What the first level keeps, by hand."""
    z = nn.functional.pixel_unshuffle(y, 2)
    for layer in flow.layers[: len(flow.layers) // 2]:
        z, _ = layer(z, x)
    return z[:, : z.shape[1] // 2]


class TestBackward:
    """The three ways backwards, from the initialisation of the presets for small tasks, moved a little."""

    def gradients(self, backward: Backward, dtype: torch.dtype, bf16: bool = False) -> tuple[Tensor, list[Tensor]]:
        method = seeded_method(init="orthogonal", flow_depth=4, backward=backward)
        perturb(method, 0.02)
        method.to(dtype)
        stream = torch.Generator().manual_seed(0)
        noise_x, noise_y = torch.rand(2, 2, 3, 16, 16, generator=stream).to(dtype)
        batch = pairs()
        assert batch.target is not None
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            loss = method._bits_per_dim(batch.source.to(dtype), batch.target.to(dtype), noise_x, noise_y)
        loss.mean().backward()
        return loss.detach(), [p.grad for p in method.parameters() if p.grad is not None]

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_checkpointed_is_plain(self, dtype: torch.dtype) -> None:
        (loss, plain), (other, checkpointed) = (self.gradients(way, dtype) for way in ("plain", "checkpointed"))
        assert torch.equal(loss, other)
        assert len(plain) == len(checkpointed) > 300
        assert all(map(torch.equal, plain, checkpointed))

    @pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-9)])
    def test_reversible_is_plain_but_for_rounding(self, dtype: torch.dtype, tolerance: float) -> None:
        (loss, plain), (other, reversible) = (self.gradients(way, dtype) for way in ("plain", "reversible"))
        assert torch.equal(loss, other)
        assert len(plain) == len(reversible) > 300
        assert worst(reversible, plain) < tolerance

    def test_reversible_under_bf16_is_as_near_to_float32_as_plain(self) -> None:
        _, exact = self.gradients("plain", torch.float32)
        (_, plain), (_, reversible) = (self.gradients(way, torch.float32, bf16=True) for way in ("plain", "reversible"))
        errors = [whole(found, exact) for found in (plain, reversible)]
        assert 1e-4 < errors[0] < 0.1
        assert errors[1] < 2 * errors[0]

    def test_reversible_keeps_nothing_for_depth(self) -> None:
        saved = []
        for depth in (1, 3):
            method, batch = seeded_method(init="orthogonal", flow_depth=depth, backward="reversible"), pairs()
            held: list[Tensor] = []

            def pack(tensor: Tensor, held: list[Tensor] = held) -> int:
                held.append(tensor)
                return len(held) - 1

            with torch.autograd.graph.saved_tensors_hooks(pack, held.__getitem__):
                next(iter(method.updates(batch, 0)))
            saved.append(sum(tensor.numel() for tensor in held))
        assert saved[0] == saved[1] > 0

    @pytest.mark.parametrize("init", ["reference", "fixed"])
    def test_reversible_is_refused_where_the_flow_cannot_be_inverted(self, init: str) -> None:
        with pytest.raises(ValueError, match=f"reversible needs init=orthogonal, found init={init}"):
            config(init=init, backward="reversible")


def worst(found: list[Tensor], expected: list[Tensor]) -> float:
    """The largest error of a tensor over its norm; those that are zero do not count."""
    pairs = zip(found, expected, strict=True)
    return max(((one - other).norm() / other.norm()).item() for one, other in pairs if other.norm() > 0)


def whole(found: list[Tensor], expected: list[Tensor]) -> float:
    """The error of all tensors together over their norm."""
    return worst([torch.cat([t.flatten() for t in found])], [torch.cat([t.flatten() for t in expected])])


class TestInverse:
    @pytest.mark.parametrize(("std", "tolerance32", "tolerance64"), [(0.0, 2e-3, 1e-10), (0.01, 1e-2, 1e-9)])
    @pytest.mark.parametrize("init", ["reference", "fixed", "orthogonal"])
    def test_decode_undoes_encode(self, init: str, std: float, tolerance32: float, tolerance64: float) -> None:
        for dtype, tolerance in ((torch.float32, tolerance32), (torch.float64, tolerance64)):
            method = seeded_method((32, 32), x_hidden_size=8, x_hidden_channels=16, y_hidden_channels=32, init=init)
            perturb(method, std)
            method.to(dtype)
            source, target = pictures(2, 3, 32, 32).to(dtype), pictures(2, 3, 32, 32, seed=4).to(dtype)
            with torch.no_grad():
                latents = method.encode(source, target)
                assert [tuple(latent.shape[1:]) for latent in latents] == method.flow.shapes
                assert all(latent.dtype == dtype for latent in latents)
                torch.testing.assert_close(method.decode(source, latents), target, rtol=0, atol=tolerance)

    def test_content_can_be_transferred_to_another_source(self) -> None:
        method = seeded_method()
        perturb(method, 0.05)
        batch = pairs(2)
        assert batch.target is not None
        with torch.no_grad():
            latents = method.encode(batch.source[:1], batch.target[:1])
            moved = method.decode(batch.source[1:], latents)
            assert torch.equal(method.transfer(batch[0], batch[1]), moved.clamp(-1, 1))
            again = method.encode(batch.source[1:], moved)
        assert (moved - batch.target[:1]).abs().max() > 1e-2
        for one, other in zip(latents, again, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-2)

    def test_stays_invertible_while_it_trains(self) -> None:
        method = seeded_method(flow_depth=4, init="orthogonal", lr=1e-3)
        batch = pairs(4)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            losses = train(method, batch, 20)
        assert losses[-1] < losses[0]
        assert batch.target is not None
        with torch.no_grad():
            back = method.decode(batch.source, method.encode(batch.source, batch.target))
        torch.testing.assert_close(back, batch.target, rtol=0, atol=1e-3)


class TestConditioning:
    def test_published_initialisation_is_dead_but_for_output_biases(self) -> None:
        """Everything before the ActNorm and 1x1 output biases stays exactly where it was, for ever."""
        method = seeded_method(init="reference", lr=1e-3)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            next(iter(method.updates(pairs(), 0))).loss.backward()
            assert len(list(method.parameters())) == 164
            live = [p for p in method.parameters() if p.grad is not None and p.grad.abs().max() > 0]
            assert 164 - len(live) == 142
            before = {name: p.clone() for name, p in method.named_parameters() if "conditioner" in name}
            train(method, pairs(), 5)
        moved = {name for name, p in method.named_parameters() if name in before and not torch.equal(p, before[name])}
        assert moved == {name for name in before if name.endswith("conditioner.11.bias")}
        assert len(moved) == 8

    @pytest.mark.parametrize("init", ["fixed", "orthogonal"])
    def test_other_initialisations_are_alive(self, init: str) -> None:
        method = seeded_method(init=init, lr=1e-3)
        before = {name: p.clone() for name, p in method.named_parameters() if p.requires_grad}
        with torch.random.fork_rng():
            torch.manual_seed(0)
            train(method, pairs(4), 5)
        still = {name for name, p in method.named_parameters() if name in before and torch.equal(p, before[name])}
        assert still == set()
        assert set(dict(method.named_parameters())) - set(before) == {"flow.top_mean", "flow.top_log_std"}

    def test_learn_top_trains_the_top(self) -> None:
        method = seeded_method(learn_top=True)
        train(method, pairs(), 1)
        assert method.flow.top_mean.abs().max() > 0
        assert method.flow.top_log_std.abs().max() > 0

    def test_orthogonal_starts_near_rotations(self) -> None:
        flow = seeded_flow(init="orthogonal")
        (weight,) = flow.layers[1].read(torch.zeros(1, 12, 8, 8), torch.zeros(1, 3, 16, 16))
        assert torch.linalg.cond(weight[0]) < 5
        assert torch.linalg.slogdet(weight[0]).logabsdet.abs() < 1

    def test_a_coupling_can_only_shrink(self) -> None:
        flow = seeded_flow()
        perturb(flow, 1.0)
        coupling = flow.layers[2]
        with torch.no_grad():
            z = torch.randn(1, 12, 8, 8)
            x = torch.rand(1, 3, 16, 16)
            moved, log_det = coupling(z, x)
            shifted, _ = coupling(z + torch.cat([torch.zeros(1, 6, 8, 8), torch.ones(1, 6, 8, 8)], 1), x)
        scale = (shifted - moved)[:, 6:]
        assert torch.equal(moved[:, :6], z[:, :6])
        assert scale.min() >= torch.sigmoid(torch.tensor(1.0)) - 1e-4
        assert scale.max() <= torch.sigmoid(torch.tensor(3.0)) + 1e-4
        assert log_det.item() == pytest.approx(scale.log().sum().item(), rel=1e-3)


class TestSampling:
    def test_does_not_depend_on_the_rest_of_the_batch(self) -> None:
        method, batch = seeded_method(init="orthogonal").double(), pairs(3)
        perturb(method, 0.02)
        whole_batch = method.translate(batch, seed=0)
        for index in (0, 2):
            one = method.translate(batch[index], seed=0)
            torch.testing.assert_close(one[0], whole_batch[index], rtol=0, atol=1e-6)

    def test_temperature_zero_is_the_mean(self) -> None:
        method = seeded_method(temperature=0.0)
        batch = pairs(2)
        first = method.translate(batch, seed=0)
        assert torch.equal(first, method.translate(batch, seed=1, sample=2))
        means = [torch.zeros_like(empty) for empty in empty_latents(method.flow, 2)]
        with torch.no_grad():
            expected = method.flow.sample((batch.source + 1) / 2, means)
        torch.testing.assert_close(first, (2 * expected - 1).clamp(-1, 1))

    def test_average_is_the_mean_of_its_members(self) -> None:
        batch = pairs(1)
        method = seeded_method(average=3, init="orthogonal")
        x, flow = (batch.source + 1) / 2, method.flow
        with torch.no_grad():
            members = [
                flow.sample(
                    x,
                    [
                        keyed_normal(empty, batch.names, 0, "latents", 0, member, level)
                        for level, empty in enumerate(empty_latents(flow, 1))
                    ],
                )
                for member in range(3)
            ]
        expected = 2 * torch.stack(members).mean(0).clamp(0, 1) - 1
        torch.testing.assert_close(method.translate(batch, seed=0), expected)

    def test_latents_drawn_are_the_latents_found(self) -> None:
        """Encoding a sample gives mean + deviation * noise of every prior back."""
        method = seeded_method(init="orthogonal")
        x = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(2))
        noises = [
            torch.randn(like.shape, generator=torch.Generator().manual_seed(1))
            for like in empty_latents(method.flow, 1)
        ]
        with torch.no_grad():
            y = method.flow.sample(x, noises)
            (split, top), _ = method.flow(x, y)
            mean, log_std = method.flow.priors[0](flow_kept(method.flow, x, y))
        torch.testing.assert_close(top, noises[1], rtol=0, atol=1e-3)
        torch.testing.assert_close(split, mean + log_std.exp() * noises[0], rtol=0, atol=1e-3)


class TestConfig:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("flow_depth", 0),
            ("y_bins", 16),
            ("init", "zeros"),
            ("backward", "none"),
            ("lr", -1.0),
            ("temperature", -0.1),
            ("average", 0),
        ],
    )
    def test_refuses_naming_the_field_and_what_was_found(self, field: str, value: object) -> None:
        with pytest.raises(ValueError, match=f"{field} must .*found .?{value}"):
            CGlowConfig(**{field: value})  # type: ignore[arg-type]

    def test_sides_must_fit(self) -> None:
        with pytest.raises(ValueError, match="multiples of 16, found 24x16"):
            ConditionalGlow(config(num_levels=4), (24, 16))

    def test_warmup(self) -> None:
        method = seeded_method(warmup=4)
        assert [method.learning_rate("flow", step, 0) for step in (0, 1, 3, 9)] == [0.25, 0.5, 1, 1]
        assert seeded_method().learning_rate("flow", 0, 0) == 1

    @pytest.mark.parametrize(("clip_value", "expected"), [(5.0, 5.0), (0.0, None)])
    def test_clipping_is_asked_of_the_loop(self, clip_value: float, expected: float | None) -> None:
        update = next(iter(seeded_method(clip_value=clip_value).updates(pairs(), 0)))
        assert update.clip_value == expected

    def test_needs_targets(self) -> None:
        with pytest.raises(ValueError, match="targets"):
            seeded_method().bits_per_dim(Batch(("a",), pictures(1, 3, 16, 16)), seed=0)
