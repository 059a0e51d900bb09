"""MUNIT's decoder of content and style (Huang et al., arXiv 1804.04732, appendix B), and UNIT's of codes alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from i2ibench.models.layers.adain import AdaINResidualBlock
from i2ibench.models.layers.resnet import ResidualBlock, head


class StyledDecoder(nn.Module):
    """Content to a picture in a style, which enters by adaptive instance norm in `blocks` residual blocks.

    They are followed by `doublings` times a doubling by the nearest neighbour with a 5x5 convolution that halves the
    channels, and a 7x7 convolution with tanh.
    """

    def __init__(self, width: int = 64, doublings: int = 2, blocks: int = 4, out_channels: int = 3) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(AdaINResidualBlock(width << doublings) for _ in range(blocks))
        self.layers = nn.Sequential(*_double(width, doublings), *head(width, out_channels))
        self.parameters_needed = blocks * 4 * (width << doublings)
        """Numbers that the blocks' norms take of a style."""

    def forward(self, content: Tensor, parameters: Tensor) -> Tensor:
        """`[B, width << doublings, h, w]` and `[B, parameters_needed]` to `[B, out_channels, h << doublings, ...]`.

        In (-1, 1). The parameters are of the norms in the order in which they are met, each one's shifts before its
        scales.
        """
        for block, own in zip(self.blocks, parameters.chunk(len(self.blocks), 1), strict=True):
            content = block(content, own)
        picture: Tensor = self.layers(content)
        return picture


class PlainDecoder(nn.Module):
    """A code to a picture: `StyledDecoder` with instance norm in its residual blocks, so that there is one style."""

    def __init__(self, width: int = 64, doublings: int = 2, blocks: int = 4, out_channels: int = 3) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(ResidualBlock(width << doublings, "instance", bias=True) for _ in range(blocks)),
            *_double(width, doublings),
            *head(width, out_channels),
        )

    def forward(self, code: Tensor) -> Tensor:
        """`[B, width << doublings, h, w]` to `[B, out_channels, h << doublings, w << doublings]` in (-1, 1)."""
        picture: Tensor = self.layers(code)
        return picture


class UnbiasedLayerNorm(nn.Module):
    """MUNIT's layer norm: over channels and pixels of each picture, then a gain and a shift for each channel.

    It divides by the deviation plus 1e-5, and the deviation is the unbiased one, where PyTorch's norms divide by the
    root of the biased variance plus 1e-5. Gains start uniform in [0, 1), shifts at 0.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.rand(channels))
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same."""
        precise = x.to(self.gain.dtype)  # under autocast maps are not
        centred = precise - precise.mean((1, 2, 3), keepdim=True)
        variance = centred.square().sum((1, 2, 3), keepdim=True) / (centred[0].numel() - 1)
        deviation = variance.clamp_min(1e-20).sqrt()  # the root has no slope at 0
        scale = self.gain[:, None, None] / (deviation + 1e-5)
        return torch.addcmul(self.shift[:, None, None], centred, scale).to(x.dtype)


def _double(width: int, times: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for channels in (width << level for level in reversed(range(times))):
        layers += [
            nn.Upsample(scale_factor=2.0),
            nn.Conv2d(2 * channels, channels, 5, 1, 2, padding_mode="reflect"),
            UnbiasedLayerNorm(channels),
            nn.ReLU(inplace=True),
        ]
    return layers
