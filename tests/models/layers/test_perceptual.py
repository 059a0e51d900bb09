from __future__ import annotations

import math

import pytest
import torch
import torchvision
from fingerprint import Digest, fill_by_sequence, input_by_sequence
from torch import Tensor, nn

from i2ibench.models.layers.perceptual import PerceptualNetwork, Trunk, untrained_weights, weight_shapes
from i2ibench.models.layers.style_losses import aligned_style_loss, channel_statistics, content_loss


def filled(trunk: Trunk) -> PerceptualNetwork:
    """By rule; in float64."""
    holder = nn.Module()
    for index, shape in enumerate(weight_shapes(trunk).values()):
        holder.register_parameter(str(index), nn.Parameter(torch.empty(shape)))
    fill_by_sequence(holder)
    weights = dict(zip(weight_shapes(trunk), holder.parameters(), strict=True))
    return PerceptualNetwork(trunk, weights).double()


def three_pictures() -> tuple[Tensor, Tensor, Tensor]:
    content, style, output = (0.5 * input_by_sequence(6, 3, 33, 41) + 0.5)[::2]
    return content[None], style[None], output[None]


class TestVGG19:
    """Against the published normalised network filled by rule, on pictures of odd sides."""

    def test_features(self) -> None:
        found = filled("vgg19_normalised")(three_pictures()[2])
        expected = [
            Digest(86592, 0.756578, 0.756578, 1.731036, (11.916726, 12.340798, 12.107753, 0.0, 0.0, 0.0)),
            Digest(45696, 0.609108, 0.609108, 0.890389, (0.0, 0.0, 0.0, 0.983503, 0.991106, 0.513357)),
            Digest(25344, 0.310571, 0.310571, 0.452747, (0.0,) * 6),
            Digest(15360, 0.127829, 0.127829, 0.172576, (0.0,) * 6),
        ]
        for features, digest in zip(found, expected, strict=True):
            Digest.by_sequence(features).assert_close(digest)

    @pytest.mark.parametrize(("keep", "expected"), [(0.8, 2.5415484e-4), (1.0, 1.7229134e-3)])
    def test_losses(self, keep: float, expected: float) -> None:
        content, style, output = map(filled("vgg19_normalised"), three_pictures())
        assert content_loss(output[-1], content[-1]).item() == pytest.approx(0.95238348, rel=1e-5)
        pairs = zip(map(channel_statistics, output), map(channel_statistics, style), strict=True)
        assert sum(aligned_style_loss(*pair, keep).item() for pair in pairs) == pytest.approx(expected, rel=1e-4)

    def test_parameters(self) -> None:
        network = filled("vgg19_normalised")
        assert sum(weight.numel() for name, weight in network.named_buffers() if "_" in name) == 3_505_740
        assert not list(network.parameters())


class TestTorchvisions:
    @pytest.mark.parametrize(
        ("trunk", "stages"), [("vgg16", (1, 6, 11, 18, 25, 29)), ("vgg19", (1, 6, 11, 20, 29, 35))]
    )
    @pytest.mark.parametrize("normalise", [True, False])
    def test_features_are_theirs(self, trunk: Trunk, stages: tuple[int, ...], normalise: bool) -> None:
        """relu1_1 to relu5_1, and the last, of a network of the same weights, under its own names."""
        weights = untrained_weights(trunk, "test", levels=6)
        with torch.device("meta"):
            theirs = getattr(torchvision.models, trunk)(weights=None, init_weights=False).features[: stages[-1] + 1]
        theirs.load_state_dict({name.removeprefix("features."): one for name, one in weights.items()}, assign=True)
        pictures = torch.rand(2, 3, 33, 41, generator=torch.Generator().manual_seed(0))
        mean, deviation = (torch.tensor(v).reshape(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        x, expected = (pictures - mean) / deviation if normalise else pictures, []
        with torch.no_grad():
            for index, layer in enumerate(theirs):
                x = layer(x)
                if index in stages:
                    expected.append(x.clone())
            found = PerceptualNetwork(trunk, weights, 6, normalise=normalise)(pictures)
            fewer = PerceptualNetwork(trunk, untrained_weights(trunk, "test"), normalise=normalise)(pictures)
        shapes = [(64, 33, 41), (128, 16, 20), (256, 8, 10), (512, 4, 5), (512, 2, 2), (512, 2, 2)]
        assert [tuple(features.shape[1:]) for features in found] == shapes
        for ours, their in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, their)
        assert [tuple(features.shape[1:]) for features in fewer] == shapes[:4]

    def test_parameters_of_vgg19_up_to_relu5_1(self) -> None:
        assert sum(math.prod(shape) for shape in weight_shapes("vgg19", 5).values()) == 12_944_960

    def test_parameters_of_all_of_vgg16s_convolutions(self) -> None:
        assert sum(math.prod(shape) for shape in weight_shapes("vgg16", 6).values()) == 14_714_688

    def test_gradients_reach_the_pictures_alone(self) -> None:
        network = filled("vgg16")
        pictures = torch.rand(1, 3, 16, 16, dtype=torch.float64, requires_grad=True)
        sum(features.sum() for features in network(pictures)).backward()
        assert pictures.grad is not None
        assert pictures.grad.abs().min() > 0
        assert all(buffer.grad is None for buffer in network.buffers())


@pytest.mark.parametrize("trunk", ["vgg16", "vgg19_normalised"])
class TestWeights:
    def test_are_buffers_that_are_not_saved(self, trunk: Trunk) -> None:
        network = PerceptualNetwork(trunk, untrained_weights(trunk, "test"))
        assert not network.state_dict()
        assert not list(network.parameters())
        assert {buffer.device.type for buffer in network.to("meta").buffers()} == {"meta"}

    def test_on_the_meta_device(self, trunk: Trunk) -> None:
        weights = {name: torch.empty(shape, device="meta") for name, shape in weight_shapes(trunk).items()}
        with torch.device("meta"):
            features = PerceptualNetwork(trunk, weights)(torch.empty(1, 3, 64, 32))
        assert [tuple(f.shape[2:]) for f in features] == [(64, 32), (32, 16), (16, 8), (8, 4)]

    def test_must_all_be_there_and_of_their_shape(self, trunk: Trunk) -> None:
        weights = untrained_weights(trunk, "test")
        last = list(weights)[-2]
        with pytest.raises(ValueError, match=rf"'{last}' of shape \(512, 256, 3, 3\), found \(512, 256\)"):
            PerceptualNetwork(trunk, {**weights, last: weights[last][..., 0, 0]})
        del weights[last]
        with pytest.raises(ValueError, match=rf"'{last}' of shape .*none of that name"):
            PerceptualNetwork(trunk, weights)

    def test_untrained_ones_are_a_function_of_the_key(self, trunk: Trunk) -> None:
        one, same, other = (untrained_weights(trunk, key) for key in ("a", "a", "b"))
        state = torch.get_rng_state()
        assert all(torch.equal(one[name], same[name]) for name in one)
        assert not torch.equal(one[next(iter(one))], other[next(iter(one))])
        assert torch.equal(state, torch.get_rng_state())
        features = PerceptualNetwork(trunk, one)(torch.rand(1, 3, 32, 32))
        assert 0.1 < features[-1].std() < 10, "activations neither vanish nor explode"
