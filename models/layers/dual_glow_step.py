"""The parts of DUAL-Glow (Sun et al., arXiv 1908.08074): its ActNorm, convolutions, top prior and relation networks.

The published networks are three-dimensional, and run on pictures as volumes of depth 1. A kernel's outer depth slices
then meet padding alone: zeros in the data's channels, and ones in the channel that is appended to tell the padded
border (1) from the inside (0). They add a constant to each output, so the planar convolutions below give exactly what
the published ones do, at a third or a fifth of the cost, whichever of the two forms of kernels they are built with.

Shapes: pictures `[B, C, H, W]`, log-determinants as `layers.flow` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.flow import FlowLayer, State
from i2ibench.models.layers.glow_step import CouplingNetwork

Kernels = Literal["published", "flat"]
"""`published`: 3x3x3 and 5x5x5, though most of it meets nothing but padding. `flat`: 3x3 and 5x5, nothing idle."""


class ActNorm(FlowLayer):
    """(z + bias) exp(3 log_scale), by channel; the first batch leaves it with mean 0 and deviation 1."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.log_scale = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def read(self, z: Tensor, condition: Tensor | None) -> State:
        """Log-scale and bias."""
        return self.log_scale, self.bias

    def transform(self, z: Tensor, *read: Tensor) -> tuple[Tensor, Tensor]:
        """Log-determinant H W sum 3 log_scale."""
        log_scale, bias = read
        return (z + bias) * torch.exp(3 * log_scale), z[0, 0].numel() * 3 * log_scale.flatten(1).sum(1)

    def invert(self, z: Tensor, *read: Tensor) -> Tensor:
        """z exp(-3 log_scale) - bias."""
        log_scale, bias = read
        return z * torch.exp(-3 * log_scale) - bias

    @torch.no_grad()
    def initialize(self, z: Tensor, condition: Tensor | None) -> None:
        """Take mean and deviation over the batch and its pixels."""
        log_scale, bias = standardizing(z)
        self.log_scale.copy_(log_scale)
        self.bias.copy_(bias)


def standardizing(z: Tensor) -> State:
    """Log-scale and bias `[1, C, 1, 1]` with which an ActNorm gives z mean 0 and (biased) deviation 1."""
    std, mean = torch.std_mean(z, (0, 2, 3), correction=0, keepdim=True)
    return -torch.log(std + 1e-6) / 3, -mean


class DualGlowNetwork(CouplingNetwork):
    """What a coupling of C channels reads off its kept half: three convolutions, with ActNorms after the first two."""

    def __init__(self, channels: int, width: int, kernels: Kernels) -> None:
        super().__init__()
        self.inner = nn.ModuleList(
            [
                ScaledConv(channels // 2, width, 3, kernels, std=0.05),
                ScaledConv(width, width, 1, kernels, std=0.05),
            ]
        )
        self.outer = ScaledConv(width, channels, 3, kernels)

    def forward(self, kept: Tensor, condition: Tensor | None) -> State:
        """Logit and shift; the convolution's channels are shift and logit in turns."""
        for conv in self.inner:
            kept = conv(kept).relu_()
        out: Tensor = self.outer(kept)
        return out[:, 1::2], out[:, 0::2]

    @torch.no_grad()
    def initialize(self, kept: Tensor, condition: Tensor | None) -> None:
        """Initialise the ActNorms, each by what reaches it."""
        for conv in self.inner:
            assert isinstance(conv, ScaledConv)
            conv.standardize(kept)
            kept = conv(kept).relu_()


class ScaledConv(nn.Module):
    """exp(3 log_scale) (W * z + bias): a convolution with an ActNorm after it, or one that starts at zero.

    Inputs of 3x3 kernels are padded by zeros and get a last channel that is 1 on the padding and 0 inside. The scale
    is applied to the kernel, which is small, instead of the picture.
    """

    def __init__(self, in_channels: int, out_channels: int, size: int, kernels: Kernels, std: float = 0.0) -> None:
        super().__init__()
        self.bordered = size > 1
        shape = (out_channels, in_channels + self.bordered, *kernel_sides(size, kernels))
        self.weight = nn.Parameter(torch.zeros(shape))
        self.bias = nn.Parameter(torch.zeros(1, out_channels, 1, 1))
        self.log_scale = nn.Parameter(torch.zeros(1, out_channels, 1, 1))
        if std:
            nn.init.normal_(self.weight, 0.0, std)

    def forward(self, z: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same sides."""
        scale = torch.exp(3 * self.log_scale).view(-1, 1, 1, 1)
        weight = central(self.weight)
        data = weight[:, :-1] if self.bordered else weight
        out = F.conv2d(z, data * scale, self._constant().flatten(), padding=weight.shape[-1] // 2)
        # no layer needs this sum's terms again, so it may take the first one's place
        return out.add_(self._frame(weight, scale, z)) if self.bordered else out

    def of_zeros(self, like: Tensor) -> Tensor:
        """The output `[1, C', H, W]` for zeros as high and wide as `like`: borders and constants."""
        scale = torch.exp(3 * self.log_scale).view(-1, 1, 1, 1)
        return self._frame(central(self.weight), scale, like) + self._constant()

    @torch.no_grad()
    def standardize(self, z: Tensor) -> None:
        """Choose scale and bias so that the outputs for z have mean 0 and deviation 1, by channel."""
        self.log_scale.zero_()
        self.bias.zero_()
        log_scale, bias = standardizing(self(z))
        self.log_scale.copy_(log_scale)
        self.bias.copy_(bias)

    def _constant(self) -> Tensor:
        """What every pixel gets: the bias, and the outer depth slices' sum where these see the padding's ones."""
        constant: Tensor = self.bias
        if self.bordered and self.weight.dim() == 5:
            constant = constant + self.weight[:, -1, ::2].sum((1, 2, 3)).view_as(self.bias)
        return constant * torch.exp(3 * self.log_scale)

    def _frame(self, weight: Tensor, scale: Tensor, like: Tensor) -> Tensor:
        """What pixels at the border get: `[1, C', H, W]`."""
        inside = weight.new_zeros(1, 1, *like.shape[2:])
        return F.conv2d(F.pad(inside, (1, 1, 1, 1), value=1.0), weight[:, -1:] * scale)


class TopPrior(nn.Module):
    """Means and log-deviations of the last level's C channels, learned: of every pixel the same but at the border.

    It is a `ScaledConv` of zeros, of which the published one has 2 C channels, read by weights that never learn.
    """

    def __init__(self, channels: int, kernels: Kernels) -> None:
        super().__init__()
        self.conv = ScaledConv(2 * channels if kernels == "published" else 0, 2 * channels, 3, kernels)

    def forward(self, latent: Tensor) -> State:
        """Mean and log-deviation, each `[1, C, H, W]`, for a latent `[B, C, H, W]`."""
        with torch.autocast(latent.device.type, enabled=False):
            return self.conv.of_zeros(latent).chunk(2, 1)


class Relation(nn.Module):
    """R: the target latents' means read off the source's latents of the same level, `[B, C, H, W]` both.

    `n_l` convolutions without bias, the first 5x5 and the others 3x3, `width` channels between them and a leaky ReLU
    after each.
    """

    def __init__(self, channels: int, n_l: int, kernels: Kernels, width: int = 256) -> None:
        super().__init__()
        channels_at = [channels, *[width] * (n_l - 1), channels]
        self.weights = nn.ParameterList()
        for index in range(n_l):
            shape = (channels_at[index + 1], channels_at[index], *kernel_sides(3 if index else 5, kernels))
            self.weights.append(nn.Parameter(nn.init.uniform_(torch.empty(shape), -0.05, 0.05)))

    def forward(self, latent: Tensor) -> Tensor:
        """The means, or what is added to them."""
        with torch.autocast(latent.device.type, enabled=False):
            for weight in self.weights:
                kernel = central(weight)
                latent = F.leaky_relu(F.conv2d(latent, kernel, padding=kernel.shape[-1] // 2), 0.2)
            return latent


class ElementwiseRelation(nn.Module):
    """R without a network (n_l = 0): a learned weight for each element of a latent of `shape` `[C, H, W]`."""

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.uniform_(torch.empty(1, *shape), -0.1, 0.1))

    def forward(self, latent: Tensor) -> Tensor:
        """The means, or what is added to them."""
        return self.weight * latent


def kernel_sides(size: int, kernels: Kernels) -> tuple[int, ...]:
    """A kernel's sides in one form or the other, depth first."""
    return (size,) * (3 if kernels == "published" else 2)


def central(weight: Tensor) -> Tensor:
    """The slice `[C', C, k, k]` of a kernel that meets a volume of depth 1."""
    return weight if weight.dim() == 4 else weight[:, :, weight.shape[2] // 2]
