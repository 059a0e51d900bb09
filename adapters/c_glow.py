"""C-Glow's face to the harness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, MethodCard, Paper, Shape
from i2ibench.errors import BenchError
from i2ibench.task import Level, Need

if TYPE_CHECKING:
    from i2ibench.models.c_glow import CGlowConfig
    from i2ibench.models.method import Method

_FULL_GLOW = {"lr": 1e-4, "beta2": 0.999, "clip_value": 0.0}
"""How Full-Glow (arXiv 2012.05846) trained C-Glow as its baseline."""


class CGlow(Adapter):
    """Paired translation by a conditional normalizing flow: samples and likelihoods."""

    card = MethodCard(
        name="c_glow",
        title="C-Glow",
        paper=Paper(
            title="Structured Output Learning with Conditional Generative Flows",
            authors="You Lu, Bert Huang",
            venue="AAAI",
            year=2020,
            arxiv="1905.13288",
        ),
        levels=frozenset({Level.STRONG}),
        needs=frozenset({Need.PAIRS}),
        likelihood=True,
        stochastic=True,
        deviations=(
            "temperature 0 gives the priors' means; the published code takes it for 1",
            "init=fixed and init=orthogonal, used by the preset small, let the ActNorm and 1x1 conditioners learn; "
            "with the published init=reference they never do",
            "sources get no dequantisation noise while sampling",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "paper_script": {"x_hidden_size": 128, "x_hidden_channels": 64, "clip_value": 0.25},
        "full_glow_v1": {
            "x_hidden_size": 26,
            "x_hidden_channels": 52,
            "y_hidden_channels": 104,
            "flow_depth": 8,
            "num_levels": 3,
            **_FULL_GLOW,
        },
        "full_glow_v2": {
            "x_hidden_size": 10,
            "x_hidden_channels": 20,
            "y_hidden_channels": 512,
            "flow_depth": 16,
            "num_levels": 4,
            **_FULL_GLOW,
        },
        "small": {
            "x_hidden_size": 16,
            "x_hidden_channels": 8,
            "y_hidden_channels": 64,
            "flow_depth": 4,
            "num_levels": 3,
            "init": "orthogonal",
            "lr": 1e-3,
            "beta2": 0.999,
            "warmup": 50,
            "temperature": 0.7,
        },
    }
    batch_size: ClassVar[Mapping[str, int]] = {
        "paper": 2,
        "paper_script": 2,
        "full_glow_v1": 1,
        "full_glow_v2": 1,
        "small": 8,
    }

    @classmethod
    def config(cls) -> type[CGlowConfig]:
        """`CGlowConfig`."""
        from i2ibench.models.c_glow import CGlowConfig

        return CGlowConfig

    @classmethod
    def build(cls, config: CGlowConfig, shape: Shape) -> Method:
        """The flow for pictures of `shape`, to which it is tied. Raises `BenchError` where its levels do not fit."""
        from i2ibench.models.c_glow import CGlow as Model

        height, width = shape.resolution
        if height % config.multiple or width % config.multiple:
            raise BenchError(
                f"c_glow with num_levels={config.num_levels} needs sides that are multiples of {config.multiple}, and "
                f"the task's are {shape.resolution}: choose another resolution"
                + (" or --set num_levels=3" if config.num_levels > 3 else "")
            )
        return Model(config, (height, width))
