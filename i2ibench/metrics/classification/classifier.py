"""The classifier that recognises classes in pictures: multinomial logistic regression on a frozen network's features.

Papers fine-tune an Inception-v3 for each data set (FUNIT, arXiv:1905.01723; MUNIT, arXiv:1804.04732), and none of
those is released. Here the network stays as it is and one linear layer is fitted, to the minimum of a convex function:
there is no seed, no schedule and no stopping time, so equal pictures give one classifier, up to rounding, on any
machine. A class need not be linear in the features: what comes of it on real pictures is measured and is the ceiling
of every score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from i2ibench.errors import BenchError

EXTRACTOR = "efficientnet_lite0"
"""Whose features classes are recognised by (`registry.extractor`)."""

PENALTY = 5.0
"""On the squared weights, beside the sum of cross-entropies: scikit-learn's C = 0.1."""

HEAD = (
    "multinomial logistic regression on features less their mean over their root mean variance, minimum of the summed "
    f"cross-entropy + {PENALTY:g} |W|^2 by L-BFGS in float64"
)
"""The classifier in a protocol's words."""

_TOLERANCE = 1e-9
"""Largest entry of the gradient, over the number of pictures, at which the fit ends."""
_ITERATIONS = 5000
_CURVATURE = 0.003
"""Of the summed cross-entropy along a direction of features, over their squared length there: as measured near minima,
where most pictures are told with certainty. It moves the number of steps alone, from 1200 to 200 on digits.
"""


@dataclass(frozen=True)
class Classifier:
    """Recognises the classes `classes` by features of `EXTRACTOR`. Tensors are float64 on the CPU."""

    classes: tuple[int, ...]
    """Ids of the K classes that it was fitted to, ascending."""
    mean: Tensor
    """`[d]`, subtracted from features."""
    scale: Tensor
    """`[]`, what they are then divided by."""
    weight: Tensor
    """`[K, d]`."""
    bias: Tensor
    """`[K]`."""

    def log_probabilities(self, features: Tensor) -> Tensor:
        """float64 `[B, K]` of features `[B, d]`: natural logarithms of how likely each of `classes` is."""
        return self._scores(features).log_softmax(1)

    def among_first(self, features: Tensor, wanted: Sequence[int], k: int) -> Tensor:
        """bool `[B]`: whether the class `wanted[i]` is among the `k` likeliest of picture i. False of unknown classes.

        `k` is at most the number of classes.
        """
        first = self._scores(features).topk(k, dim=1).indices
        return (torch.tensor(self.classes)[first] == torch.tensor(wanted)[:, None]).any(1)

    def _scores(self, features: Tensor) -> Tensor:
        return (features.double() - self.mean) / self.scale @ self.weight.T + self.bias


@torch.inference_mode(False)
@torch.enable_grad()
def fit(features: Tensor, classes: Sequence[int]) -> Classifier:
    """The classifier of pictures with these features `[N, d]` and classes.

    Raises `BenchError` on fewer than two classes, on features that are not finite, and where the minimum is not
    reached.
    """
    known = sorted(set(classes))
    if len(known) < 2:
        raise BenchError(f"a classifier tells two classes or more apart, and the pictures are of {len(known)}")
    if not features.isfinite().all():
        raise BenchError(f"a classifier of {len(features)} pictures needs finite features, and some are not")
    numbers = {category: number for number, category in enumerate(known)}
    wanted = torch.tensor([numbers[category] for category in classes])
    rows = features.double()
    mean = rows.mean(0)
    rows = rows - mean
    scale = rows.square().mean().sqrt()
    scale = torch.where(scale > 0, scale, 1.0)  # pictures that are all one
    rows /= scale
    weight, bias = _minimum(rows, wanted, len(known))
    return Classifier(tuple(known), mean, scale, weight, bias)


def _minimum(rows: Tensor, wanted: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Weights `[K, d]` and biases `[K]` of least loss. Biases sum to 0, as at the start: every gradient's do.

    L-BFGS works along the principal directions of the features, each stretched until all curve about equally.
    """
    lengths, directions = torch.linalg.eigh(rows.T @ rows)
    stretch = (_CURVATURE * lengths.clamp(min=0) + 2 * PENALTY).rsqrt()
    bias_stretch = (_CURVATURE * len(rows)) ** -0.5
    stretched, penalty = rows @ directions * stretch, PENALTY * stretch.square()
    weight = torch.zeros(classes, rows.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(classes, dtype=torch.float64, requires_grad=True)
    tolerance = _TOLERANCE * len(rows)
    solver = torch.optim.LBFGS(
        [weight, bias],
        max_iter=_ITERATIONS,
        tolerance_grad=tolerance,
        tolerance_change=0.0,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def loss() -> float:
        solver.zero_grad()
        scores = stretched @ weight.T + bias * bias_stretch
        objective: Tensor = F.cross_entropy(scores, wanted, reduction="sum") + (penalty * weight.square()).sum()
        objective.backward()  # type: ignore[no-untyped-call]
        return float(objective.detach())

    solver.step(loss)  # type: ignore[no-untyped-call]
    loss()
    assert weight.grad is not None and bias.grad is not None
    steepest = max(float(weight.grad.abs().max()), float(bias.grad.abs().max()))
    if steepest > 100 * tolerance:  # rounding may keep it from the tolerance itself
        raise BenchError(
            f"the classifier of {len(rows)} pictures was not fitted: its gradient is {steepest:.1e} after at most "
            f"{_ITERATIONS} steps, where {tolerance:.1e} was wanted"
        )
    return (weight.detach() * stretch) @ directions.T, bias.detach() * bias_stretch
