"""The labels by which StarGAN's networks are told of domains, and tell them (Choi et al., arXiv 1711.09020, section 3).

Domains are numbered. Each is a category, or a combination of attributes: number 0 has none, and the n-th attribute
counts 2 to the n, from n = 0. The last ones may be the categories of a second data set, whose pictures say nothing of
the first's labels; then a mask says which of both is told (section 3.2).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Kind = Literal["categories", "attributes"]


class DomainLabels:
    """Labels of `number` domains, of which the last `second` are those of a second data set."""

    def __init__(self, number: int, kind: Kind = "categories", second: int = 0) -> None:
        """Raise `ValueError` where nothing is left for the first set, or domains are no combinations of attributes."""
        if second >= number:
            raise ValueError(
                f"second_set must leave classes to the first data set, found {second} of {number} in the second"
            )
        self.kind, self.first, self.second = kind, number - second, second
        self.of_first = self.first if kind == "categories" else attributes_of(self.first)

    @property
    def told(self) -> int:
        """Numbers that a generator reads: the labels, and of two data sets the mask."""
        return self.tells + (2 if self.second else 0)

    @property
    def tells(self) -> int:
        """Logits of a classifier."""
        return self.of_first + self.second

    def encode(self, domain: Tensor) -> Tensor:
        """float32 `[B, told]` of int64 `[B]`: 1 for a category, for each attribute that is had, and in the mask."""
        labels = self._of_first(domain)
        if not self.second:
            return labels
        in_second = (domain >= self.first).float()[:, None]
        return torch.cat([labels * (1 - in_second), self._of_second(domain) * in_second, 1 - in_second, in_second], 1)

    def classification(self, logits: Tensor, domain: Tensor) -> Tensor:
        """The mean over pictures of the cross-entropy of categories, or of the sum of each attribute's own.

        Of logits `[B, tells]` only those of a picture's own data set are read.
        """
        logits = logits.float()
        lost = self._loss_of_first(logits[:, : self.of_first], domain)
        if self.second:
            category = (domain - self.first).clamp(min=0)
            on_second = F.cross_entropy(logits[:, self.of_first :], category, reduction="none")
            lost = torch.where(domain < self.first, lost, on_second)
        return lost.mean()

    def permuted(self, domain: Tensor) -> Tensor:
        """The domains `[B]` in an order that is drawn, those of either data set among themselves."""
        drawn = torch.rand(len(domain)).to(domain.device)
        in_second = (domain >= self.first).float()
        wanted = torch.empty_like(domain)
        wanted[in_second.argsort(stable=True)] = domain[(in_second + drawn).argsort()]
        return wanted

    def _of_first(self, domain: Tensor) -> Tensor:
        if self.kind == "categories":
            return F.one_hot(domain.clamp(max=self.first - 1), self.first).float()
        return (domain[:, None] >> torch.arange(self.of_first, device=domain.device)).bitwise_and(1).float()

    def _of_second(self, domain: Tensor) -> Tensor:
        return F.one_hot((domain - self.first).clamp(min=0), self.second).float()

    def _loss_of_first(self, logits: Tensor, domain: Tensor) -> Tensor:
        if self.kind == "categories":
            return F.cross_entropy(logits, domain.clamp(max=self.first - 1), reduction="none")
        return F.binary_cross_entropy_with_logits(logits, self._of_first(domain), reduction="none").sum(1)


def attributes_of(combinations: int) -> int:
    """How many attributes have so many combinations. Raises `ValueError` where that is no power of two."""
    attributes = combinations.bit_length() - 1
    if combinations != 1 << attributes or not attributes:
        raise ValueError(
            f"labels=attributes needs classes that are all combinations of attributes, 2, 4, 8..., found {combinations}"
        )
    return attributes
