"""The coupling of Hierarchy Flow (arXiv 2308.06909), and the encoder of the style that it takes on its way back."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from i2ibench.models.layers.norms import InstanceNorm2d
from i2ibench.models.layers.style_losses import Statistics, adaptive_instance_norm

GroupWeight = Literal["fixed", "learned"]
Reverse = Literal["exact", "current"]


class HierarchicalCoupling(nn.Module):
    """`narrow` channels to `wide`, in S = wide / narrow groups o_i = x - (f_0 + ... + f_i) of features f of x."""

    def __init__(
        self,
        narrow: int,
        wide: int,
        style_dim: int = 8,
        group_weight: GroupWeight = "learned",
        reverse: Reverse = "exact",
        feature_relu: bool = True,
    ) -> None:
        super().__init__()
        self.groups = wide // narrow
        self.exact = reverse == "exact"
        self.features = feature_network(narrow, wide, feature_relu)
        self.style = nn.Sequential(
            nn.Linear(style_dim, 3 * wide),
            nn.ReLU(),
            nn.Linear(3 * wide, 3 * wide),
            nn.ReLU(),
            nn.Linear(3 * wide, 2 * wide),
        )
        self.weight: Tensor
        if group_weight == "learned":
            self.weight = nn.Parameter(torch.tensor(0.5))
        else:
            self.register_buffer("weight", torch.tensor(0.5), persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The groups `[B, wide, H, W]`, and the features, which the way back needs."""
        features = self.features(x)
        groups = []
        for feature in features.chunk(self.groups, 1):
            x = x - feature
            groups.append(x)
        return torch.cat(groups, 1), features

    def reverse(self, groups: Tensor, features: Tensor, code: Tensor | None) -> Tensor:
        """x of its groups and features; the groups take the style of `code` first, if there is one.

        From t = h_{S-1} + f_{S-1} it goes down to i = 0: exact t <- g t + (1 - g) h_i + f_i, current t <- g (t + h_i) +
        (1 - g) f_i. Written out, t is a sum over i of w_i h_i + v_i f_i.
        """
        w, v = self._reverse_weights()
        if code is None:
            return weighted_sum(groups, w) + weighted_sum(features, v)
        # w goes into the statistics, so that no other copy of the groups, the largest tensors here, is made and kept
        b, c, height, width = groups.shape
        mean, std = (w[:, None] * self.style(code).reshape(b, 2, self.groups, -1)).unbind(1)
        styled = adaptive_instance_norm(groups, Statistics(mean, std))
        total: Tensor = styled.reshape(b, self.groups, c // self.groups, height, width).sum(1)
        return total + weighted_sum(features, v)

    def _reverse_weights(self) -> tuple[Tensor, Tensor]:
        """w and v, `[S]` both."""
        g = self.weight
        powers = g ** torch.arange(self.groups, device=g.device)
        averaged = torch.cat([(1 - g) * powers[:-1], powers[-1:]])
        if self.exact:
            return averaged, powers
        return torch.cat([powers[1:], powers[-1:]]), averaged


class StyleEncoder(nn.Module):
    """A picture in [0, 1] to a code `[B, dim]`. Without norms, which would take the style away."""

    def __init__(self, width: int = 64, dim: int = 8) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(3, width, 7, 1, 3, padding_mode="reflect"),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, 2 * width, 4, 2, 1, padding_mode="reflect"),
            nn.ReLU(inplace=True),
            nn.Conv2d(2 * width, 4 * width, 4, 2, 1, padding_mode="reflect"),
            nn.ReLU(inplace=True),
        )
        self.code = nn.Linear(4 * width, dim)

    def forward(self, pictures: Tensor) -> Tensor:
        """Means over the picture of its features, mapped to the code."""
        code: Tensor = self.code(self.convolutions(pictures).mean((2, 3)))
        return code


def feature_network(narrow: int, wide: int, relu: bool) -> nn.Sequential:
    """3x3 convolutions narrow -> 2 narrow -> 2 narrow -> wide, instance norms between them."""
    first, second = nn.Conv2d(narrow, 2 * narrow, 3, padding=1), nn.Conv2d(2 * narrow, 2 * narrow, 3, padding=1)
    for convolution in (first, second):
        assert convolution.bias is not None
        convolution.bias.requires_grad_(False)  # the norm takes it out again
    layers: list[nn.Module] = [first, InstanceNorm2d(2 * narrow), nn.ReLU(inplace=True)]
    layers += [second, InstanceNorm2d(2 * narrow), nn.ReLU(inplace=True)]
    layers.append(nn.Conv2d(2 * narrow, wide, 3, padding=1))
    if relu:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def weighted_sum(groups: Tensor, weights: Tensor) -> Tensor:
    """The sum over S groups of channels `[B, S C, H, W]` by `weights` `[S]`: `[B, C, H, W]`, in the weights' type."""
    with torch.autocast(groups.device.type, enabled=False):
        rows = groups.to(weights.dtype).reshape(len(groups), len(weights), -1)
        return (weights @ rows).reshape(len(groups), -1, *groups.shape[2:])
