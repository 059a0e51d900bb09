"""StarGAN v2's face to the harness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, Augmentation, MethodCard, Paper, Shape
from i2ibench.adapters.stargan import check_direction, refuse_sides
from i2ibench.errors import BenchError
from i2ibench.task import Level, Task

if TYPE_CHECKING:
    from i2ibench.models.method import Method
    from i2ibench.models.starganv2 import StarGANv2Config

_SMALL = {"base": 1024, "max_dim": 128, "mapping_dim": 128, "lr": 2e-4, "f_lr": 2e-5, "ema": 0.99}


class StarGANv2(Adapter):
    """Unpaired translation to any of several domains, in styles that are drawn or read off pictures."""

    card = MethodCard(
        name="starganv2",
        title="StarGAN v2",
        paper=Paper(
            title="StarGAN v2: Diverse Image Synthesis for Multiple Domains",
            authors="Yunjey Choi, Youngjung Uh, Jaejun Yoo, Jung-Woo Ha",
            venue="CVPR",
            year=2020,
            arxiv="1912.01865",
        ),
        levels=frozenset({Level.NORMAL, Level.WEAK}),
        stochastic=True,
        classes=True,
        deviations=(
            "the high-pass skips of faces (w_hpf=1) are left out, as they need a network that finds landmarks; so is "
            "the truncation of styles",
            "a step's real pictures are the batch's sources and its targets, each translated to its partner's domain "
            "with its partner as reference: 4 examples are a published batch of 8; a task without classes has two "
            "domains, its sources and its targets",
            "pictures come once an epoch, where the published code draws each domain as often as any other",
            "the second reference of the diversity term is the last picture of the domain that training saw",
            "the published decay of the diversity's weight, over 100,000 iterations, is stretched over the budget",
            "translations are clamped to [-1, 1]",
            "pictures may be oblong: style encoder and discriminator average over what the larger side leaves",
            "the small presets are narrower, learn at twice the rate, the mapping network at twenty times, as their "
            "budgets are of few steps, and average weights over fewer of them",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "afhq": {"ds_weight": 2.0},
        "small": _SMALL,
        "digits": {**_SMALL, "mirror": False},
    }
    batch_size: ClassVar[Mapping[str, int]] = {"paper": 4, "afhq": 4, "small": 2, "digits": 2}

    @classmethod
    def config(cls) -> type[StarGANv2Config]:
        """`StarGANv2Config`."""
        from i2ibench.models.starganv2 import StarGANv2Config

        return StarGANv2Config

    @classmethod
    def card_for(cls, config: StarGANv2Config) -> MethodCard:
        """Styles may be those of exemplars, translations of targets, and of the task's sides whatever the classes."""
        changed = {
            "exemplars": int(config.style == "exemplar"),
            "classes": config.division == "classes",
            "backward": config.direction == "backward",
        }
        return cls.card.model_copy(update=changed)

    @classmethod
    def build(cls, config: StarGANv2Config, shape: Shape) -> Method:
        """The method for pictures of `shape`. Raises `BenchError` where the networks do not fit them."""
        from i2ibench.models.layers.domains import number_of_domains
        from i2ibench.models.starganv2 import StarGANv2 as Model

        check_direction("starganv2", config, shape)
        smaller, larger = sorted(shape.resolution)
        if smaller < 32 or smaller & (smaller - 1):
            raise BenchError(
                "starganv2 needs a smaller side that is a power of two, at least 32, and the task's are "
                f"{shape.resolution}: choose another resolution"
            )
        if larger % (smaller // 4):
            raise BenchError(
                f"starganv2 with a smaller side of {smaller} needs sides that are multiples of {smaller // 4}, and the "
                f"task's are {shape.resolution}: choose another resolution"
            )
        return Model(config, number_of_domains(shape.classes, config.division), *shape.resolution)

    @classmethod
    def augmentation(cls, config: StarGANv2Config) -> Augmentation:
        """Windows of part of a picture, resized, half of the time; mirroring."""
        return Augmentation(
            area=(0.8, 1.0), aspect=(0.9, 1.1), probability=config.crop_probability, mirror=config.mirror
        )

    @classmethod
    def refuse(cls, task: Task, config: StarGANv2Config) -> None:
        """Also where sides are asked for of a task that has none."""
        super().refuse(task, config)
        refuse_sides("starganv2", config, task)
