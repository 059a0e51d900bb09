from __future__ import annotations

from itertools import product

import pytest
import torch
from fingerprint import Digest, fill_by_sequence, input_by_sequence
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from i2ibench.models.layers.drit_discriminators import (
    ClassifyingDiscriminator,
    ContentDiscriminator,
    judged,
    smallest_content,
)
from i2ibench.models.layers.pyramid import halved
from i2ibench.models.layers.unnormed_discriminator import UnnormedDiscriminator


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

    def test_of_several_domains_answers_as_published(self) -> None:
        """A logit for each of three."""
        network = ContentDiscriminator(logits=3)
        fill_by_sequence(network)
        assert sum(p.numel() for p in network.parameters()) == 10_684_163
        found = network(input_by_sequence(1, 256, 54, 54).float())
        assert found.shape == (1, 3, 1, 1)
        values = (0.733563, -0.283766, -0.132825, -0.283766, -0.132825)
        Digest.by_sequence(found).assert_close(Digest(3, 0.105657, 0.383385, 0.448252, values))

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


class TestThatClassifies:
    REAL_216 = Digest(36, 2.93059, 2.93059, 3.27778, (0.0, 0.0, 0.0, 0.0, 6.502763, 6.486558))
    CLASSES_216 = Digest(3, -0.00257899, 0.0818851, 0.092277, (0.118959, -0.022191, -0.104505, -0.022191, -0.104505))
    REAL_128 = Digest(16, 1.64647, 1.64647, 2.85205, (0.0, 0.0, 0.0, 0.0, 6.623943, 6.614912))
    CLASSES_128 = Digest(3, 0.0276207, 0.118361, 0.116244, (-0.136111, 0.096719, 0.122254, 0.096719, 0.122254))

    @pytest.mark.parametrize(("side", "real", "classes"), [(216, REAL_216, CLASSES_216), (128, REAL_128, CLASSES_128)])
    def test_answers_are_the_published_ones(self, side: int, real: Digest, classes: Digest) -> None:
        """Of the published network of three domains, filled by rule. A ring of zeros stands around the map."""
        network = ClassifyingDiscriminator(3, side)
        fill_by_sequence(network)
        for found, expected in zip(network(input_by_sequence(1, 3, side, side).float()), (real, classes), strict=True):
            Digest.by_sequence(found).assert_close(expected)

    @pytest.mark.parametrize(("classes", "parameters"), [(2, 15_728_256), (3, 15_737_472)])
    def test_published_parameters_and_sizes(self, classes: int, parameters: int) -> None:
        with torch.device("meta"):
            network = ClassifyingDiscriminator(classes)
            real, told = network(torch.empty(2, 3, 216, 216))
        assert sum(p.numel() for p in network.parameters()) == parameters
        assert (real.shape, told.shape) == ((2, 1, 6, 6), (2, classes))
        widths = [layer.out_channels for layer in network.trunk if isinstance(layer, nn.Conv2d)]
        assert widths == [64, 128, 256, 512, 1024, 1024]

    def test_by_functions(self) -> None:
        network, x = ClassifyingDiscriminator(3, 18, 2, 3), torch.randn(2, 3, 18, 34)
        y = x
        for layer in (one for one in network.trunk if isinstance(one, nn.Conv2d)):
            y = F.leaky_relu(F.conv2d(F.pad(y, (1,) * 4, mode="reflect"), layer.weight, layer.bias, 2), 0.01)
        real, classes = network(x)
        assert network.real.bias is None
        assert network.classes.bias is None
        torch.testing.assert_close(real, F.conv2d(F.pad(y, (1,) * 4), network.real.weight))
        assert network.classes.kernel_size == (2, 2)
        torch.testing.assert_close(classes, F.conv2d(y, network.classes.weight).mean((2, 3)))

    @pytest.mark.parametrize(
        ("side", "n_layers", "kernel"), [(216, 6, 3), (128, 6, 2), (64, 6, 1), (40, 6, 1), (64, 4, 4)]
    )
    def test_kernel_of_classes_covers_what_is_left(self, side: int, n_layers: int, kernel: int) -> None:
        with torch.device("meta"):
            network = ClassifyingDiscriminator(5, side, 1, n_layers)
            assert network(torch.empty(1, 3, side, 2 * side))[1].shape == (1, 5)
        assert network.classes.kernel_size == (kernel, kernel)

    @pytest.mark.parametrize(("n_layers", "widths"), [(1, [4]), (2, [4, 4]), (3, [4, 8, 8])])
    def test_last_convolution_does_not_double(self, n_layers: int, widths: list[int]) -> None:
        trunk = ClassifyingDiscriminator(2, 32, 4, n_layers).trunk
        assert [layer.out_channels for layer in trunk if isinstance(layer, nn.Conv2d)] == widths

    def test_spectral_norm_is_in_the_trunk_alone(self) -> None:
        network = ClassifyingDiscriminator(2, 32, 2, 3, spectral=True)
        convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
        assert [parametrize.is_parametrized(layer) for layer in convolutions] == [True, True, True, False, False]
