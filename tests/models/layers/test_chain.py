"""The three ways backwards through a chain give the same values and gradients."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from i2ibench.models.layers.chain import Backward, Chain
from i2ibench.models.layers.flow import FlowLayer, Move
from i2ibench.models.layers.glow_step import ActNorm, AdditiveCoupling, AffineCoupling, GlowNetwork, LUConv, PlainConv
from i2ibench.models.layers.multiscale import Encoded, decode, encode, initialize, latent_shapes

WAYS = get_args(Backward)


class Twin(nn.Module):
    """Two members, the second given the first and a plane that is not moved: every kind of move at two levels."""

    def __init__(self, backward: Backward, depth: int = 2) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        self.chains = [Chain([self.step(channels) for _ in range(depth)], backward) for channels in (4, 8)]

    def step(self, channels: int) -> list[Move]:
        given = nn.Conv2d(channels + 1, 3, 1)
        moves = [
            Move(ActNorm(channels)),
            Move(ActNorm(channels), 1),
            Move(LUConv(channels)),
            Move(PlainConv(channels), 1),
            Move(AdditiveCoupling(GlowNetwork(channels, 6, additive=True))),
            Move(AffineCoupling(GlowNetwork(channels, 6, conditioner=given, extra=3)), 1, (0, 2)),
        ]
        self.layers.extend(move.layer for move in moves)
        return moves

    def forward(self, one: Tensor, two: Tensor, plane: Tensor) -> Encoded:
        smaller = [nn.functional.avg_pool2d(plane, 2), nn.functional.avg_pool2d(plane, 4)]
        return encode(self.chains, (one, two), [(each,) for each in smaller])


def twin(backward: Backward, dtype: torch.dtype = torch.float64) -> Twin:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = Twin(backward)
        for parameter in made.parameters():
            parameter.data += 0.05 * torch.randn_like(parameter)
    return made.to(dtype)


def state(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    stream = torch.Generator().manual_seed(1)
    one, two, plane = (torch.randn(2, 1, 8, 8, generator=stream).to(dtype).requires_grad_() for _ in range(3))
    return one, two, plane


def gradients(backward: Backward, dtype: torch.dtype, bf16: bool = False) -> tuple[list[Tensor], list[Tensor]]:
    """Everything the chains give, and the gradients of a function of all of it."""
    model, inputs = twin(backward, dtype), state(dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        encoded = model(*inputs)
    values = [*encoded.log_dets, *encoded.latents(0), *encoded.latents(1)]
    loss = torch.stack([torch.sin(value).mean() * weight for weight, value in enumerate(values, start=1)]).sum()
    return values, list(torch.autograd.grad(loss, [*inputs, *model.parameters()]))


def relative_error(found: list[Tensor], expected: list[Tensor]) -> float:
    """The largest error of a tensor over its norm."""
    pairs = zip(found, expected, strict=True)
    return max(float((one - other).norm() / other.norm().clamp_min(1e-12)) for one, other in pairs)


class TestGradients:
    @pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-13)])
    @pytest.mark.parametrize("backward", ["checkpointed", "reversible"])
    def test_are_those_of_plain_backpropagation(self, backward: Backward, dtype: torch.dtype, tolerance: float) -> None:
        values, expected = gradients("plain", dtype)
        found_values, found = gradients(backward, dtype)
        for value, other in zip(values, found_values, strict=True):
            torch.testing.assert_close(other, value)
        assert relative_error(found, expected) < tolerance
        if backward == "checkpointed":
            assert all(map(torch.equal, found, expected))

    def test_under_bf16_are_as_near_to_float32s(self) -> None:
        """A kept half that is found again up to rounding rounds to another bf16 now and then."""
        _, exact = gradients("plain", torch.float32)
        plain = relative_error(gradients("plain", torch.float32, bf16=True)[1], exact)
        reversible = relative_error(gradients("reversible", torch.float32, bf16=True)[1], exact)
        assert 0 < plain < 0.2
        assert reversible < 2 * plain

    def test_frozen_parameters_get_none(self) -> None:
        model, inputs = twin("reversible"), state()
        for name, parameter in model.named_parameters():
            parameter.requires_grad_("lower" not in name)
        model(*inputs).latents(0)[0].sum().backward()
        factors = dict(model.layers[2].named_parameters())
        assert factors["lower"].grad is None
        assert factors["upper"].grad is not None

    def test_of_data_that_needs_none(self) -> None:
        one, two, plane = (member.detach() for member in state())
        model = twin("reversible")
        model(one, two, plane).log_dets[1].sum().backward()
        reference = twin("plain")
        reference(one, two, plane).log_dets[1].sum().backward()
        for p, q in zip(model.parameters(), reference.parameters(), strict=True):
            if q.grad is not None:
                torch.testing.assert_close(p.grad, q.grad)

    def test_reversible_keeps_the_output_alone(self) -> None:
        """Tensors that autograd keeps do not grow in number with depth."""

        def kept(backward: Backward, depth: int) -> int:
            with torch.random.fork_rng():
                torch.manual_seed(0)
                model = Twin(backward, depth).double()
            count = 0

            def count_one(tensor: Tensor) -> Tensor:
                nonlocal count
                count += 0 if isinstance(tensor, nn.Parameter) else 1
                return tensor

            with torch.autograd.graph.saved_tensors_hooks(count_one, lambda tensor: tensor):
                model(*state())
            return count

        assert kept("reversible", 4) == kept("reversible", 1)
        assert kept("plain", 4) > 3 * kept("plain", 1)


class TestChain:
    def test_inverse_undoes_a_call(self) -> None:
        model, (one, two, plane) = twin("plain"), state()
        chain, small = model.chains[0], nn.functional.avg_pool2d(plane, 2)
        start = [nn.functional.pixel_unshuffle(member, 2) for member in (one, two)]
        moved = chain(*start, small)
        assert torch.equal(moved.state[2], small)
        for found, expected in zip(chain.inverse(*moved.state), [*start, small], strict=True):
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)

    def test_decode_undoes_encode(self) -> None:
        layers: list[list[FlowLayer]] = [[ActNorm(4), LUConv(4)], [ActNorm(8), PlainConv(8)]]
        chains = [Chain([[Move(layer.double()) for layer in step]]) for step in layers]
        z = torch.randn(3, 1, 8, 8, dtype=torch.float64)
        initialize(chains, (z,))
        latents = encode(chains, (z,)).latents()
        assert [tuple(latent.shape) for latent in latents] == [(3, 2, 4, 4), (3, 8, 2, 2)]
        torch.testing.assert_close(decode(chains, lambda level, _: latents[level]), z)

    def test_initialisation_reaches_every_level(self) -> None:
        norms = [ActNorm(4).double(), ActNorm(8).double()]
        chains = [Chain([[Move(norm)]]) for norm in norms]
        z = 3 + 2 * torch.randn(8, 1, 8, 8, dtype=torch.float64)
        initialize(chains, (z,))
        top = encode(chains, (z,)).latents()[1]
        assert torch.allclose(top.mean((0, 2, 3)), torch.zeros(8, dtype=torch.float64), atol=1e-6)
        assert torch.allclose(top.std((0, 2, 3)), torch.ones(8, dtype=torch.float64), atol=1e-5)

    def test_unknown_way_backwards(self) -> None:
        with pytest.raises(ValueError, match="backward must be one of plain, checkpointed, reversible, found 'fast'"):
            Chain([[Move(ActNorm(4))]], "fast")  # type: ignore[arg-type]


def test_latents_of_a_64x64_picture() -> None:
    assert latent_shapes((3, 64, 64), 4) == [(6, 32, 32), (12, 16, 16), (24, 8, 8), (96, 4, 4)]
    assert latent_shapes((1, 8, 16), 1) == [(4, 4, 8)]
