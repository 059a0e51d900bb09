"""SPADE's generator (Park et al., arXiv 1903.07291, section 3.1 and appendix A, figure 12)."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.spade import ParameterFree, SPADEResidualBlock

Upsampling = Literal["normal", "more", "most"]
DOUBLINGS = {"normal": 5, "more": 6, "most": 7}
"""How often the start map is doubled on its way to the picture."""


class SPADEGenerator(nn.Module):
    """A segmentation to a picture, by SPADE residual blocks and doublings from a small start map on.

    The start map has 1/2^`DOUBLINGS` of the picture's sides. Without codes a convolution makes it of the segmentation
    at that size; with codes of `code` numbers a linear layer makes it, of the size `start`, height and width. Blocks
    have 16, 16, 16, 8, 4, 2 and 1 times `width` channels, with `most` and a half; each but the first, and without
    `more` or `most` the third, comes after a doubling.
    """

    def __init__(
        self,
        segmentation_channels: int,
        width: int = 64,
        upsampling: Upsampling = "normal",
        hidden: int = 128,
        norm: ParameterFree = "batch",
        code: int = 0,
        start: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.doublings = DOUBLINGS[upsampling]
        deep = 16 * width
        widths = [deep, deep, deep, deep, 8 * width, 4 * width, 2 * width, width]
        self.doubled = [False, True, upsampling != "normal", True, True, True, True]
        if upsampling == "most":
            widths.append(width // 2)
            self.doubled.append(True)
        self.first: nn.Module
        if code:
            if start is None:
                raise ValueError("a generator of codes must know the size of its start map, found none")
            self.first = nn.Sequential(nn.Linear(code, deep * start[0] * start[1]), nn.Unflatten(1, (deep, *start)))
        else:
            self.first = nn.Conv2d(segmentation_channels, deep, 3, padding=1)
        self.blocks = nn.ModuleList(
            SPADEResidualBlock(below, above, segmentation_channels, hidden, norm) for below, above in pairwise(widths)
        )
        self.last = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def forward(self, segmentation: Tensor, code: Tensor | None = None) -> Tensor:
        """`[B, segmentation_channels, H, W]`, and codes `[B, code]` if it has any, to `[B, 3, H, W]` in (-1, 1)."""
        height, width = (side >> self.doublings for side in segmentation.shape[2:])
        here = F.interpolate(segmentation, (height, width), mode="nearest")
        x = self.first(here if code is None else code)
        for block, doubled in zip(self.blocks, self.doubled, strict=True):
            if doubled:
                x = F.interpolate(x, scale_factor=2, mode="nearest")
                here = F.interpolate(segmentation, x.shape[2:], mode="nearest")
            x = block(x, here)
        return torch.tanh(self.last(F.leaky_relu(x, 0.2)))
