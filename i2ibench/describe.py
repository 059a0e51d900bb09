"""What `i2ibench show` tells of a method: its card, its config and its networks' sizes, at no cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from i2ibench import registry
from i2ibench.adapter import MethodCard, Shape, config_values
from i2ibench.task import Need, Resolution, ResolutionField

TASK = "cityscapes-label2photo"
"""The one whose labels networks are counted for, where no other is asked for."""
CLASSES_TASK = "afhq"
"""The one whose classes networks are counted for, of methods that need classes."""


class MethodDescription(BaseModel):
    """A method at one preset."""

    card: MethodCard
    preset: str
    presets: tuple[str, ...]
    config: dict[str, Any]
    task: str
    """What the networks are counted for: its labels, its classes and, but for the paper's size, its resolution."""
    resolution: ResolutionField
    networks: dict[str, int]
    """Trainable parameters of each network that has any."""
    parameters: int
    """Of all together."""


def method(
    name: str,
    preset: str = "paper",
    overrides: Mapping[str, str] | None = None,
    resolution: str | None = None,
    task: str | None = None,
) -> MethodDescription:
    """The method `name` as configured, for pictures of `resolution` of `task`.

    By default they have Cityscapes' labels, or AFHQ's classes for a method that needs some, and the paper's size, at
    other presets 64x64; with a task alone its first size. Networks are built on the `meta` device: no memory, no time.
    Raises `BenchError` on an unknown name, preset or field and on a task or a resolution that the method cannot take.
    """
    import torch

    adapter = registry.adapter(name)
    config = adapter.configure(preset, overrides)
    of = registry.task(task or (CLASSES_TASK if Need.CLASSES in adapter.card.needs else TASK))
    if task is not None:
        adapter.refuse(of, config)
        size = of.resolution(resolution)
    elif resolution is not None:
        size = Resolution.parse(resolution)
    else:
        size = adapter.card.resolution if preset == "paper" else Resolution(64, 64)
    with torch.device("meta"):
        built = adapter.build(config, Shape.of(of, size))
    networks = {child: sum(p.numel() for p in module.parameters()) for child, module in built.named_children()}
    return MethodDescription(
        card=adapter.card_for(config),
        preset=preset,
        presets=tuple(adapter.presets),
        config=config_values(config),
        task=of.id,
        resolution=size,
        networks={child: count for child, count in networks.items() if count},
        parameters=sum(p.numel() for p in built.parameters()),
    )
