"""BicycleGAN's face to the harness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, Augmentation, MethodCard, Paper, Shape
from i2ibench.errors import BenchError
from i2ibench.task import Level, Need, Resolution

if TYPE_CHECKING:
    from i2ibench.models.bicyclegan import BicycleGANConfig
    from i2ibench.models.method import Method


class BicycleGAN(Adapter):
    """Paired translation into many pictures, each of a code that can be read back from it."""

    card = MethodCard(
        name="bicyclegan",
        title="BicycleGAN",
        paper=Paper(
            title="Toward Multimodal Image-to-Image Translation",
            authors="Jun-Yan Zhu, Richard Zhang, Deepak Pathak, Trevor Darrell, Alexei A. Efros, Oliver Wang, "
            "Eli Shechtman",
            venue="NIPS",
            year=2017,
            arxiv="1711.11586",
        ),
        levels=frozenset({Level.STRONG}),
        needs=frozenset({Need.PAIRS}),
        stochastic=True,
        transfer=True,
        batch_multiple=2,
        deviations=(
            "the encoder pools over all pixels: the published window of 8x8 at 256x256, and other sizes fit too",
            "the published schedule, 100 + 100 epochs by default and each data set's own in the scripts, is stretched "
            "over the budget",
            "sources are read as three channels, also where the published scripts read edges as one",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "small": {"levels": 6, "ngf": 32, "blocks": 3, "nef": 32, "n_layers": 2, "ndf": 32, "lr": 4e-4},
    }
    batch_size: ClassVar[Mapping[str, int]] = {"paper": 2, "small": 4}

    @classmethod
    def config(cls) -> type[BicycleGANConfig]:
        """`BicycleGANConfig`."""
        from i2ibench.models.bicyclegan import BicycleGANConfig

        return BicycleGANConfig

    @classmethod
    def build(cls, config: BicycleGANConfig, shape: Shape) -> Method:
        """The method for pictures of `shape`. Raises `BenchError` where a network does not fit them."""
        from i2ibench.models.bicyclegan import BicycleGAN as Model

        _check_generator(config, shape.resolution)
        _check_encoder(config, shape.resolution)
        _check_discriminators(config, shape.resolution)
        return Model(config)

    @classmethod
    def augmentation(cls, config: BicycleGANConfig) -> Augmentation:
        """Jitter by 286/256 and mirroring, in the published code."""
        return Augmentation(scale=config.load_scale, mirror=config.mirror)


def _check_generator(config: BicycleGANConfig, resolution: Resolution) -> None:
    if not any(side % config.multiple for side in resolution):
        return
    halvings = min((side & -side).bit_length() - 1 for side in resolution)  # how often both sides can be halved
    way_out = f"use --set levels={halvings} or fewer" if halvings >= 2 else "choose another resolution"
    raise BenchError(
        f"bicyclegan's U-Net of {config.levels} levels needs sides that are multiples of {config.multiple}, and the "
        f"task's are {resolution}: {way_out}"
    )


def _check_encoder(config: BicycleGANConfig, resolution: Resolution) -> None:
    least = min(resolution)
    if least >= config.smallest:
        return
    blocks = least.bit_length() - 2  # the most that fit
    way_out = f"use --set blocks={blocks} or fewer" if blocks >= 1 else "choose another resolution"
    raise BenchError(
        f"bicyclegan's encoder with blocks={config.blocks} needs sides of at least {config.smallest} pixels, and the "
        f"task's are {resolution}: {way_out}"
    )


def _check_discriminators(config: BicycleGANConfig, resolution: Resolution) -> None:
    least = 3 << config.n_layers  # of the coarsest scale, for one logit
    for _ in range(config.scales - 1):
        least = 2 * least - 1
    if min(resolution) < least:
        raise BenchError(
            f"bicyclegan's discriminators with n_layers={config.n_layers} and scales={config.scales} need sides of at "
            f"least {least} pixels, and the task's are {resolution}: use --set n_layers=1, --set scales=1 or both"
        )
