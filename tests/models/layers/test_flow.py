"""Every layer of Glow's step: inverses, Jacobians, initial values; and the moves of a chain."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.functional import jacobian

from i2ibench.models.layers.flow import FlowLayer
from i2ibench.models.layers.glow_step import (
    ActNorm,
    AdditiveCoupling,
    AffineCoupling,
    GlowNetwork,
    LUConv,
    PlainConv,
    ZeroConv,
    assembled,
    factorized,
    random_rotation,
)
from i2ibench.models.layers.multiscale import squeeze, unsqueeze

CHANNELS = 4


def planes_coupling() -> FlowLayer:
    return AffineCoupling(GlowNetwork(CHANNELS, 8, conditioner=nn.Identity(), extra=3))


LAYERS: dict[str, Callable[[], FlowLayer]] = {
    "actnorm": lambda: ActNorm(CHANNELS),
    "plain conv": lambda: PlainConv(CHANNELS),
    "lu conv": lambda: LUConv(CHANNELS),
    "affine": lambda: AffineCoupling(GlowNetwork(CHANNELS, 8)),
    "additive": lambda: AdditiveCoupling(GlowNetwork(CHANNELS, 8, additive=True)),
    "affine given planes": planes_coupling,
}


@pytest.fixture(params=LAYERS)
def layer(request: pytest.FixtureRequest) -> FlowLayer:
    """Each layer, its parameters moved off their first values."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = LAYERS[request.param]()
        for parameter in made.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
    return made.double()


@pytest.fixture
def z() -> Tensor:
    return torch.randn(2, CHANNELS, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def planes() -> Tensor:
    return torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)[:, :, None, None]


class TestLayers:
    def test_log_determinant_is_that_of_the_jacobian(self, layer: FlowLayer, z: Tensor, planes: Tensor) -> None:
        _, log_det = layer(z, planes)
        assert log_det.shape == (2,)
        for b in range(2):
            size = z[b].numel()
            found = jacobian(lambda one, b=b: layer(one, planes[b : b + 1])[0], z[b : b + 1]).reshape(size, size)
            torch.testing.assert_close(log_det[b], torch.linalg.slogdet(found).logabsdet, rtol=1e-9, atol=1e-9)

    def test_inverse_undoes_forward(self, layer: FlowLayer, z: Tensor, planes: Tensor) -> None:
        out, _ = layer(z, planes)
        torch.testing.assert_close(layer.inverse(out, planes), z, rtol=0, atol=1e-12)

    def test_reads_the_same_off_input_and_output(self, layer: FlowLayer, z: Tensor, planes: Tensor) -> None:
        """What makes a chain reversible."""
        out, _ = layer(z, planes)
        for one, other in zip(layer.read(z, planes), layer.read(out, planes), strict=True):
            assert torch.equal(one, other)

    def test_under_autocast_state_and_log_determinants_keep_their_type(
        self, layer: FlowLayer, z: Tensor, planes: Tensor
    ) -> None:
        layer.float()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out, log_det = layer(z.float(), planes.float())
            back = layer.inverse(out, planes.float())
        assert out.dtype == log_det.dtype == torch.float32
        torch.testing.assert_close(back, z.float(), rtol=0, atol=1e-5)


class TestActNorm:
    def test_first_batch_leaves_it_standardised(self) -> None:
        z = 5 * torch.randn(6, CHANNELS, 8, 8, dtype=torch.float64) + torch.arange(CHANNELS).view(1, -1, 1, 1)
        layer = ActNorm(CHANNELS).double()
        layer.initialize(z, None)
        out, log_det = layer(z)
        assert torch.allclose(out.mean((0, 2, 3)), torch.zeros(CHANNELS, dtype=torch.float64), atol=1e-6)
        assert torch.allclose(out.std((0, 2, 3)), torch.ones(CHANNELS, dtype=torch.float64), atol=1e-5)
        expected = -64 * torch.log(z.std((0, 2, 3)) + 1e-6).sum()
        torch.testing.assert_close(log_det, expected.expand(6))

    def test_negative_scales_are_allowed(self) -> None:
        layer = ActNorm(1)
        layer.scale.data.fill_(-2.0)
        out, log_det = layer(torch.ones(1, 1, 2, 2))
        assert out.flatten().tolist() == [-2.0] * 4
        assert log_det.item() == pytest.approx(4 * torch.tensor(2.0).log().item())


class TestConv:
    def test_factors_give_the_matrix_back(self) -> None:
        weight = random_rotation(6).double()
        permutation, lower, upper, sign, log_scale = factorized(weight)
        made = assembled(permutation, sign, lower[None], upper[None], log_scale[None])
        torch.testing.assert_close(made[0], weight)
        torch.testing.assert_close(weight @ weight.T, torch.eye(6, dtype=torch.float64), rtol=0, atol=1e-6)

    def test_rotations_have_no_log_determinant_at_first(self) -> None:
        for layer in (PlainConv(8), LUConv(8)):
            assert layer(torch.zeros(1, 8, 4, 4))[1].item() == pytest.approx(0, abs=1e-4)

    def test_only_a_triangle_of_each_factor_counts(self) -> None:
        layer, z = LUConv(CHANNELS), torch.randn(1, CHANNELS, 2, 2)
        before = layer(z)[0]
        with torch.no_grad():
            layer.lower += torch.ones(CHANNELS, CHANNELS).triu()
            layer.upper += torch.ones(CHANNELS, CHANNELS).tril()
        torch.testing.assert_close(layer(z)[0], before)

    def test_is_a_convolution(self) -> None:
        layer, z = PlainConv(CHANNELS), torch.randn(2, CHANNELS, 3, 5)
        torch.testing.assert_close(layer(z)[0], nn.functional.conv2d(z, layer.weight[:, :, None, None]))


class TestCoupling:
    def test_first_values(self) -> None:
        """shift 0 and scale sigmoid(2): log-determinant -0.126928 for each moved value."""
        layer, z = AffineCoupling(GlowNetwork(CHANNELS, 8)), torch.randn(1, CHANNELS, 2, 2)
        out, log_det = layer(z)
        torch.testing.assert_close(out[:, :2], z[:, :2])
        torch.testing.assert_close(out[:, 2:], 0.880797 * z[:, 2:])
        assert log_det.item() == pytest.approx(-0.126928 * 8, rel=1e-5)

    def test_zero_conv_pads_with_ones(self) -> None:
        conv = ZeroConv(3, 1)
        nn.init.ones_(conv.conv.weight)
        out = conv(torch.zeros(1, 3, 3, 3))[0, 0]
        assert out.tolist() == [[15, 9, 15], [9, 0, 9], [15, 9, 15]]

    def test_zero_conv_scales_by_three_times_the_exponent(self) -> None:
        conv = ZeroConv(1, 1)
        nn.init.ones_(conv.conv.weight)
        before = conv(torch.ones(1, 1, 4, 4))
        nn.init.constant_(conv.log_scale, 0.5)
        torch.testing.assert_close(conv(torch.ones(1, 1, 4, 4)), before * torch.tensor(1.5).exp())


def test_squeeze_order() -> None:
    ramp = torch.arange(16.0).view(1, 1, 4, 4)
    assert squeeze(ramp)[0].tolist() == [
        [[0, 2], [8, 10]],
        [[1, 3], [9, 11]],
        [[4, 6], [12, 14]],
        [[5, 7], [13, 15]],
    ]
    z = torch.randn(2, 3, 4, 6)
    torch.testing.assert_close(unsqueeze(squeeze(z)), z)
    assert torch.equal(squeeze(z)[:, 4 * 2 + 2 * 1 + 0], z[:, 2, 1::2, 0::2])
