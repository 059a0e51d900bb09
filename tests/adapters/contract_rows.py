"""What the contract suite must know of each method: tiny settings, variants, and parameters of the published code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from i2ibench.task import LabelTable

LABELS = LabelTable(
    name="test", names=("sky", "road", "car"), palette=((0, 0, 255), (128, 64, 128), (0, 0, 142)), things=frozenset({2})
)


@dataclass(frozen=True)
class Row:
    """What the suite must know of one method."""

    tiny: Mapping[str, str]
    """Overrides of the preset `small`, as `--set` takes them, that make the method run in a moment."""
    side: int = 32
    steps: int = 4
    """After so many steps every trainable parameter must have had a gradient that is not all zeros."""
    dead: str | None = None
    """Names of the parameters that never get any, by their sheet."""
    tolerance: float = 1e-4
    """How far a translation may depend on the batch it is part of."""
    frames: int = 2
    """Earlier frames of each sequence."""


TINY: dict[str, Row] = {
    "identity": Row({}),
    "pix2pix": Row({"levels": "6", "ngf": "4", "ndf": "4"}, side=64),
    "bicyclegan": Row(
        {"levels": "4", "ngf": "4", "nz": "4", "blocks": "2", "nef": "4", "n_layers": "1", "ndf": "4"},
    ),
    "glow": Row({"n_block": "2", "n_flow": "2", "hidden": "8"}),
    "dual_glow": Row({"n_flow": "[2,2]", "width": "8"}),
    "full_glow": Row({"n_flow": "[1,2]", "hidden": "8"}),
    "hierarchy_flow": Row({"channels": "[6,12]", "style_width": "4", "perceptual": "untrained"}),
    "spade": Row(
        # of large first weights, or all logits lie within the hinge and the last bias has gradients that cancel
        {"ngf": "2", "hidden": "4", "ndf": "2", "perceptual": "untrained", "init_gain": "2"},
        side=64,
        steps=2,
    ),
    "vid2vid": Row(
        {
            "ngf": "4",
            "blocks": "2",
            "ndf": "4",
            "perceptual": "untrained",
            "frames_start": "3",
            "frames_max": "3",
        }
    ),
    "pix2pixhd": Row({"ngf": "4", "halvings": "2", "blocks": "1", "ndf": "4", "perceptual": "untrained"}),
    "c_glow": Row(
        {
            "x_hidden_size": "16",
            "x_hidden_channels": "8",
            "y_hidden_channels": "8",
            "flow_depth": "2",
            "num_levels": "2",
        }
    ),
}

_SPADE = {**TINY["spade"].tiny, "perceptual": "none"}
_STYLES = {"vae": "true", "z_dim": "4", "nef": "2", "style_side": "128"}
VARIANTS: dict[str, tuple[str, Row]] = {
    "pix2pix-resnet-pixel": (
        "pix2pix",
        Row({"generator": "resnet", "blocks": "1", "ngf": "4", "ndf": "4", "discriminator": "pixel"}),
    ),
    "pix2pix-instance-lsgan": (
        "pix2pix",
        Row({"levels": "5", "ngf": "4", "ndf": "4", "norm": "instance", "objective": "lsgan"}),
    ),
    "bicyclegan-input-bilinear-conditional": (
        "bicyclegan",
        Row({**TINY["bicyclegan"].tiny, "where_add": "input", "upsample": "bilinear", "conditional": "true"}),
    ),
    "glow-additive-plain": ("glow", Row({**TINY["glow"].tiny, "affine": "false", "lu": "false", "n_bits": "5"})),
    "glow-classes-reversible": (
        "glow",
        Row({**TINY["glow"].tiny, "classes": "true", "transfer": "true", "backward": "reversible"}),
    ),
    "dual_glow-published": (
        "dual_glow",
        Row({**TINY["dual_glow"].tiny, "kernels": "published", "n_l": "2", "optimizer": "adamax"}),
    ),
    "dual_glow-elementwise-reversible": (
        "dual_glow",
        Row({**TINY["dual_glow"].tiny, "n_l": "0", "backward": "reversible"}),
    ),
    "full_glow-plain-boundaries-reversible": (
        "full_glow",
        Row({**TINY["full_glow"].tiny, "lu": "false", "boundaries": "true", "over": "256", "backward": "reversible"}),
    ),
    "hierarchy_flow-current-paired": (
        "hierarchy_flow",
        Row({**TINY["hierarchy_flow"].tiny, "reverse": "current", "l1_weight": "1", "mixup": "0.5"}),
    ),
    "spade-vae": ("spade", Row({**_SPADE, **_STYLES}, side=64, steps=2)),
    "spade-exemplar-more-instance": (
        "spade",
        Row({**_SPADE, **_STYLES, "style": "exemplar", "upsampling": "more", "norm": "instance"}, side=128, steps=2),
    ),
    "spade-pix2pixhd-rgb": (
        "spade",
        Row({**_SPADE, "generator": "pix2pixhd", "use_labels": "false", "use_instances": "false"}, steps=2),
    ),
    "pix2pixhd-features": (
        "pix2pixhd",
        Row({**TINY["pix2pixhd"].tiny, "features": "true", "nef": "2", "encoder_halvings": "2"}),
    ),
    "pix2pixhd-local-features": (
        "pix2pixhd",
        Row(
            {
                **TINY["pix2pixhd"].tiny,
                "generator": "local",
                "discriminators": "3",
                "enhancers": "2",
                "enhancer_blocks": "1",
                "features": "true",
                "nef": "2",
                "encoder_halvings": "2",
            },
            side=64,
            steps=6,
        ),
    ),
    "pix2pixhd-unet-batch-vanilla-rgb": (
        "pix2pixhd",
        Row(
            {
                **TINY["pix2pixhd"].tiny,
                "generator": "unet",
                "levels": "4",
                "norm": "batch",
                "objective": "vanilla",
                "use_labels": "false",
                "use_instances": "false",
            }
        ),
    ),
    "vid2vid-still-foreground-batch": (
        "vid2vid",
        Row(
            {
                **TINY["vid2vid"].tiny,
                "first": "still",
                "still_ngf": "4",
                "still_blocks": "1",
                "foreground": "[2]",
                "norm": "batch",
            },
            frames=4,
        ),
    ),
    "vid2vid-two-scales-rgb": (
        "vid2vid",
        Row(
            {**TINY["vid2vid"].tiny, "scales_spatial": "2", "use_labels": "false", "use_instances": "false"},
        ),
    ),
    "c_glow-reversible": ("c_glow", Row({**TINY["c_glow"].tiny, "backward": "reversible"})),
    # the next two start from 1x1 convolutions so ill-conditioned that their inverses magnify float32's rounding
    "c_glow-fixed": (
        "c_glow",
        Row({**TINY["c_glow"].tiny, "learn_top": "true", "init": "fixed"}, tolerance=1e-2),
    ),
    # the published initialisation: ActNorm and 1x1 conditioners get no gradient before their output biases, ever
    "c_glow-reference": (
        "c_glow",
        Row({**TINY["c_glow"].tiny, "init": "reference"}, dead=r"\.conditioner\.(\d\.|11\.weight)", tolerance=1e-2),
    ),
}
"""Further configurations that change what is trained."""

PARAMETERS: list[tuple[str, str, Mapping[str, str], int, str, int]] = [
    ("pix2pix", "paper", {}, 256, "generator", 54_413_955),
    ("pix2pix", "paper", {"norm": "instance"}, 256, "generator", 54_409_603),
    ("pix2pix", "paper128", {}, 128, "generator", 41_828_995),
    ("pix2pix", "paper", {}, 256, "discriminator", 2_768_705),
    ("pix2pix", "paper", {"discriminator": "pixel"}, 256, "discriminator", 9_024),
    ("pix2pixhd", "rgb", {}, 256, "generator", 182_443_267),
    ("pix2pixhd", "rgb", {}, 256, "discriminator", 5_535_618),
    ("pix2pixhd", "features", {}, 256, "encoder", 788_803),
    ("vid2vid", "pictures", {}, 64, "generator", 364_770_438),
    ("vid2vid", "pictures", {}, 64, "temporal", 2 * 5_553_538),
    # the published streets have 35 classes, and those here 3
    ("vid2vid", "paper", {"foreground": "[2]"}, 256, "generator", 411_335_241 - 32 * 3 * 49 * (128 + 64)),
    ("vid2vid", "paper", {"foreground": "[2]"}, 256, "discriminator", 5_606_786 - 32 * 64 * 16 * 2),
    ("bicyclegan", "paper", {}, 256, "generator", 54_794_627),
    ("bicyclegan", "paper", {"nz": "16"}, 256, "generator", 55_179_651),
    ("bicyclegan", "paper", {"where_add": "input"}, 256, "generator", 54_417_795),
    ("bicyclegan", "paper", {}, 256, "encoder", 2_590_032),
    ("bicyclegan", "paper", {}, 256, "discriminator", 3_458_978),
    ("bicyclegan", "paper", {}, 256, "discriminator2", 3_458_978),
    ("glow", "paper", {}, 64, "flow", 61_214_032),
    ("glow", "affine", {}, 64, "flow", 74_490_832),
    ("glow", "affine", {"n_flow": "16"}, 64, "flow", 37_335_440),
    ("glow", "paper", {"lu": "false", "uneven_lu": "true"}, 64, "flow", 61_114_576),
    ("dual_glow", "paper", {}, 256, "flow", 158_843_940),
    ("dual_glow", "shallow", {}, 256, "flow", 22_697_748),
    ("full_glow", "paper", {}, 256, "flow", 155_335_008),
    ("full_glow", "paper", {}, 256, "flow.left", 37_335_440),
    ("full_glow", "paper", {"lu": "false"}, 256, "flow", 145_399_008),
    ("full_glow", "paper", {"boundaries": "true"}, 256, "flow", 155_559_264),
    ("full_glow", "paper", {"n_flow": "[4,4]"}, 64, "flow", 8_097_936),
    ("hierarchy_flow", "paper", {}, 256, "flow", 1_017_362),
    ("c_glow", "v1", {}, 256, "flow", 70_174_956),
    ("c_glow", "paper", {}, 256, "flow", 76_483_644),
    ("c_glow", "authors", {}, 64, "flow", 38_407_596),
    # ADE20K's, but for 3 classes rather than 150
    ("spade", "paper", {}, 256, "generator", 96_492_483 - 147 * (16 * 64 + 18 * 128) * 9),
    ("spade", "paper", {}, 256, "discriminator", 5_836_930 - 147 * 2 * 64 * 16),
    ("spade", "vae", {}, 256, "encoder", 10_463_424),
]
"""Method, preset, overrides, side, network, parameters of the published code."""
