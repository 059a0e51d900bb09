from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from i2ibench.models.layers.drit_discriminators import ContentDiscriminator, judged, smallest_content
from i2ibench.models.layers.pyramid import halved
from i2ibench.models.layers.unnormed_discriminator import UnnormedDiscriminator


@pytest.fixture(autouse=True)
def global_generator() -> object:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


class TestOfContents:
    @pytest.mark.parametrize(("n_layers", "kernel", "side"), [(3, 7, 60), (2, 3, 17), (0, 7, 6)])
    def test_by_functions(self, n_layers: int, kernel: int, side: int) -> None:
        network, x = ContentDiscriminator(2, n_layers, kernel), torch.randn(2, 2, side, side + 8)
        *strided, last, head = (layer for layer in network.modules() if isinstance(layer, nn.Conv2d))
        y = x
        for layer in strided:
            y = F.leaky_relu(F.conv2d(F.pad(y, (1,) * 4, mode="reflect"), layer.weight, layer.bias, 2), 0.01)
        y = F.conv2d(F.leaky_relu(F.conv2d(y, last.weight, last.bias), 0.01), head.weight, head.bias)
        assert len(strided) == n_layers
        torch.testing.assert_close(network(x), y)

    @pytest.mark.parametrize(("side", "logits"), [(53, 1), (54, 1), (64, 2), (85, 5)])
    def test_published_sizes_and_parameters(self, side: int, logits: int) -> None:
        """Of pictures of 209, 216, 256 and 340 pixels a side."""
        with torch.device("meta"):
            network = ContentDiscriminator()
            assert network(torch.empty(1, 256, side, side)).shape == (1, 1, logits, logits)
        assert sum(p.numel() for p in network.parameters()) == 10_683_649

    @pytest.mark.parametrize(("n_layers", "kernel"), product([0, 1, 2, 3], [3, 4, 5, 7]))
    def test_smallest_contents(self, n_layers: int, kernel: int) -> None:
        least = smallest_content(n_layers, kernel)
        with torch.device("meta"):
            network = ContentDiscriminator(1, n_layers, kernel)
            assert network(torch.empty(1, 1, least, least)).shape == (1, 1, 1, 1)
            with pytest.raises(RuntimeError):
                network(torch.empty(1, 1, least - 1, least))


class TestOfPictures:
    def test_see_several_batches_as_if_apart(self) -> None:
        network = UnnormedDiscriminator(2, 2, 3, slope=0.01)
        batches = [torch.randn(2, 3, 32, 24) for _ in range(3)]
        for found, batch in zip(judged(network, *([one] for one in batches)), batches, strict=True):
            for one, other in zip(found, network(batch), strict=True):
                torch.testing.assert_close(one, other)

    def test_at_given_scales(self) -> None:
        """The second one is what was given, the third its average."""
        network = UnnormedDiscriminator(2, 1, 3)
        full, half = torch.randn(1, 3, 32, 32), torch.randn(1, 3, 16, 16)
        (found,) = judged(network, [full, half])
        seen = (full, half, halved(half))
        for one, judge, picture in zip(found, network.scales, seen, strict=True):
            torch.testing.assert_close(one, judge(picture))
