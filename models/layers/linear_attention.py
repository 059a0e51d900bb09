"""Attention whose cost grows linearly with the positions (Shen et al., arXiv 1812.01243), as IEGAN has it.

Keys are normalised over positions and queries over channels, each by a softmax, so that the product of keys and values
can be taken first.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LinearAttention(nn.Module):
    """Attention of all positions of a map to each other, in `heads` heads of `head_channels` keys and values each."""

    def __init__(self, channels: int, heads: int = 8, head_channels: int = 64) -> None:
        super().__init__()
        self.heads = heads
        hidden = heads * head_channels
        self.query, self.key, self.value = (nn.Conv2d(channels, hidden, 1) for _ in range(3))
        self.out = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, channels, H, W]` to the same."""
        query, key, value = (layer(x).unflatten(1, (self.heads, -1)).flatten(3) for layer in self._projections)
        temper = query.shape[2] ** -0.25
        context = (key * temper).softmax(3) @ value.transpose(2, 3)
        attended = context.transpose(2, 3) @ (query * temper).softmax(2)
        out: Tensor = self.out(attended.flatten(1, 2).unflatten(2, x.shape[2:]))
        return out

    @property
    def _projections(self) -> tuple[nn.Conv2d, nn.Conv2d, nn.Conv2d]:
        return self.query, self.key, self.value


class AttentionStage(nn.Module):
    """x + g f(x), f linear attention, then the same with f two 1x1 convolutions; both g are learned and first 0."""

    def __init__(self, channels: int, heads: int = 8, head_channels: int = 64) -> None:
        super().__init__()
        self.attention = LinearAttention(channels, heads, head_channels)
        self.feed_forward = nn.Sequential(
            nn.Conv2d(channels, 2 * channels, 1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(2 * channels, channels, 1),
        )
        self.attention_gate, self.feed_forward_gate = (nn.Parameter(torch.zeros(())) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, channels, H, W]` to the same."""
        x = x + self.attention_gate * self.attention(x)
        out: Tensor = x + self.feed_forward_gate * self.feed_forward(x)
        return out
