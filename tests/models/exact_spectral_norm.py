"""Spectral norm by exact singular vectors, as the expected digests of networks that have it were taken."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils import parametrize


@torch.no_grad()
def set_singular_vectors(module: nn.Module) -> None:
    """Set the vectors of every layer under spectral norm to the leading ones of its weight as it now is."""
    for child in module.modules():
        if parametrize.is_parametrized(child, "weight"):
            norm = child.parametrizations["weight"][0]  # type: ignore[index]
            matrix = child.parametrizations["weight"].original.flatten(1)  # type: ignore[index,union-attr,operator]
            _, vectors = torch.linalg.eigh(matrix @ matrix.T)
            u = vectors[:, -1]
            norm._u.copy_(u)
            norm._v.copy_(nn.functional.normalize(matrix.T @ u, dim=0))
