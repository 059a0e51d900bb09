from __future__ import annotations

import pytest
import torch

from i2ibench.adapter import Shape
from i2ibench.adapters.cyclegan import CycleGAN
from i2ibench.adapters.simgan import SimGAN
from i2ibench.errors import BenchError
from i2ibench.models.method import Batch, Method
from i2ibench.models.simgan import CycleGANBaseline
from i2ibench.models.simgan import SimGAN as Refining
from i2ibench.task import Resolution

TINY = {"width": "2", "blocks": "1", "history": "4"}


def build(preset: str, resolution: str, **overrides: str) -> Method:
    config = SimGAN.configure(preset, {**TINY, **overrides})
    return SimGAN.build(config, Shape(resolution=Resolution.parse(resolution)))


@pytest.mark.parametrize("preset", SimGAN.presets)
def test_refiner_and_baseline_are_never_mixed(preset: str) -> None:
    baseline = preset.endswith("cyclegan_baseline")
    method = build(preset, "64x64")
    assert type(method) is (CycleGANBaseline if baseline else Refining)
    config = SimGAN.configure(preset)
    assert (config.networks == "cyclegan") == baseline
    if not baseline:
        with pytest.raises(BenchError, match="use the preset cyclegan_baseline"):
            SimGAN.configure(preset, {"networks": "cyclegan"})


def test_the_baseline_has_cyclegans_training() -> None:
    ours, cyclegan = SimGAN.configure("cyclegan_baseline"), CycleGAN.configure("paper")
    shared = ["blocks", "lr", "beta1", "beta2", "constant_epochs", "decay_epochs", "n_layers", "ndf", "objective"]
    shared += ["load_scale", "mirror"]
    assert [getattr(ours, name) for name in shared] == [getattr(cyclegan, name) for name in shared]
    assert (ours.width, ours.history) == (cyclegan.ngf, cyclegan.pool_size)
    assert ours.self_weight == cyclegan.cycle_a_weight
    assert SimGAN.batch_size.get("cyclegan_baseline", 1) == 1


def test_the_papers_numbers() -> None:
    config = SimGAN.configure("paper")
    assert (config.lr, config.optimizer, config.k_g, config.k_d, config.self_weight) == (1e-3, "sgd", 2, 1, 0.01)
    assert (config.pretrain_refiner, config.pretrain_discriminator) == (1000, 200)
    assert SimGAN.batch_size["paper"] == 512
    assert config.history == 50 * 512
    augmentation = SimGAN.augmentation(config)
    assert (augmentation.scale, augmentation.mirror, augmentation.crop) == (1, False, None)


@pytest.mark.parametrize(
    ("pictures", "settings", "told"),
    [
        (3, {}, "simgan cuts each step's pictures into parts, so the batch size must be a multiple of 2, found 3"),
        (1, {}, "multiple of 2, found 1"),
        (10, {"history": "4"}, "history of 4 pictures cannot take half of 10: use batches of 8 or less, or a larger"),
    ],
)
def test_the_history_takes_half_of_each_batch(pictures: int, settings: dict[str, str], told: str) -> None:
    with pytest.raises(BenchError, match=told):
        SimGAN.check_batch_size(SimGAN.configure("small", settings), pictures)
    SimGAN.check_batch_size(SimGAN.configure("small", {**settings, "history": "0"}), pictures)
    SimGAN.check_batch_size(SimGAN.configure("cyclegan_baseline", settings), pictures)
    SimGAN.check_batch_size(SimGAN.configure("small", settings), 8)


def test_the_refiner_takes_pictures_of_any_size() -> None:
    method = build("paper", "35x55")
    batch = Batch(("a",), torch.rand(1, 3, 35, 55) * 2 - 1)
    assert method.translate(batch, seed=0).shape == (1, 3, 35, 55)


def test_the_baselines_networks_must_fit() -> None:
    with pytest.raises(BenchError, match=r"simgan's ResNet .* multiples of 4, at least 8, .* 35x55: choose another"):
        build("cyclegan_baseline", "35x55")
    with pytest.raises(
        BenchError, match=r"n_layers=3 needs sides of at least 24 pixels, .*20x40: use --set n_layers=1"
    ):
        build("cyclegan_baseline", "20x40")
    build("cyclegan_baseline", "20x40", n_layers="1")
