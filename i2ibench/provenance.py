"""Where a number was made: code, libraries, device."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from i2ibench.record import Provenance

LIBRARIES = (
    "torch",
    "torchvision",
    "torch-fidelity",
    "lpips",
    "onedl-mmsegmentation",
    "mmsegmentation",
    "datasets",
    "pandas",
    "pillow",
    "numpy",
)


def collect(device: str, data: Mapping[str, str], weights: Mapping[str, str] | None = None) -> Provenance:
    """The provenance of something made now on `device` from data with these fingerprints by split.

    `weights` are the pretrained networks that training reads, each with its sha256.
    """
    return Provenance(
        i2ibench=_version("i2ibench") or "not installed",
        commit=commit(),
        python=platform.python_version(),
        libraries=libraries(),
        device=device,
        data=dict(data),
        started=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        weights=dict(weights or {}),
    )


def libraries() -> dict[str, str]:
    """Versions of those installed of `LIBRARIES`."""
    found = {name: _version(name) for name in LIBRARIES}
    return {name: number for name, number in found.items() if number is not None}


def commit() -> str | None:
    """The commit of the checkout this code runs from, "+" appended where files differ from it; None outside one."""
    here = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(here), *arguments], capture_output=True, text=True, check=True).stdout

    try:
        if Path(git("rev-parse", "--show-toplevel").strip()).resolve() != here.parent:
            return None
        return git("rev-parse", "--short=12", "HEAD").strip() + ("+" if git("status", "--porcelain").strip() else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
