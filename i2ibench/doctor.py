"""What `i2ibench doctor` tells: device, versions, weights at hand, and what is n/a without them."""

from __future__ import annotations

import platform
import shutil

from pydantic import BaseModel

from i2ibench import provenance, registry, weights
from i2ibench.cache import cache_folder


class WeightsAtHand(BaseModel):
    """One set of pretrained weights."""

    name: str
    purpose: str
    path: str | None
    way_out: str
    """How to get them; empty where they are at hand."""


class Report(BaseModel):
    """The state of this installation."""

    i2ibench: str
    commit: str | None
    python: str
    device: str
    threads: int
    cache: str
    cache_free_gb: float
    libraries: dict[str, str]
    weights: list[WeightsAtHand]
    metrics_without_weights: dict[str, list[str]]
    """Metrics that are n/a, with the weights each lacks."""


def report() -> Report:
    """Look at this machine and installation."""
    import torch

    from i2ibench.training.precision import device, device_name

    cache = cache_folder()
    existing = next(folder for folder in (cache, *cache.parents) if folder.exists())
    made = provenance.collect(device_name(device()), {})
    lacking = {
        name: [need for need in registry.metric(name).weights if weights.path(need) is None]
        for name in registry.metrics()
    }
    return Report(
        i2ibench=made.i2ibench,
        commit=made.commit,
        python=platform.python_version(),
        device=made.device,
        threads=torch.get_num_threads(),
        cache=str(cache),
        cache_free_gb=round(shutil.disk_usage(existing).free / 1e9, 1),
        libraries=made.libraries,
        weights=[
            WeightsAtHand(
                name=card.name,
                purpose=card.purpose,
                path=str(found) if (found := weights.path(card.name)) else None,
                way_out="" if found else f"i2ibench weights get {card.name}",
            )
            for card in weights.cards().values()
        ],
        metrics_without_weights={name: needs for name, needs in lacking.items() if needs},
    )
