"""Count a step's arithmetic where gradients are taken inside a forward pass, which `FlopCounterMode` cannot follow."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from i2ibench.models.method import Batch, Method


class Flops(TorchDispatchMode):
    """Floating-point operations of matrix products and convolutions inside the block, forward and backward."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        count = flop_registry.get(func.overloadpacket)
        if count is not None:
            self.total += count(*args, **kwargs, out_val=out)
        return out


def of_a_step(method: Method, batch: Batch, step: int = 0) -> dict[str, float]:
    """GFLOP of each optimiser's updates in a step, what leads to them included."""
    optimizers, total = method.optimizers(), dict[str, float]()
    updates = iter(method.updates(batch, step))
    while True:
        with Flops() as counted:
            update = next(updates, None)
            if update is None:
                return total
            assert not isinstance(update, tuple)
            groups = optimizers[update.optimizer].param_groups
            own = [p for group in groups for p in group["params"] if p.requires_grad]
            torch.autograd.backward(update.loss, inputs=own)
        total[update.optimizer] = total.get(update.optimizer, 0.0) + counted.total / 1e9
