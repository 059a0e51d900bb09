"""A loss as its tangent, for two successive steps by gradients that are both of the weights before the first."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext

import torch
from torch import Tensor
from torch.amp.autocast_mode import is_autocast_available


def linearized(loss: Tensor, parameters: Iterable[Tensor]) -> Tensor:
    """A scalar of `loss`'s value whose gradient with respect to `parameters` is that of `loss` here and now.

    It may be differentiated after the parameters were stepped, when the graph of `loss` no longer may, and it reaches
    none but those of `parameters` that `loss` depends on. The graph is kept, for losses that share a part of it.
    """
    inputs = list(parameters)
    device = loss.device.type
    # backward passes are not to run under autocast
    with torch.autocast(device, enabled=False) if is_autocast_available(device) else nullcontext():
        gradients = torch.autograd.grad(loss, inputs, retain_graph=True, allow_unused=True)
        products = [(p * slope).sum() for p, slope in zip(inputs, gradients, strict=True) if slope is not None]
        tangent = torch.stack(products).sum()
    return loss.detach() + (tangent - tangent.detach())
