"""CUT's face to the harness, and FastCUT's, which is a preset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, Augmentation, MethodCard, Paper, Shape
from i2ibench.errors import BenchError
from i2ibench.task import Level, Resolution

if TYPE_CHECKING:
    from i2ibench.models.cut import CUTConfig
    from i2ibench.models.method import Method

_FAST = {
    "nce_weight": 10.0,
    "identity": False,
    "flip_equivariance": True,
    "constant_epochs": 150,
    "decay_epochs": 50,
}
_SMALL = {
    "blocks": 4,
    "ngf": 32,
    "n_layers": 2,
    "ndf": 32,
    "nce_layers": ("picture", "halving1", "halving2", "block1", "block3"),
}


class CUT(Adapter):
    """Unpaired translation in one direction, whose patches are held to those of the source by contrast."""

    card = MethodCard(
        name="cut",
        title="CUT and FastCUT",
        paper=Paper(
            title="Contrastive Learning for Unpaired Image-to-Image Translation",
            authors="Taesung Park, Alexei A. Efros, Richard Zhang, Jun-Yan Zhu",
            venue="ECCV",
            year=2020,
            arxiv="2007.15651",
        ),
        levels=frozenset({Level.NORMAL}),
        deviations=(
            "the projections are built with the other networks, not at the first batch, which is trained on once like "
            "any other",
            "the published schedules, 200 + 200 epochs and FastCUT's 150 + 50, are stretched over the budget",
            "training pictures are cropped at random to the end, where the published code resizes them to the crop's "
            "size while the learning rate falls",
            "the contrastive terms of sources and targets are averaged, as in the authors' code; the paper adds them",
            "SinCUT, the variant for a single picture, and pooling in place of the projections are left out",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "fastcut": _FAST,
        "small": _SMALL,
        "small_fast": {**_SMALL, **_FAST},
    }

    @classmethod
    def config(cls) -> type[CUTConfig]:
        """`CUTConfig`."""
        from i2ibench.models.cut import CUTConfig

        return CUTConfig

    @classmethod
    def build(cls, config: CUTConfig, shape: Shape) -> Method:
        """The method for pictures of `shape`. Raises `BenchError` where the networks do not fit it."""
        from i2ibench.models.cut import CUT as Model
        from i2ibench.models.layers.patchgan import patch_map_side

        trained_on = _window(config) or shape.resolution
        for sides, whose in ((shape.resolution, "the task's are"), (trained_on, "crop asks for")):
            if any(side % 4 for side in sides):
                raise BenchError(
                    f"cut's generator needs sides that are multiples of 4, and {whose} {sides}: choose others"
                )
        if patch_map_side(min(trained_on), config.n_layers) < 1:
            fitting = [n for n in range(1, config.n_layers) if patch_map_side(min(trained_on), n) >= 1]
            way_out = f"use --set n_layers={fitting[-1]} or fewer" if fitting else "choose larger ones"
            raise BenchError(
                f"cut's discriminator with n_layers={config.n_layers} needs sides of at least "
                f"{3 << config.n_layers} pixels, and those trained on are {trained_on}: {way_out}"
            )
        return Model(config)

    @classmethod
    def augmentation(cls, config: CUTConfig) -> Augmentation:
        """Jitter by 286/256 and mirroring, in the published code; windows for large pictures."""
        return Augmentation(scale=config.load_scale, crop=_window(config), mirror=config.mirror)


def _window(config: CUTConfig) -> Resolution | None:
    return Resolution(config.crop, config.crop) if config.crop else None
