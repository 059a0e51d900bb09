"""How U-GAT-IT, NICE-GAN and IEGAN are trained, which is alike (Kim et al., arXiv 1907.10830, appendix)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from i2ibench.models.layers.schedules import falling_after
from i2ibench.models.layers.settings import check_adam, check_choices, check_least, check_not_negative, check_share
from i2ibench.models.method import Update, inference

Direction = Literal["forward", "backward"]


@dataclass(frozen=True)
class HalfwayTraining:
    """Adam with an L2 penalty, its rate falling from halfway on, on pictures that are varied a little."""

    lr: float = 1e-4
    beta1: float = 0.5
    beta2: float = 0.999
    weight_decay: float = 1e-4
    """As an L2 penalty, added to the gradient."""
    constant_share: float = 0.5
    """Of the budget, after which the learning rate falls to 0."""
    load_scale: float = 286 / 256
    """Training pictures are resized by this and cropped back at random."""
    mirror: bool = True
    """Training pictures are mirrored with probability 1/2."""
    direction: Direction = inference("forward")  # noqa: RUF009  (it makes a dataclass field)
    """Translate from A to B, or `backward` from B to A."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no training can be made of."""
        check_choices(self, direction=Direction)
        check_least(self, load_scale=1)
        check_not_negative(self, "weight_decay")
        check_adam(self, "beta1", "beta2")
        check_share(self, "constant_share")

    def adam(self, *networks: nn.Module) -> Optimizer:
        """The optimiser of all that `networks` have to learn."""
        parameters = [parameter for network in networks for parameter in network.parameters()]
        return Adam(parameters, self.lr, (self.beta1, self.beta2), weight_decay=self.weight_decay, fused=True)

    def rate(self, fraction: float) -> float:
        """The factor on the learning rate: 1 for half of the budget, then linearly to 0."""
        return falling_after(self.constant_share, fraction)


def weighted_update(optimizer: str, losses: Mapping[str, Tensor], config: HalfwayTraining) -> Update:
    """By the sum of `losses`, each by the config's weight that its name begins with."""
    weights = {name: getattr(config, f"{name.partition('_')[0]}_weight") for name in losses}
    loss = torch.stack([weights[name] * value for name, value in losses.items()]).sum()
    return Update(optimizer, loss, {name: value.detach() for name, value in losses.items()})
