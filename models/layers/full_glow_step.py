"""The right-hand flow step of Full-Glow (Sorkhei et al., arXiv 2012.05846): Glow's, with every parameter of ActNorm and
1x1 convolution, and a part of what its coupling sees, read off the activations of another Glow at the same place.

Shapes: z `[B, C, H, W]`, condition `[B, Cc, H, W]`, log-determinants `[B]`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from i2ibench.models.layers.flow import FlowLayer, State
from i2ibench.models.layers.glow_step import (
    AffineCoupling,
    GlowNetwork,
    assembled,
    denormalized,
    factorized,
    mixed,
    normalized,
    random_rotation,
    standardizing,
    unmixed,
)

SMALLEST_SIDE = 5
"""Pixels that a condition's sides must have at least: its two 3x3 convolutions are not padded."""


class Condition(NamedTuple):
    """The shape of what a step reads."""

    channels: int
    height: int
    width: int


def conditional_step(channels: int, condition: Condition, hidden: int, lu: bool) -> list[FlowLayer]:
    """ActNorm, 1x1 convolution and coupling for z of `channels` channels."""
    network = GlowNetwork(
        channels, hidden, conditioner=coupling_conditioner(condition.channels, channels), extra=channels
    )
    return [
        ConditionalActNorm(channels, condition),
        ConditionalLUConv(channels, condition) if lu else ConditionalPlainConv(channels, condition),
        AffineCoupling(network),
    ]


class ConditionalActNorm(FlowLayer):
    """scale (z + shift), both read off the condition; the first batch leaves it with mean 0 and deviation 1.

    The scale is read itself, not its logarithm, and may change its sign.
    """

    def __init__(self, channels: int, condition: Condition) -> None:
        super().__init__()
        first = torch.cat([torch.ones(channels), torch.zeros(channels)])
        self.conditioner = Conditioner(condition, first)

    def read(self, z: Tensor, condition: Tensor | None) -> State:
        """Scale and shift, `[B, C, 1, 1]`."""
        assert condition is not None
        read: Tensor = self.conditioner(condition)
        return read[:, :, None, None].chunk(2, 1)

    def transform(self, z: Tensor, *read: Tensor) -> tuple[Tensor, Tensor]:
        """Log-determinant H W sum log|scale|."""
        return normalized(z, *read)

    def invert(self, z: Tensor, *read: Tensor) -> Tensor:
        """z / scale - shift."""
        return denormalized(z, *read)

    @torch.no_grad()
    def initialize(self, z: Tensor, condition: Tensor | None) -> None:
        """Take mean and deviation over the batch and its pixels, whatever the condition."""
        self.conditioner.output.bias.copy_(torch.cat(standardizing(z), 1).flatten())


class ConditionalPlainConv(FlowLayer):
    """W z at every pixel, each W `[C, C]` read off its condition row by row; one random rotation at first."""

    def __init__(self, channels: int, condition: Condition) -> None:
        super().__init__()
        self.channels = channels
        self.conditioner = Conditioner(condition, random_rotation(channels).flatten())

    def read(self, z: Tensor, condition: Tensor | None) -> State:
        """W, `[B, C, C]`."""
        assert condition is not None
        read: Tensor = self.conditioner(condition)
        return (read.view(-1, self.channels, self.channels),)

    def transform(self, z: Tensor, *read: Tensor) -> tuple[Tensor, Tensor]:
        """Log-determinant H W log|det W|, taken in float64."""
        return mixed(z, *read)

    def invert(self, z: Tensor, *read: Tensor) -> Tensor:
        """W^-1 z."""
        return unmixed(z, *read)


class ConditionalLUConv(FlowLayer):
    """W z at every pixel, W = P L (U + diag(sign exp(log_scale))); P and sign are fixed, the rest is read off.

    The condition gives [L | U | log_scale], 2 C^2 + C numbers: full matrices, of which one triangle is used.
    """

    permutation: Tensor
    sign: Tensor

    def __init__(self, channels: int, condition: Condition) -> None:
        super().__init__()
        self.channels = channels
        permutation, lower, upper, sign, log_scale = factorized(random_rotation(channels))
        self.register_buffer("permutation", permutation)
        self.register_buffer("sign", sign)
        self.conditioner = Conditioner(condition, torch.cat([lower.flatten(), upper.flatten(), log_scale]))

    def read(self, z: Tensor, condition: Tensor | None) -> State:
        """Lower and upper matrix `[B, C, C]` and log-scales `[B, C]`."""
        assert condition is not None
        read: Tensor = self.conditioner(condition)
        triangles, log_scale = read[:, : -self.channels], read[:, -self.channels :]
        lower, upper = triangles.reshape(-1, 2, self.channels, self.channels).unbind(1)
        return lower, upper, log_scale

    def transform(self, z: Tensor, *read: Tensor) -> tuple[Tensor, Tensor]:
        """Log-determinant H W sum log_scale."""
        return mixed(z, assembled(self.permutation, self.sign, *read), read[2].sum(1))

    def invert(self, z: Tensor, *read: Tensor) -> Tensor:
        """W^-1 z."""
        return unmixed(z, assembled(self.permutation, self.sign, *read))


class Conditioner(nn.Module):
    """A condition to as many numbers as `first` has, which are `first` until the weights have been trained.

    Its convolutions keep the places, so it is tied to one size. Autocast is off inside: it is small, and what it gives
    are scales and matrices that have to be inverted.
    """

    def __init__(self, condition: Condition, first: Tensor) -> None:
        super().__init__()
        channels, height, width = condition
        self.trunk = nn.Sequential(
            nn.Conv2d(channels, 8, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(8, 4, 3),
            nn.ReLU(inplace=True),
            nn.Conv2d(4, 2, 3),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Linear(2 * (height - 4) * (width - 4), 32),
            nn.ReLU(inplace=True),
            nn.Linear(32, 64),
            nn.ReLU(inplace=True),
            nn.Linear(64, 48),
            nn.ReLU(inplace=True),
        )
        self.output = nn.Linear(48, len(first))
        nn.init.zeros_(self.output.weight)
        with torch.no_grad():
            self.output.bias.copy_(first)

    def forward(self, condition: Tensor) -> Tensor:
        """`[B, Cc, H, W]` to `[B, N]`."""
        with torch.autocast(condition.device.type, enabled=False):
            out: Tensor = self.output(self.trunk(condition))
        return out


def coupling_conditioner(channels: int, features: int) -> nn.Sequential:
    """A condition of `channels` to the `features` channels that a coupling reads beside its kept half."""
    return nn.Sequential(
        nn.Conv2d(channels, 128, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(128, features, 3, padding=1),
        nn.ReLU(inplace=True),
    )
