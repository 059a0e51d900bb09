"""The priors of Glow's latents (Kingma and Dhariwal, arXiv 1807.03039, section 3.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from i2ibench.models.layers.flow import State
from i2ibench.models.layers.glow_step import ZeroConv
from i2ibench.models.layers.likelihood import normal_log_density
from i2ibench.models.layers.multiscale import Split


class Priors(nn.ModuleList):
    """One normal prior a level, `channels` the latents' channels by level.

    A split's mean and log-deviation are read off what is kept; the last level's depend on the border alone: they are
    read off zeros.
    """

    def __init__(self, channels: Sequence[int] = ()) -> None:
        super().__init__(ZeroConv(each, 2 * each) for each in channels)

    def log_density(self, levels: Sequence[Split]) -> Tensor:
        """log p of all levels' latents in nats `[B]`."""
        densities = [
            normal_log_density(latent, *self.of(level, kept, latent)) for level, (kept, latent) in enumerate(levels)
        ]
        return torch.stack(densities).sum(0)

    def sample(self, level: int, kept: Tensor | None, noise: Tensor) -> Tensor:
        """mean + deviation * noise."""
        mean, log_std = self.of(level, kept, noise)
        return mean + log_std.exp() * noise

    def of(self, level: int, kept: Tensor | None, latent: Tensor) -> State:
        """Mean and log-deviation of a level's latents `[B, C, H, W]`."""
        read = torch.zeros_like(latent) if kept is None else kept
        return cast(Tensor, self[level](read)).to(read.dtype).chunk(2, 1)
