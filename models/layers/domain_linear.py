"""Linear layers that each domain has of its own, computed for all of them at once."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class DomainLinear(nn.Module):
    """One linear map for each domain: `[K, B, below]` to `[K, B, above]`; first weights Kaiming's normal, biases 0."""

    def __init__(self, domains: int, below: int, above: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(domains, above, below) * math.sqrt(2 / below))
        self.bias = nn.Parameter(torch.zeros(domains, above))

    def forward(self, x: Tensor) -> Tensor:
        """Domain k's of `x[k]`; an `x` of one domain stands for all."""
        return torch.baddbmm(self.bias[:, None], x.expand(len(self.weight), -1, -1), self.weight.transpose(1, 2))


def of_domains(answers: Tensor, domain: Tensor) -> Tensor:
    """Of `[B, K, ...]` each picture's answer for its `domain` `[B]`: `[B, ...]`."""
    return answers[torch.arange(len(answers), device=answers.device), domain]
