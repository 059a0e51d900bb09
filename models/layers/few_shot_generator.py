"""FUNIT's generator (Liu et al., arXiv 1905.01723, section 3.1): one picture's content in the class of others."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from i2ibench.models.layers.adain import MLP, AdaINResidualBlock
from i2ibench.models.layers.content_encoder import ContentEncoder
from i2ibench.models.layers.norms import InstanceNorm2d
from i2ibench.models.layers.resnet import head
from i2ibench.models.layers.style_encoder import StyleEncoder


class FewShotGenerator(nn.Module):
    """Content and class encoder, and a decoder that the class's code styles by adaptive instance norm.

    `content`: `[B, 3, H, W]`, sides multiples of 2^halvings, to `[B, width << halvings, H >> halvings, ...]`; `code`:
    to `[B, code_dim]`.
    """

    def __init__(
        self,
        width: int = 64,
        code_dim: int = 64,
        halvings: int = 3,
        class_halvings: int = 4,
        blocks: int = 2,
        mlp_width: int = 256,
    ) -> None:
        super().__init__()
        self.content = ContentEncoder(width, halvings, blocks)
        self.code = StyleEncoder(code_dim, width, class_halvings)
        self.decoder = ClassDecoder(width, halvings, blocks)
        self.mlp = MLP(code_dim, mlp_width, mlp_width, self.decoder.parameters_needed)

    def decode(self, content: Tensor, code: Tensor) -> Tensor:
        """Pictures `[B, 3, H, W]` in (-1, 1) of content in the appearance of codes `[B, code_dim]`."""
        picture: Tensor = self.decoder(content, self.mlp(code))
        return picture

    def mean_code(self, exemplars: Sequence[Tensor]) -> Tensor:
        """The mean code `[B, code_dim]` of each row's exemplars, which are `[B, 3, H, W]` each."""
        codes: Tensor = self.code(torch.cat(list(exemplars)))
        return codes.view(len(exemplars), -1, codes.shape[1]).mean(0)


class ClassDecoder(nn.Module):
    """MUNIT's decoder with instance norm after its doublings: `blocks` residual blocks whose norms are given."""

    def __init__(self, width: int = 64, doublings: int = 3, blocks: int = 2) -> None:
        super().__init__()
        deep = width << doublings
        self.blocks = nn.ModuleList(AdaINResidualBlock(deep) for _ in range(blocks))
        layers: list[nn.Module] = []
        for channels in (width << level for level in reversed(range(doublings))):
            layers += [
                nn.Upsample(scale_factor=2.0),
                nn.Conv2d(2 * channels, channels, 5, 1, 2, padding_mode="reflect"),
                InstanceNorm2d(channels),
                nn.ReLU(inplace=True),
            ]
        self.layers = nn.Sequential(*layers, *head(width, 3))
        self.parameters_needed = blocks * 4 * deep
        """Numbers that the blocks' norms take of a class."""

    def forward(self, content: Tensor, parameters: Tensor) -> Tensor:
        """`[B, width << doublings, h, w]` and `[B, parameters_needed]` to `[B, 3, h << doublings, w << doublings]`."""
        for block, own in zip(self.blocks, parameters.chunk(len(self.blocks), 1), strict=True):
            content = block(content, own)
        picture: Tensor = self.layers(content)
        return picture
