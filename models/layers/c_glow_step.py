"""The flow step of C-Glow (Lu and Huang, arXiv 1905.13288, section 3.2): every part reads the raw source x.

Shapes: x `[B, Cx, H, W]`, z `[B, C, h, w]`, log-determinants `[B]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn

from i2ibench.models.layers.flow import FlowLayer, State
from i2ibench.models.layers.glow_step import AffineCoupling, CouplingNetwork, mixed, unmixed

Init = Literal["reference", "fixed", "orthogonal"]
"""First weights, see `models.c_glow`."""


@dataclass(frozen=True)
class Source:
    """What the conditioning networks must know of the source, and how wide they are."""

    channels: int
    size: tuple[int, int]
    """Height and width."""
    hidden_size: int
    hidden_channels: int
    init: Init


def c_glow_step(source: Source, channels: int, sides: tuple[int, int], hidden: int) -> list[FlowLayer]:
    """Conditional ActNorm, 1x1 convolution and affine coupling of z with `channels` channels and these `sides`."""
    return [
        SourceActNorm(source, channels),
        SourceConv(source, channels),
        AffineCoupling(SourceNetwork(source, channels, sides, hidden)),
    ]


class SourceActNorm(FlowLayer):
    """(z + bias) * exp(log_scale), both of each channel and in (-1, 1), read off the source."""

    def __init__(self, source: Source, channels: int) -> None:
        super().__init__()
        self.conditioner = conditioner(source, 2 * channels)
        nn.init.zeros_(_output(self.conditioner).weight)
        nn.init.zeros_(_output(self.conditioner).bias)

    def read(self, z: Tensor, condition: Tensor | None) -> State:
        """Log-scale and bias, `[B, C, 1, 1]` each."""
        return _in_full(self.conditioner, condition)[:, :, None, None].chunk(2, 1)

    def transform(self, z: Tensor, *read: Tensor) -> tuple[Tensor, Tensor]:
        """Log-determinant h w sum log_scale."""
        log_scale, bias = read
        return (z + bias) * torch.exp(log_scale), z[0, 0].numel() * log_scale.sum((1, 2, 3))

    def invert(self, z: Tensor, *read: Tensor) -> Tensor:
        """z / exp(log_scale) - bias."""
        log_scale, bias = read
        return z * torch.exp(-log_scale) - bias


class SourceConv(FlowLayer):
    """W z at every pixel, W `[C, C]` with entries in (-1, 1) read off each source."""

    def __init__(self, source: Source, channels: int) -> None:
        super().__init__()
        self.conditioner = conditioner(source, channels**2)
        output = _output(self.conditioner)
        nn.init.normal_(output.weight, 0.0, 0.1)
        nn.init.normal_(output.bias, 0.0, 0.1)
        if source.init == "orthogonal":
            rotation = nn.init.orthogonal_(output.bias.new_empty(channels, channels))
            with torch.no_grad():
                output.bias.copy_(torch.atanh(rotation.clamp(-0.99, 0.99)).flatten())

    def read(self, z: Tensor, condition: Tensor | None) -> State:
        """W of each source, `[B, C, C]`, a row an output channel."""
        return (_in_full(self.conditioner, condition).view(-1, z.shape[1], z.shape[1]),)

    def transform(self, z: Tensor, *read: Tensor) -> tuple[Tensor, Tensor]:
        """Log-determinant h w log|det W|, taken in float64."""
        return mixed(z, *read)

    def invert(self, z: Tensor, *read: Tensor) -> Tensor:
        """W^-1 z."""
        return unmixed(z, *read)


class SourceNetwork(CouplingNetwork):
    """What a coupling reads off its kept half and the source, all of it in (-1, 1).

    The scale sigmoid(logit + 2) therefore lies in (0.731, 0.953): a coupling can only shrink.
    """

    def __init__(self, source: Source, channels: int, sides: tuple[int, int], hidden: int) -> None:
        super().__init__()
        half = channels // 2
        self.condition = nn.Sequential(
            conv3x3(source.channels, 16, 0.1),
            nn.ReLU(inplace=True),
            resize_conv(16, half, source.size, sides, source.init),
            nn.ReLU(inplace=True),
            conv3x3(half, half, 0.1),
            nn.ReLU(inplace=True),
        )
        self.layers = nn.Sequential(
            nn.Conv2d(channels, hidden, 3, padding=1, bias=False),
            ChannelAffine(hidden),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, hidden, 1, bias=False),
            ChannelAffine(hidden),
            nn.ReLU(inplace=True),
            ZeroConv(hidden, channels),
            nn.Tanh(),
        )
        for index in (0, 3):
            nn.init.normal_(cast(nn.Conv2d, self.layers[index]).weight, 0.0, 0.05)

    def forward(self, kept: Tensor, condition: Tensor | None) -> State:
        """Logit and shift: the odd and the even channels of what the network answers."""
        out: Tensor = self.layers(torch.cat([self.condition(condition).to(kept.dtype), kept], 1))
        return out[:, 1::2], out[:, 0::2]


class SplitPrior(nn.Module):
    """Mean and log-deviation, in (-1, 1), of the latents split off a level of `channels`, read off what is kept."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = conv3x3(channels // 2, channels, 0.1)

    def forward(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log-deviations, `[B, C/2, h, w]` each."""
        out = torch.tanh(self.conv(kept).to(kept.dtype))
        return out[:, 0::2], out[:, 1::2]


class ChannelAffine(nn.Module):
    """(z + bias) * exp(log_scale) by channel, in the type of z: an ActNorm that the data does not initialise."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(0.05 * torch.randn(1, channels, 1, 1))
        self.log_scale = nn.Parameter(0.05 * torch.randn(1, channels, 1, 1))

    def forward(self, z: Tensor) -> Tensor:
        """`[B, C, h, w]` to the same sides."""
        return (z + self.bias.to(z.dtype)) * torch.exp(self.log_scale).to(z.dtype)


class ZeroConv(nn.Module):
    """A 3x3 convolution that starts at zero, with an extra bias and a learned scale exp(3 log_scale).

    Under bf16 its answer is float32 all the same: what is read off it moves the state.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = conv3x3(in_channels, out_channels, 0.0)
        nn.init.zeros_(cast(Tensor, self.conv.bias))
        self.bias = nn.Parameter(torch.zeros(1, out_channels, 1, 1))
        self.log_scale = nn.Parameter(torch.zeros(1, out_channels, 1, 1))

    def forward(self, z: Tensor) -> Tensor:
        """`[B, C, h, w]` to the same sides."""
        out: Tensor = (self.conv(z) + self.bias) * torch.exp(3 * self.log_scale)
        return out


def conditioner(source: Source, outputs: int) -> nn.Sequential:
    """The source to `outputs` numbers in (-1, 1): three halvings, three linear layers, tanh."""
    channels, width = source.hidden_channels, source.hidden_size
    halves = [(source.size[0] // 2**i, source.size[1] // 2**i) for i in range(4)]
    layers: list[nn.Module] = []
    for i in range(3):
        below = channels if i else source.channels
        layers += [resize_conv(below, channels, halves[i], halves[i + 1], source.init), nn.ReLU(inplace=True)]
    layers.append(nn.Flatten())
    for inputs in (channels * halves[3][0] * halves[3][1], width):
        linear = nn.Linear(inputs, width)
        nn.init.normal_(linear.weight, 0.0, _dead_or_alive(source.init))
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.Linear(width, outputs), nn.Tanh())


def resize_conv(
    in_channels: int, out_channels: int, size: tuple[int, int], wanted: tuple[int, int], init: Init
) -> nn.Conv2d:
    """An unpadded convolution from `size` to `wanted` sides: stride floor(H/h), kernel H - (h - 1) * stride."""
    strides = (size[0] // wanted[0], size[1] // wanted[1])
    kernels = tuple(side - (less - 1) * stride for side, less, stride in zip(size, wanted, strides, strict=True))
    conv = nn.Conv2d(in_channels, out_channels, (kernels[0], kernels[1]), strides)
    nn.init.normal_(conv.weight, 0.0, _dead_or_alive(init))
    return conv


def _dead_or_alive(init: Init) -> float:
    """Deviation of the first weights of resize convolutions and of the conditioners' first two linear layers."""
    return 0.0 if init == "reference" else 0.05


def conv3x3(in_channels: int, out_channels: int, std: float) -> nn.Conv2d:
    """A padded 3x3 convolution with weights ~ N(0, std^2)."""
    conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)
    nn.init.normal_(conv.weight, 0.0, std)
    return conv


def _output(conditioner: nn.Sequential) -> nn.Linear:
    return cast(nn.Linear, conditioner[-2])


def _in_full(conditioner: nn.Sequential, source: Tensor | None) -> Tensor:
    """What a conditioner answers, never under autocast: it is small, and its errors add up over all pixels."""
    assert source is not None
    with torch.autocast(source.device.type, enabled=False):
        out: Tensor = conditioner(source)
    return out
