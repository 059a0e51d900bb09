"""The adversarial objectives that several methods offer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Objective = Literal["vanilla", "lsgan", "wgangp"]


def adversarial_loss(prediction: Tensor, real: bool, objective: Objective) -> Tensor:
    """The scalar that is small where a discriminator's `prediction` says `real`; the mean over whatever its shape is.

    `vanilla`: binary cross-entropy on logits (Goodfellow et al., arXiv 1406.2661). `lsgan`: squared distance to 1 or 0
    (Mao et al., arXiv 1611.04076). `wgangp`: the critic's mean with its sign, without the penalty (Gulrajani et al.,
    arXiv 1704.00028).
    """
    if objective == "vanilla":
        # softplus(-l) = -log sigmoid(l), softplus(l) = -log(1 - sigmoid(l)): the numerically stable form
        return F.softplus(-prediction if real else prediction).mean()
    if objective == "lsgan":
        return torch.square(prediction - 1.0 if real else prediction).mean()
    return -prediction.mean() if real else prediction.mean()


def summed_adversarial_loss(predictions: Sequence[Tensor], real: bool, objective: Objective) -> Tensor:
    """The sum, not the mean, of the losses of a discriminator's `predictions` at several scales; in float32."""
    return torch.stack([adversarial_loss(one.float(), real, objective) for one in predictions]).sum()


def hinge_loss(prediction: Tensor, real: bool) -> Tensor:
    """What a discriminator loses by the hinge (Lim and Ye, arXiv 1705.02894): the mean of max(0, 1 - D(real)) or of
    max(0, 1 + D(fake)).

    The generator's part is the critic's mean, `adversarial_loss(prediction, True, "wgangp")`.
    """
    return F.relu(1.0 - prediction if real else 1.0 + prediction).mean()
