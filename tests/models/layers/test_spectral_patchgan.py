from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from i2ibench.models.layers.spectral_patchgan import (
    LocalAndGlobalHeads,
    judgement,
    logits,
    most_halvings,
    persuasion,
    smallest_side,
    strided,
    unstrided,
)


def test_heads_have_the_published_parameters() -> None:
    with torch.device("meta"):
        heads = LocalAndGlobalHeads(128)
    counts = [sum(p.numel() for p in part.parameters()) for part in (heads.shared, heads.local_head, heads.global_head)]
    assert counts == [524_544, 2_097_664 + 8_192, 10_487_296 + 33_556_480 + 32_768]


@pytest.mark.parametrize(("side", "local", "whole"), [(256, 30, 6), (128, 14, 2)])
def test_heads_maps(side: int, local: int, whole: int) -> None:
    heads = LocalAndGlobalHeads(4)
    found = heads(torch.randn(1, 4, side // 4, side // 4))
    assert [one.shape for one in found] == [(1, 1, local, local), (1, 1, whole, whole)]


def test_without_a_shared_halving_heads_read_the_features_themselves() -> None:
    heads, x = LocalAndGlobalHeads(4, 0).eval(), torch.randn(1, 4, 16, 16)
    kept = x.clone()
    local, whole = heads(x)
    torch.testing.assert_close(local, heads.local_head(x))
    torch.testing.assert_close(whole, heads.global_head(x))
    assert torch.equal(x, kept)


def test_every_convolution_is_of_spectral_norm_and_all_but_the_last_have_biases() -> None:
    heads = LocalAndGlobalHeads(4)
    layers = {name: layer for name, layer in heads.named_modules() if isinstance(layer, nn.Conv2d)}
    assert all(parametrize.is_parametrized(layer, "weight") for layer in layers.values())
    assert all(layer.padding_mode == "reflect" for layer in layers.values())
    assert [name for name, layer in layers.items() if layer.bias is None] == ["local_head.2", "global_head.6"]


@pytest.mark.parametrize("halvings", [1, 2, 3, 4, 5])
def test_the_smallest_side_gives_one_logit_and_the_next_none(halvings: int) -> None:
    widths = [3, *(2 for _ in range(halvings))]
    judge = nn.Sequential(*strided(*widths), *unstrided(2), logits(4))
    least = smallest_side(halvings)
    assert judge(torch.zeros(1, 3, least, least)).shape == (1, 1, 1, 1)
    with pytest.raises(RuntimeError):
        judge(torch.zeros(1, 3, least - 1, least - 1))


def test_most_halvings_are_those_whose_smallest_side_fits() -> None:
    for side in range(1, 300):
        fitting = [n for n in range(12) if smallest_side(n) <= side]
        assert most_halvings(side) == max(fitting, default=-1)


def test_losses_by_hand() -> None:
    """Real: 1 and 3, then 0; fake: 2, then -1 and 1. Squares to 1: (0 + 4)/2 + 1; to 0: 4 + (1 + 1)/2."""
    first = torch.tensor([[1.0], [3.0], [2.0]])
    second = torch.tensor([[0.0, 0.0], [0.0, 0.0], [-1.0, 1.0]])
    assert judgement([first, second], 2).item() == pytest.approx(2 + 1 + 4 + 1)
    assert persuasion([first[2:], second[2:]]).item() == pytest.approx(1 + 2)
