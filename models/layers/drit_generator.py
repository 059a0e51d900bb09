"""DRIT's generators of both domains (Lee et al., arXiv 1808.00948, section 3; arXiv 1905.01270; layers as in its code).

Attributes enter by concatenation, for domains that differ in colours and texture, or by feature-wise mixing, for
those that differ in shapes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.adain import MLP
from i2ibench.models.layers.drit_encoders import Domain
from i2ibench.models.layers.norms import instance_norm
from i2ibench.models.layers.resnet import ResidualBlock


class AttributeGenerator(nn.Module):
    """Contents and attributes to pictures of either domain, by a branch for each.

    `concat`: a residual block that both branches share, then `blocks` more and two doublings, attributes being
    concatenated before the first of the blocks and before everything from the doublings on. Otherwise `blocks` + 1
    blocks that mix attributes in, and two doublings; nothing is shared. `high_resolution`, only with `concat`: two
    more residual blocks between the doublings, and pictures of half the size from before them.
    """

    def __init__(
        self,
        concat: bool = True,
        width: int = 64,
        codes: int = 8,
        blocks: int = 3,
        mlp_width: int = 256,
        high_resolution: bool = False,
    ) -> None:
        super().__init__()

        def branch() -> nn.Module:
            if concat:
                return ConcatBranch(4 * width, codes, blocks, high_resolution)
            return MixingBranch(4 * width, codes, blocks + 1, mlp_width)

        self.shared: nn.Module = ResidualBlock(4 * width, "instance", bias=True) if concat else nn.Identity()
        self.branches = nn.ModuleDict({domain: branch() for domain in "ab"})

    def forward(self, content: Tensor, codes: Tensor, domain: Domain) -> list[Tensor]:
        """`[B, 4 * width, h, w]` and `[B, codes]` to pictures `[B, 3, 4h, 4w]` of `domain`, in (-1, 1).

        With `high_resolution` those of half the size come second.
        """
        return self.decode(self.shared(content), codes, domain)

    def decode(self, shared: Tensor, codes: Tensor, domain: Domain) -> list[Tensor]:
        """The same of contents that went through `shared`, which need not be done again for other codes."""
        pictures: list[Tensor] = self.branches[domain](shared, codes)
        return pictures


class ConcatBranch(nn.Module):
    """Contents `[B, channels, h, w]` to pictures, attributes being concatenated as `AttributeGenerator` tells."""

    def __init__(self, channels: int, codes: int, blocks: int, high_resolution: bool = False) -> None:
        super().__init__()
        # each stage is fed the one before and the codes
        inputs = channels + codes, channels + 2 * codes, (channels + 2 * codes) // 2 + codes
        half, full = inputs[1] // 2, inputs[2] // 2
        self.blocks = nn.Sequential(*(ResidualBlock(inputs[0], "instance", bias=True) for _ in range(blocks)))
        self.first = _double(inputs[1], half)
        self.second = nn.Sequential(
            *(ResidualBlock(inputs[2], "instance", bias=True) for _ in range(2 if high_resolution else 0)),
            _double(inputs[2], full),
        )
        self.head = _head(full + codes)
        self.half_head = _head(half) if high_resolution else None

    def forward(self, content: Tensor, codes: Tensor) -> list[Tensor]:
        """Pictures `[B, 3, 4h, 4w]`, and with `high_resolution` those of half the size."""
        half = self.first(with_planes(self.blocks(with_planes(content, codes)), codes))
        full = self.second(with_planes(half, codes))
        picture = self.head(with_planes(full, codes))
        return [picture] if self.half_head is None else [picture, self.half_head(half)]


class MixingBranch(nn.Module):
    """Contents `[B, channels, h, w]` to pictures by `blocks` blocks that mix in what an MLP makes of the attributes."""

    def __init__(self, channels: int, codes: int, blocks: int, mlp_width: int) -> None:
        super().__init__()
        self.mlp = MLP(codes, mlp_width, mlp_width, blocks * channels)
        self.blocks = nn.ModuleList(_MixingBlock(channels) for _ in range(blocks))
        self.layers = nn.Sequential(
            _double(channels, channels // 2), _double(channels // 2, channels // 4), _head(channels // 4)
        )

    def forward(self, content: Tensor, codes: Tensor) -> list[Tensor]:
        """Pictures `[B, 3, 4h, 4w]`, alone."""
        for block, own in zip(self.blocks, self.mlp(codes).chunk(len(self.blocks), 1), strict=True):
            content = block(content, own)
        return [self.layers(content)]


def with_planes(x: Tensor, codes: Tensor) -> Tensor:
    """`[B, C, H, W]` and numbers `[B, codes]` that stand at all pixels behind its channels, in the type of `x`."""
    return torch.cat([x, codes[:, :, None, None].expand(-1, -1, *x.shape[2:]).to(x.dtype)], 1)


class _MixingBlock(nn.Module):
    """x + f(x), f two reflection-padded 3x3 convolutions with instance norm, each with a mixing of its own."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, 1, 1, padding_mode="reflect") for _ in range(2)
        )
        self.mixings = nn.ModuleList(_Mixing(channels) for _ in range(2))

    def forward(self, x: Tensor, vector: Tensor) -> Tensor:
        out = x
        for convolution, mixing in zip(self.convolutions, self.mixings, strict=True):
            out = mixing(instance_norm(convolution(out)), vector)
        return x + out


class _Mixing(nn.Module):
    """Two 1x1 convolutions with ReLU of a map `[B, C, h, w]` and a vector `[B, C]` that stands at all its pixels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.second = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, x: Tensor, vector: Tensor) -> Tensor:
        # what the first convolution makes of the vector is the same at all pixels: it is computed at one
        of_x, of_vector = self.first.weight.chunk(2, 1)
        hidden = F.conv2d(x, of_x, self.first.bias) + F.linear(vector, of_vector.flatten(1))[:, :, None, None]
        return F.relu(self.second(F.relu(hidden)))


def _double(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(in_channels, out_channels, 3, 2, 1, output_padding=1),
        nn.GroupNorm(1, out_channels),  # one group: a layer norm over channels and pixels, a gain for each channel
        nn.ReLU(inplace=True),
    )


def _head(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.ConvTranspose2d(channels, 3, 1), nn.Tanh())
