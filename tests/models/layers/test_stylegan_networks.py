from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.stylegan_blocks import (
    ConstantInput,
    HalvingBlock,
    MappingNetwork,
    PlainBlock,
    StyledLayer,
    with_batch_deviation,
)
from i2ibench.models.layers.stylegan_discriminator import StyleGANDiscriminator, StyleGANTrunk
from i2ibench.models.layers.stylegan_generator import StyleGANGenerator
from i2ibench.models.layers.stylegan_layout import SIDES, channels, tap_sides


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def generator(height: int = 32, width: int = 32) -> StyleGANGenerator:
    return StyleGANGenerator(height, width, base=64, max_dim=8, code_dim=6, layers=2)


class TestLayout:
    def test_published_channels(self) -> None:
        assert channels(1024, 16384, 512) == {
            4: 512, 8: 512, 16: 512, 32: 512, 64: 256, 128: 128, 256: 64, 512: 32, 1024: 16
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("side", "taps"),
        [(32, [8, 4]), (64, [16, 8, 4]), (256, [64, 32, 16, 8, 4]), (1024, [64, 32, 16, 8, 4])],
    )
    def test_taps(self, side: int, taps: list[int]) -> None:
        assert tap_sides(side) == taps

    @pytest.mark.parametrize("side", SIDES)
    def test_maps_of_all_sides(self, side: int) -> None:
        with torch.device("meta"):
            made, judge = StyleGANGenerator(side, side), StyleGANDiscriminator(side)
        pictures = made.draw(2, 0.5)
        assert pictures.shape == (2, 3, side, side)
        maps = judge.trunk(pictures)
        assert list(maps) == judge.trunk.taps == tap_sides(side)
        assert {at: tuple(one.shape) for at, one in maps.items()} == {
            at: (2, made.channels[at], at, at) for at in judge.trunk.taps
        }
        assert judge(pictures).shape == (2, 1)


class TestCounts:
    def test_of_published_parts(self) -> None:
        with torch.device("meta"):
            made, judge = StyleGANGenerator(256, 256), StyleGANDiscriminator(256)
        assert count(made.mapping) == 8 * (512 * 512 + 512) == 2_101_248
        assert count(made) == 26_078_403
        assert count(judge) == 25_365_505
        assert count(judge.trunk) == 25_365_505 - 512 * (513 * 9 + 1) - 512 * (512 * 16 + 1) - 513
        assert sum(count(PlainBlock(n, n).to("meta")) for n in (256, 512, 512, 512, 512)) == 20_058_624


class TestMapping:
    def test_does_not_know_a_codes_length(self) -> None:
        network, codes = MappingNetwork(6, 3), torch.randn(4, 6)
        torch.testing.assert_close(network(codes), network(7 * codes))

    def test_by_hand(self) -> None:
        network = MappingNetwork(2, 1)
        network.layers[0].weight.data = torch.tensor([[1.0, 0.0], [0.0, -1.0]])
        # 3 and 4 have the root mean square root 12.5; He's constant of 2 is 1
        found = network(torch.tensor([[3.0, 4.0]]))
        torch.testing.assert_close(found, torch.tensor([[3.0, -0.8]]) / 12.5**0.5)


class TestStyledLayer:
    def test_starts_as_a_norm_without_noise(self) -> None:
        layer, x, style = StyledLayer(4, 6), torch.randn(2, 4, 5, 5), torch.zeros(2, 6)
        expected = F.instance_norm(F.leaky_relu(x, 0.2))
        for noise in (torch.zeros(2, 1, 5, 5), torch.randn(2, 1, 5, 5)):
            torch.testing.assert_close(layer(x, style, noise), expected)

    def test_mean_and_deviation_are_the_styles(self) -> None:
        layer, x, style = StyledLayer(4, 6), 3 * torch.randn(2, 4, 16, 16) + 1, torch.randn(2, 6)
        layer.style.bias.data.normal_()
        numbers = style @ layer.style.weight.T * (2 / 6) ** 0.5 + layer.style.bias
        out = layer(x, style, torch.zeros(2, 1, 16, 16))
        torch.testing.assert_close(out.mean((2, 3)), numbers[:, 4:], rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(out.std((2, 3), correction=0), numbers[:, :4].abs(), rtol=1e-3, atol=1e-3)

    def test_noise_is_added_at_each_channels_strength_before_the_nonlinearity(self) -> None:
        layer, x, noise = StyledLayer(8, 6), torch.randn(2, 8, 4, 4), torch.randn(2, 1, 4, 4)
        layer.noise.data = torch.arange(8.0).view(1, 8, 1, 1)
        # root of 2/8 is a half
        loud = x + torch.arange(8.0).view(8, 1, 1) / 2 * noise
        expected = F.instance_norm(torch.where(loud > 0, loud, 0.2 * loud))
        torch.testing.assert_close(layer(x, torch.zeros(2, 6), noise), expected)


class TestBatchDeviation:
    def test_by_hand(self) -> None:
        x = torch.zeros(2, 2, 1, 2)
        x[0, 0, 0, 0], x[1, 0, 0, 0] = 1.0, 5.0  # a deviation of 2 at one of four places, 0 elsewhere
        x[:, 1, 0, 1] = 9.0
        out = with_batch_deviation(x)
        assert torch.equal(out[:, :2], x)
        torch.testing.assert_close(out[:, 2], torch.full((2, 1, 2), (2 + 3 * 1e-4) / 4))

    def test_is_the_populations_deviation(self) -> None:
        x = torch.randn(5, 3, 4, 6)
        expected = (((x - x.mean(0)) ** 2).sum(0) / 5).sqrt().mean()
        torch.testing.assert_close(with_batch_deviation(x)[:, 3], expected.expand(5, 4, 6))

    def test_has_finite_gradients_of_one_picture(self) -> None:
        x = torch.randn(1, 3, 4, 4).requires_grad_()
        with_batch_deviation(x).sum().backward()
        torch.testing.assert_close(x.grad, torch.ones_like(x))


class TestBlocks:
    def test_halving_block_blurs_before_its_second_convolution(self) -> None:
        block, x = HalvingBlock(3, 4), torch.randn(2, 3, 6, 8)
        scale1, scale2 = (2 / 27) ** 0.5, (2 / 36) ** 0.5
        out = F.leaky_relu(F.conv2d(x, block.conv1.weight * scale1, padding=1), 0.2)
        row = torch.tensor([1.0, 2, 1]) / 4
        out = F.conv2d(out, torch.outer(row, row).expand(4, 1, 3, 3), padding=1, groups=4)
        out = F.leaky_relu(F.avg_pool2d(F.conv2d(out, block.conv2.weight * scale2, padding=1), 2), 0.2)
        torch.testing.assert_close(block(x), out, rtol=1e-4, atol=1e-5)

    def test_plain_block(self) -> None:
        block, x = PlainBlock(3, 4), torch.randn(2, 3, 4, 4)
        out = F.leaky_relu(F.conv2d(x, block.conv1.weight * (2 / 27) ** 0.5, padding=1), 0.2)
        out = F.leaky_relu(F.conv2d(out, block.conv2.weight * (2 / 36) ** 0.5, padding=1), 0.2)
        torch.testing.assert_close(block(x), out, rtol=1e-4, atol=1e-5)

    def test_constant_is_the_same_for_all(self) -> None:
        layer = ConstantInput(3, 4, 6)
        out = layer(torch.empty(5, 1))
        assert out.shape == (5, 3, 4, 6)
        assert all(torch.equal(one, layer.constant[0]) for one in out)


class TestGenerator:
    def test_additions_come_after_the_block_that_makes_the_maps(self) -> None:
        made = generator()
        styles, noise = made.drawn_styles(2, 0.0), made.drawn_noise(2)
        extra = {4: torch.randn(2, 8, 4, 4), 16: torch.randn(2, 4, 16, 16)}
        x: Tensor = styles[0]
        for (side, block), style, one in zip(zip(made.channels, made.blocks, strict=True), styles, noise, strict=True):
            x = block(x, style, one) + extra.get(side, torch.zeros(1))
        torch.testing.assert_close(made(styles, noise, extra), made.to_rgb(x))
        assert not torch.allclose(made(styles, noise, extra), made(styles, noise))

    def test_each_level_reads_its_own_style_and_noise(self) -> None:
        made = generator()
        for block in made.blocks:
            block.styled1.noise.data.fill_(1.0)  # type: ignore[operator, union-attr]
        styles, noise = made.drawn_styles(1, 0.0), made.drawn_noise(1)
        plain = made(styles, noise)
        for level in range(len(made.blocks)):
            for changed in (styles, noise):
                before = changed[level]
                changed[level] = torch.randn_like(before)
                assert not torch.allclose(made(styles, noise), plain, atol=1e-4)
                changed[level] = before

    def test_styles_are_mixed_as_often_as_asked_from_any_level_on(self) -> None:
        made, cuts = generator(), []
        for _ in range(600):
            styles = made.drawn_styles(2, 0.9)
            same = [torch.equal(one, styles[0]) for one in styles]
            cuts.append(sum(same))
            assert same == [True] * cuts[-1] + [False] * (4 - cuts[-1])
            assert all(torch.equal(one, styles[-1]) for one in styles[cuts[-1] :])
        shares = torch.tensor(cuts).bincount(minlength=5) / 600
        assert shares[0] == 0
        assert (shares[1:] - torch.tensor([0.3, 0.3, 0.3, 0.1])).abs().max() < 0.08
        assert all(len({id(one) for one in made.drawn_styles(2, 0.0)}) == 1 for _ in range(20))

    def test_noise_of_a_name_is_the_same_in_any_batch(self) -> None:
        made = generator(32, 48)
        made.blocks[2].styled2.noise.data.fill_(1.0)  # type: ignore[operator, union-attr]
        together = made.draw_for(("a", "b"), 3, 1)
        assert together.shape == (2, 3, 32, 48)
        assert together.abs().max() <= 1
        torch.testing.assert_close(together[1:], made.draw_for(("b",), 3, 1), rtol=0, atol=1e-4)
        for other in (("b",), 3, 2), (("b",), 4, 1), (("c",), 3, 1):
            assert not torch.allclose(together[1:], made.draw_for(*other), rtol=0, atol=1e-3)

    def test_of_longer_pictures(self) -> None:
        made, judge = generator(32, 48), StyleGANDiscriminator(32, 64, 8)
        pictures = made.draw(2, 0.9)
        assert pictures.shape == (2, 3, 32, 48)
        assert [tuple(one.shape[2:]) for one in judge.trunk(pictures).values()] == [(8, 12), (4, 6)]
        assert judge(pictures).shape == (2, 1)
        assert judge.conv2(torch.zeros(1, 8, 4, 6)).shape[2:] == (1, 3)


class TestDiscriminator:
    def test_judges_by_the_trunks_smallest_maps(self) -> None:
        judge, x = StyleGANDiscriminator(32, 64, 8), torch.randn(3, 3, 32, 32)
        maps = judge.trunk(x)
        assert torch.equal(judge(x), judge.judge(maps))
        head = F.leaky_relu(judge.conv1(with_batch_deviation(maps[4])), 0.2)
        head = F.leaky_relu(head.flatten(1) @ (judge.conv2.weight * (2 / 128) ** 0.5).flatten(1).T, 0.2)
        expected = head @ judge.linear.weight.T * (2 / 8) ** 0.5
        torch.testing.assert_close(judge(x), expected, rtol=1e-4, atol=1e-5)

    def test_taps_are_after_the_nonlinearity(self) -> None:
        trunk = StyleGANTrunk(32, 64, 8)
        seen: dict[int, Tensor] = {}
        for block in trunk.blocks:
            block.register_forward_hook(lambda *given: seen.update({given[2].shape[-1]: given[2]}))
        maps = trunk(torch.randn(2, 3, 32, 32))
        assert list(seen) == [16, 8, 4]
        assert all(torch.equal(one, seen[side]) for side, one in maps.items())
