from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from i2ibench.models.layers.content_encoder import ContentEncoder
from i2ibench.models.layers.style_encoder import StyleEncoder


class TestContent:
    @pytest.mark.parametrize(("halvings", "shape"), [(1, (8, 16, 24)), (2, (16, 8, 12)), (3, (32, 4, 6))])
    def test_has_the_smaller_pictures_shape(self, halvings: int, shape: tuple[int, ...]) -> None:
        with torch.device("meta"):
            assert ContentEncoder(4, halvings, 1)(torch.empty(2, 3, 32, 48)).shape == (2, *shape)

    def test_parameters_are_published(self) -> None:
        with torch.device("meta"):
            assert sum(p.numel() for p in ContentEncoder().parameters()) == 5_385_856

    def test_forgets_brightness_and_contrast(self) -> None:
        """The first norm takes both away, but for its epsilon."""
        torch.manual_seed(0)
        encoder, x = ContentEncoder(4, 1, 1).double(), torch.randn(1, 3, 16, 16).double()
        torch.testing.assert_close(encoder(x), encoder(3 * x + 0.5), rtol=1e-3, atol=1e-3)

    @pytest.mark.parametrize("halvings", [1, 2, 3])
    def test_smallest_pictures(self, halvings: int) -> None:
        least = max(4, 2 << halvings)
        encoder = ContentEncoder(2, halvings, 1)
        assert encoder(torch.randn(1, 3, least, least)).shape[2:] == (least >> halvings,) * 2
        with pytest.raises((RuntimeError, ValueError)):
            encoder(torch.randn(1, 3, 1 << halvings, 1 << halvings))


class TestStyle:
    def test_by_functions(self) -> None:
        """Reflection, ReLU after each but the last, and no norm anywhere."""
        torch.manual_seed(0)
        encoder, x = StyleEncoder(5, 2), torch.randn(2, 3, 32, 48)
        convolutions = [one for one in encoder.features if isinstance(one, nn.Sequential)]
        widths = [(2, 4), (4, 8), (8, 8), (8, 8)]
        assert [(one[0].in_channels, one[0].out_channels) for one in convolutions] == widths
        first = encoder.features[0]
        y = F.conv2d(F.pad(x, (3,) * 4, mode="reflect"), first.weight, first.bias).relu()
        for layer, _ in convolutions:
            y = F.conv2d(F.pad(y, (1,) * 4, mode="reflect"), layer.weight, layer.bias, stride=2).relu()
        expected = F.linear(F.adaptive_avg_pool2d(y, 1).flatten(1), encoder.style.weight.flatten(1), encoder.style.bias)
        torch.testing.assert_close(encoder(x), expected)
        assert not any(isinstance(module, nn.InstanceNorm2d) for module in encoder.modules())

    def test_parameters_are_published(self) -> None:
        with torch.device("meta"):
            assert sum(p.numel() for p in StyleEncoder().parameters()) == 2_764_936

    def test_remembers_brightness(self) -> None:
        torch.manual_seed(0)
        encoder, x = StyleEncoder(2, 2), torch.randn(1, 3, 16, 16)
        assert (encoder(x) - encoder(x + 0.5)).abs().max() > 1e-4

    @pytest.mark.parametrize("halvings", [2, 3, 4])
    def test_smallest_pictures(self, halvings: int) -> None:
        least, encoder = 1 << halvings, StyleEncoder(2, 2, halvings)
        assert encoder(torch.randn(1, 3, least, least)).shape == (1, 2)
        with pytest.raises(RuntimeError):
            encoder(torch.randn(1, 3, least // 2, least // 2))
