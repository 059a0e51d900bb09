"""DRIT's encoders and generators of two domains as one network (Lee et al., arXiv 1808.00948, section 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from i2ibench.models.layers.drit_encoders import (
    AttributeEncoder,
    Domain,
    SharedContentEncoder,
    attributes_by,
    drawn_attributes,
)
from i2ibench.models.layers.drit_generator import AttributeGenerator
from i2ibench.models.layers.style_encoder import StyleEncoder

ByDomain = dict[Domain, Tensor]
Scales = Sequence[Tensor]
"""Pictures `[B, 3, H, W]` and, where generators give them, the same of half the size."""


class DisentangledAutoEncoders(nn.Module):
    """Pictures of domains a and b to contents of one space and attributes of each domain's own, and back.

    `concat`: attributes are drawn from Gaussians and concatenated to features; else they are numbers that are mixed in.
    The other settings are those of `AttributeGenerator` and of the encoders.
    """

    def __init__(
        self,
        concat: bool = True,
        width: int = 64,
        codes: int = 8,
        blocks: int = 3,
        mlp_width: int = 256,
        attribute_halvings: int = 4,
        high_resolution: bool = False,
    ) -> None:
        super().__init__()
        self.content = SharedContentEncoder(width, blocks)
        encoder = AttributeEncoder if concat else StyleEncoder
        self.attribute = nn.ModuleDict({domain: encoder(codes, width, attribute_halvings) for domain in "ab"})
        self.generator = AttributeGenerator(concat, width, codes, blocks, mlp_width, high_resolution)

    def noisy_contents(self, pictures: Mapping[Domain, Tensor]) -> ByDomain:
        """Contents of each domain's pictures with the noise ~ N(0, I) that training adds to them."""
        contents = {domain: self.content(one, domain) for domain, one in pictures.items()}
        return {domain: content + torch.randn_like(content) for domain, content in contents.items()}

    def attributes(self, pictures: Mapping[Domain, Tensor]) -> tuple[ByDomain, Tensor]:
        """Attributes `[B, codes]` of each domain's pictures, drawn where they are Gaussian, and how far they are from
        N(0, I): the divergence, summed over the numbers of a picture, or else the mean square; both domains' sum."""
        found = {domain: drawn_attributes(self.attribute[domain](one)) for domain, one in pictures.items()}
        far = torch.stack([far for _, far in found.values()]).sum()
        return {domain: numbers for domain, (numbers, _) in found.items()}, far

    def attributes_of(self, pictures: Tensor, domain: Domain, noise: Tensor | None = None) -> Tensor:
        """Attributes `[B, codes]` of pictures of `domain`, of those that are Gaussian the means, or draws by `noise`.

        Noise ~ N(0, I) is the draws' distance from the means in deviations; attributes that are none leave it aside.
        """
        return attributes_by(self.attribute[domain](pictures), noise)

    def decoded(self, shared: Sequence[Tensor], codes: Sequence[Tensor], domain: Domain) -> list[Scales]:
        """Pictures of `domain` of each content, as `generator.shared` gives it, with the codes in its place."""
        scales = self.generator.decode(torch.cat([*shared]), torch.cat([*codes]), domain)
        return list(zip(*(scale.chunk(len(shared)) for scale in scales), strict=True))
