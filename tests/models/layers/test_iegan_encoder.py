from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.iegan_encoder import IEGANEncoder, batch_norm_momentum, momenta_of_repeated


def opened(ch: int = 4) -> IEGANEncoder:
    """With attentions that change something."""
    encoder = IEGANEncoder(ch).eval()
    for name, parameter in encoder.named_parameters():
        if name.endswith("gate"):
            nn.init.constant_(parameter, 0.3)
    return encoder


def test_features_are_taken_before_their_attentions_and_read_after_them() -> None:
    encoder, x = opened(), torch.randn(2, 3, 64, 96)
    hidden, expected = encoder.trunk.stem(x), []
    for index, attention in enumerate(encoder.attentions):
        hidden = encoder.trunk.stage(index, hidden)
        expected.append(hidden)
        hidden = attention(hidden)
    found = encoder(x)
    assert [one.shape[1:] for one in found] == [(4, 16, 24), (8, 8, 12), (16, 4, 6), (32, 2, 3)]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_reconstruction_is_the_sheets() -> None:
    encoder, x = opened(), torch.randn(2, 3, 64, 96)
    stem, _, attended = encoder.encode(x, to_decode=True)

    def convolved(layer: nn.Module, x: Tensor) -> Tensor:
        (convolution,) = (child for child in layer.modules() if isinstance(child, nn.Conv2d))
        padding = convolution.kernel_size[0] // 2
        return F.conv2d(x, convolution.weight, convolution.bias, padding=padding).relu()

    decoder = encoder.decoder
    up = convolved(decoder.skips[0], attended[3])
    for merge, skip, below in zip(decoder.merges, decoder.skips[1:], (*attended[2::-1], stem), strict=True):
        up = F.interpolate(up, scale_factor=2, mode="bilinear", align_corners=True)
        up = convolved(merge, torch.cat([up, convolved(skip, below)], 1))
    up = F.interpolate(up, scale_factor=2, mode="bilinear", align_corners=True)
    full = convolved(decoder.full_size[1], convolved(decoder.full_size[0], x))
    last = convolved(decoder.last[0], torch.cat([up, full], 1))
    expected = F.conv2d(last, decoder.last[1].weight, decoder.last[1].bias)  # type: ignore[arg-type]
    found = encoder.reconstruct(x)
    assert found.shape == x.shape
    torch.testing.assert_close(found, expected)


def test_parameters_are_the_published_ones_without_the_classifier() -> None:
    with torch.device("meta"):
        encoder = IEGANEncoder()
    assert sum(p.numel() for p in encoder.parameters()) == 21_681_651 - 513_000
    stages = [sum(p.numel() for p in stage.parameters()) for stage in encoder.attentions]
    assert stages == [149_250, 329_730, 788_994, 2_100_738]


def test_features_alone_are_made_without_the_last_attention_or_the_decoder() -> None:
    encoder, called = IEGANEncoder(4), []
    for name in ("attentions.2", "attentions.3", "decoder"):
        encoder.get_submodule(name).register_forward_hook(lambda *_, name=name: called.append(name))
    encoder(torch.randn(2, 3, 64, 64))
    assert called == ["attentions.2"]
    encoder.reconstruct(torch.randn(2, 3, 64, 64))
    assert called[1:] == ["attentions.2", "attentions.3", "decoder"]


@pytest.mark.parametrize("times", [1, 2, 3])
def test_running_statistics_move_as_if_both_batches_had_been_seen_in_turn(times: int) -> None:
    first, second = torch.randn(2, 3, 4, 4), 2 + 3 * torch.randn(2, 3, 4, 4)
    literal, ours = nn.BatchNorm2d(3), nn.Sequential(nn.BatchNorm2d(3), nn.ReLU())
    for _ in range(times):
        literal(first)
        literal(second)
    for batch, momentum in zip((first, second), momenta_of_repeated(0.1, times), strict=True):
        with batch_norm_momentum(ours, momentum):
            ours(batch)
    torch.testing.assert_close(ours[0].running_mean, literal.running_mean)
    torch.testing.assert_close(ours[0].running_var, literal.running_var)
    assert ours[0].momentum == 0.1
