"""DRIT++'s face to the harness, for several domains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, Augmentation, MethodCard, Shape
from i2ibench.adapters.drit import DRIT, check_sides, window
from i2ibench.errors import BenchError
from i2ibench.task import Level, Need

if TYPE_CHECKING:
    from i2ibench.models.drit_multi import DRITMultiConfig
    from i2ibench.models.method import Method

_SMALL = {
    "dim": 32,
    "mlp_dim": 128,
    "dis_dim": 32,
    "n_layers": 4,
    "content_layers": 2,
    "content_kernel": 3,
    "d_iter": 2,
    "lr": 4e-4,
    "content_lr": 1.6e-4,
    "load_scale": 256 / 216,
    "crop": 0,
}


class DRITMulti(Adapter):
    """Translation of pictures of any class to any other by one network of each kind, into many pictures."""

    card = MethodCard(
        name="drit_multi",
        title="DRIT++, several domains",
        paper=DRIT.card.paper,
        levels=frozenset({Level.NORMAL, Level.WEAK}),
        needs=frozenset({Need.CLASSES}),
        stochastic=True,
        classes=True,
        deviations=(
            "the gradients of both phases of encoders and generator are taken before the first phase's step; the "
            "published code steps between them and differentiates activations of the old weights by the new ones, "
            "which PyTorch now refuses",
            "cross-entropies are of logits, where the published code clamps those of saturated sigmoids",
            "a step's pictures are its sources and as many targets, published as one of either; adversarial terms and "
            "the attributes' divergence, published as sums over these two, are means over each half's pictures, both "
            "halves' together",
            "sources and targets are of different classes as the harness draws them, where the published code draws "
            "any two pictures",
            "every third step is a full one, the others being the content discriminator's alone, also at the end of an "
            "epoch, where the published code has two full ones; without content discriminator all steps are full",
            "encoders and generator share one Adam, and what the published code computes twice is computed once; the "
            "numbers are the same, but that with spectral norm there are fewer power iterations",
            "the published schedule of 600 + 600 epochs, at most 500,000 full steps, is stretched over the budget",
            "the content discriminator, published as an option that the command to train with takes, is on",
            "content_layers, content_kernel and n_layers let discriminators judge smaller pictures, as the small "
            "presets do, which are narrower too, learn at four times the rate, and take a full step of every two; "
            "several answers of the content discriminator are averaged",
            "pictures are brought to the task's resolution by the harness, trained on in windows and translated whole, "
            "where the published test program cuts out the middle; sides that are no multiples of 4 are refused",
            "pictures of no class, as photo2painting's sources, are a domain more, whose vector is of zeros",
            "mode_seeking, which is of DRIT++ for two domains, and posterior=mean are additions",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "shapes": {"concat": False},
        "small": _SMALL,
        "small_shapes": {**_SMALL, "concat": False},
    }

    @classmethod
    def config(cls) -> type[DRITMultiConfig]:
        """`DRITMultiConfig`."""
        from i2ibench.models.drit_multi import DRITMultiConfig

        return DRITMultiConfig

    @classmethod
    def card_for(cls, config: DRITMultiConfig) -> MethodCard:
        """Attributes may be those of exemplars."""
        return cls.card.model_copy(update={"exemplars": int(config.style == "exemplar")})

    @classmethod
    def build(cls, config: DRITMultiConfig, shape: Shape) -> Method:
        """The method for pictures of `shape`. Raises `BenchError` where a network or the window does not fit them, and
        where they are of no classes."""
        from i2ibench.models.drit_multi import DRITMulti as Model

        trained_on = check_sides("drit_multi", config, shape.resolution)
        if not shape.classes:
            raise BenchError(
                "drit_multi translates between classes, and the task's pictures are of none: choose a task that has "
                "classes (i2ibench list tasks --needs classes)"
            )
        return Model(config, shape.classes, min(trained_on))

    @classmethod
    def augmentation(cls, config: DRITMultiConfig) -> Augmentation:
        """Windows and mirroring, of both sides independently."""
        return Augmentation(scale=config.load_scale, crop=window(config), mirror=config.mirror)
