"""How DeepI2I joins the maps of a picture's encoder and a GAN (Wang et al., arXiv 2011.05867, section 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Adaptor(nn.Module):
    """For each size of maps a `block` of (encoder's channels, generator's channels)."""

    def __init__(
        self, encoder: Mapping[int, int], generator: Mapping[int, int], block: Callable[[int, int], nn.Module]
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleDict({str(side): block(channels, generator[side]) for side, channels in encoder.items()})

    def forward(self, maps: Mapping[int, Tensor]) -> dict[int, Tensor]:
        """Maps by their shorter side to adapted ones, of the sizes given alone."""
        return {side: self.blocks[str(side)](one) for side, one in maps.items()}


def weights_by_side(sides: Sequence[int], weight: float, finest: float) -> dict[int, float]:
    """A weight for each size of maps, largest first, of which the largest has one of its own; without those of 0."""
    weights = {side: finest if side == sides[0] else weight for side in sides}
    return {side: one for side, one in weights.items() if one > 0}


def reconstruction(
    maps: Mapping[int, Tensor], of_sources: Mapping[int, Tensor], weights: Mapping[int, float]
) -> Tensor:
    """The weighted sum of mean squared distances between translations' maps and their own sources'."""
    return torch.stack(
        [weight * F.mse_loss(maps[side].float(), of_sources[side].float()) for side, weight in weights.items()]
    ).sum()
