"""The real pictures that a GAN of all of a task's classes or domains is shown."""

from __future__ import annotations

import torch
from torch import Tensor

from i2ibench.models.layers.domains import domains
from i2ibench.models.method import Batch, required


def real_pictures(batch: Batch, reader: str) -> tuple[Tensor, Tensor]:
    """One picture of each example, `[B, 3, H, W]`, and its class or domain, int64 `[B]`.

    It is the source or the target, each with probability 1/2, or whichever has a class. Raises `ValueError`, naming the
    `reader`, where the batch has no targets.
    """
    target, of = required(batch.target, "targets", reader), domains(batch)
    coin = torch.rand(len(batch), device=of.device) < 0.5
    second = (of[:, 0] < 0) | (coin & (of[:, 1] >= 0))
    pictures = torch.where(second[:, None, None, None], target, batch.source)
    return pictures, torch.where(second, of[:, 1], of[:, 0])
