"""NICE-GAN's face to the harness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, Augmentation, MethodCard, Paper, Shape
from i2ibench.errors import BenchError
from i2ibench.task import Level

if TYPE_CHECKING:
    from i2ibench.models.method import Method
    from i2ibench.models.nicegan import NICEGANConfig


class NICEGAN(Adapter):
    """Unpaired translation there and back, whose discriminators are also its encoders."""

    card = MethodCard(
        name="nicegan",
        title="NICE-GAN",
        paper=Paper(
            title="Reusing Discriminators for Encoding: Towards Unsupervised Image-to-Image Translation",
            authors="Runfa Chen, Wenbing Huang, Binghui Huang, Fuchun Sun, Bin Fang",
            venue="CVPR",
            year=2020,
            arxiv="2003.00273",
        ),
        levels=frozenset({Level.NORMAL, Level.WEAK}),
        deviations=(
            "the light version is the default, as in all published numbers; the published code's default is the full "
            "one: --set light=false",
            "the published schedule, 100,000 iterations in the paper and 300,000 in its code, the learning rate "
            "falling to 0 from the middle on, is stretched over the budget",
            "pictures of one kind go through a network together, and of those that are not judged only the code is "
            "made: the same losses with fewer power iterations of spectral norm",
            "pictures are resized by 286/256 and cropped in the task's own proportions, where the published code makes "
            "squares of them; sides that are no multiples of 4 are refused",
            "the small preset is narrower and shallower, with discriminators of one layer less, at four times the "
            "learning rate",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "nicegan_star": {"n_res": 4},
        "full": {"light": False},
        "small": {"ch": 32, "n_res": 3, "n_dis": 6, "lr": 4e-4},
    }

    @classmethod
    def config(cls) -> type[NICEGANConfig]:
        """`NICEGANConfig`."""
        from i2ibench.models.nicegan import NICEGANConfig

        return NICEGANConfig

    @classmethod
    def card_for(cls, config: NICEGANConfig) -> MethodCard:
        """Translations may be of targets."""
        return cls.card.model_copy(update={"backward": config.direction == "backward"})

    @classmethod
    def build(cls, config: NICEGANConfig, shape: Shape) -> Method:
        """The method for pictures of `shape`. Raises `BenchError` where the networks do not fit them."""
        from i2ibench.models.layers.spectral_patchgan import most_halvings
        from i2ibench.models.nicegan import NICEGAN as Model

        sides = shape.resolution
        if any(side % 4 for side in sides):
            raise BenchError(
                f"nicegan's encoders need sides that are multiples of 4, and the task's are {sides}: choose others"
            )
        if min(sides) < config.smallest:
            fitting = most_halvings(min(sides)) + 2
            way_out = f"use --set n_dis={fitting}" if fitting >= 6 else "choose larger sides"
            raise BenchError(
                f"nicegan's discriminators with n_dis={config.n_dis} need sides of at least {config.smallest} pixels, "
                f"and the task's are {sides}: {way_out}"
            )
        return Model(config, *sides)

    @classmethod
    def augmentation(cls, config: NICEGANConfig) -> Augmentation:
        """Jitter by 286/256 and mirroring."""
        return Augmentation(scale=config.load_scale, mirror=config.mirror)
