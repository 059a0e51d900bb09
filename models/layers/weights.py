"""How the pix2pix family draws its first weights."""

from __future__ import annotations

from typing import Literal

from torch import nn

Init = Literal["normal", "xavier", "kaiming", "orthogonal"]


def initialize_weights(
    module: nn.Module, init: Init = "normal", gain: float = 0.02, *, zero_biases: bool = True
) -> None:
    """Draw every convolution's and linear's weight by `init` and zero its bias; batch-norm gains ~ N(1, gain^2).

    `gain` is the standard deviation of `normal`, the gain of `xavier` (normal) and `orthogonal`; `kaiming` (normal,
    fan in) has none. Without `zero_biases` those of convolutions and linears stay as PyTorch drew them, as pix2pixHD
    has it.
    """
    for child in module.modules():
        if isinstance(child, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            if init == "normal":
                nn.init.normal_(child.weight, 0.0, gain)
            elif init == "xavier":
                nn.init.xavier_normal_(child.weight, gain)
            elif init == "kaiming":
                nn.init.kaiming_normal_(child.weight, a=0, mode="fan_in")
            else:
                nn.init.orthogonal_(child.weight, gain)
            if child.bias is not None and zero_biases:
                nn.init.zeros_(child.bias)
        elif isinstance(child, nn.BatchNorm2d) and child.affine:
            nn.init.normal_(child.weight, 1.0, gain)
            nn.init.zeros_(child.bias)
