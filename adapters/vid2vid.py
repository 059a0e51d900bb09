"""vid2vid's face to the harness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, Augmentation, MethodCard, Paper, Shape
from i2ibench.errors import BenchError
from i2ibench.task import Level, Need, Resolution

if TYPE_CHECKING:
    from i2ibench.models.method import Method
    from i2ibench.models.vid2vid import Vid2VidConfig


class Vid2Vid(Adapter):
    """Frames of a video one after another, each from its sources and the frames before, moved along a learned flow."""

    card = MethodCard(
        name="vid2vid",
        title="vid2vid",
        paper=Paper(
            title="Video-to-Video Synthesis",
            authors="Ting-Chun Wang, Ming-Yu Liu, Jun-Yan Zhu, Guilin Liu, Andrew Tao, Jan Kautz, Bryan Catanzaro",
            venue="NeurIPS",
            year=2018,
            arxiv="1808.06601",
        ),
        levels=frozenset({Level.STRONG}),
        needs=frozenset({Need.PAIRS, Need.VIDEO}),
        resolution=Resolution(256, 512),
        history=2,
        one_by_one=True,
        deviations=(
            "the loss of a frame against the one made before it compares with the frame before; the published code "
            "computes it as 0 after the first frame",
            "two temporal scales and one spatial scale, as the published code's options have it; the paper has three "
            "of each (scales_temporal=3, presets street1024 and street2048)",
            "flows are compared with the data's own, or those of torchvision's small RAFT (flow=raft), not FlowNet2's; "
            "between frames further apart the data's own are composed",
            "all stages of growth are one run, each generator's an equal share of the budget, with one Adam",
            "coarser generators see the finest one's past frames, halved; the published ones their own",
            "the generator of the first two frames, a pix2pixHD that reads no instances, learns in the same run from "
            "the two real frames that each sequence goes on from; the published one is a training of its own",
            "with first=generated the first source stands in for those before it, and the first frame has no losses of "
            "motion; the published code reads two sources more",
            "foreground ids are those of Cityscapes' 19 classes (13, car), for 26 in the published 35",
            "left out, off in the published defaults: several frames between two updates, random spacing, the face "
            "discriminator; and the published faces and poses, whose 15 and 6 channels no task gives",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "street1024": {"scales_spatial": 2, "discriminator_scales": 3, "still_halvings": 4},
        "street2048": {
            "scales_spatial": 3,
            "discriminator_scales": 4,
            "still_ngf": 32,
            "still_halvings": 4,
            "still_enhancers": 1,
        },
        "pictures": {
            "use_labels": False,
            "use_instances": False,
            "foreground": (),
            "frames_start": 30,
            "frames_max": 30,
        },
        "small": {
            "foreground": (),
            "ngf": 32,
            "halvings": 2,
            "blocks": 6,
            "norm": "instance",
            "ndf": 32,
            "scales_temporal": 1,
            "first": "generated",
            "still_ngf": 32,
            "still_halvings": 2,
            "still_blocks": 6,
            "perceptual": "vgg16",
            "frames_start": 4,
            "frames_max": 8,
            "growth_epochs": 10,
            "lr": 4e-4,
        },
    }

    @classmethod
    def config(cls) -> type[Vid2VidConfig]:
        """`Vid2VidConfig`."""
        from i2ibench.models.vid2vid import Vid2VidConfig

        return Vid2VidConfig

    @classmethod
    def card_for(cls, config: Vid2VidConfig) -> MethodCard:
        """One by one with batch norm alone."""
        return cls.card.model_copy(update={"one_by_one": config.norm == "batch"})

    @classmethod
    def build(cls, config: Vid2VidConfig, shape: Shape) -> Method:
        """The method for frames of `shape`. Raises `BenchError` where the networks do not fit it."""
        from i2ibench.models.vid2vid import Vid2Vid as Model

        _check_sides(config, shape.resolution)
        return Model(config, _classes(config, shape))

    @classmethod
    def augmentation(cls, config: Vid2VidConfig) -> Augmentation:
        """Sequences as long as the last stage of growth walks, mirrored."""
        return Augmentation(mirror=config.mirror, frames=config.lead + config.frames_max - 1)

    @classmethod
    def needs(cls, config: Vid2VidConfig) -> Mapping[Need, str]:
        """Labels, instances and flow, by settings."""
        asked = {
            Need.LABELS: (config.use_labels, "use_labels=true"),
            Need.INSTANCES: (config.use_instances, "use_instances=true"),
            Need.FLOW: (config.flow == "given", "flow=given"),
        }
        return {need: setting for need, (on, setting) in asked.items() if on}

    @classmethod
    def weights(cls, config: Vid2VidConfig) -> tuple[str, ...]:
        """The VGG of the perceptual loss, and RAFT where flow is estimated."""
        vgg = (config.perceptual,) if config.perceptual in ("vgg16", "vgg19") else ()
        return (*vgg, *(("raft_small",) if config.flow == "raft" else ()))


def _classes(config: Vid2VidConfig, shape: Shape) -> int:
    """How many classes the task's labels have; 0 where the method reads none."""
    if not config.use_labels:
        return 0
    if shape.labels is None:
        raise BenchError(
            "vid2vid with use_labels=true needs a task with labels: choose one (i2ibench list tasks --needs labels) or "
            "use the pictures (--set use_labels=false --set foreground=[])"
        )
    beyond = [label for label in config.foreground if not 0 <= label < len(shape.labels)]
    if beyond:
        raise BenchError(
            f"vid2vid's foreground={list(config.foreground)} names class {beyond[0]}, and the task's classes are 0 to "
            f"{len(shape.labels) - 1}: name some of these, say its cars, or none (--set foreground=[])"
        )
    return len(shape.labels)


def _check_sides(config: Vid2VidConfig, resolution: Resolution) -> None:
    from i2ibench.models.layers.perceptual import SMALLEST

    if any(side % config.multiple for side in resolution):
        raise BenchError(
            f"vid2vid needs sides that are multiples of {config.multiple}, and the task's are {resolution}: use fewer "
            "halvings (--set halvings=2, and still_halvings=2 with first=still) or choose another resolution"
        )
    coarsest = 2 ** (config.scales_spatial - 1)
    deepest = max(
        coarsest * 2**config.halvings,
        2 ** (config.still_halvings + config.still_enhancers) if config.first == "still" else 1,
    )
    least = max(2 * deepest, SMALLEST * coarsest, 2**config.discriminator_scales)
    if min(resolution) < least:
        raise BenchError(
            f"vid2vid with halvings={config.halvings} and scales_spatial={config.scales_spatial} needs sides of at "
            f"least {least} pixels, and the task's are {resolution}: use fewer or choose another resolution"
        )
