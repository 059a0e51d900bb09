"""The last picture of each domain that training has seen: another one of a domain where a batch has but one."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LastSeen(nn.Module):
    """A picture `[3, height, width]` for each domain, all of them buffers, so that a resumed training has the same.

    As pictures come in random order, the last one before a batch is a random other one of its domain.
    """

    pictures: Tensor
    seen: Tensor

    def __init__(self, domains: int, height: int, width: int) -> None:
        super().__init__()
        self.register_buffer("pictures", torch.zeros(domains, 3, height, width))
        self.register_buffer("seen", torch.zeros(domains, dtype=torch.bool))

    def of(self, domain: Tensor, otherwise: Tensor) -> Tensor:
        """The picture of each `domain` `[B]`; where none was seen yet, that of `otherwise` `[B, 3, height, width]`."""
        seen = self.seen[domain][:, None, None, None]
        return torch.where(seen, self.pictures[domain].to(otherwise.dtype), otherwise)

    @torch.no_grad()
    def see(self, pictures: Tensor, domain: Tensor) -> None:
        """Keep these; of several of a domain the last."""
        order = torch.arange(1, len(domain) + 1, device=domain.device)
        present = domain[:, None] == torch.arange(len(self.seen), device=domain.device)
        last = (present * order[:, None]).amax(0)
        found = (last > 0)[:, None, None, None]
        newest = pictures[(last - 1).clamp_min(0)].to(self.pictures.dtype)
        self.pictures.copy_(torch.where(found, newest, self.pictures))
        self.seen.logical_or_(last > 0)
