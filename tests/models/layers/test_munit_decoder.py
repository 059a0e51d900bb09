from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from i2ibench.models.layers.adain import AdaINResidualBlock
from i2ibench.models.layers.munit_decoder import PlainDecoder, StyledDecoder, UnbiasedLayerNorm


class TestLayerNorm:
    def test_by_hand(self) -> None:
        """1, 2, 3 and 6 over two channels: mean 3, unbiased variance 14 / 3, and 1e-5 beside the root, not in it."""
        norm = UnbiasedLayerNorm(2)
        norm.gain.data, norm.shift.data = torch.tensor([2.0, 0.5]), torch.tensor([10.0, -1.0])
        divisor = math.sqrt(14 / 3) + 1e-5
        expected = [[10 - 4 / divisor, 10 - 2 / divisor], [-1.0, -1 + 1.5 / divisor]]
        found = norm(torch.tensor([[[[1.0, 2.0]], [[3.0, 6.0]]]]))
        torch.testing.assert_close(found[0, :, 0], torch.tensor(expected))

    def test_of_a_map_that_hardly_varies(self) -> None:
        """Here it matters that 1e-5 is added to the deviation: within the root it would rule."""
        x = torch.tensor([[[[0.0, 2e-5]]]], dtype=torch.float64)
        norm = UnbiasedLayerNorm(1).double()
        norm.gain.data.fill_(1)
        deviation = math.sqrt(2) * 1e-5
        expected = torch.tensor([-1.0, 1.0], dtype=torch.float64) * 1e-5 / (deviation + 1e-5)
        torch.testing.assert_close(norm(x).flatten(), expected)

    def test_pictures_are_apart(self) -> None:
        torch.manual_seed(0)
        norm, x = UnbiasedLayerNorm(3), torch.randn(2, 3, 4, 5) * torch.tensor([1.0, 9.0])[:, None, None, None]
        torch.testing.assert_close(norm(x), torch.cat([norm(x[:1]), norm(x[1:])]))

    def test_gradients_are_right_and_a_flat_map_has_some(self) -> None:
        torch.manual_seed(0)
        norm = UnbiasedLayerNorm(2).double()
        assert torch.autograd.gradcheck(norm, torch.randn(2, 2, 2, 2, dtype=torch.float64, requires_grad=True))
        flat = torch.ones(1, 2, 2, 2, requires_grad=True)
        UnbiasedLayerNorm(2)(flat).square().sum().backward()
        assert flat.grad is not None
        assert torch.isfinite(flat.grad).all()

    def test_gains_start_uniform_and_shifts_at_nothing(self) -> None:
        torch.manual_seed(0)
        norm = UnbiasedLayerNorm(20_000)
        assert 0 <= norm.gain.min() < 0.001
        assert 0.999 < norm.gain.max() < 1
        assert norm.gain.mean().item() == pytest.approx(0.5, abs=0.01)
        assert not norm.shift.any()


class TestStyledDecoder:
    def test_blocks_take_their_parameters_in_order(self) -> None:
        torch.manual_seed(0)
        decoder, content = StyledDecoder(2, doublings=1, blocks=3), torch.randn(2, 4, 4, 6)
        assert decoder.parameters_needed == 3 * 16
        parameters = torch.randn(2, 48)
        x = content
        for index, block in enumerate(decoder.blocks):
            assert isinstance(block, AdaINResidualBlock)
            x = block(x, parameters[:, 16 * index : 16 * index + 16])
        assert torch.equal(decoder(content, parameters), decoder.layers(x))

    @pytest.mark.parametrize("doublings", [1, 2])
    def test_tail_by_functions(self, doublings: int) -> None:
        """Nearest doubling, 5x5 convolution to half the channels, odd layer norm, ReLU; 7x7 convolution and tanh."""
        torch.manual_seed(0)
        decoder, x = StyledDecoder(2, doublings, blocks=1), torch.randn(1, 2 << doublings, 4, 6)
        found, layers = decoder.layers(x), list(decoder.layers)
        for _ in range(doublings):
            _, convolution, norm, _ = layers[:4]
            x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
            x = F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), convolution.weight, convolution.bias)
            deviation, mean = torch.std_mean(x, (1, 2, 3), keepdim=True)
            x = ((x - mean) / (deviation + 1e-5) * norm.gain[:, None, None] + norm.shift[:, None, None]).relu()
            layers = layers[4:]
        (last,) = (layer for layer in layers if isinstance(layer, nn.Conv2d))
        x = F.conv2d(F.pad(x, (3, 3, 3, 3), mode="reflect"), last.weight, last.bias).tanh()
        torch.testing.assert_close(found, x)
        assert found.shape == (1, 3, 4 << doublings, 6 << doublings)


def test_plain_decoder_has_the_parameters_of_the_styled_one() -> None:
    with torch.device("meta"):
        counts = {sum(p.numel() for p in network.parameters()) for network in (StyledDecoder(), PlainDecoder())}
        assert PlainDecoder()(torch.empty(2, 256, 8, 16)).shape == (2, 3, 32, 64)
    assert counts == {5_754_627}


def test_under_autocast_statistics_are_float32() -> None:
    torch.manual_seed(0)
    norm, x = UnbiasedLayerNorm(4), torch.randn(1, 4, 8, 8) + 100
    found = norm(x.bfloat16())
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), norm(x.bfloat16().float()), rtol=1e-2, atol=1e-2)
