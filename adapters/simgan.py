"""SimGAN's face to the harness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, Augmentation, MethodCard, Paper, Shape
from i2ibench.errors import BenchError
from i2ibench.task import Level, Resolution

if TYPE_CHECKING:
    from i2ibench.models.method import Method
    from i2ibench.models.simgan import SimGANConfig

_BASELINE = {
    "networks": "cyclegan",
    "blocks": 9,
    "self_weight": 10.0,
    "pretrain_refiner": 0,
    "pretrain_discriminator": 0,
    "history": 50,
    "optimizer": "adam",
    "lr": 2e-4,
    "beta1": 0.5,
    "constant_epochs": 100,
    "decay_epochs": 100,
    "load_scale": 286 / 256,
    "mirror": True,
}
"""What the CycleGAN paper names SimGAN, of CycleGAN's networks and training."""


class SimGAN(Adapter):
    """Synthetic pictures refined into realistic ones that keep their annotations."""

    card = MethodCard(
        name="simgan",
        title="SimGAN",
        paper=Paper(
            title="Learning from Simulated and Unsupervised Images through Adversarial Training",
            authors="Ashish Shrivastava, Tomas Pfister, Oncel Tuzel, Josh Susskind, Wenda Wang, Russ Webb",
            venue="CVPR",
            year=2017,
            arxiv="1612.07828",
        ),
        levels=frozenset({Level.STRONG}),
        resolution=Resolution(35, 55),
        deviations=(
            "there is no code of the authors; what the paper does not fix is chosen: self_weight=0.01 on each "
            "picture's sum, a history of 50 batches, Xavier's uniform first weights",
            "k_g=2, as in the first version of the paper; k_g=50 is the author's later word",
            "pictures are read as three channels, also grey ones",
            "the hands' filters beyond the first, batch and history are not published in full: 7x7 throughout, 32 "
            "pictures and 50 batches",
            "cyclegan_baseline is what the CycleGAN paper compares as SimGAN, not this paper's refiner; its weight of "
            "L1 is not published and is 10, and its schedule is stretched over the budget",
            "small presets are narrower; the refiner's learns by Adam, after shorter pretraining, with ten times the "
            "self-regularisation, the baseline's at twice the rate with 6 blocks",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "hands": {"blocks": 10, "kernel": 7, "discriminator": "hands", "history": 1600},
        "cyclegan_baseline": _BASELINE,
        "small": {
            "width": 32,
            "pretrain_refiner": 300,
            "pretrain_discriminator": 60,
            "history": 200,
            "self_weight": 0.1,
            "optimizer": "adam",
            "lr": 2e-4,
            "beta1": 0.5,
        },
        "small_cyclegan_baseline": {**_BASELINE, "blocks": 6, "width": 32, "n_layers": 2, "ndf": 32, "lr": 4e-4},
    }
    batch_size: ClassVar[Mapping[str, int]] = {"paper": 512, "hands": 32, "small": 4}

    @classmethod
    def config(cls) -> type[SimGANConfig]:
        """`SimGANConfig`."""
        from i2ibench.models.simgan import SimGANConfig

        return SimGANConfig

    @classmethod
    def card_for(cls, config: SimGANConfig) -> MethodCard:
        """Half of each batch is exchanged with the history."""
        halved = config.networks == "simgan" and config.history > 0
        return cls.card.model_copy(update={"batch_multiple": 2 if halved else 1})

    @classmethod
    def check_batch_size(cls, config: SimGANConfig, pictures: int) -> None:
        """Raise `BenchError` where the history has no half of so many pictures."""
        super().check_batch_size(config, pictures)
        if config.networks == "simgan" and config.history and pictures > 2 * config.history:
            raise BenchError(
                f"simgan's history of {config.history} pictures cannot take half of {pictures}: use batches of "
                f"{2 * config.history} or less, or a larger history"
            )

    @classmethod
    def build(cls, config: SimGANConfig, shape: Shape) -> Method:
        """The method for pictures of `shape`; the baseline's networks must fit them, or else raises `BenchError`."""
        from i2ibench.models.simgan import CycleGANBaseline
        from i2ibench.models.simgan import SimGAN as Model

        if config.networks == "simgan":
            return Model(config, *shape.resolution)
        _check_baseline(config, shape.resolution)
        return CycleGANBaseline(config, *shape.resolution)

    @classmethod
    def augmentation(cls, config: SimGANConfig) -> Augmentation:
        """None in the paper; CycleGAN's for the baseline."""
        return Augmentation(scale=config.load_scale, mirror=config.mirror)


def _check_baseline(config: SimGANConfig, resolution: Resolution) -> None:
    from i2ibench.models.layers.patchgan import patch_map_side

    if any(side % 4 or side < 8 for side in resolution):
        raise BenchError(
            "simgan's ResNet (networks=cyclegan) needs sides that are multiples of 4, at least 8, and the task's are "
            f"{resolution}: choose another resolution, or --preset paper or small, whose refiner takes any"
        )
    if patch_map_side(min(resolution), config.n_layers) < 1:
        raise BenchError(
            f"simgan's patch discriminator with n_layers={config.n_layers} needs sides of at least "
            f"{3 * 2**config.n_layers} pixels, and the task's are {resolution}: use --set n_layers=1 or larger pictures"
        )
