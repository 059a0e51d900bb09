"""U-GAT-IT's face to the harness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, Augmentation, MethodCard, Paper, Shape
from i2ibench.errors import BenchError
from i2ibench.task import Level

if TYPE_CHECKING:
    from i2ibench.models.method import Method
    from i2ibench.models.ugatit import UGATITConfig


class UGATIT(Adapter):
    """Unpaired translation there and back, which attends to what tells the domains apart."""

    card = MethodCard(
        name="ugatit",
        title="U-GAT-IT",
        paper=Paper(
            title="U-GAT-IT: Unsupervised Generative Attentional Networks with Adaptive Layer-Instance Normalization "
            "for Image-to-Image Translation",
            authors="Junho Kim, Minjae Kim, Hyeonwoo Kang, Kwanghee Lee",
            venue="ICLR",
            year=2020,
            arxiv="1907.10830",
        ),
        levels=frozenset({Level.NORMAL, Level.WEAK}),
        deviations=(
            "networks and losses are those of the authors' PyTorch code; the paper's numbers are of their TensorFlow "
            "code, which shares one classifier with a bias between both poolings and draws first weights from "
            "N(0, 0.02)",
            "the published schedule of 1,000,000 iterations, the learning rate falling to 0 from the middle on, is "
            "stretched over the budget",
            "real and translated pictures go through discriminators together, and translations are made once for both "
            "updates: the same losses with fewer power iterations of spectral norm",
            "pictures are resized by 286/256 and cropped in the task's own proportions, where the published code makes "
            "squares of them; sides that are no multiples of 4 are refused",
            "the paper's ablations (without attention, with other norms) are left out",
            "the small preset is the light version, narrower and shallower, with discriminators of one layer less, at "
            "four times the learning rate",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "light": {"light": True},
        "small": {"ch": 32, "n_res": 2, "light": True, "global_layers": 6, "local_layers": 4, "lr": 4e-4},
    }

    @classmethod
    def config(cls) -> type[UGATITConfig]:
        """`UGATITConfig`."""
        from i2ibench.models.ugatit import UGATITConfig

        return UGATITConfig

    @classmethod
    def card_for(cls, config: UGATITConfig) -> MethodCard:
        """Translations may be of targets."""
        return cls.card.model_copy(update={"backward": config.direction == "backward"})

    @classmethod
    def build(cls, config: UGATITConfig, shape: Shape) -> Method:
        """The method for pictures of `shape`. Raises `BenchError` where the networks do not fit them."""
        from i2ibench.models.layers.spectral_patchgan import most_halvings
        from i2ibench.models.ugatit import UGATIT as Model

        sides = shape.resolution
        if any(side % 4 for side in sides):
            raise BenchError(
                f"ugatit's generators need sides that are multiples of 4, and the task's are {sides}: choose others"
            )
        if min(sides) < config.smallest:
            fitting = most_halvings(min(sides)) + 2
            way_out = "choose larger sides"
            if fitting >= 3:
                asked = {"global_layers": config.global_layers, "local_layers": config.local_layers}
                changes = [f"--set {field}={fitting}" for field, layers in asked.items() if layers > fitting]
                way_out = f"use {' '.join(changes)}"
            raise BenchError(
                f"ugatit's discriminators with global_layers={config.global_layers} and "
                f"local_layers={config.local_layers} need sides of at least {config.smallest} pixels, and the task's "
                f"are {sides}: {way_out}"
            )
        return Model(config, *sides)

    @classmethod
    def augmentation(cls, config: UGATITConfig) -> Augmentation:
        """Jitter by 286/256 and mirroring."""
        return Augmentation(scale=config.load_scale, mirror=config.mirror)
