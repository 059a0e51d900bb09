"""pix2pix's face to the harness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, Augmentation, MethodCard, Paper, Shape
from i2ibench.errors import BenchError
from i2ibench.task import Level, Need, Resolution

if TYPE_CHECKING:
    from i2ibench.models.method import Method
    from i2ibench.models.pix2pix import Pix2PixConfig


class Pix2Pix(Adapter):
    """Paired translation by a conditional GAN with an L1 term."""

    card = MethodCard(
        name="pix2pix",
        title="pix2pix",
        paper=Paper(
            title="Image-to-Image Translation with Conditional Adversarial Networks",
            authors="Phillip Isola, Jun-Yan Zhu, Tinghui Zhou, Alexei A. Efros",
            venue="CVPR",
            year=2017,
            arxiv="1611.07004",
        ),
        levels=frozenset({Level.STRONG}),
        needs=frozenset({Need.PAIRS}),
        stochastic=True,
        one_by_one=True,
        deviations=(
            "dropout in the three decoder blocks after the innermost, as in the authors' PyTorch code; the paper's "
            "text counts the innermost",
            "the published 200 epochs' schedule is stretched over the budget",
            "wgangp has no gradient penalty: the published model never calls its own",
            "the published plateau schedule is left out",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "paper128": {"levels": 7},
        "small": {"levels": 6, "ngf": 32, "ndf": 32, "n_layers": 2, "norm": "instance", "lr": 4e-4},
    }
    batch_size: ClassVar[Mapping[str, int]] = {"paper": 1, "paper128": 1, "small": 4}

    @classmethod
    def config(cls) -> type[Pix2PixConfig]:
        """`Pix2PixConfig`."""
        from i2ibench.models.pix2pix import Pix2PixConfig

        return Pix2PixConfig

    @classmethod
    def build(cls, config: Pix2PixConfig, shape: Shape) -> Method:
        """The method for pictures of `shape`. Raises `BenchError` where the networks do not fit it."""
        from i2ibench.models.pix2pix import Pix2Pix as Model

        _check_generator(config, shape.resolution)
        _check_discriminator(config, shape.resolution)
        return Model(config)

    @classmethod
    def augmentation(cls, config: Pix2PixConfig) -> Augmentation:
        """Jitter by 286/256 and mirroring, in the paper."""
        return Augmentation(scale=config.load_scale, mirror=config.mirror)


def _check_generator(config: Pix2PixConfig, resolution: Resolution) -> None:
    if not any(side % config.multiple for side in resolution):
        return
    network = f"U-Net of {config.levels} levels" if config.generator == "unet" else "ResNet"
    halvings = min((side & -side).bit_length() - 1 for side in resolution)  # how often both sides can be halved
    way_out = "choose another resolution"
    if halvings >= 2 and config.generator == "unet":
        way_out = f"use --preset small, --set levels={halvings} or fewer, or --set generator=resnet"
    raise BenchError(
        f"pix2pix's {network} needs sides that are multiples of {config.multiple}, and the task's are {resolution}: "
        f"{way_out}"
    )


def _check_discriminator(config: Pix2PixConfig, resolution: Resolution) -> None:
    from i2ibench.models.layers.patchgan import patch_map_side

    if config.discriminator == "patch" and patch_map_side(min(resolution), config.n_layers) < 1:
        raise BenchError(
            f"pix2pix's patch discriminator with n_layers={config.n_layers} needs sides of at least "
            f"{3 * 2**config.n_layers} pixels, and the task's are {resolution}: use --set n_layers=1 or "
            "--set discriminator=pixel"
        )
