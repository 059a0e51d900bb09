"""The U-Net generator of pix2pix (Isola et al., arXiv 1611.07004, section 3.2.1 and appendix 6.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from i2ibench.models.layers.norms import Norm, has_bias, norm_layer


class UNet(nn.Module):
    """`levels` halvings and doublings, each doubling fed the features of its size from the way down.

    Level i = 1..levels has `width * min(2^(i-1), 8)` channels. The outermost four doublings and the innermost have no
    dropout, those between have it. Takes `[B, in_channels, H, W]` with sides that are multiples of 2^levels and gives
    `[B, out_channels, H, W]` in (-1, 1).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        levels: int = 8,
        width: int = 64,
        norm: Norm = "batch",
        dropout: bool = True,
    ) -> None:
        super().__init__()
        widths = [width * min(2**level, 8) for level in range(levels)]
        bias = has_bias(norm)
        self.down = nn.ModuleList()
        self.up = nn.ModuleList()  # from the outermost in, as `down`
        for level, channels in enumerate(widths):
            outermost, innermost = level == 0, level == levels - 1
            above = in_channels if outermost else widths[level - 1]
            down: list[nn.Module] = [] if outermost else [nn.LeakyReLU(0.2)]
            down.append(nn.Conv2d(above, channels, 4, 2, 1, bias=bias))
            if not (outermost or innermost):
                down.append(norm_layer(norm, channels))
            self.down.append(nn.Sequential(*down))

            skipped = channels if innermost else 2 * channels
            up: list[nn.Module] = [nn.ReLU(inplace=True)]
            if outermost:
                up += [nn.ConvTranspose2d(skipped, out_channels, 4, 2, 1), nn.Tanh()]
            else:
                up += [nn.ConvTranspose2d(skipped, above, 4, 2, 1, bias=bias), norm_layer(norm, above)]
                if dropout and level >= 4 and not innermost:
                    up.append(nn.Dropout(0.5))
            self.up.append(nn.Sequential(*up))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` to `[B, out_channels, H, W]` in (-1, 1)."""
        skips = []
        for down in self.down:
            x = down(x)
            skips.append(x)
        x = self.up[-1](skips.pop())
        for up in reversed(self.up[:-1]):
            x = up(torch.cat([skips.pop(), x], 1))
        return x
