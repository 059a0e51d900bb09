"""BigGAN's face to the harness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, Augmentation, MethodCard, Paper, Shape
from i2ibench.errors import BenchError
from i2ibench.task import Level, Resolution

if TYPE_CHECKING:
    from i2ibench.models.biggan import BigGANConfig
    from i2ibench.models.deepi2i import DeepI2IConfig
    from i2ibench.models.method import Method

_SMALL = {"ch": 16, "attention": 16, "z_dim": 40, "shared_dim": 64, "lr": 2e-4, "ema": 0.999}


class BigGAN(Adapter):
    """A GAN of a task's classes: what DeepI2I starts from, and no translator."""

    card = MethodCard(
        name="biggan",
        title="BigGAN",
        paper=Paper(
            title="Large Scale GAN Training for High Fidelity Natural Image Synthesis",
            authors="Andrew Brock, Jeff Donahue, Karen Simonyan",
            venue="ICLR",
            year=2019,
            arxiv="1809.11096",
        ),
        levels=frozenset({Level.WEAK}),
        resolution=Resolution(128, 128),
        stochastic=True,
        classes=True,
        starts=("deepi2i",),
        deviations=(
            "published as a generator of pictures: as a translator it draws one of the class asked for and ignores its "
            "source; on a task without classes that of the target domain",
            "networks and training of the first author's PyTorch version; one step of the discriminator each of the "
            "generator's, as its script for ImageNet",
            "sources and targets are one set of real pictures: each example gives one of both, by a coin",
            "pictures of 32 pixels have the version's networks for CIFAR, with one more pooling in the discriminator; "
            "longer pictures have longer maps",
            "the generator's weights are averaged from the first step, not after 20,000, and batch norm's statistics "
            "are the last ones; pictures are drawn without truncation",
            "published batches are of 2048; batch norm's statistics at translation are running ones",
            "the small preset is narrower, its generator learns at twice the rate, and its average forgets sooner",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "small": {**_SMALL, "mirror": True},
        "digits": _SMALL,
    }
    batch_size: ClassVar[Mapping[str, int]] = {"paper": 2048, "small": 8, "digits": 16}

    @classmethod
    def config(cls) -> type[BigGANConfig]:
        """`BigGANConfig`."""
        from i2ibench.models.biggan import BigGANConfig

        return BigGANConfig

    @classmethod
    def build(cls, config: BigGANConfig, shape: Shape) -> Method:
        """The GAN for pictures of `shape`. Raises `BenchError` where there are no networks for them."""
        from i2ibench.models.biggan import BigGAN as Model
        from i2ibench.models.layers.domains import number_of_domains

        check_pictures("biggan", config, shape.resolution)
        return Model(config, number_of_domains(shape.classes), *shape.resolution)

    @classmethod
    def augmentation(cls, config: BigGANConfig) -> Augmentation:
        """Mirroring, where asked for."""
        return Augmentation(mirror=config.mirror)


def check_pictures(name: str, config: BigGANConfig | DeepI2IConfig, resolution: Resolution) -> None:
    """Raise `BenchError` where there are no networks of BigGAN, as `name` has them, for pictures of `resolution`."""
    from i2ibench.models.layers.biggan_layout import SIDES, attention_channels
    from i2ibench.models.layers.self_attention import FEWEST

    side, known = min(resolution), ", ".join(map(str, SIDES[:-1])) + f" or {SIDES[-1]}"
    if side not in SIDES:
        raise BenchError(
            f"{name} has networks for pictures whose shorter side is {known} pixels, and the task's are {resolution}: "
            "choose another resolution"
        )
    if max(resolution) % (side // 4):
        raise BenchError(
            f"{name} for pictures of the shorter side {side} needs sides that are multiples of {side // 4}, and the "
            f"task's are {resolution}: choose another resolution"
        )
    if not config.attention:
        return
    channels = attention_channels(side, config.ch, config.attention)
    if not channels:
        raise BenchError(
            f"{name} with attention={config.attention} has no maps of that side for pictures of {resolution}: use "
            f"--set attention={side // 2}, or 0 for none"
        )
    if min(channels) < FEWEST:
        raise BenchError(
            f"{name}'s self-attention needs maps of at least {FEWEST} channels, and with ch={config.ch} those of side "
            f"{config.attention} have {min(channels)}: use a larger ch, or --set attention=0"
        )
