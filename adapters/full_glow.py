"""Full-Glow's face to the harness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, MethodCard, Paper, Shape
from i2ibench.errors import BenchError
from i2ibench.task import Level, Need, Resolution

if TYPE_CHECKING:
    from i2ibench.models.full_glow import FullGlowConfig
    from i2ibench.models.method import Method


class FullGlow(Adapter):
    """Paired translation by two normalizing flows, one conditional on all of the other: samples and likelihoods."""

    card = MethodCard(
        name="full_glow",
        title="Full-Glow",
        paper=Paper(
            title="Full-Glow: Fully conditional Glow for more realistic image generation",
            authors="Moein Sorkhei, Gustav Eje Henter, Hedvig Kjellström",
            venue="GCPR",
            year=2021,
            arxiv="2012.05846",
        ),
        levels=frozenset({Level.STRONG}),
        needs=frozenset({Need.PAIRS}),
        likelihood=True,
        stochastic=True,
        transfer=True,
        deviations=(
            "log-determinants are each picture's own, and 1x1 convolutions by their LU factors take batches; the "
            "published code averages some over the batch and, by LU factors, stops on more than one picture",
            "the first batch initialises the ActNorms before training, not during its first step",
            "the published decay, which the published runs never reach, is an option (decay=true), stretched over the "
            "budget",
            "boundary maps (boundaries=true) are computed at the task's resolution",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "paper512": {"n_flow": (8, 8, 8, 8), "backward": "checkpointed"},
        "maps512": {"n_flow": (8, 8, 8)},
        "small": {
            "n_flow": (4, 4, 4),
            "hidden": 128,
            "lr": 1e-3,
            "warmup": 50,
            "clip_norm": 50.0,
            "temperature": 0.7,
        },
    }
    batch_size: ClassVar[Mapping[str, int]] = {"small": 2}

    @classmethod
    def config(cls) -> type[FullGlowConfig]:
        """`FullGlowConfig`."""
        from i2ibench.models.full_glow import FullGlowConfig

        return FullGlowConfig

    @classmethod
    def needs(cls, config: FullGlowConfig) -> Mapping[Need, str]:
        """Instances, where it looks at boundaries."""
        return {Need.INSTANCES: "boundaries=true"} if config.boundaries else {}

    @classmethod
    def build(cls, config: FullGlowConfig, shape: Shape) -> Method:
        """The flows for pictures of `shape`, to which they are tied. Raises `BenchError` where they do not fit."""
        from i2ibench.models.full_glow import FullGlow as Model

        _check_sides(config, shape.resolution)
        return Model(config, (shape.resolution.height, shape.resolution.width))


def _check_sides(config: FullGlowConfig, resolution: Resolution) -> None:
    if min(resolution) >= config.smallest_side and not any(side % config.multiple for side in resolution):
        return
    fitting = [
        levels
        for levels in range(1, len(config.n_flow))
        if all(side % (1 << levels) == 0 for side in resolution)
        and min(resolution) >= (config.smallest_side >> len(config.n_flow) - levels)
    ]
    steps = ",".join(map(str, config.n_flow[: max(fitting, default=0)]))
    raise BenchError(
        f"full_glow with {len(config.n_flow)} levels needs sides that are multiples of {config.multiple}, at least "
        f"{config.smallest_side}, and the task's are {resolution}: "
        + (f"use fewer levels, --set n_flow=[{steps}], or " if steps else "")
        + "choose another resolution"
    )
