"""FUNIT's face to the harness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, Augmentation, MethodCard, Paper, Shape
from i2ibench.adapters.stargan import check_direction, refuse_sides
from i2ibench.errors import BenchError
from i2ibench.task import Level, Resolution, Task

if TYPE_CHECKING:
    from i2ibench.models.funit import FUNITConfig
    from i2ibench.models.method import Method

_SMALL = {"nf": 24, "nf_mlp": 128, "n_downs_content": 2, "nf_dis": 16, "pairs": 4, "lr": 4e-4, "ema": 0.99}


class FUNIT(Adapter):
    """Unpaired translation of a picture to the class of a few others, seen in training or not."""

    card = MethodCard(
        name="funit",
        title="FUNIT",
        paper=Paper(
            title="Few-Shot Unsupervised Image-to-Image Translation",
            authors="Ming-Yu Liu, Xun Huang, Arun Mallya, Tero Karras, Timo Aila, Jaakko Lehtinen, Jan Kautz",
            venue="ICCV",
            year=2019,
            arxiv="1905.01723",
        ),
        levels=frozenset({Level.WEAK}),
        resolution=Resolution(128, 128),
        stochastic=True,
        exemplars=1,
        deviations=(
            "a step's pictures are the batch's sources and its targets, each a content once and a class image once, of "
            "its partner: 32 examples are the published batch of 64 and 64, which are drawn apart there and may be of "
            "one class; a task without classes has two, its sources and its targets",
            "the published length, 100,000 iterations, is whatever the budget is",
            "exemplars are drawn of the class asked for, from training pictures or, of a class held out of training as "
            "in the published tests (creatures-fewshot), from the split that shows it",
            "pictures are brought to the task's resolution by the harness, and windows of them are of that size",
            "the small presets are narrower and shallower, learn at four times the rate and average weights over fewer "
            "steps",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "small": _SMALL,
        "digits": {**_SMALL, "load_scale": 1.0, "mirror": False},
    }
    batch_size: ClassVar[Mapping[str, int]] = {"paper": 32, "small": 2, "digits": 8}

    @classmethod
    def config(cls) -> type[FUNITConfig]:
        """`FUNITConfig`."""
        from i2ibench.models.funit import FUNITConfig

        return FUNITConfig

    @classmethod
    def card_for(cls, config: FUNITConfig) -> MethodCard:
        """Exemplars may be several, and translations of targets."""
        changed = {"exemplars": config.shots, "backward": config.direction == "backward"}
        return cls.card.model_copy(update=changed)

    @classmethod
    def build(cls, config: FUNITConfig, shape: Shape) -> Method:
        """The method for pictures of `shape`. Raises `BenchError` where the networks do not fit them."""
        from i2ibench.models.funit import FUNIT as Model
        from i2ibench.models.layers.domains import number_of_domains

        check_direction("funit", config, shape)
        if any(side % config.multiple for side in shape.resolution):
            raise BenchError(
                f"funit with n_downs_content={config.n_downs_content} needs sides that are multiples of "
                f"{config.multiple}, and the task's are {shape.resolution}: choose another resolution"
            )
        if min(shape.resolution) < config.smallest:
            raise BenchError(
                f"funit with n_downs_content={config.n_downs_content}, n_downs_class={config.n_downs_class} and "
                f"pairs={config.pairs} needs sides of at least {config.smallest} pixels, and the task's are "
                f"{shape.resolution}: use --set with less of each, or larger pictures"
            )
        return Model(config, number_of_domains(shape.classes, config.division))

    @classmethod
    def augmentation(cls, config: FUNITConfig) -> Augmentation:
        """Jitter by 140/128 and mirroring."""
        return Augmentation(scale=config.load_scale, mirror=config.mirror)

    @classmethod
    def refuse(cls, task: Task, config: FUNITConfig) -> None:
        """Also where sides are asked for of a task that has none."""
        super().refuse(task, config)
        refuse_sides("funit", config, task)
