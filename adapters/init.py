"""INIT's face to the harness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, Augmentation, MethodCard, Paper, Shape
from i2ibench.adapters.munit import check_sides
from i2ibench.errors import BenchError
from i2ibench.task import Level, Need, Resolution

if TYPE_CHECKING:
    from i2ibench.models.init import INITConfig
    from i2ibench.models.method import Method


class INIT(Adapter):
    """Unpaired translation into many pictures, as MUNIT's, that learns from the boxes of objects too."""

    card = MethodCard(
        name="init",
        title="INIT",
        paper=Paper(
            title="Towards Instance-level Image-to-Image Translation",
            authors="Zhiqiang Shen, Mingyang Huang, Jianping Shi, Xiangyang Xue, Thomas Huang",
            venue="CVPR",
            year=2019,
            arxiv="1905.01744",
        ),
        levels=frozenset({Level.NORMAL}),
        needs=frozenset({Need.BOXES}),
        stochastic=True,
        deviations=(
            "the paper has no published code and leaves weights open: those of whole pictures are MUNIT's for street "
            "scenes (adversarial 1, reconstruction 10, content 1, style 1, cycle 10) without its perceptual term, "
            "those of instances equal them, and the pass in the background's style weighs as much as that in the "
            "picture's",
            "the adversarial loss is MUNIT's least squares; objective=vanilla is the paper's",
            "instances share encoders with their pictures, as in the paper, and the decoder too; "
            "share_instance_encoder=false gives them their own. They are judged by discriminators of their own, which "
            "are MUNIT's",
            "an instance is one box a picture and step, drawn among those of which 70 % lie in the training window and "
            "whose shorter side has 24 pixels or more, resized to 120x120 in every data set; a picture without one "
            "adds nothing to the instances' losses, which are averaged over all pictures of a batch",
            "the background is the picture with its boxes filled with mid-grey; only its style is used",
            "decoded in its picture's style an instance is judged at half weight, by the generators and, reals against "
            "it included, the discriminators; in the background's style it is not judged",
            "an instance is translated in the style drawn for its picture; codes that others are compared with take "
            "gradients too",
            "styles are not swapped with those of half-sized pictures, which is the paper's option",
            "MUNIT's schedule, the learning rate halved every tenth of it, is stretched over the budget",
            "pictures are brought to the task's resolution by the harness, bicubically, where the paper brings the "
            "shorter side to 360; crop cuts the published windows of 360x360",
            "the small preset has MUNIT's small networks and rates, and instances of 32x32 from boxes whose shorter "
            "side has 8 pixels or more",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "small": {
            "dim": 32,
            "n_res": 3,
            "mlp_dim": 128,
            "dis_dim": 32,
            "n_layers": 3,
            "scales": 2,
            "instance_scales": 3,
            "instance_size": 32,
            "least_side": 8,
            "lr": 4e-4,
            "stages": 4,
        },
    }

    @classmethod
    def config(cls) -> type[INITConfig]:
        """`INITConfig`."""
        from i2ibench.models.init import INITConfig

        return INITConfig

    @classmethod
    def card_for(cls, config: INITConfig) -> MethodCard:
        """Styles may be those of exemplars, and translations of targets."""
        changed = {"exemplars": int(config.style == "exemplar"), "backward": config.direction == "backward"}
        return cls.card.model_copy(update=changed)

    @classmethod
    def build(cls, config: INITConfig, shape: Shape) -> Method:
        """The method for pictures of `shape`. Raises `BenchError` where a network or no instance fits them."""
        from i2ibench.models.init import INIT as Model

        _check(config, shape.resolution, "the task's are")
        if config.crop:
            _check(config, Resolution(config.crop, config.crop), "crop asks for")
        return Model(config)

    @classmethod
    def augmentation(cls, config: INITConfig) -> Augmentation:
        """Mirroring; square windows where asked for."""
        crop = Resolution(config.crop, config.crop) if config.crop else None
        return Augmentation(crop=crop, mirror=config.mirror)

    @classmethod
    def weights(cls, config: INITConfig) -> tuple[str, ...]:
        """The VGG of the perceptual term."""
        return ("vgg16",) if config.vgg_weight > 0 and config.perceptual == "vgg16" else ()


def _check(config: INITConfig, sides: Resolution, whose: str) -> None:
    check_sides("init", config, sides, whose)
    if config.with_instances and min(sides) < config.least_side:
        raise BenchError(
            f"init with least_side={config.least_side} finds instances in pictures with sides of at least as many "
            f"pixels, and {whose} {sides}: use a smaller least_side, or choose larger sides"
        )
