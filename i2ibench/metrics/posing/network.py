"""The network that finds keypoints in pictures: a small residual U-Net that gives each keypoint a heatmap.

A keypoint's place is the mean over its heatmap's softmax: Sun et al., "Integral Human Pose Regression",
arXiv:1711.08229, and Nibali et al., "Numerical Coordinate Regression with Convolutional Neural Networks",
arXiv:1801.07372. So a place falls between pixels, and heatmaps of half the picture's size are fine enough.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.task import Resolution


class Architecture(BaseModel):
    """The values that the network is made from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    side: int = 64
    """Pixels that the shorter side of a picture is brought to."""
    channels: int = 16
    """Of the first stage, at half the size; each further stage has twice as many, at half the size again."""
    stages: int = 4

    @property
    def resize(self) -> str:
        """How pictures are brought to the network, as protocols say it."""
        multiple = 1 << self.stages
        return f"{self.side} pixels on the shorter side, the longer to a multiple of {multiple}; bilinear, antialiased"

    def size(self, picture: Resolution) -> Resolution:
        """The size that a picture is brought to."""
        multiple, shorter = 1 << self.stages, min(picture)
        height, width = (max(1, round(self.side * side / shorter / multiple)) * multiple for side in picture)
        return Resolution(height, width)


class PoseNetwork(nn.Module):
    """Heatmaps `[B, keypoints, H / 2, W / 2]`, before the softmax, of pictures `[B, 3, H, W]` in [-1, 1].

    Sides are multiples of 2 to the power of the stages.
    """

    def __init__(self, architecture: Architecture, keypoints: int) -> None:
        super().__init__()
        widths = [architecture.channels << stage for stage in range(architecture.stages)]
        self.stem = nn.Conv2d(3, widths[0], 5, stride=2, padding=2, bias=False)
        self.stem_norm = nn.BatchNorm2d(widths[0])
        self.down = nn.ModuleList(
            _Block(before, width, 1 if stage == 0 else 2)
            for stage, (before, width) in enumerate(zip(widths[:1] + widths, widths, strict=False))
        )
        self.lateral = nn.ModuleList(nn.Conv2d(deeper, width, 1) for width, deeper in pairwise(widths))
        self.up = nn.ModuleList(_Block(width, width, 1) for width in widths[:-1])
        self.heatmaps = nn.Conv2d(widths[0], keypoints, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """The heatmaps."""
        found = F.relu(self.stem_norm(self.stem(pictures)))
        stages = []
        for block in self.down:
            found = block(found)
            stages.append(found)
        found = stages.pop()
        for lateral, block in zip(reversed(self.lateral), reversed(self.up), strict=True):
            enlarged = F.interpolate(lateral(found), scale_factor=2.0, mode="bilinear", align_corners=False)
            found = block(stages.pop() + enlarged)
        heatmaps: Tensor = self.heatmaps(found)
        return heatmaps


def brought(pictures: Tensor, architecture: Architecture) -> Tensor:
    """Pictures `[B, 3, H, W]` at the size that the network takes; those that have it stay as they are."""
    size = architecture.size(Resolution(*pictures.shape[-2:]))
    if tuple(pictures.shape[-2:]) == size:
        return pictures
    return F.interpolate(pictures, size, mode="bilinear", antialias=True, align_corners=False)


def places(heatmaps: Tensor) -> Tensor:
    """float `[B, K, 2]`: the mean place of each heatmap `[B, K, H, W]`, x and y as shares of width and height."""
    shares = heatmaps.flatten(2).softmax(-1).reshape(heatmaps.shape)
    x, y = (
        (shares.sum(across) * centres(heatmaps.shape[along], heatmaps.device)).sum(-1)
        for across, along in ((2, 3), (3, 2))
    )
    return torch.stack([x, y], -1)


def centres(count: int, device: torch.device) -> Tensor:
    """The middles of `count` cells along a side, as shares of it."""
    return (torch.arange(count, device=device) + 0.5) / count


class _Block(nn.Module):
    """Two 3x3 convolutions beside a skip."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, width, 3, stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(width)
        same = before == width and stride == 1
        self.skip = nn.Identity() if same else nn.Conv2d(before, width, 1, stride, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        hidden = F.relu(self.first_norm(self.first(features)))
        return F.relu(self.skip(features) + self.second_norm(self.second(hidden)))
