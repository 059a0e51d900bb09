from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.functional import jacobian

from i2ibench.models.layers.c_glow_step import (
    ChannelAffine,
    Init,
    Source,
    SourceActNorm,
    SourceConv,
    SourceNetwork,
    SplitPrior,
    ZeroConv,
    c_glow_step,
    conditioner,
    resize_conv,
)
from i2ibench.models.layers.flow import FlowLayer
from i2ibench.models.layers.glow_step import AffineCoupling

SIZE, SIDES, CHANNELS = (16, 8), (8, 4), 4


def source(init: Init = "orthogonal") -> Source:
    return Source(channels=3, size=SIZE, hidden_size=16, hidden_channels=8, init=init)


def step(init: Init = "orthogonal", moved: float = 0.2) -> list[FlowLayer]:
    """ActNorm, 1x1 convolution and coupling, moved so that nothing is zero."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = c_glow_step(source(init), CHANNELS, SIDES, hidden=6)
        for layer in layers:
            for parameter in layer.parameters():
                parameter.data += moved * torch.randn_like(parameter)
    return layers


def inputs(batch: int = 2, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """z and x."""
    stream = torch.Generator().manual_seed(1)
    z = torch.randn(batch, CHANNELS, *SIDES, generator=stream, dtype=dtype)
    return z, torch.rand(batch, 3, *SIZE, generator=stream, dtype=dtype)


@pytest.mark.parametrize("index", range(3))
class TestLayers:
    def test_log_determinant_is_that_of_the_jacobian(self, index: int) -> None:
        layer, (z, x) = step()[index].double(), inputs()
        _, log_det = layer(z, x)
        assert log_det.shape == (2,)
        for b in range(2):
            full = jacobian(lambda one, b=b: layer(one, x[b : b + 1])[0], z[b : b + 1])
            expected = torch.linalg.slogdet(full.reshape(z[b].numel(), -1)).logabsdet
            assert log_det[b].item() == pytest.approx(expected.item(), rel=1e-10)
        assert log_det[0] != log_det[1]  # each source has its own

    @pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-13)])
    def test_inverse(self, index: int, dtype: torch.dtype, tolerance: float) -> None:
        layer, (z, x) = step()[index].to(dtype), inputs(dtype=dtype)
        with torch.no_grad():
            out, _ = layer(z, x)
            assert (out - z).abs().max() > 0.1
            torch.testing.assert_close(layer.inverse(out, x), z, rtol=0, atol=tolerance)

    def test_reads_the_same_off_its_output(self, index: int) -> None:
        layer, (z, x) = step()[index].double(), inputs()
        with torch.no_grad():
            before, after = layer.read(z, x), layer.read(layer(z, x)[0], x)
        assert all(map(torch.equal, before, after))

    def test_reads_the_source(self, index: int) -> None:
        layer, (z, x) = step()[index].double(), inputs()
        assert (layer(z, x)[0] - layer(z, x.flip(0))[0]).abs().max() > 1e-5

    def test_state_and_log_determinants_stay_in_float32_under_autocast(self, index: int) -> None:
        layer, (z, x) = step()[index], inputs(dtype=torch.float32)
        with torch.no_grad():
            expected, expected_log_det = layer(z, x)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                out, log_det = layer(z, x)
                back = layer.inverse(out, x)
        assert out.dtype == log_det.dtype == back.dtype == torch.float32
        torch.testing.assert_close(back, z, rtol=0, atol=1e-5)
        if index == 2:
            assert (out - expected).abs().max() > 1e-5  # bf16 convolutions
            torch.testing.assert_close(out, expected, rtol=0, atol=0.05)
        else:
            assert torch.equal(out, expected)  # conditioners in full
            assert torch.equal(log_det, expected_log_det)


def test_actnorm_is_the_formula() -> None:
    layer, (z, x) = SourceActNorm(source(), CHANNELS).double(), inputs()
    out = torch.tensor([[0.1, -0.2, 0.3, 0.4, 0.5, -0.6, 0.7, 0.0]] * 2, dtype=torch.float64)
    layer.conditioner.register_forward_hook(lambda *_: out)
    found, log_det = layer(z, x)
    for channel in range(CHANNELS):
        expected = (z[:, channel] + out[0, 4 + channel]) * torch.exp(out[0, channel])
        torch.testing.assert_close(found[:, channel], expected)
    torch.testing.assert_close(log_det, torch.full((2,), 8 * 4 * 0.6, dtype=torch.float64))


def test_actnorm_is_the_identity_at_first() -> None:
    layer, (z, x) = SourceActNorm(source("fixed"), CHANNELS).double(), inputs()
    out, log_det = layer(z, x)
    assert torch.equal(out, z)
    assert torch.equal(log_det, torch.zeros(2, dtype=torch.float64))


def test_convolution_is_each_sources_own_1x1_convolution() -> None:
    layer, (z, x) = step()[1].double(), inputs()
    assert isinstance(layer, SourceConv)
    with torch.no_grad():
        weights = layer.conditioner(x).view(2, CHANNELS, CHANNELS)
        found, _ = layer(z, x)
    for b in range(2):
        expected = nn.functional.conv2d(z[b : b + 1], weights[b, :, :, None, None])
        torch.testing.assert_close(found[b : b + 1], expected)


@pytest.mark.parametrize("init", ["reference", "fixed"])
def test_published_convolutions_are_ill_conditioned_where_orthogonal_ones_are_not(init: Init) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        published, orthogonal = SourceConv(source(init), 12), SourceConv(source("orthogonal"), 12)
    z, x = torch.zeros(1, 12, 4, 4), torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    assert torch.linalg.cond(published.read(z, x)[0]) > 8
    assert torch.linalg.cond(orthogonal.read(z, x)[0]) < 4


def test_coupling_network_answers_shifts_in_even_and_logits_in_odd_channels() -> None:
    network = SourceNetwork(source(), CHANNELS, SIDES, hidden=6).double()
    layer, (z, x) = AffineCoupling(network), inputs()
    seen: list[Tensor] = []
    network.layers.register_forward_hook(lambda _, given, out: seen.extend((given[0], out)))
    for parameter in network.parameters():
        parameter.data += 0.1
    with torch.no_grad():
        out, log_det = layer(z, x)
        features = network.condition(x)
    joined, answer = seen
    assert torch.equal(joined, torch.cat([features, z[:, :2]], 1))
    shift = torch.stack([answer[:, 0], answer[:, 2]], 1)
    scale = torch.sigmoid(torch.stack([answer[:, 1], answer[:, 3]], 1) + 2)
    torch.testing.assert_close(out, torch.cat([z[:, :2], (z[:, 2:] + shift) * scale], 1))
    torch.testing.assert_close(log_det, scale.log().sum((1, 2, 3)))


def test_coupling_scales_by_sigmoid_of_two_at_first() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = AffineCoupling(SourceNetwork(source("reference"), CHANNELS, SIDES, hidden=6)).double()
    z, x = inputs()
    out, _ = layer(z, x)
    torch.testing.assert_close(out, torch.cat([z[:, :2], z[:, 2:] * 0.8807970779778823], 1))


def test_only_couplings_run_in_bf16() -> None:
    actnorm, conv, coupling = step()
    z, x = inputs(dtype=torch.float32)
    types: dict[str, set[torch.dtype]] = {"conditioner": set(), "coupling": set()}

    def note(name: str, module: nn.Module) -> None:
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.register_forward_hook(lambda _, __, out: types[name].add(out.dtype))

    note("conditioner", actnorm)
    note("conditioner", conv)
    note("coupling", coupling)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for layer in (actnorm, conv, coupling):
            layer(z, x)
    assert types == {"conditioner": {torch.float32}, "coupling": {torch.bfloat16}}


def test_split_prior_answers_means_in_even_and_log_deviations_in_odd_channels() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        prior = SplitPrior(8).double()
    kept, _ = inputs()
    mean, log_std = prior(kept)
    out = torch.tanh(prior.conv(kept))
    for channel in range(4):
        assert torch.equal(mean[:, channel], out[:, 2 * channel])
        assert torch.equal(log_std[:, channel], out[:, 2 * channel + 1])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert {part.dtype for part in prior.float()(kept.float())} == {torch.float32}


def test_affine_and_zero_convolution() -> None:
    z, _ = inputs()
    affine, zero = ChannelAffine(CHANNELS).double(), ZeroConv(CHANNELS, 6).double()
    assert torch.equal(zero(z), torch.zeros(2, 6, *SIDES, dtype=torch.float64))
    expected = (z[:, 1] + affine.bias[0, 1]) * torch.exp(affine.log_scale[0, 1])
    torch.testing.assert_close(affine(z)[:, 1], expected)
    zero.bias.data += 2
    zero.log_scale.data += 0.5
    torch.testing.assert_close(zero(z), torch.full((2, 6, *SIDES), 2 * torch.e**1.5, dtype=torch.float64))
    assert affine(z.bfloat16()).dtype == torch.bfloat16
    assert zero.float()(z.float()).dtype == torch.float32


def test_conditioner_halves_thrice_and_stays_within_one() -> None:
    network = conditioner(source(), 7)
    convolutions = [layer for layer in network if isinstance(layer, nn.Conv2d)]
    assert [(conv.kernel_size, conv.stride) for conv in convolutions] == [((2, 2), (2, 2))] * 3
    assert [layer.in_features for layer in network if isinstance(layer, nn.Linear)] == [8 * 2 * 1, 16, 16]
    out = network(1e4 * torch.rand(2, 3, *SIZE))
    assert out.shape == (2, 7)
    assert out.abs().max() <= 1


@pytest.mark.parametrize(
    ("size", "wanted", "kernel", "stride"),
    [((256, 256), (16, 16), 16, 16), ((64, 128), (32, 64), 2, 2), ((15, 15), (7, 7), 3, 2)],
)
def test_resize_conv(size: tuple[int, int], wanted: tuple[int, int], kernel: int, stride: int) -> None:
    conv = resize_conv(3, 2, size, wanted, "fixed")
    assert conv.kernel_size == (kernel, kernel)
    assert conv.stride == (stride, stride)
    assert conv(torch.zeros(1, 3, *size)).shape == (1, 2, *wanted)
