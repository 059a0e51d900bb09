"""StarGAN's face to the harness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, Augmentation, MethodCard, Paper, Shape
from i2ibench.errors import BenchError
from i2ibench.task import Level, Resolution, Task

if TYPE_CHECKING:
    from i2ibench.models.funit import FUNITConfig
    from i2ibench.models.method import Method
    from i2ibench.models.stargan import StarGANConfig
    from i2ibench.models.starganv2 import StarGANv2Config

_SMALL = {"conv_dim": 32, "blocks": 4, "d_conv_dim": 32, "n_layers": 4, "n_critic": 2, "lr": 2e-4}


class StarGAN(Adapter):
    """Unpaired translation between any of several domains by one generator, which reads the domain asked for."""

    card = MethodCard(
        name="stargan",
        title="StarGAN",
        paper=Paper(
            title="StarGAN: Unified Generative Adversarial Networks for Multi-Domain Image-to-Image Translation",
            authors="Yunjey Choi, Minje Choi, Munyoung Kim, Jung-Woo Ha, Sunghun Kim, Jaegul Choo",
            venue="CVPR",
            year=2018,
            arxiv="1711.09020",
        ),
        levels=frozenset({Level.STRONG, Level.NORMAL}),
        resolution=Resolution(128, 128),
        classes=True,
        deviations=(
            "attributes (--set labels=attributes) come as a task's classes, all combinations of them, as celeba's do; "
            "two data sets with labels of their own (--set second_set=8) as one task, the second's its last classes, "
            "and mixed in each batch, where the published code has a step on either in turn",
            "a step's real pictures are the batch's sources and its targets: 8 examples are a published batch of 16; "
            "a task without classes has two domains, its sources and its targets",
            "the published schedule, 200,000 iterations, is stretched over the budget; its learning rate falls by a "
            "thousandth, as the authors' code has it, where the paper says to 0: --set decay=linear",
            "instance norm reads each picture's own statistics at translation too, as the published code's does, which "
            "is tested in training mode",
            "pictures are brought to the task's resolution by the harness; on those that are not square the "
            "classifying convolution is not square either",
            "the small preset is narrower and shallower, learns at twice the rate and has two steps of the critic to "
            "one of the generator",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "celeba": {"labels": "attributes"},
        "small": _SMALL,
        "digits": {**_SMALL, "mirror": False},
    }
    batch_size: ClassVar[Mapping[str, int]] = {"paper": 8, "celeba": 8, "small": 4, "digits": 8}

    @classmethod
    def config(cls) -> type[StarGANConfig]:
        """`StarGANConfig`."""
        from i2ibench.models.stargan import StarGANConfig

        return StarGANConfig

    @classmethod
    def card_for(cls, config: StarGANConfig) -> MethodCard:
        """Translations may be of targets, and of the task's sides whatever the classes."""
        changed = {"classes": config.division == "classes", "backward": config.direction == "backward"}
        return cls.card.model_copy(update=changed)

    @classmethod
    def build(cls, config: StarGANConfig, shape: Shape) -> Method:
        """The method for pictures of `shape`. Raises `BenchError` where the networks do not fit them, and where classes
        are no combinations of attributes and are to be."""
        from i2ibench.models.layers.domains import number_of_domains
        from i2ibench.models.stargan import StarGAN as Model

        check_direction("stargan", config, shape)
        if any(side % config.multiple for side in shape.resolution):
            raise BenchError(
                f"stargan with n_layers={config.n_layers} needs sides that are multiples of {config.multiple}, and the "
                f"task's are {shape.resolution}: {_way_out(shape.resolution)}"
            )
        if min(shape.resolution) < 8:
            raise BenchError(
                f"stargan needs sides of at least 8 pixels, and the task's are {shape.resolution}: choose larger ones"
            )
        number = number_of_domains(shape.classes, config.division)
        try:
            return Model(config, number, *shape.resolution)
        except ValueError as error:
            raise BenchError(f"stargan cannot be built for this task: {error}; use {_labels_out(config)}") from error

    @classmethod
    def augmentation(cls, config: StarGANConfig) -> Augmentation:
        """Mirroring."""
        return Augmentation(mirror=config.mirror)

    @classmethod
    def refuse(cls, task: Task, config: StarGANConfig) -> None:
        """Also where sides are asked for of a task that has none."""
        super().refuse(task, config)
        refuse_sides("stargan", config, task)


def check_direction(name: str, config: StarGANConfig | StarGANv2Config | FUNITConfig, shape: Shape) -> None:
    """Raise `BenchError` where `backward` is asked of a method that translates between classes."""
    if config.direction == "backward" and shape.classes and config.division == "classes":
        raise BenchError(
            f"{name} with direction=backward translates from targets to sources, and with division=classes it is asked "
            "for classes: use --set direction=forward or --set division=sides"
        )


def refuse_sides(name: str, config: StarGANConfig | StarGANv2Config | FUNITConfig, task: Task) -> None:
    """Raise `BenchError` where two sides are asked for of a task whose pictures are all of one pool."""
    if config.division == "sides" and task.supervision == "many-class":
        raise BenchError(
            f"{name} with division=sides translates from one set of pictures to another, and task {task.id!r} has one "
            "set of pictures of classes: use --set division=classes"
        )


def _labels_out(config: StarGANConfig) -> str:
    return "--set labels=categories" if config.labels == "attributes" else "--set second_set=0"


def _way_out(resolution: Resolution) -> str:
    halvings = min((side & -side).bit_length() - 1 for side in resolution)  # how often both sides can be halved
    return f"use --set n_layers={halvings}" if halvings >= 2 else "choose another resolution"
