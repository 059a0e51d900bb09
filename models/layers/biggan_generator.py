"""BigGAN's generator, with the sums that DeepI2I makes of its maps and a picture's.

Brock, Donahue, Simonyan, arXiv 1809.11096, appendix B, table 4; as in BigGAN-PyTorch.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.biggan_blocks import GeneratorBlock
from i2ibench.models.layers.biggan_layout import BOTTOM, generator_channels
from i2ibench.models.layers.orthogonal import spectral
from i2ibench.models.layers.self_attention import SelfAttention


class BigGANGenerator(nn.Module):
    """Noise and class to pictures of `height` x `width`, the shorter a side of the layout, the longer in proportion.

    The noise is cut into equal chunks: the first makes the smallest maps, each block reads one more beside the class's
    embedding. What `z_dim` has beyond whole chunks is not used: `z_size` numbers are.
    """

    def __init__(
        self,
        height: int,
        width: int,
        ch: int,
        classes: int,
        z_dim: int = 120,
        shared_dim: int = 128,
        attention: int = 64,
    ) -> None:
        super().__init__()
        side = min(height, width)
        self.channels = generator_channels(side, ch)
        self.bottom = height * BOTTOM // side, width * BOTTOM // side
        numbers = list(self.channels.values())
        self.chunk = z_dim // len(numbers)
        self.z_size = self.chunk * len(numbers)
        self.shared = nn.Embedding(classes, shared_dim)
        nn.init.orthogonal_(self.shared.weight)
        self.linear = spectral(nn.Linear(self.chunk, numbers[0] * self.bottom[0] * self.bottom[1]))
        self.blocks = nn.ModuleList(
            GeneratorBlock(below, above, shared_dim + self.chunk) for below, above in pairwise(numbers)
        )
        self.attentions = nn.ModuleDict(
            {
                str(block): SelfAttention(channels)
                for block, (at, channels) in enumerate(list(self.channels.items())[1:])
                if at == attention
            }
        )
        self.output_norm = nn.BatchNorm2d(numbers[-1])
        self.output = spectral(nn.Conv2d(numbers[-1], 3, 3, padding=1))

    def forward(self, z: Tensor, classes: Tensor, additions: Mapping[int, Tensor] | None = None) -> Tensor:
        """`[B, z_size]` and int64 `[B]` to pictures `[B, 3, height, width]` in [-1, 1].

        `additions` are added to the maps of their shorter side, `[B, channels[side], ...]`: to the smallest before the
        first block, to the others after the block that makes them.
        """
        added = additions or {}
        chunks, shared = torch.split(z, self.chunk, 1), self.shared(classes)
        x = self.linear(chunks[0]).unflatten(1, (-1, *self.bottom))
        if BOTTOM in added:
            x = x + added[BOTTOM]
        for number, (side, block) in enumerate(zip(list(self.channels)[1:], self.blocks, strict=True)):
            x = block(x, torch.cat([shared, chunks[number + 1]], 1))
            if str(number) in self.attentions:
                x = self.attentions[str(number)](x)
            if side in added:
                x = x + added[side]
        return torch.tanh(self.output(F.relu(self.output_norm(x))))
