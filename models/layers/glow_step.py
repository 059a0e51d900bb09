"""The flow step of Glow (Kingma and Dhariwal, arXiv 1807.03039, section 3): ActNorm, 1x1 convolution, coupling.

Shapes: z `[B, C, H, W]`, log-determinants as `layers.flow` says.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.flow import FlowLayer, State


class ActNorm(FlowLayer):
    """scale (z + bias), by channel; the first batch leaves it with mean 0 and deviation 1 (section 3.1).

    The scale is learned itself, not its logarithm, and may change its sign.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.scale = nn.Parameter(torch.ones(1, channels, 1, 1))

    def read(self, z: Tensor, condition: Tensor | None) -> State:
        """Scale and bias."""
        return self.scale, self.bias

    def transform(self, z: Tensor, *read: Tensor) -> tuple[Tensor, Tensor]:
        """Log-determinant H W sum log|scale|."""
        return normalized(z, *read)

    def invert(self, z: Tensor, *read: Tensor) -> Tensor:
        """z / scale - bias."""
        return denormalized(z, *read)

    @torch.no_grad()
    def initialize(self, z: Tensor, condition: Tensor | None) -> None:
        """Take mean and deviation over the batch and its pixels."""
        scale, bias = standardizing(z)
        self.scale.copy_(scale)
        self.bias.copy_(bias)


def standardizing(z: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and bias `[1, C, 1, 1]` with which scale (z + bias) has mean 0 and deviation 1 over batch and pixels."""
    std, mean = torch.std_mean(z, (0, 2, 3), keepdim=True)
    return 1 / (std + 1e-6), -mean


def normalized(z: Tensor, scale: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """scale (z + bias), and its log-determinants; scale and bias are `[B or 1, C, 1, 1]`."""
    return scale * (z + bias), z[0, 0].numel() * scale.abs().log().flatten(1).sum(1)


def denormalized(z: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """The z of which `normalized` makes the given one."""
    return z / scale - bias


class PlainConv(FlowLayer):
    """W z at every pixel, W `[C, C]` of any form; a random rotation at first (section 3.2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(random_rotation(channels))

    def read(self, z: Tensor, condition: Tensor | None) -> State:
        """W, `[1, C, C]`."""
        return (self.weight[None],)

    def transform(self, z: Tensor, *read: Tensor) -> tuple[Tensor, Tensor]:
        """Log-determinant H W log|det W|, taken in float64."""
        return mixed(z, *read)

    def invert(self, z: Tensor, *read: Tensor) -> Tensor:
        """W^-1 z."""
        return unmixed(z, *read)


class LUConv(FlowLayer):
    """W z at every pixel, W = P L (U + diag(sign exp(log_scale))) with P and sign fixed (section 3.2, equation 10)."""

    permutation: Tensor
    sign: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        permutation, lower, upper, sign, log_scale = factorized(random_rotation(channels))
        self.register_buffer("permutation", permutation)
        self.register_buffer("sign", sign)
        self.lower = nn.Parameter(lower)  # lower and upper are full matrices, of which one triangle is used
        self.upper = nn.Parameter(upper)
        self.log_scale = nn.Parameter(log_scale)

    def read(self, z: Tensor, condition: Tensor | None) -> State:
        """Lower and upper matrix `[1, C, C]` and log-scales `[1, C]`."""
        return self.lower[None], self.upper[None], self.log_scale[None]

    def transform(self, z: Tensor, *read: Tensor) -> tuple[Tensor, Tensor]:
        """Log-determinant H W sum log_scale."""
        return mixed(z, assembled(self.permutation, self.sign, *read), read[2].sum(1))

    def invert(self, z: Tensor, *read: Tensor) -> Tensor:
        """W^-1 z."""
        return unmixed(z, assembled(self.permutation, self.sign, *read))


def random_rotation(channels: int) -> Tensor:
    """A random orthogonal matrix `[C, C]`."""
    return nn.init.orthogonal_(torch.empty(channels, channels))


def factorized(weight: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """W = P L (U + diag(sign exp(log_scale))) with unit L and strict U: P, L, U, sign and log_scale."""
    permutation, lower, upper = torch.linalg.lu(weight)
    diagonal = upper.diagonal()
    return permutation, lower, upper.triu(1), diagonal.sign(), diagonal.abs().log()


def assembled(permutation: Tensor, sign: Tensor, lower: Tensor, upper: Tensor, log_scale: Tensor) -> Tensor:
    """W `[B, C, C]` from its factors, each of a batch; of `lower` and `upper` only a strict triangle is read."""
    unit = lower.tril(-1) + torch.eye(len(sign), dtype=lower.dtype, device=lower.device)
    return permutation.to(lower.dtype) @ unit @ (upper.triu(1) + torch.diag_embed(sign * log_scale.exp()))


def mixed(z: Tensor, weight: Tensor, log_det: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """W `[B or 1, C, C]` times each pixel of z, and its log-determinants.

    `log_det` is log|det W| where it is known; else it is taken in float64.
    """
    if log_det is None:
        log_det = torch.linalg.slogdet(weight.double()).logabsdet.to(z.dtype)
    return (weight @ z.flatten(2)).view(z.shape), z[0, 0].numel() * log_det


def unmixed(z: Tensor, weight: Tensor) -> Tensor:
    """The z of which `mixed` makes the given one; the inverse matrix is taken in float64."""
    inverse: Tensor = torch.linalg.inv_ex(weight.double()).inverse.to(weight.dtype)  # unchecked: no waiting for a GPU
    return (inverse @ z.flatten(2)).view(z.shape)


class AffineCoupling(FlowLayer):
    """(kept, (moved + shift) * sigmoid(logit + 2)): half the channels, by what a network reads off the other half.

    Section 3.3; the sigmoid is the authors' code's.
    """

    def __init__(self, network: CouplingNetwork) -> None:
        super().__init__()
        self.network = network

    def read(self, z: Tensor, condition: Tensor | None) -> State:
        """Logit and shift of the moved half."""
        read: State = self.network(z.chunk(2, 1)[0], condition)
        return read

    def transform(self, z: Tensor, *read: Tensor) -> tuple[Tensor, Tensor]:
        """Log-determinant sum log sigmoid(logit + 2)."""
        (kept, moved), (logit, shift) = z.chunk(2, 1), read
        log_scale = F.logsigmoid(logit + 2)
        return torch.cat([kept, (moved + shift) * log_scale.exp()], 1), log_scale.flatten(1).sum(1)

    def invert(self, z: Tensor, *read: Tensor) -> Tensor:
        """The moved half divided by its scale, minus its shift."""
        (kept, moved), (logit, shift) = z.chunk(2, 1), read
        return torch.cat([kept, moved * (-F.logsigmoid(logit + 2)).exp() - shift], 1)

    def initialize(self, z: Tensor, condition: Tensor | None) -> None:
        """Initialise the network."""
        self.network.initialize(z.chunk(2, 1)[0], condition)


class AdditiveCoupling(FlowLayer):
    """(kept, moved + shift): volumes stay."""

    def __init__(self, network: CouplingNetwork) -> None:
        super().__init__()
        self.network = network

    def read(self, z: Tensor, condition: Tensor | None) -> State:
        """The shift of the moved half."""
        read: State = self.network(z.chunk(2, 1)[0], condition)
        return read

    def transform(self, z: Tensor, *read: Tensor) -> tuple[Tensor, Tensor]:
        """Log-determinant 0."""
        kept, moved = z.chunk(2, 1)
        return torch.cat([kept, moved + read[0]], 1), z.new_zeros(1)

    def invert(self, z: Tensor, *read: Tensor) -> Tensor:
        """The moved half minus its shift."""
        kept, moved = z.chunk(2, 1)
        return torch.cat([kept, moved - read[0]], 1)


class CouplingNetwork(nn.Module):
    """What a coupling reads off its kept half `[B, C/2, H, W]` and the condition, each `[B, C/2, H, W]`."""

    def forward(self, kept: Tensor, condition: Tensor | None) -> State:
        """Logit and shift; of an additive coupling the shift alone."""
        raise NotImplementedError

    def initialize(self, kept: Tensor, condition: Tensor | None) -> None:
        """Set what depends on data from the first batch."""


class GlowNetwork(CouplingNetwork):
    """Glow's three convolutions, on the kept half and on what `conditioner` makes of the condition.

    `channels` is C; of the conditioner's `extra` channels, single pixels are spread over the picture.
    """

    def __init__(
        self,
        channels: int,
        hidden: int,
        *,
        additive: bool = False,
        conditioner: nn.Module | None = None,
        extra: int = 0,
    ) -> None:
        super().__init__()
        self.conditioner = conditioner
        self.parts = 1 if additive else 2
        self.layers = nn.Sequential(
            _normal_conv(channels // 2 + extra, hidden, 3),
            nn.ReLU(inplace=True),
            _normal_conv(hidden, hidden, 1),
            nn.ReLU(inplace=True),
            ZeroConv(hidden, self.parts * (channels // 2)),
        )

    def forward(self, kept: Tensor, condition: Tensor | None) -> State:
        """Logit first, then shift."""
        if self.conditioner is not None:
            assert condition is not None
            features = self.conditioner(condition).to(kept.dtype)
            kept = torch.cat([kept, features.expand(-1, -1, *kept.shape[2:])], 1)
        return cast(Tensor, self.layers(kept)).chunk(self.parts, 1)


class ZeroConv(nn.Module):
    """A 3x3 convolution that starts at zero, times exp(3 log_scale); its padding is of ones, so borders tell."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3)
        self.log_scale = nn.Parameter(torch.zeros(1, out_channels, 1, 1))
        nn.init.zeros_(self.conv.weight)
        nn.init.zeros_(cast(Tensor, self.conv.bias))

    def forward(self, z: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same sides."""
        out: Tensor = self.conv(F.pad(z, (1, 1, 1, 1), value=1.0)) * torch.exp(3 * self.log_scale)
        return out


def _normal_conv(in_channels: int, out_channels: int, kernel: int) -> nn.Conv2d:
    conv = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2)
    nn.init.normal_(conv.weight, 0.0, 0.05)
    nn.init.zeros_(cast(Tensor, conv.bias))
    return conv
