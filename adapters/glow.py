"""Glow's face to the harness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, Augmentation, MethodCard, Paper, Shape
from i2ibench.errors import BenchError
from i2ibench.task import Need, Resolution

if TYPE_CHECKING:
    from i2ibench.models.glow import GlowConfig
    from i2ibench.models.method import Method

_SMALL = {"n_block": 3, "n_flow": 8, "hidden": 64, "affine": True, "n_bits": 8, "lr": 1e-3, "warmup": 100}


class Glow(Adapter):
    """A density of the target domain alone: what a conditional likelihood must beat, and no translator."""

    card = MethodCard(
        name="glow",
        title="Glow",
        paper=Paper(
            title="Glow: Generative Flow with Invertible 1x1 Convolutions",
            authors="Diederik P. Kingma, Prafulla Dhariwal",
            venue="NeurIPS",
            year=2018,
            arxiv="1807.03039",
        ),
        levels=frozenset(),
        needs=frozenset(),
        resolution=Resolution(64, 64),
        likelihood=True,
        stochastic=True,
        deviations=(
            "sizes and training of rosinality/glow-pytorch; the preset authors has the authors' rate and warm-up",
            "ActNorms are initialised by a batch before the first step, which is not counted",
            "with classes=true couplings read planes of the wanted class, which the paper's appendix gives to priors",
            "bits per dimension are of 8 bits: where n_bits are coded, the dropped ones cost one bit each",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "affine": {"affine": True},
        "authors": {"n_block": 3, "affine": True, "n_bits": 8, "lr": 1e-3, "warmup": 10_000},
        "small": _SMALL,
        "digits": {**_SMALL, "classes": True, "mirror": False},
    }
    batch_size: ClassVar[Mapping[str, int]] = {"paper": 16, "affine": 16, "authors": 64, "small": 8, "digits": 32}

    @classmethod
    def config(cls) -> type[GlowConfig]:
        """`GlowConfig`."""
        from i2ibench.models.glow import GlowConfig

        return GlowConfig

    @classmethod
    def build(cls, config: GlowConfig, shape: Shape) -> Method:
        """The flow. Raises `BenchError` where its levels do not fit `shape`."""
        from i2ibench.models.glow import Glow as Model

        if any(side % config.multiple for side in shape.resolution):
            raise BenchError(
                f"glow with n_block={config.n_block} needs sides that are multiples of {config.multiple}, and the "
                f"task's are {shape.resolution}: choose another resolution or --set n_block to fewer levels"
            )
        return Model(config, shape.classes)

    @classmethod
    def needs(cls, config: GlowConfig) -> Mapping[Need, str]:
        """Classes, where it looks at them."""
        return {Need.CLASSES: "classes=true"} if config.classes else {}

    @classmethod
    def augmentation(cls, config: GlowConfig) -> Augmentation:
        """Mirroring."""
        return Augmentation(mirror=config.mirror)
