from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.functional import jacobian

from i2ibench.models.layers.flow import FlowLayer
from i2ibench.models.layers.full_glow_step import (
    Condition,
    ConditionalActNorm,
    ConditionalLUConv,
    ConditionalPlainConv,
    Conditioner,
    conditional_step,
    coupling_conditioner,
)

CONDITION = Condition(5, 6, 7)
CHANNELS = 4
LAYERS: dict[str, Callable[[], FlowLayer]] = {
    "actnorm": lambda: conditional_step(CHANNELS, CONDITION, 8, True)[0],
    "lu": lambda: conditional_step(CHANNELS, CONDITION, 8, True)[1],
    "plain": lambda: conditional_step(CHANNELS, CONDITION, 8, False)[1],
    "coupling": lambda: conditional_step(CHANNELS, CONDITION, 8, True)[2],
}


def made(kind: str, std: float = 0.0, dtype: torch.dtype = torch.float64) -> FlowLayer:
    """The layer with its weights off their first values by `std`."""
    with torch.random.fork_rng():  # of some seeds the two channels before the linear layers are 0 for every condition
        torch.manual_seed(1)
        layer = LAYERS[kind]()
        for parameter in layer.parameters():
            parameter.data += std * torch.randn_like(parameter)
    return layer.to(dtype)


def inputs(batch: int = 3, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    stream = torch.Generator().manual_seed(1)
    z = torch.randn(batch, CHANNELS, 6, 7, generator=stream, dtype=torch.float64)
    return z.to(dtype), torch.randn(batch, *CONDITION, generator=stream, dtype=torch.float64).to(dtype)


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_conditioners_have_the_published_sizes() -> None:
    condition = Condition(12, 32, 32)
    assert parameters(ConditionalActNorm(12, condition).conditioner) == 57_086
    assert parameters(ConditionalLUConv(12, condition).conditioner) == 70_610
    assert parameters(ConditionalPlainConv(12, condition).conditioner) == 62_966
    assert parameters(coupling_conditioner(12, 12)) == 27_788
    wide = Conditioner(Condition(12, 128, 128), torch.zeros(24)).trunk[7]
    assert isinstance(wide, nn.Linear)
    assert parameters(wide) == 984_096


@pytest.mark.parametrize("kind", LAYERS)
class TestEveryLayer:
    def test_log_determinants_are_those_of_each_pictures_jacobian(self, kind: str) -> None:
        layer = made(kind, std=0.3)
        z, condition = inputs()
        with torch.no_grad():
            log_dets = layer(z, condition)[1]
        assert log_dets.shape == (3,)
        for b in range(3):

            def out(one: Tensor, b: int = b) -> Tensor:
                moved: Tensor = layer(one, condition[b : b + 1])[0]
                return moved

            size = z[b].numel()
            expected = torch.linalg.slogdet(jacobian(out, z[b : b + 1]).reshape(size, size)).logabsdet
            torch.testing.assert_close(log_dets[b], expected, rtol=1e-9, atol=0)
        assert len(log_dets.unique()) == 3

    @pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-12)])
    def test_inverse(self, kind: str, dtype: torch.dtype, tolerance: float) -> None:
        for std in (0.0, 0.1):
            layer = made(kind, std, dtype)
            z, condition = inputs(dtype=dtype)
            with torch.no_grad():
                moved = layer(z, condition)[0]
                torch.testing.assert_close(layer.inverse(moved, condition), z, rtol=0, atol=tolerance)

    def test_pictures_of_a_batch_are_strangers(self, kind: str) -> None:
        layer = made(kind, std=0.2)
        z, condition = inputs()
        with torch.no_grad():
            together, log_dets = layer(z, condition)
            for b in range(3):
                alone, log_det = layer(z[b : b + 1], condition[b : b + 1])
                torch.testing.assert_close(together[b : b + 1], alone, rtol=1e-12, atol=1e-12)
                torch.testing.assert_close(log_dets[b : b + 1], log_det, rtol=1e-12, atol=1e-12)

    def test_reads_the_condition_not_what_it_moves(self, kind: str) -> None:
        """What is read is the same off the output, and gradients reach the condition and all weights."""
        layer = made(kind, std=0.2)
        z, condition = inputs()
        condition.requires_grad_()
        moved, log_det = layer(z, condition)
        for before, after in zip(layer.read(z, condition), layer.read(moved, condition), strict=True):
            torch.testing.assert_close(before, after, rtol=1e-12, atol=1e-12)
        (torch.sin(moved).sum() + log_det.sum()).backward()
        assert condition.grad is not None
        assert condition.grad.flatten(1).abs().amax(1).min() > 0
        assert all(p.grad is not None and p.grad.abs().max() > 0 for p in layer.parameters())

    def test_the_condition_says_nothing_at_first(self, kind: str) -> None:
        layer = made(kind)
        z, condition = inputs()
        with torch.no_grad():
            torch.testing.assert_close(layer(z, condition)[0], layer(z, -3 * condition)[0], rtol=0, atol=0)

    def test_builds_without_memory(self, kind: str) -> None:
        with torch.device("meta"):
            assert parameters(LAYERS[kind]()) == parameters(made(kind))


class TestActNorm:
    def test_first_batch_is_standardised(self) -> None:
        layer = made("actnorm", std=0.0)
        z, condition = inputs()
        layer.initialize(3 * z + 2, condition)
        with torch.no_grad():
            moved, log_det = layer(3 * z + 2, condition)
        std, mean = torch.std_mean(moved, (0, 2, 3))
        torch.testing.assert_close(mean, torch.zeros_like(mean), rtol=0, atol=1e-12)
        torch.testing.assert_close(std, torch.ones_like(std), rtol=1e-5, atol=0)
        expected = -42 * torch.log((3 * z).std((0, 2, 3)) + 1e-6).sum()
        torch.testing.assert_close(log_det, expected.expand(3), rtol=1e-12, atol=0)

    def test_numbers_read_are_scales_then_shifts(self) -> None:
        layer = made("actnorm")
        assert isinstance(layer, ConditionalActNorm)
        z, condition = inputs()
        numbers = torch.tensor([2.0, -1.0, 0.5, 4.0, 1.0, 2.0, 3.0, -4.0], dtype=torch.float64)
        with torch.no_grad():
            layer.conditioner.output.bias.copy_(numbers)
            moved, log_det = layer(z, condition)
        scale, shift = numbers[:4, None, None], numbers[4:, None, None]
        torch.testing.assert_close(moved, scale * (z + shift))
        torch.testing.assert_close(log_det, (42 * torch.log(torch.tensor(4.0, dtype=torch.float64))).expand(3))


class TestConvs:
    @pytest.mark.parametrize("kind", ["lu", "plain"])
    def test_start_as_rotations(self, kind: str) -> None:
        z, condition = inputs()
        moved, log_det = made(kind)(z, condition)
        torch.testing.assert_close(moved.norm(dim=1), z.norm(dim=1), rtol=1e-5, atol=0)
        assert log_det.abs().max() < 1e-4
        assert (moved - z).abs().max() > 0.1

    def test_a_row_is_an_output_channel(self) -> None:
        layer = made("plain")
        assert isinstance(layer, ConditionalPlainConv)
        z, condition = inputs()
        weight = torch.arange(16, dtype=torch.float64).sin().view(4, 4)
        with torch.no_grad():
            layer.conditioner.output.bias.copy_(weight.flatten())
            moved, log_det = layer(z, condition)
        torch.testing.assert_close(moved, nn.functional.conv2d(z, weight[:, :, None, None]))
        torch.testing.assert_close(log_det, (42 * torch.linalg.slogdet(weight).logabsdet).expand(3))

    def test_numbers_read_are_lower_upper_and_log_scales(self) -> None:
        layer = made("lu")
        assert isinstance(layer, ConditionalLUConv)
        z, condition = inputs()
        numbers = torch.arange(36, dtype=torch.float64).cos()
        lower, upper, log_scale = numbers[:16].view(4, 4), numbers[16:32].view(4, 4), numbers[32:]
        weight = (
            layer.permutation
            @ (lower.tril(-1) + torch.eye(4, dtype=torch.float64))
            @ (upper.triu(1) + torch.diag(layer.sign * log_scale.exp()))
        )
        with torch.no_grad():
            layer.conditioner.output.bias.copy_(numbers)
            moved, log_det = layer(z, condition)
        torch.testing.assert_close(moved, nn.functional.conv2d(z, weight[:, :, None, None]))
        torch.testing.assert_close(log_det, (42 * log_scale.sum()).expand(3))


@pytest.mark.parametrize("kind", ["actnorm", "lu", "plain"])
def test_autocast_leaves_scales_and_matrices_alone(kind: str) -> None:
    layer = made(kind, 0.2, torch.float32)
    z, condition = inputs(dtype=torch.float32)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        moved, log_det = layer(z, condition)
    with torch.no_grad():
        expected, expected_log_det = layer(z, condition)
    assert moved.dtype == torch.float32
    assert torch.equal(moved, expected)
    assert torch.equal(log_det, expected_log_det)
