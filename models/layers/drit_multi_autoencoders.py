"""Encoders and generator that are told the domain, of which there may be many (Lee et al., arXiv 1905.01270).

They are those of DRIT for two domains, but one of each for all; layers as in the authors' code for several domains.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from i2ibench.models.layers.drit_encoders import AttributeEncoder, attributes_by, content_encoder, drawn_attributes
from i2ibench.models.layers.drit_generator import ConcatBranch, MixingBranch, with_planes
from i2ibench.models.layers.resnet import ResidualBlock
from i2ibench.models.layers.style_encoder import StyleEncoder


class ConditionalAutoEncoders(nn.Module):
    """Pictures to contents of one space and attributes, and back; a picture's domain is `domains` numbers.

    `concat`: attributes are drawn from Gaussians and concatenated to features; else they are numbers that are mixed in.
    The other settings are those of `ConditionalGenerator` and of the encoders.
    """

    def __init__(
        self,
        domains: int,
        concat: bool = True,
        width: int = 64,
        codes: int = 8,
        blocks: int = 3,
        mlp_width: int = 256,
        attribute_halvings: int = 4,
    ) -> None:
        super().__init__()
        encoder = AttributeEncoder if concat else StyleEncoder
        self.content = content_encoder(width, blocks + 1)
        self.attribute = encoder(codes, width, attribute_halvings, 3 + domains)
        self.generator = ConditionalGenerator(domains, concat, width, codes, blocks, mlp_width)

    def attributes(self, pictures: Tensor, domains: Tensor) -> tuple[Tensor, Tensor]:
        """Attributes `[B, codes]` of pictures of domains `[B, domains]`, and how far they are from N(0, I), both as
        `drawn_attributes` says."""
        return drawn_attributes(self.attribute(with_planes(pictures, domains)))

    def attributes_of(self, pictures: Tensor, domains: Tensor, noise: Tensor | None = None) -> Tensor:
        """Attributes `[B, codes]` of pictures of domains `[B, domains]`, with noise or without, as `attributes_by`."""
        return attributes_by(self.attribute(with_planes(pictures, domains)), noise)


class ConditionalGenerator(nn.Module):
    """Contents, attributes and domains to pictures.

    `concat`: a residual block, then DRIT's branch of a domain, the first stage of which reads the domain's numbers
    between contents and attributes. Otherwise its branch alone, into which the domain's numbers are mixed with the
    attributes, before which they stand.
    """

    def __init__(
        self,
        domains: int,
        concat: bool = True,
        width: int = 64,
        codes: int = 8,
        blocks: int = 3,
        mlp_width: int = 256,
    ) -> None:
        super().__init__()
        self.concat = concat
        if concat:
            self.shared: nn.Module = ResidualBlock(4 * width, "instance", bias=True)
            self.branch: nn.Module = ConcatBranch(4 * width + domains, codes, blocks)
        else:
            self.shared = nn.Identity()
            self.branch = MixingBranch(4 * width, domains + codes, blocks + 1, mlp_width)

    def forward(self, content: Tensor, codes: Tensor, domains: Tensor) -> Tensor:
        """`[B, 4 * width, h, w]`, `[B, codes]` and `[B, domains]` to pictures `[B, 3, 4h, 4w]` in (-1, 1)."""
        return self.decode(self.shared(content), codes, domains)

    def decode(self, shared: Tensor, codes: Tensor, domains: Tensor) -> Tensor:
        """The same of contents that went through `shared`, which need not be done again for other codes or domains."""
        inputs = (with_planes(shared, domains), codes) if self.concat else (shared, torch.cat([domains, codes], 1))
        pictures: list[Tensor] = self.branch(*inputs)
        return pictures[0]
