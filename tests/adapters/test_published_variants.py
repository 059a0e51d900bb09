"""Every variant that a paper or its code publishes is a config: it builds, at the published size."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from i2ibench import registry
from i2ibench.adapter import Shape
from i2ibench.task import Resolution
from i2ibench.tasks.labels import CITYSCAPES

VARIANTS: list[tuple[str, str, str, Mapping[str, str]]] = [
    ("bicyclegan", "paper", "256x256", {}),
    ("bicyclegan", "paper", "256x256", {"nz": "16"}),
    ("bicyclegan", "paper", "256x256", {"where_add": "input"}),
    ("bicyclegan", "paper", "256x256", {"upsample": "bilinear"}),
    ("bicyclegan", "paper", "256x256", {"conditional": "true"}),
    ("bicyclegan", "paper", "256x256", {"scales": "1", "dropout": "false"}),
    ("bicyclegan", "paper", "128x128", {"levels": "7", "blocks": "3"}),
    # the release's data sets: facades, maps, edges2shoes, edges2handbags, day2night
    ("bicyclegan", "paper", "256x256", {"load_scale": "1", "constant_epochs": "200", "decay_epochs": "200"}),
    ("bicyclegan", "paper", "256x256", {"load_scale": "2.34375", "constant_epochs": "200", "decay_epochs": "200"}),
    (
        "bicyclegan",
        "paper",
        "256x256",
        {"load_scale": "1", "mirror": "false", "constant_epochs": "30", "decay_epochs": "30"},
    ),
    ("bicyclegan", "paper", "256x256", {"load_scale": "1", "constant_epochs": "15", "decay_epochs": "15"}),
    ("bicyclegan", "paper", "256x256", {"constant_epochs": "50", "decay_epochs": "50"}),
    ("glow", "paper", "64x64", {}),
    ("glow", "affine", "64x64", {}),
    ("glow", "paper", "64x64", {"lu": "false", "uneven_lu": "true"}),
    ("glow", "authors", "32x32", {}),
    ("glow", "authors", "64x64", {"n_block": "4", "n_flow": "48", "n_bits": "8"}),
    ("glow", "affine", "256x256", {"n_block": "6", "n_flow": "32", "n_bits": "5"}),
    ("glow", "affine", "24x24", {"n_block": "3", "n_flow": "32", "n_bits": "8", "classes": "true"}),
    ("c_glow", "paper", "256x256", {}),
    ("c_glow", "v1", "256x256", {}),
    ("c_glow", "third", "256x256", {}),
    ("c_glow", "authors", "64x64", {}),
    ("c_glow", "authors_script", "64x64", {"y_bins": "2", "average": "10"}),
    ("dual_glow", "paper", "256x256", {}),
    ("dual_glow", "shallow", "256x256", {}),
    ("dual_glow", "paper3d", "256x256", {}),
    ("dual_glow", "paper", "256x256", {"n_l": "0"}),
    ("dual_glow", "paper", "256x256", {"n_l": "3"}),
    ("full_glow", "paper", "256x256", {}),
    ("full_glow", "paper", "256x256", {"lu": "false"}),
    ("full_glow", "paper", "256x256", {"boundaries": "true", "ceil": "true", "decay": "true"}),
    ("full_glow", "paper", "256x256", {"n_flow": "[32, 16, 8, 8]"}),
    ("full_glow", "paper512", "512x1024", {}),
    ("full_glow", "paper512", "512x1024", {"n_flow": "[10, 10, 10, 10]"}),
    ("full_glow", "maps512", "512x512", {}),
    ("hierarchy_flow", "paper", "256x512", {}),
    ("hierarchy_flow", "published", "256x512", {}),
    ("hierarchy_flow", "paper", "256x512", {"channels": "[12, 60, 120]"}),
    ("hierarchy_flow", "paper", "256x512", {"channels": "[30, 120, 480]"}),
    ("hierarchy_flow", "paper", "256x512", {"group_weight": "fixed"}),
    ("hierarchy_flow", "first", "300x400", {}),
    ("hierarchy_flow", "first", "300x400", {"channels": "[12, 60]", "keep": "0.2"}),
    ("hierarchy_flow", "first", "512x512", {"keep": "0.9", "crop_area": "[0.7, 1.0]", "weight_decay": "5e-4"}),
    ("hierarchy_flow", "lowlevel", "512x512", {}),
    ("hierarchy_flow", "lowlevel", "512x512", {"style": "target"}),
    ("cut", "paper", "256x256", {}),
    ("cut", "fastcut", "256x256", {}),
    ("cut", "paper", "256x256", {"identity": "false"}),
    ("cut", "paper", "256x256", {"nce_layers": '["block5"]'}),
    ("cut", "paper", "256x256", {"mlp": "false"}),
    ("cut", "paper", "256x256", {"antialias": "false", "antialias_up": "false"}),
    ("cut", "paper", "256x256", {"blocks": "6"}),
    ("cut", "paper", "256x256", {"mirror": "false", "load_scale": "1"}),
    ("cyclegan", "paper", "256x256", {}),
    ("cyclegan", "paper", "256x256", {"identity_weight": "0"}),
    ("cyclegan", "paper", "256x256", {"cycle_b_weight": "0"}),
    ("cyclegan", "paper", "256x256", {"cycle_a_weight": "0"}),
    ("cyclegan", "paper", "256x256", {"cycle_a_weight": "0", "cycle_b_weight": "0"}),
    ("cyclegan", "paper", "256x256", {"norm": "batch", "dropout": "true"}),
    ("cyclegan", "paper", "256x256", {"generator": "unet"}),
    ("cyclegan", "paper", "256x256", {"objective": "vanilla", "pool_size": "0"}),
    ("cyclegan", "paper", "512x1024", {"crop": "360"}),
    ("cyclegan", "paper128", "128x128", {}),
    ("simgan", "paper", "35x55", {}),
    ("simgan", "paper", "35x55", {"k_g": "50"}),
    ("simgan", "paper", "35x55", {"self_weight": "0.5", "optimizer": "adam", "clip_norm": "50"}),
    ("simgan", "paper", "64x64", {"psi": "mean_colour"}),
    ("simgan", "hands", "224x224", {}),
    ("simgan", "cyclegan_baseline", "256x256", {}),
    ("simgan", "cyclegan_baseline", "256x256", {"objective": "vanilla"}),
    ("munit", "paper", "256x256", {}),
    ("munit", "paper", "256x256", {"objective": "vanilla"}),
    ("munit", "paper", "256x256", {"style": "exemplar"}),
    ("munit", "summer2winter", "256x256", {}),
    ("munit", "streets", "512x1024", {}),
    ("init", "paper", "256x384", {}),
    ("init", "paper", "256x384", {"crop": "256"}),
    ("init", "paper", "360x640", {"crop": "360"}),
    ("init", "paper", "256x384", {"objective": "vanilla"}),
    ("init", "paper", "256x384", {"share_instance_encoder": "false"}),
    ("init", "paper", "256x384", {"style": "exemplar"}),
    ("unit", "paper", "256x256", {}),
    ("unit", "paper", "256x256", {"objective": "vanilla"}),
    ("unit", "streets", "512x1024", {}),
    ("unit", "unit_2017", "256x256", {}),
    ("unit", "unit_2017", "256x256", {"crop": "216"}),
    ("drit", "paper", "256x256", {}),
    ("drit", "paper", "256x256", {"scales": "1", "n_layers": "6", "kernel": "3"}),
    ("drit", "paper", "256x256", {"spectral": "true"}),
    ("drit", "paper", "256x256", {"style": "exemplar"}),
    ("drit", "paper", "256x256", {"content_gan_weight": "0"}),
    ("drit", "drit", "256x256", {}),
    ("drit", "drit", "256x256", {"concat": "false"}),
    ("drit", "shapes", "256x256", {}),
    ("drit", "high_resolution", "360x720", {}),
    ("drit", "high_resolution", "360x720", {"mode_seeking": "true"}),
    ("drit_multi", "paper", "256x256", {}),
    ("drit_multi", "paper", "256x256", {"spectral": "true"}),
    ("drit_multi", "paper", "256x256", {"style": "exemplar"}),
    ("drit_multi", "paper", "256x256", {"content_gan_weight": "0"}),
    ("drit_multi", "shapes", "256x256", {}),
    ("ugatit", "paper", "256x256", {}),
    ("ugatit", "light", "256x256", {}),
    ("nicegan", "paper", "256x256", {}),
    ("nicegan", "nicegan_star", "256x256", {}),
    ("nicegan", "full", "256x256", {}),
    ("iegan", "paper", "256x256", {}),
    ("iegan", "paper", "256x256", {"frozen_statistics": "true"}),
    ("iegan", "paper", "256x256", {"trunk": "untrained"}),
    ("spade", "paper", "256x256", {}),
    ("spade", "paper", "256x256", {"ttur": "false"}),
    ("spade", "paper", "256x256", {"generator": "pix2pixhd"}),
    ("spade", "paper", "256x256", {"ngf": "32"}),
    ("spade", "paper", "256x256", {"norm": "instance"}),
    ("spade", "paper", "256x256", {"init_spectral": "xavier"}),
    ("spade", "paper", "256x256", {"constant_epochs": "50", "decay_epochs": "0"}),
    ("spade", "coco", "256x256", {}),
    ("spade", "vae", "256x256", {}),
    ("spade", "vae", "256x256", {"style": "exemplar"}),
    ("spade", "cityscapes", "256x512", {}),
    ("spade", "cityscapes", "256x512", {"unknown": "false"}),
    ("spade", "cityscapes", "256x512", {"vae": "true"}),
    ("spade", "cityscapes", "512x1024", {"upsampling": "most"}),
    ("spade", "rgb", "256x256", {}),
    ("pix2pixhd", "paper", "512x1024", {}),
    ("pix2pixhd", "paper", "512x1024", {"use_instances": "false"}),
    ("pix2pixhd", "paper", "512x1024", {"discriminators": "1"}),
    ("pix2pixhd", "paper", "512x1024", {"perceptual": "none"}),
    ("pix2pixhd", "paper", "512x1024", {"perceptual": "none", "feature_weight": "0"}),
    ("pix2pixhd", "paper", "512x1024", {"objective": "vanilla", "norm": "batch"}),
    ("pix2pixhd", "features", "512x1024", {}),
    ("pix2pixhd", "rgb", "512x512", {}),
    ("pix2pixhd", "unet", "512x1024", {}),
    ("pix2pixhd", "paper2048", "1024x2048", {}),
    ("pix2pixhd", "paper2048_crop", "1024x2048", {}),
    ("pix2pixhd", "paper2048_features", "1024x2048", {}),
    ("vid2vid", "paper", "256x512", {}),
    ("vid2vid", "paper", "256x512", {"foreground": "[]"}),
    ("vid2vid", "paper", "256x512", {"halvings": "2", "norm": "instance"}),
    ("vid2vid", "paper", "256x512", {"scales_temporal": "3"}),
    ("vid2vid", "paper", "256x512", {"first": "generated"}),
    ("vid2vid", "paper", "256x512", {"ttur": "true"}),
    ("vid2vid", "paper", "256x512", {"flow": "raft"}),
    ("vid2vid", "street1024", "512x1024", {}),
    ("vid2vid", "street2048", "1024x2048", {}),
    ("vid2vid", "pictures", "512x512", {}),
]


@pytest.mark.parametrize(("name", "preset", "resolution", "settings"), VARIANTS)
def test_builds_by_config(name: str, preset: str, resolution: str, settings: Mapping[str, str]) -> None:
    adapter = registry.adapter(name)
    config = adapter.configure(preset, settings)
    with torch.device("meta"):
        method = adapter.build(config, Shape(resolution=Resolution.parse(resolution), labels=CITYSCAPES, classes=10))
    assert any(parameter.requires_grad for parameter in method.parameters())

    assert tuple(method.pretrained()) == adapter.weights(config)


def test_every_preset_of_a_paper_is_here() -> None:
    named = {(name, preset) for name, preset, _, _ in VARIANTS}
    for name in {name for name, _ in named}:
        published = {
            preset for preset in registry.adapter(name).presets if "small" not in preset and preset != "digits"
        }
        assert {(name, preset) for preset in published} <= named
