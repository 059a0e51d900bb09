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

_AUTHORS = {"flow_depth": 8, "num_levels": 3, "lr": 2e-4, "beta2": 0.9999}
"""What the authors' own two settings for 64x64 pictures share."""
_SMALL = {"init": "orthogonal", "lr": 2e-3, "warmup": 50, "temperature": 0.7}
"""What the presets for the embedded tasks share."""


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
        transfer=True,
        deviations=(
            "temperature 0 gives the priors' means; the published code takes it for 1",
            "init=fixed and init=orthogonal (the presets small and small_v2) let the ActNorm and 1x1 conditioners "
            "learn; with the published init=reference they never do",
            "sources get no dequantisation noise while sampling",
        ),
    )
    # of Full-Glow's three C-Glows, `paper` is "v.2" and `third` the one that it gave up as the weakest; `small` stands
    # for v.1 (half its depth, a level less, most parameters in conditioners), and `small_v2` for v.2 (a third of them
    # there), with the depth and the couplings of the small Full-Glow
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "v1": {
            "x_hidden_size": 26,
            "x_hidden_channels": 52,
            "y_hidden_channels": 104,
            "flow_depth": 8,
            "num_levels": 3,
        },
        "third": {"x_hidden_size": 16, "x_hidden_channels": 32, "y_hidden_channels": 32},
        "authors": {
            "x_hidden_size": 64,
            "x_hidden_channels": 128,
            "y_hidden_channels": 256,
            "clip_value": 5.0,
            **_AUTHORS,
        },
        "authors_script": {
            "x_hidden_size": 128,
            "x_hidden_channels": 64,
            "y_hidden_channels": 256,
            "clip_value": 0.25,
            **_AUTHORS,
        },
        "small": {
            "x_hidden_size": 16,
            "x_hidden_channels": 8,
            "y_hidden_channels": 64,
            "flow_depth": 4,
            "num_levels": 2,
            **_SMALL,
        },
        "small_v2": {
            "x_hidden_size": 8,
            "x_hidden_channels": 16,
            "y_hidden_channels": 128,
            "flow_depth": 4,
            "num_levels": 3,
            **_SMALL,
        },
    }
    batch_size: ClassVar[Mapping[str, int]] = {"authors": 2, "authors_script": 2, "small": 2, "small_v2": 2}

    @classmethod
    def config(cls) -> type[CGlowConfig]:
        """`CGlowConfig`."""
        from i2ibench.models.c_glow import CGlowConfig

        return CGlowConfig

    @classmethod
    def card_for(cls, config: CGlowConfig) -> MethodCard:
        """Bits of binary pictures are no bits of 8-bit ones, and are not scored."""
        return cls.card.model_copy(update={"likelihood": config.y_bins == 256})

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
