from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from i2ibench.models.layers.biggan_blocks import DiscriminatorBlock, GeneratorBlock
from i2ibench.models.layers.biggan_discriminator import BigGANDiscriminator, BigGANTrunk
from i2ibench.models.layers.biggan_generator import BigGANGenerator
from i2ibench.models.layers.biggan_layout import attention_channels, tap_sides


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def generator(side: int = 128, ch: int = 96, classes: int = 1000, **options: int) -> BigGANGenerator:
    with torch.device("meta"):
        return BigGANGenerator(side, side, ch, classes, **options)


def discriminator(side: int = 128, ch: int = 96, classes: int = 1000, attention: int = 64) -> BigGANDiscriminator:
    with torch.device("meta"):
        return BigGANDiscriminator(side, ch, classes, attention)


def convolved(layer: nn.Module, x: Tensor) -> Tensor:
    return F.conv2d(x, layer.weight, layer.bias, padding=layer.weight.shape[-1] // 2)  # type: ignore[arg-type, operator, union-attr]


class TestBlocks:
    def test_generators_as_published(self) -> None:
        """The shortcut is enlarged before its convolution there."""
        torch.manual_seed(0)
        block, x, condition = GeneratorBlock(4, 6, 5).eval(), torch.randn(2, 4, 3, 5), torch.randn(2, 5)
        large = F.interpolate(F.relu(block.norm1(x, condition)), scale_factor=2, mode="nearest")
        out = convolved(block.convolution1, large)
        out = convolved(block.convolution2, F.relu(block.norm2(out, condition)))
        shortcut = convolved(block.shortcut, F.interpolate(x, scale_factor=2, mode="nearest"))
        torch.testing.assert_close(block(x, condition), out + shortcut, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize(("pool", "above", "first"), [(True, 6, False), (False, 6, False), (True, 6, True)])
    def test_discriminators_as_published(self, pool: bool, above: int, first: bool) -> None:
        """Only the first block's shortcut pools before its convolution there."""
        torch.manual_seed(0)
        block, x = DiscriminatorBlock(4, above, pool=pool, first=first).eval(), torch.randn(2, 4, 4, 6)
        out = convolved(block.convolution2, F.relu(convolved(block.convolution1, x if first else F.relu(x))))
        shortcut = convolved(block.shortcut, x)
        if pool:
            out, shortcut = F.avg_pool2d(out, 2), F.avg_pool2d(shortcut, 2)
        torch.testing.assert_close(block(x), out + shortcut, rtol=1e-4, atol=1e-5)

    def test_shortcut_of_nothing_changed_is_the_input(self) -> None:
        torch.manual_seed(0)
        block, x = DiscriminatorBlock(4, 4, pool=False).eval(), torch.randn(2, 4, 4, 4)
        kept = x.clone()
        out = convolved(block.convolution2, F.relu(convolved(block.convolution1, F.relu(x))))
        torch.testing.assert_close(block(x), out + x)
        assert torch.equal(x, kept), "ReLU out of place"


class TestCounts:
    def test_of_generators_parts(self) -> None:
        network = generator()
        blocks = [count(block) for block in network.blocks]
        assert list(network.attentions) == ["3"]
        blocks[3] += count(network.attentions)
        assert blocks == [45_740_544, 17_789_184, 4_618_368, 1_286_209, 352_800]
        assert count(network.linear) == 516_096
        assert count(network.shared) == 128_000
        assert count(network) == 70_433_988

    def test_of_discriminators_parts(self) -> None:
        network = discriminator()
        blocks = [count(block) for block in network.trunk.blocks]
        assert list(network.trunk.attentions) == ["0"]
        blocks[0] += count(network.trunk.attentions)
        assert blocks == [97_633, 516_672, 2_065_536, 8_259_840, 33_034_752, 42_470_400]
        assert count(network) == 87_982_370

    @pytest.mark.parametrize(
        ("ch", "classes", "of_generator", "of_discriminator"),
        [(96, 149, 70_325_060, 86_675_234), (64, 1000, 31_978_628, 39_448_258), (16, 10, 2_331_428, 2_406_130)],
    )
    def test_of_other_sizes(self, ch: int, classes: int, of_generator: int, of_discriminator: int) -> None:
        assert count(generator(ch=ch, classes=classes)) == of_generator
        assert count(discriminator(ch=ch, classes=classes)) == of_discriminator

    def test_arithmetic_is_at_most_the_published_ones(self) -> None:
        pictures, classes = torch.empty(1, 3, 128, 128, device="meta"), torch.zeros(1, dtype=torch.int64, device="meta")
        for network, inputs, gflop in (
            (generator(), (torch.empty(1, 120, device="meta"), classes), 42.7),
            (discriminator(), (pictures, classes), 22.2),
        ):
            with FlopCounterMode(display=False) as counter:
                network.eval()(*inputs)
            assert 0.9 * gflop < counter.get_total_flops() / 1e9 < gflop + 0.05


class TestShapes:
    @pytest.mark.parametrize(
        ("side", "taps", "chunks"),
        [(32, [8, 4], 4), (64, [16, 8, 4], 5), (128, [32, 16, 8, 4], 6), (256, [64, 32, 16, 8, 4], 7)],
    )
    def test_of_all_sides(self, side: int, taps: list[int], chunks: int) -> None:
        made, judge = generator(side, 8, 3), discriminator(side, 8, 3)
        assert made.z_size == chunks * (120 // chunks)
        z, classes = torch.empty(2, made.z_size, device="meta"), torch.zeros(2, dtype=torch.int64, device="meta")
        assert made(z, classes).shape == (2, 3, side, side)
        pictures = torch.empty(2, 3, side, side, device="meta")
        maps = judge.trunk(pictures)
        assert list(maps) == taps == tap_sides(side)
        assert {at: one.shape for at, one in maps.items()} == {at: (2, judge.trunk.channels[at], at, at) for at in taps}
        assert judge(pictures, classes).shape == (2, 1)

    def test_of_published_taps(self) -> None:
        network = discriminator(ch=5, attention=0)
        assert network.trunk.channels == {32: 10, 16: 20, 8: 40, 4: 80}
        assert generator(ch=5, attention=0).channels == {4: 80, 8: 80, 16: 40, 32: 20, 64: 10, 128: 5}

    def test_of_longer_pictures(self) -> None:
        torch.manual_seed(0)
        made, judge = BigGANGenerator(32, 48, 2, 3, 8, 4, 8), BigGANTrunk(32, 2, 8)
        pictures = made(torch.randn(2, 8), torch.tensor([0, 2]))
        assert pictures.shape == (2, 3, 32, 48)
        assert [tuple(one.shape[2:]) for one in judge(pictures).values()] == [(8, 12), (4, 6)]

    @pytest.mark.parametrize(
        ("side", "attention", "channels"),
        [(128, 64, [4, 2]), (64, 64, [4]), (32, 16, [8, 8]), (64, 4, [16]), (32, 64, [])],
    )
    def test_attentions_are_where_they_are_asked_for(self, side: int, attention: int, channels: list[int]) -> None:
        assert attention_channels(side, 2, attention) == channels
        if not channels or min(channels) >= 8:
            made, judge = generator(side, 2, 3, attention=attention), discriminator(side, 2, 3, attention)
            assert len(made.attentions) + len(judge.trunk.attentions) == len(channels)


class TestNetworks:
    def test_smallest_tap_is_after_a_relu_and_the_others_are_not(self) -> None:
        torch.manual_seed(0)
        maps = BigGANTrunk(64, 4, 0)(torch.randn(2, 3, 64, 64))
        assert [bool((one < 0).any()) for one in maps.values()] == [True, True, False]
        assert maps[4].min() == 0

    def test_head_is_a_linear_and_the_classes_projection_of_sums(self) -> None:
        torch.manual_seed(0)
        network, classes = BigGANDiscriminator(32, 2, 3, 0).eval(), torch.tensor([2, 0])
        x = torch.randn(2, 3, 32, 32)
        pooled = network.trunk(x)[4].sum((2, 3))
        expected = network.linear(pooled)[:, 0] + torch.stack(
            [network.embedding(classes)[row] @ pooled[row] for row in range(2)]
        )
        torch.testing.assert_close(network(x, classes)[:, 0], expected)

    def test_each_chunk_of_noise_is_read_by_its_own_layer(self) -> None:
        torch.manual_seed(0)
        network, classes = BigGANGenerator(32, 32, 2, 3, 8, 4, 0).eval(), torch.tensor([1])
        seen: list[Tensor] = []
        network.linear.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
        for block in network.blocks:
            block.register_forward_hook(lambda _, inputs, __: seen.append(inputs[1]))
        z = torch.arange(8.0)[None]
        network(z, classes)
        assert seen[0].tolist() == [[0, 1]]
        for number, condition in enumerate(seen[1:], start=1):
            assert torch.equal(condition[0, :4], network.shared.weight[1])
            assert condition[0, 4:].tolist() == [2 * number, 2 * number + 1]

    def test_additions_come_after_the_layer_that_makes_their_size(self) -> None:
        torch.manual_seed(0)
        network, classes = BigGANGenerator(32, 32, 2, 3, 8, 4, 0).eval(), torch.tensor([1])
        z, inputs = torch.randn(1, 8), list[Tensor]()
        network.blocks[0].register_forward_hook(lambda _, given, __: inputs.append(given[0]))
        network.blocks[1].register_forward_hook(lambda _, given, __: inputs.append(given[0]))
        network.blocks[0].register_forward_hook(lambda _, __, out: inputs.append(out))
        four, eight = torch.randn(1, 8, 4, 4), torch.randn(1, 8, 8, 8)
        network(z, classes)
        plain = network.linear(z[:, :2]).view(1, 8, 4, 4)
        torch.testing.assert_close(inputs[0], plain)
        inputs.clear()
        network(z, classes, {4: four, 8: eight})
        torch.testing.assert_close(inputs[0], plain + four)
        torch.testing.assert_close(inputs[2], inputs[1] + eight)
