"""StyleGAN's generator, with the sums that DeepI2I makes of its maps and a picture's.

Karras, Laine, Aila, arXiv 1812.04948, section 2; layers as in Rosinality's version. It is of its final size from the
start, so only the last level makes colours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from i2ibench.models.layers.blur import Blur
from i2ibench.models.layers.equalized import EnlargingConv2d, EqualizedConv2d
from i2ibench.models.layers.gaussian_codes import style_codes
from i2ibench.models.layers.stylegan_blocks import ConstantInput, MappingNetwork, StyledBlock
from i2ibench.models.layers.stylegan_layout import channels
from i2ibench.models.method import generator

AVERAGING = 128
"""From this side on, a pixel's four copies are averaged where they are enlarged, as the published layers do there."""


class StyleGANGenerator(nn.Module):
    """Styles and noise to pictures of `height` x `width`, the shorter one of `SIDES`, the longer in proportion.

    `mapping` makes styles of codes `[B, code_dim]`; each level reads a style of its own, which may be the same.
    """

    def __init__(
        self, height: int, width: int, base: int = 16384, max_dim: int = 512, code_dim: int = 512, layers: int = 8
    ) -> None:
        super().__init__()
        side = min(height, width)
        self.code_dim = code_dim
        self.channels = channels(side, base, max_dim)
        self.sizes = [(at * height // side, at * width // side) for at in self.channels]
        self.mapping = MappingNetwork(code_dim, layers)
        steps = list(self.channels.items())
        constant = ConstantInput(steps[0][1], *self.sizes[0])
        self.blocks = nn.ModuleList([StyledBlock(constant, steps[0][1], code_dim)])
        for (_, below), (at, above) in pairwise(steps):
            enlarged = nn.Sequential(EnlargingConv2d(below, above, mean=at >= AVERAGING), Blur(above))
            self.blocks.append(StyledBlock(enlarged, above, code_dim))
        self.to_rgb = EqualizedConv2d(steps[-1][1], 3, 1)

    def forward(
        self, styles: Sequence[Tensor], noise: Sequence[Tensor], additions: Mapping[int, Tensor] | None = None
    ) -> Tensor:
        """For each level a style `[B, code_dim]` and noise `[B, 1, ...]`, to pictures `[B, 3, height, width]`, in
        [-1, 1] by training alone.

        `additions` are added to the maps of their shorter side, `[B, channels[side], ...]`, after their block.
        """
        added, x = additions or {}, styles[0]
        for side, block, style, one in zip(self.channels, self.blocks, styles, noise, strict=True):
            x = block(x, style, one)
            if side in added:
                x = x + added[side]
        out: Tensor = self.to_rgb(x)
        return out

    def draw(self, pictures: int, mixing: float, additions: Mapping[int, Tensor] | None = None) -> Tensor:
        """So many pictures of styles and noise drawn for training."""
        out: Tensor = self(self.drawn_styles(pictures, mixing), self.drawn_noise(pictures), additions)
        return out

    def draw_for(
        self, names: Sequence[str], seed: int, sample: int, additions: Mapping[int, Tensor] | None = None
    ) -> Tensor:
        """A picture for each name, in [-1, 1], of one style and noise that are functions of (seed, name, sample)."""
        codes = style_codes(names, self.code_dim, seed, sample).to(self.device)
        streams = [generator(seed, "noise maps", name, sample) for name in names]
        noise = [
            torch.stack([torch.randn(1, *size, generator=stream) for stream in streams]).to(self.device)
            for size in self.sizes
        ]
        out: Tensor = self([self.mapping(codes)] * len(noise), noise, additions)
        return out.float().clamp(-1, 1)

    def drawn_styles(self, pictures: int, mixing: float) -> list[Tensor]:
        """A style `[B, code_dim]` for each level, of codes ~ N(0, I).

        With probability `mixing` there are two codes, and levels from one at random on read the second's (section 3.1).
        """
        levels = len(self.blocks)
        # on the CPU, so that nobody waits for a device to tell
        mixed = bool(torch.rand((), device="cpu") < mixing)
        cut = int(torch.randint(1, levels, (), device="cpu")) if mixed else levels
        styles = self.mapping(torch.randn((1 + mixed) * pictures, self.code_dim, device=self.device)).split(pictures)
        return [styles[0]] * cut + [styles[-1]] * (levels - cut)

    def drawn_noise(self, pictures: int) -> list[Tensor]:
        """Noise ~ N(0, 1) for each level, `[B, 1, ...]`."""
        return [torch.randn(pictures, 1, *size, device=self.device) for size in self.sizes]

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self.to_rgb.weight.device
