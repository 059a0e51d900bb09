from __future__ import annotations

import pytest
import torch
from torch import nn

from i2ibench.models.layers.hierarchical_fusion import Adaptor, reconstruction, weights_by_side


def test_adaptor_has_a_block_a_size_and_adapts_those_given() -> None:
    adaptor = Adaptor({8: 2, 4: 3}, {4: 5, 8: 4, 16: 1}, lambda below, above: nn.Conv2d(below, above, 1))
    maps = {8: torch.randn(1, 2, 8, 8), 4: torch.randn(1, 3, 4, 4)}
    found = adaptor(maps)
    assert {side: tuple(one.shape) for side, one in found.items()} == {8: (1, 4, 8, 8), 4: (1, 5, 4, 4)}
    alone = adaptor({4: maps[4]})
    assert list(alone) == [4]
    assert torch.equal(alone[4], found[4])


@pytest.mark.parametrize(
    ("weight", "finest", "expected"),
    [(0.1, 0.01, {32: 0.01, 8: 0.1, 4: 0.1}), (0.1, 0.0, {8: 0.1, 4: 0.1}), (0.0, 1.0, {32: 1.0}), (0.0, 0.0, {})],
)
def test_weights(weight: float, finest: float, expected: dict[int, float]) -> None:
    assert weights_by_side([32, 8, 4], weight, finest) == expected


def test_reconstruction_by_hand() -> None:
    maps = {8: torch.full((2, 1, 8, 8), 3.0), 4: torch.zeros(2, 1, 4, 4)}
    of_sources = {8: torch.ones(2, 1, 8, 8), 4: torch.zeros(2, 1, 4, 4)}
    of_sources[4][1, 0, 0, 0] = 4.0  # 16 in 32 numbers
    assert reconstruction(maps, of_sources, {8: 0.1, 4: 10.0}).item() == pytest.approx(0.1 * 4 + 10 * 0.5)
    assert reconstruction(maps, of_sources, {4: 10.0}).item() == pytest.approx(5)
