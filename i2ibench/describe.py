"""What `i2ibench show` tells of a method: its card, its config and its networks' sizes, at no cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from i2ibench import registry
from i2ibench.adapter import MethodCard, Shape, config_values
from i2ibench.task import Resolution, ResolutionField, Task


class MethodDescription(BaseModel):
    """A method at one preset."""

    card: MethodCard
    preset: str
    presets: tuple[str, ...]
    config: dict[str, Any]
    resolution: ResolutionField
    networks: dict[str, int]
    """Trainable parameters of each network."""
    parameters: int
    """Of all together."""


def method(
    name: str,
    preset: str = "paper",
    overrides: Mapping[str, str] | None = None,
    resolution: str | None = None,
    task: Task | None = None,
) -> MethodDescription:
    """The method `name` as configured, for pictures of `resolution` (default: the paper's; for `task`, the task's).

    Networks are built on the `meta` device: no memory, no time. Raises `BenchError` on an unknown name, preset or field
    and on a resolution that the networks cannot take.
    """
    import torch

    adapter = registry.adapter(name)
    config = adapter.configure(preset, overrides)
    if task is not None:
        size = task.resolution(resolution)
    elif resolution is not None:
        size = Resolution.parse(resolution)
    else:
        size = adapter.card.resolution if preset == "paper" else Resolution(64, 64)
    with torch.device("meta"):
        built = adapter.build(config, Shape.of(task, size) if task else Shape(resolution=size))
    return MethodDescription(
        card=adapter.card,
        preset=preset,
        presets=tuple(adapter.presets),
        config=config_values(config),
        resolution=size,
        networks={child: sum(p.numel() for p in module.parameters()) for child, module in built.named_children()},
        parameters=sum(p.numel() for p in built.parameters()),
    )
