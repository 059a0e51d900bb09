"""DeepI2I's face to the harness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, Augmentation, MethodCard, Paper, Shape
from i2ibench.adapters.biggan import check_pictures
from i2ibench.errors import BenchError
from i2ibench.task import Level, Resolution, Task

if TYPE_CHECKING:
    from i2ibench.models.deepi2i import DeepI2IConfig
    from i2ibench.models.method import Method

_SMALL = {"ch": 16, "attention": 16, "z_dim": 40, "shared_dim": 64, "lr": 2e-4}
_SMALL_TRANSFER = {**_SMALL, "alignment": 0.02, "mirror": True}
_ANEW = {"transfer": False, "fusion_weight": 1.0}
_FOLLOWED = {"fusion_weight": 1.0, "fusion_finest": 1.0, "recon_weight": 3.0, "recon_finest": 0.3}


class DeepI2I(Adapter):
    """Translation among many classes by a GAN that knows them: a picture's maps steer its generator."""

    card = MethodCard(
        name="deepi2i",
        title="DeepI2I",
        paper=Paper(
            title="DeepI2I: Enabling Deep Hierarchical Image-to-Image Translation by Transferring from GANs",
            authors="Yaxing Wang, Lu Yu, Joost van de Weijer",
            venue="NeurIPS",
            year=2020,
            arxiv="2011.05867",
        ),
        levels=frozenset({Level.WEAK}),
        resolution=Resolution(128, 128),
        stochastic=True,
        classes=True,
        deviations=(
            "the reconstruction compares each translation with its own source, as the paper says; the published code "
            "compares the first two pictures that its discriminator is shown",
            "alignment lasts for a share of the budget, where the code has 500 iterations of a number not fixed",
            "class tables have the task's classes alone, each taken over from one of the GAN, where the code keeps "
            "ImageNet's 1000; optimisers start anew",
            "sources and targets are one set of real pictures: each example gives the discriminator one of both, by a "
            "coin; a task without classes has two domains, the sources' and the targets'",
            "a frozen encoder is in evaluation mode and has no head",
            "besides 128 pixels there are 32, 64 and 256: maps are read at a quarter of the shorter side down to 4",
            "pictures are brought to the task's resolution by the harness",
            "small presets are narrower, and their generator learns at twice the rate; small and digits train all "
            "networks anew; small_pose weighs sources' maps ten times as much as published and their reconstruction "
            "thirty times, as a training so short hardly follows its sources otherwise",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "scratch": _ANEW,
        "small": {**_SMALL, **_ANEW, "mirror": True},
        "digits": {**_SMALL, **_ANEW},
        "small_transfer": _SMALL_TRANSFER,
        "small_pose": {**_SMALL_TRANSFER, **_FOLLOWED},
    }
    batch_size: ClassVar[Mapping[str, int]] = {
        "paper": 32,
        "scratch": 32,
        "small": 8,
        "digits": 16,
        "small_transfer": 8,
        "small_pose": 8,
    }

    @classmethod
    def config(cls) -> type[DeepI2IConfig]:
        """`DeepI2IConfig`."""
        from i2ibench.models.deepi2i import DeepI2IConfig

        return DeepI2IConfig

    @classmethod
    def build(cls, config: DeepI2IConfig, shape: Shape) -> Method:
        """The method for pictures of `shape`. Raises `BenchError` where there are no networks for them."""
        from i2ibench.models.deepi2i import DeepI2I as Model
        from i2ibench.models.layers.domains import number_of_domains

        check_pictures("deepi2i", config, shape.resolution)
        classes = number_of_domains(shape.classes)
        if config.rows and len(config.rows) != classes:
            raise BenchError(
                f"deepi2i's rows name a class of the GAN for each of the task's {classes}, and there are "
                f"{len(config.rows)}: use --set rows with as many"
            )
        return Model(config, classes, *shape.resolution)

    @classmethod
    def augmentation(cls, config: DeepI2IConfig) -> Augmentation:
        """Mirroring, where asked for."""
        return Augmentation(mirror=config.mirror)

    @classmethod
    def weights(cls, config: DeepI2IConfig) -> tuple[str, ...]:
        """The trained GAN."""
        return tuple(name for name in (config.gan, config.gan_discriminator) if name)

    @classmethod
    def refuse(cls, task: Task, config: DeepI2IConfig) -> None:
        """Raise `BenchError` where there is no GAN to transfer."""
        super().refuse(task, config)
        if config.transfer and not config.gan:
            raise BenchError(
                "deepi2i starts from a trained BigGAN, and none is named: train one (i2ibench pretrain biggan "
                f"{task.name} --budget ...) or take a published one (i2ibench weights add), then --set gan=NAME; or "
                "use --set transfer=false (presets scratch and small), which trains all networks anew"
            )
