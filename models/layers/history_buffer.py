"""The history of refined pictures that SimGAN's discriminator learns from (Shrivastava et al., section 2.3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class HistoryBuffer(nn.Module):
    """`capacity` pictures `[channels, height, width]`, buffers all, so that a resumed training has the same ones.

    With a capacity of 0 it keeps none and gives back what it gets.
    """

    pictures: Tensor
    filled: Tensor

    def __init__(self, capacity: int, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.capacity = capacity
        self.register_buffer("pictures", torch.zeros(capacity, channels, height, width))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def mix(self, pictures: Tensor) -> Tensor:
        """Of `[B, C, H, W]` from the current refiner, a batch whose last floor(B / 2) pictures are earlier ones.

        Those are drawn without replacement; as long as the buffer has too few, current ones stand for the others. Then
        the first floor(B / 2) of `pictures` join the buffer, in the place of pictures drawn at random where it is
        full. Draws are the global CPU generator's, and nothing is fetched from the pictures' device. Raises
        `ValueError` on a batch without a half, and on one whose half the buffer cannot hold.
        """
        pictures = pictures.detach()
        if not self.capacity:
            return pictures
        half = len(pictures) // 2
        if not 1 <= half <= self.capacity:
            raise ValueError(
                f"a history buffer of {self.capacity} pictures gives and takes half of each batch: batches must have 2 "
                f"to {2 * self.capacity + 1} pictures, found {len(pictures)}: use other batches, or another capacity, "
                "0 for no history"
            )
        recent = pictures.to(self.pictures.dtype)
        order, takes = torch.rand(2, self.capacity).to(pictures.device, non_blocking=True)
        place = torch.arange(self.capacity, device=pictures.device)
        empty = place >= self.filled

        drawn = order.masked_fill(empty, 2.0).topk(half, largest=False).indices
        has = (drawn < self.filled)[:, None, None, None]
        earlier = torch.where(has, self.pictures.index_select(0, drawn), recent[-half:])

        # empty places come first and in order, then those drawn
        left = torch.where(empty, (place - self.capacity).float(), takes).topk(half, largest=False).indices
        self.pictures.index_copy_(0, left, recent[:half])
        self.filled.copy_((self.filled + half).clamp(max=self.capacity))
        return torch.cat([recent[:-half], earlier])
