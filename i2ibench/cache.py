"""Where things made once are kept: data sets, weights, features of real pictures."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$I2IBENCH_CACHE`, else `$XDG_CACHE_HOME/i2ibench`, else `~/.cache/i2ibench`."""
    if own := os.environ.get("I2IBENCH_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "i2ibench"
