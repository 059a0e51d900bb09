from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from i2ibench.models.layers.refiner import Layout, LocalDiscriminator, Refiner


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


class TestRefiner:
    @pytest.mark.parametrize(
        ("channels", "blocks", "kernel", "parameters"),
        [(1, 4, 3, 296_129), (3, 4, 3, 297_411), (1, 10, 3, 739_265), (1, 10, 7, 4_018_625)],
    )
    def test_parameters(self, channels: int, blocks: int, kernel: int, parameters: int) -> None:
        with torch.device("meta"):
            assert count(Refiner(channels, blocks=blocks, kernel=kernel)) == parameters

    def test_is_the_papers_formula(self) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network, x = Refiner(1, 5, 2), torch.rand(2, 1, 7, 9) * 2 - 1
        first, second, third, fourth, fifth, last = [m for m in network.modules() if isinstance(m, nn.Conv2d)]

        def convolved(y: torch.Tensor, by: nn.Conv2d) -> torch.Tensor:
            return F.conv2d(F.pad(y, [by.kernel_size[0] // 2] * 4), by.weight, by.bias)

        y = F.relu(convolved(x, first))
        y = F.relu(y + convolved(F.relu(convolved(y, second)), third))
        y = F.relu(y + convolved(F.relu(convolved(y, fourth)), fifth))
        torch.testing.assert_close(network(x), torch.tanh(convolved(y, last)))
        assert last.kernel_size == (1, 1)

    @pytest.mark.parametrize("kernel", [3, 7])
    def test_keeps_any_size(self, kernel: int) -> None:
        with torch.device("meta"):
            network = Refiner(3, 4, 1, kernel)
            for size in ((35, 55), (64, 128), (1, 5)):
                assert network(torch.empty(2, 3, *size)).shape == (2, 3, *size)

    def test_knows_no_norm(self) -> None:
        assert {type(m) for m in Refiner(3).modules() if not list(m.children())} == {nn.Conv2d, nn.ReLU, nn.Tanh}


class TestLocalDiscriminator:
    @pytest.mark.parametrize(
        ("channels", "layout", "parameters"),
        [(1, "eyes", 75_906), (3, "eyes", 77_634), (1, "hands", 178_050)],
    )
    def test_parameters(self, channels: int, layout: Layout, parameters: int) -> None:
        with torch.device("meta"):
            assert count(LocalDiscriminator(channels, layout)) == parameters

    @pytest.mark.parametrize(
        ("layout", "size", "map_size"),
        [("eyes", (35, 55), (9, 14)), ("eyes", (64, 64), (16, 16)), ("hands", (224, 224), (7, 7))],
    )
    def test_map(self, layout: Layout, size: tuple[int, int], map_size: tuple[int, int]) -> None:
        with torch.device("meta"):
            assert LocalDiscriminator(1, layout)(torch.empty(2, 1, *size)).shape == (2, 2, *map_size)

    @pytest.mark.parametrize(
        ("layout", "convolutions"),
        [
            ("eyes", [(3, 2, 96), (3, 2, 64), (3, 1, 32), (1, 1, 32), (1, 1, 2)]),
            ("hands", [(7, 4, 96), (5, 2, 64), (3, 2, 32), (1, 1, 32), (1, 1, 2)]),
        ],
    )
    def test_layers(self, layout: Layout, convolutions: list[tuple[int, int, int]]) -> None:
        layers = list(LocalDiscriminator(1, layout).layers)
        found = [(m.kernel_size[0], m.stride[0], m.out_channels) for m in layers if isinstance(m, nn.Conv2d)]
        assert found == convolutions
        kinds = [type(m) for m in layers]
        activated = [nn.Conv2d, nn.ReLU]
        assert kinds == [*activated, *activated, nn.MaxPool2d, *activated, *activated, nn.Conv2d]
        (pool,) = [m for m in layers if isinstance(m, nn.MaxPool2d)]
        assert (pool.kernel_size, pool.stride) == (3, 1 if layout == "eyes" else 2)

    def test_logits_take_both_signs(self) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            logits = LocalDiscriminator(3)(torch.rand(2, 3, 32, 32) * 2 - 1)
        assert logits.min() < 0 < logits.max()
