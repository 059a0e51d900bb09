"""Count the arithmetic of a step's updates apart."""

from __future__ import annotations

import torch
from arithmetic import Flops

from i2ibench.models.method import Batch, Method


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
