"""MUNIT's face to the harness."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, Augmentation, MethodCard, Paper, Shape
from i2ibench.errors import BenchError
from i2ibench.task import Level, Resolution

if TYPE_CHECKING:
    from i2ibench.models.method import Method
    from i2ibench.models.munit import MUNITConfig
    from i2ibench.models.unit import UNITConfig


class MUNIT(Adapter):
    """Unpaired translation into many pictures: a picture's content in styles of the other domain."""

    card = MethodCard(
        name="munit",
        title="MUNIT",
        paper=Paper(
            title="Multimodal Unsupervised Image-to-Image Translation",
            authors="Xun Huang, Ming-Yu Liu, Serge Belongie, Jan Kautz",
            venue="ECCV",
            year=2018,
            arxiv="1804.04732",
        ),
        levels=frozenset({Level.NORMAL, Level.WEAK}),
        stochastic=True,
        deviations=(
            "the published schedule of 1,000,000 iterations, the learning rate halved every 100,000, is stretched over "
            "the budget",
            "the perceptual term reads torchvision's VGG-16 with its own normalisation of colours, where the published "
            "code reads a conversion of Caffe's",
            "pictures are brought to the task's resolution by the harness, bicubically; where this is larger than the "
            "published windows, crop cuts them",
            "a picture is translated whole, where the published loader of test pictures cuts out a square at random",
            "the small preset is narrower and shallower, learns at four times the rate in four stages, and asks for "
            "the cycle",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "summer2winter": {"recon_x_cyc_weight": 10.0},
        "streets": {"recon_x_cyc_weight": 10.0, "vgg_weight": 1.0, "crop": 512},
        "small": {
            "dim": 32,
            "n_res": 3,
            "mlp_dim": 128,
            "dis_dim": 32,
            "n_layers": 3,
            "scales": 2,
            "recon_x_cyc_weight": 10.0,
            "lr": 4e-4,
            "stages": 4,
        },
    }

    @classmethod
    def config(cls) -> type[MUNITConfig]:
        """`MUNITConfig`."""
        from i2ibench.models.munit import MUNITConfig

        return MUNITConfig

    @classmethod
    def card_for(cls, config: MUNITConfig) -> MethodCard:
        """Styles may be those of exemplars, and translations of targets."""
        changed = {"exemplars": int(config.style == "exemplar"), "backward": config.direction == "backward"}
        return cls.card.model_copy(update=changed)

    @classmethod
    def build(cls, config: MUNITConfig, shape: Shape) -> Method:
        """The method for pictures of `shape`. Raises `BenchError` where a network does not fit them."""
        from i2ibench.models.munit import MUNIT as Model

        check_sides("munit", config, shape.resolution, "the task's are")
        if config.crop:
            check_sides("munit", config, Resolution(config.crop, config.crop), "crop asks for")
        return Model(config)

    @classmethod
    def augmentation(cls, config: MUNITConfig) -> Augmentation:
        """Mirroring; square windows where asked for."""
        crop = Resolution(config.crop, config.crop) if config.crop else None
        return Augmentation(crop=crop, mirror=config.mirror)

    @classmethod
    def weights(cls, config: MUNITConfig) -> tuple[str, ...]:
        """The VGG of the perceptual term."""
        return ("vgg16",) if config.vgg_weight > 0 and config.perceptual == "vgg16" else ()


def check_sides(name: str, config: MUNITConfig | UNITConfig, sides: Resolution, whose: str) -> None:
    """Raise `BenchError` where sides of pictures do not fit the networks of MUNIT, or of `name`, which are like it."""
    if any(side % config.multiple for side in sides):
        raise BenchError(
            f"{name} with n_downsample={config.n_downsample} needs sides that are multiples of {config.multiple}, and "
            f"{whose} {sides}: choose other sides"
        )
    if min(sides) < config.smallest_encoded:
        halvings = [field for field in ("n_downsample", "style_downsample") if hasattr(config, field)]
        raise BenchError(
            f"{name} with {' and '.join(f'{field}={getattr(config, field)}' for field in halvings)} needs sides of at "
            f"least {config.smallest_encoded} pixels, and {whose} {sides}: use a smaller {' or '.join(halvings)}, or "
            "choose larger sides"
        )
    if min(sides) < config.smallest_judged:
        raise BenchError(
            f"{name}'s discriminators with scales={config.scales} and n_layers={config.n_layers} need sides of at "
            f"least {config.smallest_judged} pixels, and {whose} {sides}: {_way_out(config, min(sides))}"
        )
    if config.vgg_weight > 0 and (min(sides) < 16 or max(sides) < 32):
        raise BenchError(
            f"{name}'s perceptual term needs pictures of at least 16x32, and {whose} {sides}: use --set vgg_weight=0"
        )


def _way_out(config: MUNITConfig | UNITConfig, side: int) -> str:
    """Discriminators that can judge `side` pixels: the deepest, then those of the most scales."""
    for n_layers in range(config.n_layers, 0, -1):
        for scales in range(config.scales, 0, -1):
            if dataclasses.replace(config, n_layers=n_layers, scales=scales).smallest_judged <= side:
                return f"use --set n_layers={n_layers} --set scales={scales}"
    return "choose larger sides"
