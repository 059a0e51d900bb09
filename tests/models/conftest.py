"""Makes this folder's helpers and those of `benchmarks` importable to its tests, and seeds what they draw."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))


@pytest.fixture(autouse=True)
def global_generator() -> Iterator[None]:
    """PyTorch's own generator, which networks and losses draw from, starts afresh with every test."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield
