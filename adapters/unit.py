"""UNIT's face to the harness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, Augmentation, MethodCard, Paper, Shape
from i2ibench.adapters.munit import check_sides
from i2ibench.task import Level, Resolution

if TYPE_CHECKING:
    from i2ibench.models.method import Method
    from i2ibench.models.unit import UNITConfig

_2017 = {
    "networks": "paper",
    "scales": 1,
    "objective": "vanilla",
    "gan_weight": 10.0,
    "recon_x_weight": 100.0,
    "recon_kl_weight": 0.1,
    "recon_x_cyc_weight": 100.0,
    "recon_kl_cyc_weight": 0.1,
    "stages": 1,
}
"""What the paper is published with."""


class UNIT(Adapter):
    """Unpaired translation through codes that the two domains share."""

    card = MethodCard(
        name="unit",
        title="UNIT",
        paper=Paper(
            title="Unsupervised Image-to-Image Translation Networks",
            authors="Ming-Yu Liu, Thomas Breuel, Jan Kautz",
            venue="NIPS",
            year=2017,
            arxiv="1703.00848",
        ),
        levels=frozenset({Level.STRONG, Level.NORMAL}),
        deviations=(
            "the networks and weights are those of the authors' later code, of which the domains share none; the "
            "paper's, which share weights, are the preset unit_2017",
            "the published schedules, 1,000,000 iterations with the learning rate halved every 100,000 and the "
            "paper's 500,000, are stretched over the budget",
            "the perceptual term reads torchvision's VGG-16 with its own normalisation of colours, where the published "
            "code reads a conversion of Caffe's",
            "the divergence is of the codes' means, without their noise, with the paper's networks too",
            "pictures are brought to the task's resolution by the harness, bicubically; where this is larger than the "
            "published windows, crop cuts them; the random enlargement of cats before that is left out",
            "small presets are narrower and shallower and learn at four times the rate, in four stages but for "
            "small_2017",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "streets": {"vgg_weight": 1.0, "crop": 512},
        "unit_2017": {**_2017, "n_res": 3, "n_layers": 6},
        "small": {"dim": 32, "n_res": 3, "dis_dim": 32, "n_layers": 3, "scales": 2, "lr": 4e-4, "stages": 4},
        "small_2017": {**_2017, "dim": 32, "n_res": 2, "dis_dim": 32, "n_layers": 4, "lr": 4e-4},
    }

    @classmethod
    def config(cls) -> type[UNITConfig]:
        """`UNITConfig`."""
        from i2ibench.models.unit import UNITConfig

        return UNITConfig

    @classmethod
    def card_for(cls, config: UNITConfig) -> MethodCard:
        """Translations may be of targets."""
        return cls.card.model_copy(update={"backward": config.direction == "backward"})

    @classmethod
    def build(cls, config: UNITConfig, shape: Shape) -> Method:
        """The method for pictures of `shape`. Raises `BenchError` where a network does not fit them."""
        from i2ibench.models.unit import UNIT as Model

        check_sides("unit", config, shape.resolution, "the task's are")
        if config.crop:
            check_sides("unit", config, Resolution(config.crop, config.crop), "crop asks for")
        return Model(config)

    @classmethod
    def augmentation(cls, config: UNITConfig) -> Augmentation:
        """Mirroring; square windows where asked for."""
        crop = Resolution(config.crop, config.crop) if config.crop else None
        return Augmentation(crop=crop, mirror=config.mirror)

    @classmethod
    def weights(cls, config: UNITConfig) -> tuple[str, ...]:
        """The VGG of the perceptual term."""
        return ("vgg16",) if config.vgg_weight > 0 and config.perceptual == "vgg16" else ()
