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
    "cut": Row(
        {
            "blocks": "1",
            "ngf": "4",
            "n_layers": "1",
            "ndf": "4",
            "nce_layers": '["picture", "halving1", "halving2", "block1"]',
            "netf_nc": "8",
            "num_patches": "16",
        },
    ),
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
    "cyclegan": Row({"blocks": "1", "ngf": "4", "n_layers": "1", "ndf": "4"}),
    "stargan": Row({"conv_dim": "4", "blocks": "1", "d_conv_dim": "4", "n_layers": "3"}),
    "starganv2": Row(
        {"base": "128", "max_dim": "8", "style_dim": "4", "latent_dim": "4", "mapping_dim": "8", "lr": "1e-3"}
    ),
    "funit": Row(
        {
            "nf": "4",
            "latent_dim": "4",
            "n_downs_class": "3",
            "n_res_blks": "1",
            "nf_mlp": "8",
            "nf_dis": "4",
            "pairs": "2",
        }
    ),
    "simgan": Row(
        {"width": "8", "blocks": "1", "pretrain_refiner": "1", "pretrain_discriminator": "1", "history": "6"}, steps=8
    ),
    "munit": Row(
        {
            "dim": "4",
            "style_dim": "4",
            "n_res": "1",
            "mlp_dim": "8",
            "style_downsample": "2",
            "dis_dim": "4",
            "n_layers": "2",
        }
    ),
    "init": Row(
        {
            "dim": "4",
            "style_dim": "4",
            "n_res": "1",
            "mlp_dim": "8",
            "style_downsample": "2",
            "dis_dim": "4",
            "n_layers": "2",
            "instance_size": "16",
        }
    ),
    "unit": Row({"dim": "4", "n_res": "1", "dis_dim": "4", "n_layers": "2"}),
    "drit": Row(
        {
            "dim": "4",
            "nz": "3",
            "n_res": "1",
            "mlp_dim": "8",
            "attribute_halvings": "2",
            "dis_dim": "4",
            "n_layers": "2",
            "content_layers": "1",
            "d_iter": "2",
        }
    ),
    "drit_multi": Row(
        {
            "dim": "4",
            "nz": "3",
            "n_res": "1",
            "mlp_dim": "8",
            "attribute_halvings": "2",
            "dis_dim": "4",
            "n_layers": "2",
            "content_layers": "1",
        }
    ),
    "ugatit": Row({"ch": "4", "n_res": "1", "global_layers": "5", "local_layers": "3"}),
    "nicegan": Row({"ch": "4", "n_res": "1"}, side=64),
    "iegan": Row({"ch": "4", "n_res": "1"}, side=64),
    "biggan": Row({"ch": "2", "attention": "8", "z_dim": "8", "shared_dim": "4", "lr": "1e-3", "d_lr": "1e-2"}),
    "deepi2i": Row({"ch": "2", "attention": "8", "z_dim": "8", "shared_dim": "4", "lr": "1e-3", "d_lr": "1e-2"}),
    "stylegan": Row({"base": "64", "max_dim": "8", "code_dim": "8", "mapping_layers": "2", "mapping_lr": "1"}),
    "deepi2i_stylegan": Row(
        {
            "base": "64",
            "max_dim": "8",
            "code_dim": "8",
            "mapping_layers": "2",
            "mapping_lr": "1",
            "fusion_finest": "0",
        },
        # the largest adapted maps have weight 0
        dead=r"^adaptor\.blocks\.8\.",
    ),
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

HALVED = frozenset({"bicyclegan", "drit", "simgan"})
"""Methods that take a batch by halves, so that two pictures are the least."""

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
    "cut-fast": (
        "cut",
        Row({**TINY["cut"].tiny, "nce_weight": "10", "identity": "false", "flip_equivariance": "true"}),
    ),
    "cut-strided-features": (
        "cut",
        Row({**TINY["cut"].tiny, "antialias": "false", "antialias_up": "false", "mlp": "false"}),
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
    "cyclegan-identity-dropout-batch": (
        "cyclegan",
        Row({**TINY["cyclegan"].tiny, "identity_weight": "0.5", "dropout": "true", "norm": "batch"}),
    ),
    "cyclegan-unet-vanilla-backward": (
        "cyclegan",
        Row(
            {
                **TINY["cyclegan"].tiny,
                "generator": "unet",
                "levels": "3",
                "objective": "vanilla",
                "pool_size": "0",
                "direction": "backward",
            }
        ),
    ),
    "simgan-hands-derivatives-sgd": (
        "simgan",
        Row(
            {
                **TINY["simgan"].tiny,
                "kernel": "7",
                "discriminator": "hands",
                "psi": "derivatives",
                "optimizer": "sgd",
                "history": "0",
            },
            side=64,
            steps=8,
        ),
    ),
    "simgan-cyclegan_baseline": (
        "simgan",
        Row(
            {
                "networks": "cyclegan",
                "blocks": "1",
                "width": "4",
                "self_weight": "10",
                "pretrain_refiner": "0",
                "pretrain_discriminator": "0",
                "history": "50",
                "n_layers": "1",
                "ndf": "4",
            }
        ),
    ),
    "stargan-sides-backward-linear": (
        "stargan",
        Row({**TINY["stargan"].tiny, "division": "sides", "direction": "backward", "decay": "linear"}),
    ),
    "stargan-two-sets": (
        "stargan",
        Row({**TINY["stargan"].tiny, "second_set": "1"}, dead=r"critic\.labels"),  # both sets have one class
    ),
    "stargan-attributes": ("stargan", Row({**TINY["stargan"].tiny, "labels": "attributes"})),
    "starganv2-exemplar-plain": (
        "starganv2",
        Row({**TINY["starganv2"].tiny, "style": "exemplar", "ds_weight": "0", "ema": "0"}),
    ),
    "starganv2-sides-backward": (
        "starganv2",
        Row({**TINY["starganv2"].tiny, "division": "sides", "direction": "backward"}),
    ),
    "funit-sides-backward": (
        "funit",
        Row({**TINY["funit"].tiny, "division": "sides", "direction": "backward", "fm_weight": "0"}),
    ),
    "munit-exemplar-perceptual-vanilla": (
        "munit",
        Row(
            {
                **TINY["munit"].tiny,
                "style": "exemplar",
                "vgg_weight": "1",
                "perceptual": "untrained",
                "objective": "vanilla",
            }
        ),
    ),
    "munit-backward-synchronized-plain": (
        "munit",
        Row({**TINY["munit"].tiny, "direction": "backward", "synchronized": "true", "recon_x_cyc_weight": "0"}),
    ),
    "init-own-exemplar-vanilla": (
        "init",
        Row(
            {
                **TINY["init"].tiny,
                "share_instance_encoder": "false",
                "style": "exemplar",
                "objective": "vanilla",
                "background_weight": "0",
            }
        ),
    ),
    "init-backward-synchronized": (
        "init",
        Row({**TINY["init"].tiny, "direction": "backward", "synchronized": "true", "instance_recon_x_cyc_weight": "0"}),
    ),
    "unit-paper": (
        "unit",
        Row({**TINY["unit"].tiny, "networks": "paper", "scales": "1", "objective": "vanilla", "gan_weight": "10"}),
    ),
    "unit-backward-perceptual": (
        "unit",
        Row({**TINY["unit"].tiny, "direction": "backward", "vgg_weight": "1", "perceptual": "untrained"}),
    ),
    "drit-shapes-exemplar": (
        "drit",
        Row({**TINY["drit"].tiny, "concat": "false", "style": "exemplar"}),
    ),
    "drit-high_resolution-backward": (
        "drit",
        Row({**TINY["drit"].tiny, "high_resolution": "true", "mode_seeking": "false", "direction": "backward"}),
    ),
    "drit-spectral-plain-exemplar": (
        "drit",
        Row(
            {
                **TINY["drit"].tiny,
                "spectral": "true",
                "content_gan_weight": "0",
                "second_gan": "false",
                "style": "exemplar",
                "posterior": "mean",
            }
        ),
    ),
    "drit_multi-shapes-exemplar": (
        "drit_multi",
        Row({**TINY["drit_multi"].tiny, "concat": "false", "style": "exemplar"}),
    ),
    "drit_multi-mode-seeking-spectral-exemplar": (
        "drit_multi",
        Row(
            {
                **TINY["drit_multi"].tiny,
                "mode_seeking": "true",
                "spectral": "true",
                "content_gan_weight": "0",
                "style": "exemplar",
                "posterior": "mean",
            }
        ),
    ),
    "ugatit-full-backward-plain": (
        "ugatit",
        Row({**TINY["ugatit"].tiny, "light": "false", "direction": "backward", "identity_weight": "0"}),
    ),
    "nicegan-full-backward-plain": (
        "nicegan",
        Row({**TINY["nicegan"].tiny, "light": "false", "direction": "backward", "recon_weight": "0"}, side=64),
    ),
    "iegan-frozen-backward": (
        "iegan",
        Row({**TINY["iegan"].tiny, "frozen_statistics": "true", "direction": "backward"}, side=64),
    ),
    "biggan-plain": ("biggan", Row({**TINY["biggan"].tiny, "attention": "0", "ema": "0"})),
    "deepi2i-transfer": ("deepi2i", Row({**TINY["deepi2i"].tiny, "transfer": "true", "alignment": "0.1"})),
    "deepi2i-64-without-reconstruction": (
        "deepi2i",
        Row(
            {**TINY["deepi2i"].tiny, "attention": "0", "z_dim": "10", "recon_weight": "0", "recon_finest": "0"}, side=64
        ),
    ),
    "stylegan-r1-both-plain": (
        "stylegan",
        Row({**TINY["stylegan"].tiny, "loss": "r1", "pictures": "both", "mixing": "0", "ema": "0"}, side=64),
    ),
    "stylegan-bare": (
        "stylegan",
        # a constant added to all scores changes nothing then
        Row({**TINY["stylegan"].tiny, "penalty": "0", "drift": "0"}, dead=r"^discriminator\.linear\.bias$"),
    ),
    "deepi2i_stylegan-transfer-r1": (
        "deepi2i_stylegan",
        Row(
            {**TINY["deepi2i_stylegan"].tiny, "transfer": "true", "alignment": "0.1", "loss": "r1"},
            dead=r"^adaptor\.blocks\.8\.",
        ),
    ),
    "deepi2i_stylegan-64-all-sizes": (
        "deepi2i_stylegan",
        Row({**TINY["deepi2i_stylegan"].tiny, "fusion_finest": "0.1", "recon_finest": "0.1"}, side=64),
    ),
    "deepi2i_stylegan-without-reconstruction": (
        "deepi2i_stylegan",
        Row({**TINY["deepi2i_stylegan"].tiny, "fusion_finest": "1", "recon_weight": "0"}),
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
    ("cyclegan", "paper", {}, 256, "generator_ab", 11_378_179),
    ("cyclegan", "paper", {}, 256, "generator_ba", 11_378_179),
    ("cyclegan", "paper128", {}, 128, "generator_ab", 7_837_699),
    ("cyclegan", "paper", {"norm": "batch"}, 256, "generator_ab", 11_383_427),
    ("cyclegan", "paper", {}, 256, "discriminator_a", 2_764_737),
    ("cyclegan", "paper", {}, 256, "discriminator_b", 2_764_737),
    ("simgan", "paper", {}, 64, "refiner", 297_411),
    ("simgan", "paper", {}, 64, "discriminator", 77_634),
    # the sheet's count is of one channel
    ("simgan", "hands", {}, 224, "refiner", 4_018_625 + 2 * (64 * 49 + 65)),
    ("simgan", "hands", {}, 224, "discriminator", 178_050 + 2 * 96 * 49),
    ("simgan", "cyclegan_baseline", {}, 256, "generator", 11_378_179),
    ("simgan", "cyclegan_baseline", {}, 256, "discriminator", 2_764_737),
    ("cut", "paper", {}, 256, "generator", 11_378_179),
    ("cut", "paper", {"antialias": "false"}, 256, "generator", 11_378_179),
    ("cut", "paper", {"antialias_up": "false"}, 256, "generator", 11_378_179),
    ("cut", "paper", {"blocks": "6"}, 256, "generator", 7_837_699),
    ("cut", "paper", {"blocks": "4", "nce_layers": '["block1"]'}, 256, "generator", 5_477_379),
    ("cut", "paper", {}, 256, "discriminator", 2_764_737),
    ("cut", "paper", {"antialias": "false"}, 256, "discriminator", 2_764_737),
    ("cut", "paper", {}, 256, "projections", 560_384),
    ("cut", "fastcut", {}, 256, "projections", 560_384),
    ("c_glow", "v1", {}, 256, "flow", 70_174_956),
    ("c_glow", "paper", {}, 256, "flow", 76_483_644),
    ("c_glow", "authors", {}, 64, "flow", 38_407_596),
    # the sheet's count is of 5 labels, and the classes here are 2
    ("stargan", "paper", {}, 128, "generator", 8_430_528 - 3 * 64 * 49),
    ("stargan", "paper", {}, 128, "critic", 44_762_048 - 3 * 2048 * 4),
    ("starganv2", "paper", {}, 256, "generator", 33_892_995),
    ("starganv2", "paper", {}, 256, "mapping", 2_438_272),
    ("starganv2", "paper", {}, 256, "style_encoder", 20_916_928),
    ("starganv2", "afhq", {}, 256, "discriminator", 20_852_290),
    ("starganv2", "paper", {}, 128, "generator", 33_632_003),
    ("starganv2", "paper", {}, 128, "style_encoder", 20_799_744),
    ("starganv2", "paper", {}, 128, "discriminator", 20_735_106),
    ("funit", "paper", {}, 128, "generator", 29_866_435),
    ("funit", "paper", {}, 128, "generator.content", 12_202_112),
    ("funit", "paper", {}, 128, "generator.code", 2_779_328),
    ("funit", "paper", {}, 128, "generator.decoder", 13_749_891),
    ("funit", "paper", {}, 128, "generator.mlp", 1_135_104),
    ("funit", "paper", {}, 128, "discriminator.trunk", 54_130_624),
    ("funit", "paper", {}, 128, "discriminator", 54_252_599 - 117 * 1025),
    ("munit", "paper", {}, 256, "generator_a", 15_026_187),
    ("munit", "paper", {}, 256, "generator_a.style", 2_764_936),
    ("munit", "paper", {}, 256, "generator_a.content", 5_385_856),
    ("munit", "paper", {}, 256, "generator_b.decoder", 5_754_627),
    ("munit", "paper", {}, 256, "generator_b.mlp", 1_120_768),
    ("munit", "paper", {}, 256, "discriminator_a", 8_271_171),
    ("init", "paper", {}, 256, "generator_a", 30_052_374 // 2),
    ("init", "paper", {}, 256, "discriminator_b", 16_542_342 // 2),
    ("init", "paper", {}, 256, "instance_discriminator_b", 16_542_342 // 2),
    ("init", "paper", {}, 256, "", 63_137_058),
    ("init", "paper", {"share_instance_encoder": "false"}, 256, "", 63_137_058 + 30_052_374),
    ("unit", "paper", {}, 256, "generator", 2 * 11_140_483),
    ("unit", "paper", {}, 256, "generator.encoders.a", 5_385_856),
    ("unit", "paper", {}, 256, "generator.decoders.b", 5_754_627),
    ("unit", "paper", {}, 256, "discriminators.b", 8_271_171),
    ("unit", "unit_2017", {}, 256, "generator", 18_017_286),
    ("unit", "unit_2017", {}, 256, "generator.shared_encoder", 1_180_160),
    ("unit", "unit_2017", {}, 256, "generator.encoders.b", 3_918_976),
    ("unit", "unit_2017", {}, 256, "generator.decoders.a", 3_909_507),
    ("unit", "unit_2017", {}, 256, "discriminators.a", 25_149_057),
    ("drit", "paper", {}, 256, "autoencoders.content", 9_018_112),
    ("drit", "paper", {}, 256, "autoencoders.attribute", 2_688_160),
    ("drit", "paper", {}, 256, "autoencoders.generator", 9_564_710),
    ("drit", "paper", {}, 256, "discriminators", 4 * 8_271_171),
    ("drit", "paper", {}, 256, "content_discriminator", 10_683_649),
    ("drit", "paper", {}, 256, "", 65_039_315),
    ("drit", "shapes", {}, 256, "autoencoders.attribute", 5_529_872),
    ("drit", "shapes", {}, 256, "autoencoders.generator", 17_146_374),
    ("drit", "shapes", {}, 256, "", 75_462_691),
    ("drit", "high_resolution", {}, 360, "autoencoders.generator", 11_059_676),
    ("drit", "high_resolution", {}, 360, "discriminators.a2", 5_514_114),
    ("drit", "paper", {"scales": "1", "n_layers": "6", "kernel": "3"}, 256, "discriminators.b", 25_149_057),
    # of two classes
    ("drit_multi", "paper", {}, 256, "autoencoders.content", 3_918_976 + 1_180_160),
    ("drit_multi", "paper", {}, 256, "autoencoders.attribute", 1_346_128),
    ("drit_multi", "paper", {}, 256, "autoencoders.generator", 5_435_252),
    ("drit_multi", "paper", {}, 256, "discriminator", 15_728_256),
    ("drit_multi", "paper", {}, 256, "discriminator2", 15_728_256),
    ("drit_multi", "paper", {}, 256, "content_discriminator", 10_683_906),
    ("drit_multi", "paper", {}, 256, "", 54_020_934),
    ("drit_multi", "shapes", {}, 256, "autoencoders.attribute", 2_771_208),
    ("drit_multi", "shapes", {}, 256, "autoencoders.generator", 8_573_699),
    ("drit_multi", "shapes", {}, 256, "", 58_584_461),
    ("ugatit", "paper", {}, 256, "generator_ab", 278_959_808),
    ("ugatit", "paper", {}, 256, "generator_ba.decoder.modulation.first", 268_435_456),
    ("ugatit", "light", {}, 256, "generator_ab", 10_589_888),
    ("ugatit", "paper", {}, 128, "generator_ab", 77_633_216),
    ("ugatit", "light", {}, 256, "generator_ab.encoder", 5_096_640),
    ("ugatit", "paper", {}, 256, "discriminators_a.0", 53_130_176),
    ("ugatit", "paper", {}, 256, "discriminators_b.1", 3_290_560),
    ("nicegan", "paper", {}, 256, "discriminator_a", 46_874_433),
    ("nicegan", "paper", {}, 256, "discriminator_b.features", 134_336),
    ("nicegan", "paper", {}, 256, "discriminator_b.attention", 167_489 - 134_336),
    ("nicegan", "paper", {}, 256, "generator_a", 8_104_640),
    ("nicegan", "nicegan_star", {}, 256, "generator_b", 5_743_296),
    ("nicegan", "full", {}, 256, "generator_b", 276_474_560),
    ("nicegan", "full", {}, 128, "generator_b", 75_147_968),
    # without ResNet-18's classifier and the fourth fusion, which the published code registers and never uses
    ("iegan", "paper", {}, 256, "encoder_a", 21_681_651 - 513_000),
    ("iegan", "paper", {}, 256, "encoder_b.trunk", 11_689_512 - 513_000),
    ("iegan", "paper", {}, 256, "generator_a", 11_426_560 - 22_912),
    ("iegan", "paper", {}, 256, "discriminator_a", 46_813_953),
    # 2 classes rather than ImageNet's 1000
    ("biggan", "paper", {}, 128, "generator", 70_433_988 - 998 * 128),
    ("biggan", "paper", {}, 128, "discriminator", 87_982_370 - 998 * 1536),
    ("biggan", "paper", {"ch": "64"}, 128, "generator", 31_978_628 - 998 * 128),
    ("biggan", "paper", {"ch": "64"}, 128, "discriminator", 39_448_258 - 998 * 1024),
    ("deepi2i", "paper", {}, 128, "generator", 70_433_988 - 998 * 128),
    ("deepi2i", "paper", {}, 128, "discriminator", 87_982_370 - 998 * 1536),
    # less the head, which is never used: a linear and the class embedding
    ("deepi2i", "paper", {}, 128, "encoder", 87_982_370 - 1_537_537),
    ("deepi2i", "paper", {}, 128, "adaptor", 85_830_528),
    ("deepi2i", "scratch", {"ch": "64"}, 128, "adaptor", 39_174_401 - 1_025 - 1000 * 1024),
    ("stylegan", "paper", {}, 256, "generator", 26_078_403),
    ("stylegan", "paper", {}, 256, "generator.mapping", 2_101_248),
    ("stylegan", "paper", {}, 256, "discriminator", 25_365_505),
    # the published counts are with the colours of all levels, here those of 1024 alone
    ("stylegan", "paper", {}, 1024, "generator", 26_219_115 - 3 * (4 * 512 + 256 + 128 + 64 + 32) - 3 * 8),
    ("stylegan", "paper", {}, 1024, "discriminator", 25_444_737 - 4 * (4 * 512 + 256 + 128 + 64 + 32)),
    ("deepi2i_stylegan", "paper", {}, 256, "generator", 26_078_403),
    ("deepi2i_stylegan", "paper", {}, 256, "discriminator", 25_365_505),
    # less the head, which is never used
    ("deepi2i_stylegan", "paper", {}, 256, "encoder", 25_365_505 - (513 * 9 + 1 + 512 * 16 + 1) * 512 - 513),
    ("deepi2i_stylegan", "paper", {}, 256, "adaptor", 20_058_624),
    # ADE20K's, but for 3 classes rather than 150
    ("spade", "paper", {}, 256, "generator", 96_492_483 - 147 * (16 * 64 + 18 * 128) * 9),
    ("spade", "paper", {}, 256, "discriminator", 5_836_930 - 147 * 2 * 64 * 16),
    ("spade", "vae", {}, 256, "encoder", 10_463_424),
]
"""Method, preset, overrides, side, network, parameters of the published code."""
