"""Kernel distances: the squared maximum mean discrepancy between the features of outputs and of real targets.

KID is Bińkowski et al., "Demystifying MMD GANs", arXiv:1801.01401, section 4: the cubic kernel `(x.y / d + 1)^3`, the
unbiased estimate, averaged over random subsets. Arithmetic and subsets are torch-fidelity's; the subset size is its
default of 1000, or half of the smaller set where that is less: a subset as large as its set is no sample of it.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import ClassVar

import torch
from torch import Tensor

from i2ibench.metrics import extractors, statistics
from i2ibench.metrics.metric import Setting
from i2ibench.metrics.sets import SetMetric
from i2ibench.protocol import Score

SUBSETS = 100
SUBSET_SIZE = 1000
SEED = 2020


class KernelDistance(SetMetric):
    """The kernel distance on the features of `extractor`; the metrics below name one each."""

    @classmethod
    def unavailable(cls, setting: Setting) -> str | None:
        """Besides the usual reasons: subsets of two need sets of four."""
        if min(setting.n, setting.n_reference) < 4:
            return f"{setting.n} outputs against {setting.n_reference} real targets: each set needs four pictures"
        return super().unavailable(setting)

    def compute(self) -> tuple[Score, ...]:
        """One score. Features stand in the order of the pictures' names, as torch-fidelity reads a folder."""
        outputs, targets = self.sides()
        size = subset_size(len(outputs), len(targets))
        mean, spread = kernel_distance(outputs, targets, size)
        error = math.hypot(jackknife_error(outputs, targets), spread / math.sqrt(SUBSETS))
        return (
            Score(
                name=self.name,
                value=mean,
                standard_error=error,
                interval=statistics.normal_interval(mean, error),
                n=len(outputs),
                higher_is_better=False,
                protocol=self.setting.protocol(
                    self.name,
                    reference=self.setting.reference,
                    reference_hash=self.setting.reference_hash,
                    n_reference=len(targets),
                    kernel="polynomial, degree 3, gamma 1/d, coef0 1",
                    subsets=SUBSETS,
                    subset_size=size,
                    seed=SEED,
                    **extractors.fields(self.extractor),
                ),
            ),
        )


class KID(KernelDistance):
    """Kernel Inception distance, as it is: not times 100 or 1000."""

    name = "kid"
    title = "Kernel distance on Inception-v3 features (Bińkowski et al. 2018), as torch-fidelity computes it"
    columns: ClassVar = {"kid": False}
    extractor = "inception-v3-compat"
    weights = ("inception",)


@lru_cache
def kd(extractor: str) -> type[KernelDistance]:
    """`kd_<extractor>`: the kernel distance on another network's features. Never comparable with KID."""
    return KernelDistance.on(extractor, f"kd_{extractor}", f"Kernel distance on the features of {extractor}; not KID")


def subset_size(n_outputs: int, n_targets: int) -> int:
    """Pictures a subset: 1000, or half of the smaller set where that is less."""
    return min(SUBSET_SIZE, min(n_outputs, n_targets) // 2)


def kernel_distance(outputs: Tensor, targets: Tensor, size: int) -> tuple[float, float]:
    """Mean and standard deviation over the subsets of the unbiased squared MMD of features `[N, d]` and `[M, d]`.

    torch-fidelity's draws, kernel and estimator; sums in float64 where it has float32, which moves a distance by some
    1e-7 of the kernel's own size.
    """
    import numpy as np

    draw = np.random.RandomState(SEED)
    numbers = [draw.choice(len(side), size, replace=False) for _ in range(SUBSETS) for side in (outputs, targets)]
    x, y = torch.from_numpy(np.stack(numbers[::2])), torch.from_numpy(np.stack(numbers[1::2]))
    within_x, within_y = (_subset_sums(side, of, side, of, diagonal=False) for side, of in ((outputs, x), (targets, y)))
    between = _subset_sums(outputs, x, targets, y, diagonal=True)
    values = (within_x + within_y) / (size * (size - 1)) - 2 * between / size**2
    return float(values.mean()), float(values.std(correction=0))


def squared_mmd(outputs: Tensor, targets: Tensor) -> float:
    """The unbiased squared MMD of whole sets of features `[N, d]` and `[M, d]`, in float64."""
    (_, within_x), (_, within_y) = (_row_sums(side, side, diagonal=False) for side in (outputs, targets))
    _, between = _row_sums(outputs, targets, diagonal=True)
    n, m = len(outputs), len(targets)
    return within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2 * between / (n * m)


def jackknife_error(outputs: Tensor, targets: Tensor) -> float:
    """Standard error over pictures of the unbiased squared MMD of the whole sets: delete-one jackknife on both sides.

    The spread over subsets that papers print after ± is none: the subsets share pictures, and it shrinks or grows with
    their size. Where both sets follow one law the jackknife errs on the large side.
    """
    sums_xx, total_xx = _row_sums(outputs, outputs, diagonal=False)
    sums_yy, total_yy = _row_sums(targets, targets, diagonal=False)
    sums_xy, total_xy = _row_sums(outputs, targets, diagonal=True)
    sums_yx, _ = _row_sums(targets, outputs, diagonal=True)
    n, m = len(outputs), len(targets)

    within_x, within_y, between = total_xx / (n * (n - 1)), total_yy / (m * (m - 1)), total_xy / (n * m)
    without_x = (total_xx - 2 * sums_xx) / ((n - 1) * (n - 2)) + within_y - 2 * (total_xy - sums_xy) / ((n - 1) * m)
    without_y = (total_yy - 2 * sums_yy) / ((m - 1) * (m - 2)) + within_x - 2 * (total_xy - sums_yx) / (n * (m - 1))
    whole = within_x + within_y - 2 * between
    variance = (without_x - whole).square().sum() * (n - 1) / n + (without_y - whole).square().sum() * (m - 1) / m
    return math.sqrt(float(variance))


def _subset_sums(first: Tensor, rows: Tensor, second: Tensor, columns: Tensor, *, diagonal: bool) -> Tensor:
    """Sums of the kernel of each subset, float64 `[S]`; `rows` and `columns` `[S, size]` are its pictures' numbers.

    Subsets overlap: unless they are a small part of their sets, the kernel of all is taken once, a block at a time.
    """
    if len(first) * len(second) > rows.numel() * columns.shape[1]:
        kernels = (_kernel(first[r], second[c].T).double() for r, c in zip(rows, columns, strict=True))
        return torch.stack([kernel.sum() - (0 if diagonal else kernel.trace()) for kernel in kernels])
    in_rows, in_columns = (
        torch.zeros(len(of), len(side), dtype=torch.float64).scatter_(1, of, 1)
        for of, side in ((rows, first), (columns, second))
    )
    sums = torch.zeros(len(rows), dtype=torch.float64)
    for start in range(0, len(first), 512):
        kernel = _kernel(first[start : start + 512], second.T).double()
        if not diagonal:
            kernel.diagonal(start).zero_()
        sums += (in_rows[:, start : start + 512] @ kernel * in_columns).sum(1)
    return sums


def _row_sums(first: Tensor, second: Tensor, *, diagonal: bool) -> tuple[Tensor, float]:
    """Sums of each row of the kernel matrix, `[N]` in float64, and of it all; a block of rows at a time."""
    columns = second.double().T
    sums = torch.cat([_kernel(block.double(), columns).sum(1) for block in torch.split(first, 512)])
    if not diagonal:
        sums = sums - (first.double().square().sum(1) / first.shape[1] + 1) ** 3
    return sums, float(sums.sum())


def _kernel(rows: Tensor, columns: Tensor) -> Tensor:
    return (rows @ columns / len(columns) + 1) ** 3
