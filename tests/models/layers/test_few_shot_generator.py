from __future__ import annotations

import torch
from fingerprint import Digest, fill_by_sequence, input_by_sequence
from torch import nn

from i2ibench.models.layers.few_shot_generator import ClassDecoder, FewShotGenerator


def test_outputs_are_the_published_ones() -> None:
    network, x = FewShotGenerator(16, 16, 3, 4, 2, 64), input_by_sequence(2, 3, 64, 64).float()
    fill_by_sequence(network)
    assert sum(p.numel() for p in network.parameters()) == 1_874_035
    content, code = network.content(x), network.code(x)
    Digest.by_sequence(content).assert_close(
        Digest(16384, 0.400232, 1.457247, 1.784177, (-4.289071, -3.395177, -0.54295, 0.446153, -1.175578, 3.564827))
    )
    Digest.by_sequence(code).assert_close(
        Digest(32, -0.162083, 0.165882, 0.073881, (0.03134, -0.288093, -0.131861, 0.02944, -0.320126, -0.123778))
    )
    Digest.by_sequence(network.decode(content, code)).assert_close(
        Digest(24576, -0.491708, 0.607558, 0.458283, (-0.986716, -0.985092, -0.96997, -0.924484, -0.904446, -0.981435))
    )


def test_codes_are_averaged_before_the_mlp() -> None:
    network = FewShotGenerator(4, 3, 2, 2, 1, 8)
    exemplars = [torch.randn(2, 3, 16, 16) for _ in range(3)]
    expected = sum(network.code(one) for one in exemplars) / 3
    torch.testing.assert_close(network.mean_code(exemplars), expected)
    torch.testing.assert_close(network.mean_code(exemplars[:1]), network.code(exemplars[0]))


def test_published_sizes() -> None:
    with torch.device("meta"):
        network = FewShotGenerator()
        assert network.content(torch.empty(1, 3, 128, 128)).shape == (1, 512, 16, 16)
        assert network.code(torch.empty(1, 3, 128, 128)).shape == (1, 64)
    assert network.decoder.parameters_needed == 4096


def test_decoder_normalises_each_channel_after_doublings() -> None:
    decoder = ClassDecoder(4, 2, 1)
    assert sum(isinstance(layer, nn.InstanceNorm2d) for layer in decoder.layers) == 2
    assert not any(p.dim() == 1 and "layers.2" in name for name, p in decoder.named_parameters())
    assert decoder(torch.randn(2, 16, 4, 6), torch.randn(2, 64)).shape == (2, 3, 16, 24)
