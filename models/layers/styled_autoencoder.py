"""MUNIT's auto-encoder of one domain (Huang et al., arXiv 1804.04732, section 3 and appendix B)."""

from __future__ import annotations

from torch import Tensor, nn

from i2ibench.models.layers.adain import MLP
from i2ibench.models.layers.content_encoder import ContentEncoder
from i2ibench.models.layers.munit_decoder import StyledDecoder
from i2ibench.models.layers.style_encoder import StyleEncoder


class StyledAutoEncoder(nn.Module):
    """Pictures of a domain to `content` and `style`, and back by `decode`.

    `content` and `style` are networks that may be called apart: `[B, 3, H, W]` to `[B, width << halvings, H >>
    halvings, W >> halvings]`, and to `[B, style_dim]`. Sides are multiples of 2^halvings.
    """

    def __init__(
        self,
        width: int = 64,
        style_dim: int = 8,
        halvings: int = 2,
        blocks: int = 4,
        mlp_width: int = 256,
        style_halvings: int = 4,
    ) -> None:
        super().__init__()
        self.content = ContentEncoder(width, halvings, blocks)
        self.style = StyleEncoder(style_dim, width, style_halvings)
        self.decoder = StyledDecoder(width, halvings, blocks)
        self.mlp = MLP(style_dim, mlp_width, mlp_width, self.decoder.parameters_needed)

    def decode(self, content: Tensor, style: Tensor) -> Tensor:
        """Pictures `[B, 3, H, W]` in (-1, 1) of content and styles `[B, style_dim]`, of whichever domain those are."""
        picture: Tensor = self.decoder(content, self.mlp(style))
        return picture
