"""SPADE's face to the harness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, Augmentation, MethodCard, Paper, Shape
from i2ibench.errors import BenchError
from i2ibench.task import Level, Need, Resolution

if TYPE_CHECKING:
    from i2ibench.models.method import Method
    from i2ibench.models.spade import SPADEConfig

_SMALL = {
    "ngf": 16,
    "hidden": 32,
    "ndf": 32,
    "use_instances": True,
    "perceptual": "vgg16",
    "load_scale": 1.0,
    "lr": 1e-3,
}
_RGB = {"use_labels": False, "use_instances": False}
_WITHOUT_LABELS = "--set use_labels=false --set use_instances=false"


class SPADE(Adapter):
    """Pictures from label maps that steer the generator's normalisation at every scale; with `vae` in many styles."""

    card = MethodCard(
        name="spade",
        title="SPADE",
        paper=Paper(
            title="Semantic Image Synthesis with Spatially-Adaptive Normalization",
            authors="Taesung Park, Ming-Yu Liu, Ting-Chun Wang, Jun-Yan Zhu",
            venue="CVPR",
            year=2019,
            arxiv="1903.07291",
        ),
        levels=frozenset({Level.STRONG}),
        needs=frozenset({Need.PAIRS}),
        deviations=(
            "spectral norm, Adam's betas and the discriminators' depth are those of the authors' code, not the text's",
            "convolutions of spectral norm start as PyTorch draws them, as the authors' code leaves them on GPUs; what "
            "it meant to do is init_spectral=xavier",
            "the published 200 epochs' schedule is stretched over the budget",
            "batch norm is not synchronised over devices",
            "Cityscapes is read by its 19 train ids and one channel for void, not by its 35 raw ids",
            "at translation styles are drawn, or are the mean codes of training pictures drawn for each source "
            "(style=exemplar), where the published test program encodes the very target",
            "use_labels=false, which takes the source picture for the segmentation, and ema are additions",
            "small presets are narrower, at five times the learning rates, on 4 pictures a step without jitter, and "
            "compare by VGG-16, which is at hand everywhere; small_vae encodes 128 pixels square into 64 numbers",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "coco": {"use_instances": True, "decay_epochs": 0},
        "cityscapes": {"use_instances": True, "upsampling": "more", "load_scale": 1.0},
        "vae": {"vae": True},
        "rgb": _RGB,
        "small": _SMALL,
        "small_vae": {**_SMALL, "vae": True, "z_dim": 64, "nef": 16, "style_side": 128},
        "small_rgb": {**_SMALL, **_RGB},
    }
    batch_size: ClassVar[Mapping[str, int]] = {
        "paper": 32,
        "coco": 32,
        "cityscapes": 16,
        "vae": 32,
        "rgb": 32,
        "small": 4,
        "small_vae": 4,
        "small_rgb": 4,
    }

    @classmethod
    def config(cls) -> type[SPADEConfig]:
        """`SPADEConfig`."""
        from i2ibench.models.spade import SPADEConfig

        return SPADEConfig

    @classmethod
    def card_for(cls, config: SPADEConfig) -> MethodCard:
        """Samples differ where there are styles, which may be those of exemplars."""
        exemplars = int(config.vae and config.style == "exemplar")
        return cls.card.model_copy(update={"stochastic": config.vae, "exemplars": exemplars})

    @classmethod
    def build(cls, config: SPADEConfig, shape: Shape) -> Method:
        """The method for pictures of `shape`. Raises `BenchError` where the networks or the labels do not fit it."""
        from i2ibench.models.spade import SPADE as Model

        _check_generator(config, shape.resolution)
        _check_discriminators(config, shape.resolution)
        if config.use_labels and shape.labels is None:
            raise BenchError(
                "spade with use_labels=true needs a task with a table of classes, and this one has none: use --preset "
                f"small_rgb or {_WITHOUT_LABELS}, which read the source picture"
            )
        return Model(config, shape.resolution, 0 if shape.labels is None else len(shape.labels))

    @classmethod
    def augmentation(cls, config: SPADEConfig) -> Augmentation:
        """Jitter by 286/256, but for Cityscapes, and mirroring."""
        return Augmentation(scale=config.load_scale, mirror=config.mirror)

    @classmethod
    def needs(cls, config: SPADEConfig) -> Mapping[Need, str]:
        """Labels and instances, where the segmentation is made of them."""
        settings = {
            Need.LABELS: (config.use_labels, "use_labels=true"),
            Need.INSTANCES: (config.use_instances, "use_instances=true"),
        }
        return {need: setting for need, (asked, setting) in settings.items() if asked}

    @classmethod
    def weights(cls, config: SPADEConfig) -> tuple[str, ...]:
        """The VGG of the perceptual loss."""
        return (config.perceptual,) if config.compares_perception and config.perceptual != "untrained" else ()


def _check_generator(config: SPADEConfig, resolution: Resolution) -> None:
    multiple, setting, way_out = config.multiple, f"upsampling={config.upsampling}", "choose another resolution"
    least = Resolution(multiple, 2 * multiple)  # a single pixel of the smallest map could not be normed
    if config.generator == "pix2pixhd":
        setting, least = "generator=pix2pixhd", Resolution(2 * multiple, 2 * multiple)  # nor padded by reflection
    elif config.upsampling != "normal" and not any(side % 32 for side in resolution):
        way_out = "use --set upsampling=normal"
    if any(side % multiple for side in resolution):
        raise BenchError(
            f"spade with {setting} needs sides that are multiples of {multiple}, and the task's are {resolution}: "
            f"{way_out}"
        )
    if min(resolution) < min(least) or max(resolution) < max(least):
        raise BenchError(
            f"spade with {setting} needs pictures of at least {least}, and the task's are {resolution}: {way_out}"
        )


def _check_discriminators(config: SPADEConfig, resolution: Resolution) -> None:
    most = (max(resolution) - 1).bit_length()
    if config.discriminators > most:
        raise BenchError(
            f"spade with discriminators={config.discriminators} halves pictures of {resolution} to a single pixel, "
            f"which cannot be normed: use --set discriminators={most} or fewer"
        )
