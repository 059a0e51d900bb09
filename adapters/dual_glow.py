"""DUAL-Glow's face to the harness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, MethodCard, Paper, Shape
from i2ibench.errors import BenchError
from i2ibench.task import Level, Need

if TYPE_CHECKING:
    from i2ibench.models.dual_glow import DualGlowConfig
    from i2ibench.models.method import Method


class DualGlow(Adapter):
    """Paired translation by two normalizing flows that meet in their priors: samples and likelihoods."""

    card = MethodCard(
        name="dual_glow",
        title="DUAL-Glow",
        paper=Paper(
            title="DUAL-GLOW: Conditional Flow-Based Generative Model for Modality Transfer",
            authors=(
                "Haoliang Sun, Ronak Mehta, Hao H. Zhou, Zhichun Huang, Sterling C. Johnson, Vivek Prabhakaran, "
                "Vikas Singh"
            ),
            venue="ICCV",
            year=2019,
            arxiv="1908.08074",
        ),
        levels=frozenset({Level.STRONG}),
        needs=frozenset({Need.PAIRS}),
        likelihood=True,
        stochastic=True,
        transfer=True,
        deviations=(
            "pictures, by the adaptation that Full-Glow was compared with; the paper translates volumes",
            "three-dimensional kernels are evaluated in the plane, which is exact; kernels=flat (the preset small) "
            "leaves out what pictures never reach",
            "no conditioning on attributes and no regressor",
            "no average of the weights: the published one is never evaluated",
            "pictures are k/255 in [0, 1] in every preset; the original has x/2^bits - 0.5",
            "paper3d warms up for 10 epochs of the paper's 826 pairs, whatever the task",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "shallow": {"n_flow": (2, 2, 2, 2)},
        "paper3d": {
            "n_flow": (1, 4, 8, 4),
            "optimizer": "adamax",
            "lr": 1e-3,
            "warmup": 8260,
            "temperature": 0.0,
        },
        "small": {
            "n_flow": (4, 4, 4),
            "width": 96,
            "kernels": "flat",
            "lr": 1e-3,
            "warmup": 50,
        },
    }
    batch_size: ClassVar[Mapping[str, int]] = {"small": 2}

    @classmethod
    def config(cls) -> type[DualGlowConfig]:
        """`DualGlowConfig`."""
        from i2ibench.models.dual_glow import DualGlowConfig

        return DualGlowConfig

    @classmethod
    def build(cls, config: DualGlowConfig, shape: Shape) -> Method:
        """The flows for pictures of `shape`. Raises `BenchError` where their levels do not fit it."""
        from i2ibench.models.dual_glow import DualGlow as Model

        height, width = shape.resolution
        if height % config.multiple or width % config.multiple:
            levels = len(config.n_flow)
            raise BenchError(
                f"dual_glow with {levels} levels needs sides that are multiples of {config.multiple}, and the task's "
                f"are {shape.resolution}: choose another resolution"
                + (f" or fewer levels, say --set n_flow={list(config.n_flow[:-1])}" if levels > 1 else "")
            )
        return Model(config, (height, width))
