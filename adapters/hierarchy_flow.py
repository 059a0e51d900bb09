"""Hierarchy Flow's face to the harness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, Augmentation, MethodCard, Paper, Shape
from i2ibench.errors import BenchError
from i2ibench.task import Level, Need, Resolution

if TYPE_CHECKING:
    from i2ibench.models.hierarchy_flow import HierarchyFlowConfig
    from i2ibench.models.method import Method

_FIRST = {"channels": (30,), "group_weight": "fixed", "feature_relu": False, "flip": True}
"""What the first public version's configurations share: of their lists 3-30-120 it built the first coupling alone."""
_LOW_LEVEL = {
    "style": "source",
    "content_weight": 0.0,
    "style_weight": 1.0,
    "keep": 1.0,
    "l1_weight": 1.0,
    "mixup": 0.5,
    "crop_area": (0.7, 1.0),
}
"""Its losses and augmentation where there are pairs."""
_SMALL = {"channels": (12, 48), "style_width": 16, "lr": 1e-3}


class HierarchyFlow(Adapter):
    """Translation by invertible couplings whose groups of channels take the style of an exemplar."""

    card = MethodCard(
        name="hierarchy_flow",
        title="Hierarchy Flow",
        paper=Paper(
            title="Hierarchy Flow For High-Fidelity Image-to-Image Translation",
            authors="Weichen Fan, Jinghuan Chen, Ziwei Liu",
            venue="arXiv",
            year=2023,
            arxiv="2308.06909",
        ),
        levels=frozenset({Level.STRONG, Level.NORMAL}),
        resolution=Resolution(256, 512),
        stochastic=True,
        exemplars=1,
        deviations=(
            "the reverse pass is the exact inverse, as in the paper and the first public code; the current code's, "
            "which is none, is reverse=current",
            "content and style losses read torchvision's VGG-16, at hand everywhere, not the normalised VGG-19: that "
            "is perceptual=vgg19_normalised, with a file of one's own",
            "pictures are translated in the style of a training picture of the target domain drawn for each, where the "
            "published code goes through a list",
            "training windows keep within the picture's aspect times 3/4 to 4/3, where the published ones have these "
            "aspects and are stretched",
            "low-level presets take the style from the source, as published for super-resolution: for other tasks the "
            "published code takes it from the very target, in its tests too",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "published": {"reverse": "current", "perceptual": "vgg19_normalised"},
        "first": {**_FIRST, "content_weight": 0.1, "style_weight": 1.0, "crop_area": (0.5, 1.0)},
        "lowlevel": {**_FIRST, **_LOW_LEVEL, "weight_decay": 5e-4},
        "small": {**_SMALL, "style_weight": 1.0},
        "lowlevel_small": {**_SMALL, **_LOW_LEVEL, "style_weight": 0.1, "lr": 3e-3},
    }
    batch_size: ClassVar[Mapping[str, int]] = {"lowlevel_small": 2}

    @classmethod
    def config(cls) -> type[HierarchyFlowConfig]:
        """`HierarchyFlowConfig`."""
        from i2ibench.models.hierarchy_flow import HierarchyFlowConfig

        return HierarchyFlowConfig

    @classmethod
    def build(cls, config: HierarchyFlowConfig, shape: Shape) -> Method:
        """The method, for pictures of any size that leaves room. Raises `BenchError` where `shape` does not."""
        from i2ibench.models.hierarchy_flow import HierarchyFlow as Model

        if min(shape.resolution) < config.smallest:
            raise BenchError(
                f"hierarchy_flow with pad={config.pad} needs sides of at least {config.smallest} pixels, and the "
                f"task's are {shape.resolution}: choose another resolution"
            )
        return Model(config)

    @classmethod
    def needs(cls, config: HierarchyFlowConfig) -> Mapping[Need, str]:
        """Pairs, where it is compared with its target or mixed with it."""
        settings = {"l1_weight": config.l1_weight, "mixup": config.mixup}
        paired = [f"{name}={value}" for name, value in settings.items() if value]
        return {Need.PAIRS: " and ".join(paired)} if paired else {}

    @classmethod
    def augmentation(cls, config: HierarchyFlowConfig) -> Augmentation:
        """Windows of 80 to 100 % of the area, mirrored, as published for GTA to Cityscapes."""
        return Augmentation(area=config.crop_area, mirror=config.mirror, flip=config.flip)

    @classmethod
    def weights(cls, config: HierarchyFlowConfig) -> tuple[str, ...]:
        """The VGG of the losses."""
        return () if config.trunk is None else (config.trunk,)
