"""MUNIT's style encoder (Huang et al., arXiv 1804.04732, appendix B), DRIT's deterministic attribute encoder too."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn


class StyleEncoder(nn.Module):
    """A picture to the numbers of its style.

    A 7x7 convolution and `halvings` 4x4 ones of stride 2, of which the first two double the channels, with ReLU and
    padded by reflection; then the mean over all pixels and a linear map of it. No norm: it would take away the very
    statistics that tell a style. Sides of at least 2^halvings, and more than 3.
    """

    def __init__(self, style_dim: int = 8, width: int = 64, halvings: int = 4, in_channels: int = 3) -> None:
        super().__init__()
        widths = [width * min(2**level, 4) for level in range(halvings + 1)]
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, width, 7, 1, 3, padding_mode="reflect"),
            nn.ReLU(inplace=True),
            *(_halve(below, above) for below, above in pairwise(widths)),
        )
        self.style = nn.Conv2d(widths[-1], style_dim, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` to `[B, style_dim]`."""
        style: Tensor = self.style(self.features(pictures).mean((2, 3), keepdim=True))
        return style.flatten(1)


def _halve(below: int, above: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(below, above, 4, 2, 1, padding_mode="reflect"), nn.ReLU(inplace=True))
