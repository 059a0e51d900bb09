"""k-means: k-means++ (Arthur and Vassilvitskii, SODA 2007) and Lloyd's iterations."""

from __future__ import annotations

import torch
from torch import Tensor


def kmeans(points: Tensor, k: int, stream: torch.Generator, *, restarts: int = 4, iterations: int = 100) -> Tensor:
    """Centres `[K, D]` of `points` `[N, D]`, those of most points first; K is k, or how many points differ if fewer.

    Of `restarts` starts, drawn from the CPU generator `stream`, the one with the least sum of squared distances is
    taken. Works in float64 on the CPU; the centres are of the points' type, where they are.
    """
    values = points.cpu().double()
    best: Tensor
    best, counts = torch.unique(values, dim=0, return_counts=True)
    if len(best) > k:
        tries = [_lloyd(values, _spread(values, k, stream), iterations) for _ in range(restarts)]
        best = min(tries, key=lambda centres: float(_distances(values, centres).amin(1).square().sum()))
        counts = _distances(values, best).argmin(1).bincount(minlength=k)
    return best[counts.argsort(descending=True, stable=True)].to(points)


def _spread(points: Tensor, k: int, stream: torch.Generator) -> Tensor:
    """Points drawn one after another, each by its squared distance to the nearest one drawn before."""
    squared = torch.ones(len(points), dtype=points.dtype)
    chosen: list[Tensor] = []
    while len(chosen) < k:
        reached = squared.cumsum(0)
        share = torch.rand(1, generator=stream, dtype=points.dtype)
        drawn = points[torch.searchsorted(reached, share * reached[-1], right=True).clamp(max=len(points) - 1)]
        distances = (points - drawn).square().sum(1)
        squared = torch.minimum(squared, distances) if chosen else distances
        chosen.append(drawn)
    return torch.cat(chosen)


def _lloyd(points: Tensor, centres: Tensor, iterations: int) -> Tensor:
    """`centres`, moved to the means of the points nearest to them until none moves; one without points stays."""
    for _ in range(iterations):
        nearest = _distances(points, centres).argmin(1)
        counts = nearest.bincount(minlength=len(centres)).unsqueeze(1)
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        moved = torch.where(counts > 0, sums / counts.clamp(min=1), centres)
        if torch.equal(moved, centres):
            break
        centres = moved
    return centres


def _distances(points: Tensor, centres: Tensor) -> Tensor:
    return torch.cdist(points, centres, compute_mode="donot_use_mm_for_euclid_dist")
