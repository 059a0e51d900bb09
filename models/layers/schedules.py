"""Factors on an initial learning rate, as functions of the step or of the share of the budget that is spent."""

from __future__ import annotations

import math


def warmed_up(step: int, warmup: int) -> float:
    """Linear from 0 over `warmup` steps, then 1; 0-based `step`."""
    return min(1.0, (step + 1) / warmup) if warmup else 1.0


def constant_then_linear(fraction: float, constant: int, decay: int, *, late: bool = False) -> float:
    """The factor on a learning rate that is kept for `constant` epochs and falls for `decay` more, never to 0.

    The budget is cut into as many epochs, in equal shares: `fraction` of it lies in epoch e = 1, 2 ... The factor is
    1 - max(0, e - constant) / (decay + 1), as in pix2pix and its kin, or `late`, as in pix2pixHD and its line, which
    first fall a whole epoch later, 1 - max(0, e - 1 - constant) / decay.
    """
    epoch = epoch_of(fraction, constant + decay)
    if late:
        return 1.0 - max(0, epoch - 1 - constant) / max(decay, 1)
    return 1.0 - max(0, epoch - constant) / (decay + 1)


def falling_after(share: float, fraction: float) -> float:
    """The factor on a learning rate that is kept for a `share` of the budget and falls linearly to 0 over the rest.

    With 0.5: the U-GAT-IT line's, step by step and without epochs.
    """
    return 1.0 if fraction < share else (1.0 - fraction) / (1.0 - share)


def halving(fraction: float, stages: int) -> float:
    """The factor on a learning rate that is halved between equal shares of the budget, `stages` of them.

    1,000,000 iterations whose rate halves every 100,000 are ten stages, 1 in the first and 2^-9 in the last.
    """
    return 0.5 ** (epoch_of(fraction, stages) - 1)


def epoch_of(fraction: float, epochs: int) -> int:
    """The epoch, 1 to `epochs`, in which `fraction` of the budget lies."""
    # the tiny offset keeps n/epochs, as floats have it, in epoch n + 1
    return min(1 + math.floor(fraction * epochs + 1e-9), epochs)
