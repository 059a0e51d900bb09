from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.adalin_decoder import (
    AdaLINDecoder,
    AdaLINResidualBlock,
    Modulation,
    nearest_doubling,
    subpixel_doubling,
)


def reflected(x: Tensor, layer: nn.Conv2d, padding: int = 1) -> Tensor:
    return F.conv2d(F.pad(x, (padding,) * 4, mode="reflect"), layer.weight, layer.bias)


class TestModulation:
    def test_light_reads_averages(self) -> None:
        modulation, x = Modulation(4), torch.randn(2, 4, 3, 5)
        hidden = x.mean((2, 3))
        for layer in (modulation.first, modulation.second):
            hidden = (hidden @ layer.weight.T).relu()
        scale, shift = modulation(x)
        torch.testing.assert_close(scale, hidden @ modulation.scale.weight.T)
        torch.testing.assert_close(shift, hidden @ modulation.shift.weight.T)
        assert not any("bias" in name for name in modulation.state_dict())

    def test_full_reads_all_features_channel_by_channel(self) -> None:
        modulation, x = Modulation(4, positions=6), torch.randn(2, 4, 2, 3)
        assert modulation.first.weight.shape == (4, 24)
        hidden = torch.einsum("ocp,bcp->bo", modulation.first.weight.unflatten(1, (4, 6)), x.flatten(2)).relu()
        hidden = (hidden @ modulation.second.weight.T).relu()
        torch.testing.assert_close(modulation(x)[0], hidden @ modulation.scale.weight.T)

    def test_full_refuses_pictures_of_another_size(self) -> None:
        with pytest.raises(ValueError, match=r"at 6 positions.*found 8: .*light=true"):
            Modulation(4, positions=6)(torch.zeros(1, 4, 2, 4))


def test_block() -> None:
    block, x = AdaLINResidualBlock(3, "softmax"), torch.randn(2, 3, 5, 4)
    scale, shift = torch.randn(2, 3), torch.randn(2, 3)
    hidden = block.first_norm(reflected(x, block.first), scale, shift).relu()
    expected = x + block.second_norm(reflected(hidden, block.second), scale, shift)
    torch.testing.assert_close(block(x, scale, shift), expected)


def test_nearest_doubling_repeats_pixels_and_convolves() -> None:
    layers, x = nearest_doubling(4, "clamped"), torch.randn(2, 4, 3, 5)
    repeated = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert layers[1].bias is None
    expected = layers[2](reflected(repeated, layers[1])).relu()  # type: ignore[arg-type]
    found = nn.Sequential(*layers)(x)
    assert found.shape == (2, 2, 6, 10)
    torch.testing.assert_close(found, expected)


def test_subpixel_doubling_deals_channels_out() -> None:
    layers, x = subpixel_doubling(4, "softmax"), torch.randn(2, 4, 3, 5)
    convolution, norm, _, dealt, _, last, _ = layers
    hidden = norm(reflected(x, convolution)).relu()  # type: ignore[arg-type]
    assert convolution.bias is None and dealt.bias is not None
    apart = dealt(hidden).unflatten(1, (2, 2, 2))  # channel, row, column
    dense = torch.stack([apart[:, :, row, column] for row in range(2) for column in range(2)], -1)
    dense = dense.unflatten(-1, (2, 2)).permute(0, 1, 2, 4, 3, 5).reshape(2, 2, 6, 10)
    found = nn.Sequential(*layers)(x)
    torch.testing.assert_close(found, last(dense).relu())


@pytest.mark.parametrize(
    ("channels", "mixing", "doubling", "parameters"),
    # U-GAT-IT's light version and NICE-GAN's, after their sheets: parameters' networks, blocks, doublings and head
    [
        (256, "clamped", "nearest", 131_072 + 2 * 65_536 + 2 * 1_180_160 + 378_624),
        (256, "softmax", "subpixel", 131_072 + 2 * 65_536 + 2 * 1_180_672 + 462_272),
    ],
)
def test_parts_have_the_published_parameters(channels: int, mixing: str, doubling: str, parameters: int) -> None:
    with torch.device("meta"):
        decoder = AdaLINDecoder(channels, 2, mixing, doubling)  # type: ignore[arg-type]
    assert sum(p.numel() for p in decoder.parameters()) == parameters


@pytest.mark.parametrize("doubling", ["nearest", "subpixel"])
def test_pictures_are_within_range_and_four_times_as_large(doubling: str) -> None:
    decoder = AdaLINDecoder(8, 1, "softmax", doubling)  # type: ignore[arg-type]
    out = decoder(10 * torch.randn(2, 8, 4, 6))
    assert out.shape == (2, 3, 16, 24)
    assert out.abs().max() < 1
    assert decoder.head.bias is None


def test_all_blocks_are_modulated_alike() -> None:
    decoder, x = AdaLINDecoder(8, 3, "clamped", "nearest"), torch.randn(1, 8, 4, 4)
    seen: list[tuple[Tensor, ...]] = []
    for block in decoder.blocks:
        block.register_forward_hook(lambda _, inputs, __: seen.append(inputs[1:]))
    decoder(x)
    expected = decoder.modulation(x)
    assert len(seen) == 3
    for found in seen:
        torch.testing.assert_close(found, expected)
