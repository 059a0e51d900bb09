from __future__ import annotations

import pytest
import torch
from torch import nn

from i2ibench.models.layers.linear_attention import AttentionStage, LinearAttention


def test_is_the_papers_formula_head_by_head() -> None:
    heads, size = 3, 5
    attention, x = LinearAttention(4, heads, size).double(), torch.randn(2, 4, 3, 6).double()
    query, key, value = (layer(x).flatten(2) for layer in (attention.query, attention.key, attention.value))
    attended = []
    for head in range(heads):
        rows = slice(head * size, (head + 1) * size)
        q, k, v = query[:, rows] * size**-0.25, key[:, rows] * size**-0.25, value[:, rows]
        q, k = q.exp() / q.exp().sum(1, keepdim=True), k.exp() / k.exp().sum(2, keepdim=True)
        context = torch.einsum("bdn,ben->bde", k, v)
        attended.append(torch.einsum("bde,bdn->ben", context, q))
    expected = attention.out(torch.cat(attended, 1).reshape(2, heads * size, 3, 6))
    torch.testing.assert_close(attention(x), expected)


@pytest.mark.parametrize(
    ("channels", "attention", "stage"),
    [(64, 132_672, 149_250), (128, 263_808, 329_730), (256, 526_080, 788_994), (512, 1_050_624, 2_100_738)],
)
def test_published_parameters(channels: int, attention: int, stage: int) -> None:
    with torch.device("meta"):
        found = LinearAttention(channels), AttentionStage(channels)
    assert [sum(p.numel() for p in module.parameters()) for module in found] == [attention, stage]


def test_attends_to_all_positions_alike_where_they_are_alike() -> None:
    attention = LinearAttention(4, 2, 3)
    x = torch.randn(1, 4, 1, 1)
    wide = attention(x.expand(1, 4, 5, 7))
    torch.testing.assert_close(wide, attention(x).expand_as(wide))


def test_stage_is_the_identity_at_first_and_then_attention_before_the_convolutions() -> None:
    stage, x = AttentionStage(4, 2, 3), torch.randn(2, 4, 3, 5)
    assert torch.equal(stage(x), x)
    nn.init.constant_(stage.attention_gate, 0.5)
    nn.init.constant_(stage.feed_forward_gate, -2.0)
    first = x + 0.5 * stage.attention(x)
    torch.testing.assert_close(stage(x), first - 2 * stage.feed_forward(first))
    assert stage.feed_forward[1].negative_slope == 0.2  # type: ignore[union-attr]
