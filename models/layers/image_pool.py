"""The pool of earlier translations that CycleGAN's discriminators learn from (Shrivastava et al., arXiv 1612.07828)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ImagePool(nn.Module):
    """`capacity` pictures `[3, height, width]`, all of them buffers, so that a resumed training has the same ones.

    With a capacity of 0 it keeps none and gives back what it gets.
    """

    pictures: Tensor
    filled: Tensor

    def __init__(self, capacity: int, height: int, width: int) -> None:
        super().__init__()
        self.capacity = capacity
        self.register_buffer("pictures", torch.zeros(capacity, 3, height, width))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def exchange(self, pictures: Tensor) -> Tensor:
        """Of `[B, 3, H, W]` each in turn: itself or, with probability 1/2 once the pool is full, a stored one.

        Until it is full the pool stores every picture; then the new one takes the place of the one given out. Draws
        are the global CPU generator's, and nothing is fetched from the pictures' device.
        """
        if not self.capacity:
            return pictures.detach()
        place = torch.randint(self.capacity, (len(pictures), 1)).to(pictures.device, non_blocking=True)
        swaps = (torch.rand(len(pictures)) < 0.5).to(pictures.device, non_blocking=True)
        given = []
        for row, new in enumerate(torch.split(pictures.detach().to(self.pictures.dtype), 1)):
            full = self.filled == self.capacity
            at = torch.where(full, place[row], self.filled)
            stored = self.pictures.index_select(0, at)
            swap = full & swaps[row]
            given.append(torch.where(swap, stored, new))
            self.pictures.index_copy_(0, at, torch.where(swap | ~full, new, stored))
            self.filled += ~full
        return torch.cat(given)
