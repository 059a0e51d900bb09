"""The patchwise contrastive loss of CUT (Park et al., arXiv 2007.15651, section 3): a patch of the output shall be
nearer to the patch of the input at its place than to others of the same input."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PatchProjection(nn.Module):
    """Features of patches `[B, N, channels]` to unit vectors `[B, N, width]` by an MLP of two layers.

    Without a `width` the features themselves are normalised, and there is nothing to train.
    """

    def __init__(self, channels: int, width: int | None = 256) -> None:
        super().__init__()
        self.mlp: nn.Module = nn.Identity()
        if width is not None:
            self.mlp = nn.Sequential(nn.Linear(channels, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, patches: Tensor) -> Tensor:
        """Unit vectors in float32; of length below 1 where features are near 0."""
        found: Tensor = self.mlp(patches).float()
        lengths: Tensor = torch.linalg.vector_norm(found, dim=-1, keepdim=True)
        return found / (lengths + 1e-7)


def draw_positions(features: Tensor, count: int) -> Tensor:
    """At most `count` positions of maps `[B, C, H, W]`, none twice, int64 `[N]`; from the global generator."""
    return torch.randperm(features[0, 0].numel(), device=features.device)[:count]


def patches_at(features: Tensor, positions: Tensor) -> Tensor:
    """The features `[B, N, C]` of maps `[B, C, H, W]` at these positions of every picture, row by row numbered."""
    return features.flatten(2).index_select(2, positions).transpose(1, 2)


def patch_nce(queries: Tensor, keys: Tensor, temperature: float = 0.07) -> Tensor:
    """The scalar PatchNCE of unit vectors `[B, N, D]`, in natural units (equation 3): how surely the query of each
    patch finds its key among those of the same picture, the mean over pictures and patches.

    The published code writes each patch's N - 1 negatives into N columns, with a cosine of -10 in the one to spare:
    exp(-10 / 0.07) beside what is at least exp(-1 / 0.07), which no float has room for.
    """
    with torch.autocast(queries.device.type, enabled=False):
        cosines = queries @ keys.transpose(1, 2)
    own = torch.arange(cosines.shape[1], device=cosines.device).expand(len(cosines), -1)
    return F.cross_entropy((cosines / temperature).flatten(0, 1), own.flatten())
