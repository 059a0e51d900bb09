"""Pictures of several kinds for a discriminator of several scales, judged together (MUNIT, UNIT, INIT)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from i2ibench.models.layers.adversarial import Objective, summed_adversarial_loss
from i2ibench.models.layers.unnormed_discriminator import UnnormedDiscriminator


class Exhibit(NamedTuple):
    """Pictures `[B, 3, H, W]` for a discriminator."""

    pictures: Tensor
    real: bool
    """What it should call them, or be made to."""
    weight: float = 1.0


def judged(discriminator: UnnormedDiscriminator, objective: Objective, exhibits: Sequence[Exhibit]) -> Tensor:
    """What is lost on exhibits of one size: by weight, summed over scales; 0 on none."""
    if not exhibits:
        return next(discriminator.parameters()).new_zeros(())
    scales = discriminator(torch.cat([one.pictures for one in exhibits]))
    of_each = zip(*(scale.split([len(one.pictures) for one in exhibits]) for scale in scales), strict=True)
    losses = [
        one.weight * summed_adversarial_loss(answers, one.real, objective)
        for one, answers in zip(exhibits, of_each, strict=True)
    ]
    return torch.stack(losses).sum()
