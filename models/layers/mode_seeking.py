"""Mode seeking (Mao, Lee, Tseng, Ma, Yang, arXiv 1903.05628): other codes shall make other pictures."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def mode_seeking_loss(pictures: Tensor, others: Tensor, codes: Tensor, other_codes: Tensor) -> Tensor:
    """1 / (d + 1e-5), d how far `pictures` and `others` are apart over how far the codes are that they were made with.

    Distances are mean absolute differences over everything, in [-1, 1] for pictures; gradients go into both batches.
    """
    apart = F.l1_loss(others.float(), pictures.float()) / F.l1_loss(other_codes, codes)
    return 1 / (apart + 1e-5)
