"""CycleGAN's face to the harness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, Augmentation, MethodCard, Paper, Shape
from i2ibench.errors import BenchError
from i2ibench.task import Level, Resolution

if TYPE_CHECKING:
    from i2ibench.models.cyclegan import CycleGANConfig
    from i2ibench.models.method import Method


class CycleGAN(Adapter):
    """Unpaired translation there and back, by two GANs whose generators must undo each other."""

    card = MethodCard(
        name="cyclegan",
        title="CycleGAN",
        paper=Paper(
            title="Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks",
            authors="Jun-Yan Zhu, Taesung Park, Phillip Isola, Alexei A. Efros",
            venue="ICCV",
            year=2017,
            arxiv="1703.10593",
        ),
        levels=frozenset({Level.NORMAL}),
        deviations=(
            "the published schedule, 100 + 100 epochs, is stretched over the budget",
            "the identity term is on, as in the authors' code; the paper has it for paintings to photos alone: "
            "--set identity_weight=0",
            "sides that are no multiples of 4 are refused, where the published code resizes the pictures",
            "dropout, where asked for, is off at translation, and batch norm reads each picture's own statistics",
            "small presets are narrower and shallower and learn at twice the rate",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "paper128": {"blocks": 6},
        "small": {"blocks": 6, "ngf": 32, "n_layers": 2, "ndf": 32, "lr": 4e-4},
    }

    @classmethod
    def config(cls) -> type[CycleGANConfig]:
        """`CycleGANConfig`."""
        from i2ibench.models.cyclegan import CycleGANConfig

        return CycleGANConfig

    @classmethod
    def card_for(cls, config: CycleGANConfig) -> MethodCard:
        """Batch norm wants pictures alone; translations may be of targets."""
        changed = {"one_by_one": config.norm == "batch", "backward": config.direction == "backward"}
        return cls.card.model_copy(update=changed)

    @classmethod
    def build(cls, config: CycleGANConfig, shape: Shape) -> Method:
        """The method for pictures of `shape`. Raises `BenchError` where the networks do not fit them."""
        from i2ibench.models.cyclegan import CycleGAN as Model

        trained_on = _window(config) or shape.resolution
        _check_generators(config, shape.resolution, "the task's are")
        _check_generators(config, trained_on, "crop asks for")
        _check_discriminators(config, trained_on)
        return Model(config, *trained_on)

    @classmethod
    def augmentation(cls, config: CycleGANConfig) -> Augmentation:
        """Jitter by 286/256 and mirroring, of both sides independently; windows for the largest pictures."""
        return Augmentation(scale=config.load_scale, crop=_window(config), mirror=config.mirror)


def _window(config: CycleGANConfig) -> Resolution | None:
    return Resolution(config.crop, config.crop) if config.crop else None


def _check_generators(config: CycleGANConfig, resolution: Resolution, whose: str) -> None:
    resnet = config.generator == "resnet"
    if not any(side % config.multiple or side < 8 for side in resolution):
        return
    network = "ResNet" if resnet else f"U-Net of {config.levels} levels"
    halvings = min((side & -side).bit_length() - 1 for side in resolution)  # how often both sides can be halved
    way_out = "choose another resolution"
    if whose.startswith("crop"):
        way_out = "use --set crop=0 or another"
    elif not resnet and halvings >= 2:
        way_out = f"use --set levels={halvings} or fewer, or --set generator=resnet"
    raise BenchError(
        f"cyclegan's {network} needs sides that are multiples of {config.multiple}, at least 8, and {whose} "
        f"{resolution}: {way_out}"
    )


def _check_discriminators(config: CycleGANConfig, resolution: Resolution) -> None:
    from i2ibench.models.layers.patchgan import patch_map_side

    if patch_map_side(min(resolution), config.n_layers) < 1:
        raise BenchError(
            f"cyclegan's patch discriminators with n_layers={config.n_layers} need sides of at least "
            f"{3 * 2**config.n_layers} pixels, and those trained on are {resolution}: use --set n_layers=1 or larger "
            "pictures"
        )
