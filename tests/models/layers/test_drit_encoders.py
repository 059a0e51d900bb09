from __future__ import annotations

import pytest
import torch
from fingerprint import Digest, fill_by_sequence, input_by_sequence
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.drit_encoders import AttributeEncoder, SharedContentEncoder
from i2ibench.models.layers.style_encoder import StyleEncoder


def reflected(x: Tensor, layer: nn.Conv2d, padding: int, stride: int) -> Tensor:
    return F.conv2d(F.pad(x, (padding,) * 4, mode="reflect"), layer.weight, layer.bias, stride)


class TestContent:
    def test_answers_are_the_published_ones(self) -> None:
        encoder = SharedContentEncoder()
        fill_by_sequence(encoder)
        values = (6.326816, 3.515617, 9.361282, -2.199803, -0.597692, -3.200802)
        found = encoder(input_by_sequence(1, 3, 64, 64).float(), "a")
        Digest.by_sequence(found).assert_close(Digest(65536, 0.399773, 2.64881, 3.295353, values))

    def test_shares_the_last_block_alone(self) -> None:
        with torch.device("meta"):
            encoder = SharedContentEncoder()
        counts = [sum(p.numel() for p in part.parameters()) for part in (*encoder.own.values(), encoder.shared)]
        assert counts == [3_918_976, 3_918_976, 1_180_160]
        small = SharedContentEncoder(2, 1)
        small(torch.randn(1, 3, 16, 16), "b").sum().backward()
        assert all(p.grad is not None for p in (*small.own["b"].parameters(), *small.shared.parameters()))
        assert all(p.grad is None for p in small.own["a"].parameters())

    def test_draws_nothing(self) -> None:
        encoder, x = SharedContentEncoder(2, 1).train(), torch.randn(1, 3, 16, 16)
        assert torch.equal(encoder(x, "a"), encoder(x, "a"))

    @pytest.mark.parametrize(("side", "content"), [(8, 2), (209, 53), (216, 54), (218, 55)])
    def test_sizes(self, side: int, content: int) -> None:
        with torch.device("meta"):
            found = SharedContentEncoder(2, 1)(torch.empty(1, 3, side, 2 * side), "a")
        assert found.shape == (1, 8, content, (2 * side + 3) // 4)

    def test_refuses_smaller_pictures(self) -> None:
        with pytest.raises((RuntimeError, ValueError)):
            SharedContentEncoder(2, 1)(torch.randn(1, 3, 4, 4), "a")


class TestAttributes:
    def test_by_functions(self) -> None:
        """Activations come before convolutions, shortcuts read what they have not touched, and there is no norm."""
        encoder, x = AttributeEncoder(3, 2), torch.randn(2, 3, 32, 48)
        y = reflected(x, encoder.stem, 1, 2)
        for block in encoder.blocks:
            first, second = (layer for layer in block.layers if isinstance(layer, nn.Conv2d))  # type: ignore[union-attr]
            shortcut = block.shortcut[1]  # type: ignore[index]
            hidden = reflected(F.leaky_relu(y, 0.2), first, 1, 1)
            hidden = F.avg_pool2d(reflected(F.leaky_relu(hidden, 0.2), second, 1, 1), 2)
            y = hidden + F.conv2d(F.avg_pool2d(y, 2), shortcut.weight, shortcut.bias)
        features = F.leaky_relu(y, 0.2).mean((2, 3))
        mean, log_variance = encoder(x)
        torch.testing.assert_close(mean, F.linear(features, encoder.mean.weight, encoder.mean.bias))
        expected = F.linear(features, encoder.log_variance.weight, encoder.log_variance.bias)
        torch.testing.assert_close(log_variance, expected)

    def test_widths_and_parameters_are_published(self) -> None:
        with torch.device("meta"):
            encoder = AttributeEncoder()
        assert sum(p.numel() for p in encoder.parameters()) == 2_688_160 / 2
        assert [block.layers[3].out_channels for block in encoder.blocks] == [128, 192, 256]  # type: ignore[index,union-attr]

    def test_reads_further_planes(self) -> None:
        encoder, x = AttributeEncoder(3, 2, 2, in_channels=5), torch.randn(1, 5, 8, 8)
        plain = AttributeEncoder(3, 2, 2)
        plain.load_state_dict(encoder.state_dict() | {"stem.weight": encoder.stem.weight[:, :3]})
        x[:, 3:] = 0
        for found, other in zip(encoder(x), plain(x[:, :3]), strict=True):
            torch.testing.assert_close(found, other)
        assert not torch.isclose(encoder(x)[0], encoder(x + 1)[0]).any()

    @pytest.mark.parametrize("halvings", [1, 2, 4])
    def test_smallest_pictures(self, halvings: int) -> None:
        encoder, least = AttributeEncoder(2, 2, halvings), 1 << halvings
        assert encoder(torch.randn(1, 3, least, least))[0].shape == (1, 2)
        with pytest.raises(RuntimeError):
            encoder(torch.randn(1, 3, least // 2, least // 2))

    def test_those_without_gaussians_are_munits_styles(self) -> None:
        """Against the published network filled by rule."""
        encoder = StyleEncoder()
        fill_by_sequence(encoder)
        assert 2 * sum(p.numel() for p in encoder.parameters()) == 5_529_872
        values = (0.629313, -0.141206, -0.24772, -0.107521, -0.125888, -0.372624)
        found = encoder(input_by_sequence(1, 3, 64, 64).float())
        Digest.by_sequence(found).assert_close(Digest(8, -0.131238, 0.288566, 0.305792, values))
