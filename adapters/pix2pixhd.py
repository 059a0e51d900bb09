"""pix2pixHD's face to the harness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, Augmentation, MethodCard, Paper, Shape
from i2ibench.errors import BenchError
from i2ibench.task import Level, Need, Resolution

if TYPE_CHECKING:
    from i2ibench.models.method import Method
    from i2ibench.models.pix2pixhd import Pix2PixHDConfig

_FINE = {"generator": "local", "ngf": 32, "discriminators": 3}
"""What 2048x1024 is published with."""
_RGB = {"use_labels": False, "use_instances": False}
_SMALL = {
    "ngf": 32,
    "halvings": 3,
    "blocks": 4,
    "nef": 8,
    "encoder_halvings": 3,
    "ndf": 32,
    "perceptual": "vgg16",
    "lr": 4e-4,
}


class Pix2PixHD(Adapter):
    """Paired translation of label and instance maps by a conditional GAN that compares features on several scales."""

    card = MethodCard(
        name="pix2pixhd",
        title="pix2pixHD",
        paper=Paper(
            title="High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs",
            authors="Ting-Chun Wang, Ming-Yu Liu, Jun-Yan Zhu, Andrew Tao, Jan Kautz, Bryan Catanzaro",
            venue="CVPR",
            year=2018,
            arxiv="1711.11585",
        ),
        levels=frozenset({Level.STRONG}),
        needs=frozenset({Need.PAIRS}),
        resolution=Resolution(512, 1024),
        deviations=(
            "the published schedules of 200 and 100 epochs are stretched over the budget",
            "coarse to fine (generator=local) is one training in three stages of the budget, with one Adam a network; "
            "the published code trains twice and starts a new Adam for each stage. In the coarse stage maps and "
            "pictures are averaged down, where the published code takes maps by the nearest neighbour, and windows "
            "(crop) hold for all stages, where it crops in the second training alone",
            "with generator=local the features of the later stages are those of the trained encoder on the smaller "
            "picture, enlarged and averaged over each instance at full size; the published ones are averaged at the "
            "smaller size and stored as 8-bit pictures",
            "labels are the task's classes, pixels of no class zeros in every channel; the published Cityscapes models "
            "have a channel for each of 35 raw ids",
            "an instance's class is that of most of its pixels, not a part of its id; classes without typical features "
            "get zeros, where the published code leaves memory as it is",
            "generator=unet is pix2pix's, without dropout: the paper compares a U-Net and does not say which",
            "small presets are narrower and shallower, learn at twice the rate on 4 pictures a step, and compare by "
            "VGG-16, which is at hand everywhere",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "features": {"features": True},
        "rgb": _RGB,
        "unet": {"generator": "unet"},
        "paper2048": _FINE,
        "paper2048_crop": {**_FINE, "crop": 1024, "fixed": 20 / 300},
        "paper2048_features": {**_FINE, "features": True},
        "small": _SMALL,
        "small_features": {**_SMALL, "features": True},
        "small_rgb": {**_SMALL, **_RGB},
        "small_local": {**_SMALL, **_FINE, "ngf": 16, "halvings": 2, "enhancer_blocks": 2, "encoder_halvings": 2},
    }
    batch_size: ClassVar[Mapping[str, int]] = {
        "small": 4,
        "small_features": 4,
        "small_rgb": 4,
        "small_local": 4,
    }

    @classmethod
    def config(cls) -> type[Pix2PixHDConfig]:
        """`Pix2PixHDConfig`."""
        from i2ibench.models.pix2pixhd import Pix2PixHDConfig

        return Pix2PixHDConfig

    @classmethod
    def card_for(cls, config: Pix2PixHDConfig) -> MethodCard:
        """With features, samples differ and a target's features can be moved; batch norm wants pictures alone."""
        changes = {"stochastic": config.features, "transfer": config.features, "one_by_one": config.norm == "batch"}
        return cls.card.model_copy(update=changes)

    @classmethod
    def needs(cls, config: Pix2PixHDConfig) -> Mapping[Need, str]:
        """The maps that it is set to read."""
        needs: dict[Need, str] = {}
        if config.use_labels:
            needs[Need.LABELS] = "use_labels=true"
        if config.use_instances or config.features:
            needs[Need.INSTANCES] = "use_instances=true" if config.use_instances else "features=true"
        return needs

    @classmethod
    def build(cls, config: Pix2PixHDConfig, shape: Shape) -> Method:
        """The method for pictures of `shape`. Raises `BenchError` where it does not fit."""
        from i2ibench.models.pix2pixhd import Pix2PixHD as Model

        _check_sides(config, shape.resolution)
        classes = 0 if shape.labels is None else len(shape.labels)
        if config.use_labels and not classes:
            raise BenchError(
                "pix2pixhd with use_labels=true needs a task with labels (i2ibench list tasks --needs labels), and "
                "this one has none: choose another, or use --preset rgb"
            )
        unknown = [kind for kind, _ in config.feature_choice if kind >= classes]
        if unknown:
            raise BenchError(
                f"feature_choice must name classes 0 to {classes - 1}, the task's, and names {unknown[0]}: "
                "leave that pair out"
            )
        return Model(config, classes)

    @classmethod
    def augmentation(cls, config: Pix2PixHDConfig) -> Augmentation:
        """Mirroring; windows for the largest pictures."""
        crop = Resolution(config.crop, config.crop) if config.crop else None
        return Augmentation(crop=crop, mirror=config.mirror)

    @classmethod
    def weights(cls, config: Pix2PixHDConfig) -> tuple[str, ...]:
        """The VGG of the perceptual loss."""
        return (config.perceptual,) if config.compares_perception and config.perceptual != "untrained" else ()


def _check_sides(config: Pix2PixHDConfig, resolution: Resolution) -> None:
    for sides, setting in ((resolution, "the task's are"), (Resolution(config.crop, config.crop), "crop asks for")):
        if min(sides) and (any(side % config.multiple for side in sides) or min(sides) < config.smallest):
            raise BenchError(
                f"pix2pixhd with generator={config.generator} needs sides that are multiples of {config.multiple}, at "
                f"least {config.smallest}, and {setting} {sides}: use a small preset, fewer halvings (--set "
                "halvings=..., with a U-Net levels=..., with features encoder_halvings=...) or another resolution"
            )
