"""Factors on an initial learning rate, as functions of the step or of the share of the budget that is spent."""

from __future__ import annotations


def warmed_up(step: int, warmup: int) -> float:
    """Linear from 0 over `warmup` steps, then 1; 0-based `step`."""
    return min(1.0, (step + 1) / warmup) if warmup else 1.0
