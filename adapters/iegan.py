"""IEGAN's face to the harness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, Augmentation, MethodCard, Paper, Shape
from i2ibench.errors import BenchError
from i2ibench.task import Level

if TYPE_CHECKING:
    from i2ibench.models.iegan import IEGANConfig
    from i2ibench.models.method import Method


class IEGAN(Adapter):
    """Unpaired translation there and back, out of features of encoders that are trained apart."""

    card = MethodCard(
        name="iegan",
        title="IEGAN",
        paper=Paper(
            title="Independent Encoder for Deep Hierarchical Unsupervised Image-to-Image Translation",
            authors="Kai Ye, Yinru Ye, Minqiang Yang, Bin Hu",
            venue="arXiv",
            year=2021,
            arxiv="2107.02494",
        ),
        levels=frozenset({Level.NORMAL, Level.WEAK}),
        deviations=(
            "the published schedule of 300,000 iterations, the learning rate falling to 0 from the middle on, is "
            "stretched over the budget",
            "features and translations are made once for the discriminators' and the generators' updates, batch norm's "
            "running statistics moving as if they were made twice; real and translated pictures are judged together: "
            "the same losses with fewer power iterations of spectral norm",
            "ResNet-18's classifier and a fourth fusion of the generator, which are registered in the published code "
            "and never used, are not built",
            "pictures are resized by 286/256 and cropped in the task's own proportions, where the published code makes "
            "squares of them; sides that are no multiples of 32 are refused",
            "the small preset is narrower and shallower, its encoders begin with random weights and not ImageNet's, "
            "its discriminators have one layer less, and it learns at twice the rate",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "small": {"ch": 24, "trunk": "untrained", "n_res": 3, "n_dis": 6, "lr": 2e-4},
    }

    @classmethod
    def config(cls) -> type[IEGANConfig]:
        """`IEGANConfig`."""
        from i2ibench.models.iegan import IEGANConfig

        return IEGANConfig

    @classmethod
    def card_for(cls, config: IEGANConfig) -> MethodCard:
        """Translations may be of targets."""
        return cls.card.model_copy(update={"backward": config.direction == "backward"})

    @classmethod
    def build(cls, config: IEGANConfig, shape: Shape) -> Method:
        """The method for pictures of `shape`. Raises `BenchError` where the networks do not fit them."""
        from i2ibench.models.iegan import IEGAN as Model
        from i2ibench.models.iegan import MULTIPLE
        from i2ibench.models.layers.spectral_patchgan import most_halvings

        sides = shape.resolution
        if any(side % MULTIPLE for side in sides):
            raise BenchError(
                f"iegan's encoders need sides that are multiples of {MULTIPLE}, and the task's are {sides}: choose "
                "others"
            )
        if min(sides) < config.smallest:
            fitting = most_halvings(min(sides)) + 2
            way_out = "choose larger sides"
            if min(sides) >= 2 * MULTIPLE and fitting >= 6:
                way_out = f"use --set n_dis={fitting}"
            raise BenchError(
                f"iegan with n_dis={config.n_dis} needs sides of at least {config.smallest} pixels, and the task's are "
                f"{sides}: {way_out}"
            )
        return Model(config)

    @classmethod
    def augmentation(cls, config: IEGANConfig) -> Augmentation:
        """Jitter by 286/256 and mirroring."""
        return Augmentation(scale=config.load_scale, mirror=config.mirror)

    @classmethod
    def weights(cls, config: IEGANConfig) -> tuple[str, ...]:
        """The trunk that the encoders begin as."""
        return ("resnet18",) if config.trunk == "resnet18" else ()
