"""The U-Net generator that is fed a code (BicycleGAN: Zhu et al., arXiv 1711.11586, section 4)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from i2ibench.models.layers.norms import norm_layer

WhereAdd = Literal["all", "input"]
"""Where the code enters: `all` halvings or the first alone."""
Upsample = Literal["transposed", "bilinear"]
"""How a doubling doubles: a transposed 4x4 convolution, or bilinearly with a reflection-padded 3x3 convolution."""


class NoiseUNet(nn.Module):
    """`levels` halvings and doublings, each doubling fed the features of its size from the way down.

    The code of a picture, `[codes]` numbers, is repeated over the pixels and joins the input of every halving, or of
    the first alone. Level i = 1..levels has `width * min(2^(i-1), 8)` channels. All but the outermost convolutions and
    the innermost halving have an instance norm, and all have biases. The outermost four doublings and the innermost
    have no dropout, those between have it. Takes pictures `[B, in_channels, H, W]` with sides that are multiples of
    2^levels and gives `[B, out_channels, H, W]` in (-1, 1).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        codes: int = 8,
        levels: int = 8,
        width: int = 64,
        where_add: WhereAdd = "all",
        upsample: Upsample = "transposed",
        dropout: bool = True,
    ) -> None:
        super().__init__()
        self.where_add = where_add
        widths = [width * min(2**level, 8) for level in range(levels)]
        self.down = nn.ModuleList()
        self.up = nn.ModuleList()  # from the outermost in, as `down`
        for level, channels in enumerate(widths):
            outermost, innermost = level == 0, level == levels - 1
            above = in_channels if outermost else widths[level - 1]
            coded = codes if outermost or where_add == "all" else 0
            down: list[nn.Module] = [] if outermost else [nn.LeakyReLU(0.2)]
            down.append(nn.Conv2d(above + coded, channels, 4, 2, 1))
            if not (outermost or innermost):
                down.append(norm_layer("instance", channels))
            self.down.append(nn.Sequential(*down))

            skipped = channels if innermost else 2 * channels
            up: list[nn.Module] = [nn.ReLU(inplace=True)]
            if outermost:
                up += [*_double(skipped, out_channels, upsample), nn.Tanh()]
            else:
                up += [*_double(skipped, above, upsample), norm_layer("instance", above)]
                if dropout and level >= 4 and not innermost:
                    up.append(nn.Dropout(0.5))
            self.up.append(nn.Sequential(*up))

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """Pictures `[B, in_channels, H, W]` and codes `[B, codes]` to `[B, out_channels, H, W]` in (-1, 1)."""
        skips = []
        for level, down in enumerate(self.down):
            x = down(_joined(x, code) if level == 0 or self.where_add == "all" else x)
            skips.append(x)
        x = self.up[-1](skips.pop())
        for up in reversed(self.up[:-1]):
            x = up(torch.cat([x, skips.pop()], 1))
        return x


def _joined(x: Tensor, code: Tensor) -> Tensor:
    maps = code.to(x.dtype)[:, :, None, None].expand(-1, -1, *x.shape[2:])  # or autocast would widen x
    return torch.cat([x, maps], 1)


def _double(in_channels: int, out_channels: int, upsample: Upsample) -> list[nn.Module]:
    if upsample == "transposed":
        return [nn.ConvTranspose2d(in_channels, out_channels, 4, 2, 1)]
    return [
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.ReflectionPad2d(1),
        nn.Conv2d(in_channels, out_channels, 3),
    ]
