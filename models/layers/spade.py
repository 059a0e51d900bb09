"""Spatially-adaptive normalisation, SPADE, and the residual block made of it (Park et al., arXiv 1903.07291)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from i2ibench.models.layers.norms import InstanceNorm2d

ParameterFree = Literal["batch", "instance"]


class SPADENorm(nn.Module):
    """norm(x) (1 + gamma(s)) + beta(s) of features x `[B, channels, H, W]` and a segmentation s of the same size.

    The norm has no parameters; gamma and beta are two layers of 3x3 convolutions of s that share the first, of `hidden`
    channels (section 3, equation 1, and appendix A).
    """

    def __init__(
        self, channels: int, segmentation_channels: int, hidden: int = 128, norm: ParameterFree = "batch"
    ) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False) if norm == "batch" else InstanceNorm2d(channels)
        self.shared = nn.Sequential(nn.Conv2d(segmentation_channels, hidden, 3, padding=1), nn.ReLU(inplace=True))
        self.gamma = nn.Conv2d(hidden, channels, 3, padding=1)
        self.beta = nn.Conv2d(hidden, channels, 3, padding=1)

    def forward(self, x: Tensor, segmentation: Tensor) -> Tensor:
        """`[B, channels, H, W]` and `[B, segmentation_channels, H, W]` to `[B, channels, H, W]`."""
        read = self.shared(segmentation)
        out: Tensor = self.norm(x) * (1 + self.gamma(read)) + self.beta(read)
        return out


class SPADEResidualBlock(nn.Module):
    """shortcut(x) + f(x), f twice SPADE, LeakyReLU and a 3x3 convolution (appendix A, figure 11).

    The first convolution of f goes to the smaller of both numbers of channels. The shortcut is x itself, or where
    channels change a SPADE and a 1x1 convolution without bias. `spectral` normalises these three convolutions, not
    those of SPADE.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        segmentation_channels: int,
        hidden: int = 128,
        norm: ParameterFree = "batch",
        spectral: bool = True,
    ) -> None:
        super().__init__()
        between = min(in_channels, out_channels)
        options = segmentation_channels, hidden, norm
        self.spades = nn.ModuleList(SPADENorm(channels, *options) for channels in (in_channels, between))
        self.convolutions = nn.ModuleList(
            _convolution(below, above, 3, spectral)
            for below, above in ((in_channels, between), (between, out_channels))
        )
        self.shortcut_spade: SPADENorm | None = None
        self.shortcut: nn.Module | None = None
        if in_channels != out_channels:
            self.shortcut_spade = SPADENorm(in_channels, *options)
            self.shortcut = _convolution(in_channels, out_channels, 1, spectral)

    def forward(self, x: Tensor, segmentation: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` and `[B, segmentation_channels, H, W]` to `[B, out_channels, H, W]`."""
        out = x
        for spade, convolution in zip(self.spades, self.convolutions, strict=True):
            out = convolution(F.leaky_relu(spade(out, segmentation), 0.2, inplace=True))
        if self.shortcut_spade is not None and self.shortcut is not None:
            x = self.shortcut(self.shortcut_spade(x, segmentation))
        return x + out


def _convolution(below: int, above: int, kernel: int, spectral: bool) -> nn.Module:
    layer = nn.Conv2d(below, above, kernel, padding=kernel // 2, bias=kernel > 1)
    return spectral_norm(layer) if spectral else layer
