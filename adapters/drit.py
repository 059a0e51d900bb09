"""DRIT's and DRIT++'s face to the harness."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, Augmentation, MethodCard, Paper, Shape
from i2ibench.errors import BenchError
from i2ibench.task import Level, Resolution

if TYPE_CHECKING:
    from i2ibench.models.drit import DRITConfig
    from i2ibench.models.drit_multi import DRITMultiConfig
    from i2ibench.models.method import Method

_SMALL = {
    "dim": 32,
    "mlp_dim": 128,
    "dis_dim": 32,
    "n_layers": 3,
    "scales": 2,
    "content_layers": 2,
    "content_kernel": 3,
    "d_iter": 1,
    "lr": 4e-4,
    "content_lr": 1.6e-4,
    "load_scale": 256 / 216,
    "crop": 0,
}


class DRIT(Adapter):
    """Unpaired translation into many pictures: contents both domains share, attributes of each its own."""

    card = MethodCard(
        name="drit",
        title="DRIT++",
        paper=Paper(
            title="DRIT++: Diverse Image-to-Image Translation via Disentangled Representations",
            authors="Hsin-Ying Lee, Hung-Yu Tseng, Qi Mao, Jia-Bin Huang, Yu-Ding Lu, Maneesh Singh, Ming-Hsuan Yang",
            venue="IJCV",
            year=2020,
            arxiv="1905.01270",
        ),
        levels=frozenset({Level.NORMAL, Level.WEAK}),
        stochastic=True,
        batch_multiple=2,
        deviations=(
            "the gradients of both phases of encoders and generators are taken before the first phase's step; the "
            "published code steps between them and differentiates activations of the old weights by the new ones, "
            "which PyTorch now refuses",
            "cross-entropies are of logits, where the published code clamps those of saturated sigmoids",
            "a batch is two halves of any size, published as two pictures of a domain; the attributes' divergence is "
            "the mean over pictures",
            "every third step is a full one, the others being the content discriminator's alone, also at the end of an "
            "epoch, where the published code has two full ones; without content discriminator all steps are full",
            "encoders and generators share one Adam, and what the published code computes twice is computed once; the "
            "numbers are the same, but that with spectral norm there are fewer power iterations",
            "the published schedule of 600 + 600 epochs, at most 500,000 full steps, is stretched over the budget",
            "content_layers and content_kernel let the content discriminator judge pictures of sides below 209, as the "
            "small presets do, which are narrower too, learn at four times the rate, and take full steps alone",
            "pictures are brought to the task's resolution by the harness, trained on in windows and translated whole, "
            "where the published test program cuts out the middle; sides that are no multiples of 4 are refused",
            "high_resolution is built with concat=true alone: without, the published code loses one of its branches",
            "content_gan_weight=0 and posterior=mean are additions",
            "DRIT++ of more than two domains is the method drit_multi",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "drit": {"mode_seeking": False},
        "shapes": {"concat": False},
        "high_resolution": {
            "high_resolution": True,
            "mode_seeking": False,
            "scales": 2,
            "ms_weight": 0.1,
            "second_gan": False,
            "constant_epochs": 45,
            "decay_epochs": 45,
            "crop": 340,
        },
        "small": _SMALL,
        "small_shapes": {**_SMALL, "concat": False},
    }
    batch_size: ClassVar[Mapping[str, int]] = dict.fromkeys(presets, 2)

    @classmethod
    def config(cls) -> type[DRITConfig]:
        """`DRITConfig`."""
        from i2ibench.models.drit import DRITConfig

        return DRITConfig

    @classmethod
    def card_for(cls, config: DRITConfig) -> MethodCard:
        """Attributes may be those of exemplars, and translations of targets."""
        changed = {"exemplars": int(config.style == "exemplar"), "backward": config.direction == "backward"}
        return cls.card.model_copy(update=changed)

    @classmethod
    def build(cls, config: DRITConfig, shape: Shape) -> Method:
        """The method for pictures of `shape`. Raises `BenchError` where a network or the window does not fit them."""
        from i2ibench.models.drit import DRIT as Model

        check_sides("drit", config, shape.resolution)
        return Model(config)

    @classmethod
    def augmentation(cls, config: DRITConfig) -> Augmentation:
        """Windows and mirroring, of both sides independently."""
        return Augmentation(scale=config.load_scale, crop=window(config), mirror=config.mirror)


def window(config: DRITConfig | DRITMultiConfig) -> Resolution | None:
    """The windows that are trained on, where they are other than the task's pictures."""
    return Resolution(config.crop, config.crop) if config.crop else None


def check_sides(name: str, config: DRITConfig | DRITMultiConfig, resolution: Resolution) -> Resolution:
    """The size of training pictures. Raises `BenchError` where a network of `name`, or the window, does not fit
    pictures of `resolution`."""
    _check_encoded(name, config, resolution, "the task's are")
    trained_on, whose = window(config), "crop asks for"
    if trained_on is None:
        trained_on, whose = resolution, "the task's are"
    else:
        _check_window(name, config, resolution)
        _check_encoded(name, config, trained_on, whose)
    _check_judged(name, config, trained_on, whose)
    return trained_on


def _check_window(name: str, config: DRITConfig | DRITMultiConfig, resolution: Resolution) -> None:
    largest = round(min(resolution) * config.load_scale)
    if largest < config.crop:
        raise BenchError(
            f"{name}'s training windows of crop={config.crop} do not fit into pictures of {resolution}: use --set "
            f"crop=N of at most {largest}, --set crop=0 for whole pictures, or --preset small"
        )


def _check_encoded(name: str, config: DRITConfig | DRITMultiConfig, sides: Resolution, whose: str) -> None:
    if any(side % config.multiple for side in sides):
        raise BenchError(
            f"{name} needs sides that are multiples of {config.multiple}, and {whose} {sides}: choose other sides"
        )
    if min(sides) < config.smallest_encoded:
        raise BenchError(
            f"{name} with attribute_halvings={config.attribute_halvings} needs sides of at least "
            f"{config.smallest_encoded} pixels, and {whose} {sides}: use a smaller attribute_halvings, or choose "
            "larger sides"
        )


def _check_judged(name: str, config: DRITConfig | DRITMultiConfig, sides: Resolution, whose: str) -> None:
    least = min(sides)
    if least < config.smallest_judged:
        fields = [field for field in ("scales", "n_layers") if hasattr(config, field)]
        raise BenchError(
            f"{name}'s discriminators with {' and '.join(f'{field}={getattr(config, field)}' for field in fields)} "
            f"need sides of at least {config.smallest_judged} pixels, and {whose} {sides}: use a smaller "
            f"{' or '.join(fields)}, or choose larger sides"
        )
    if least < config.smallest_content:
        raise BenchError(
            f"{name}'s content discriminator with content_layers={config.content_layers} and "
            f"content_kernel={config.content_kernel} needs sides of at least {config.smallest_content} pixels, and "
            f"{whose} {sides}: {_way_out(config, least)}"
        )


def _way_out(config: DRITConfig | DRITMultiConfig, side: int) -> str:
    """The deepest content discriminator of small convolutions that judges contents of `side` pixels."""
    for n_layers in range(config.content_layers, -1, -1):
        if dataclasses.replace(config, content_layers=n_layers, content_kernel=3).smallest_content <= side:
            return f"use --set content_layers={n_layers} --set content_kernel=3"
    return "choose larger sides or use --set content_gan_weight=0"
