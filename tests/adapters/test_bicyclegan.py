from __future__ import annotations

import pytest
import torch

from i2ibench.adapter import Shape
from i2ibench.adapters.bicyclegan import BicycleGAN
from i2ibench.errors import BenchError
from i2ibench.models.bicyclegan import BicycleGAN as Model
from i2ibench.models.method import Batch
from i2ibench.task import Resolution

TINY = {"ngf": "2", "nef": "2", "ndf": "4", "nz": "2"}


def build(height: int, width: int, **overrides: str) -> Model:
    config = BicycleGAN.configure("small", {**TINY, **overrides})
    method = BicycleGAN.build(config, Shape(resolution=Resolution(height, width)))
    assert isinstance(method, Model)
    return method


@pytest.mark.parametrize("blocks", [2, 3])
def test_refuses_pictures_too_small_for_the_encoder(blocks: int) -> None:
    least = 2 ** (blocks + 1)
    overrides = {"levels": "2", "n_layers": "1", "scales": "1"}
    build(least, least, blocks=str(blocks), **overrides)
    told = rf"blocks={blocks} needs sides of at least {least} pixels, .*{least - 4}x{2 * least}: use --set blocks=1 or"
    with pytest.raises(BenchError, match=told.replace("=1 or", f"={blocks - 1} or")):
        build(least - 4, 2 * least, blocks=str(blocks), **overrides)


@pytest.mark.parametrize(("n_layers", "scales", "least"), [(1, 1, 6), (2, 1, 12), (1, 2, 11), (2, 2, 23), (1, 3, 21)])
def test_refuses_pictures_too_small_for_the_discriminators(n_layers: int, scales: int, least: int) -> None:
    overrides = {"levels": "2", "blocks": "1", "n_layers": str(n_layers), "scales": str(scales)}
    fits = -(-least // 4) * 4
    method = build(fits, fits, **overrides)
    judged = method.discriminator(torch.zeros(1, 3, least, fits))
    assert all(scale[-1].numel() for scale in judged)
    with pytest.raises((RuntimeError, ValueError)):
        method.discriminator(torch.zeros(1, 3, least - 1, fits))
    with pytest.raises(BenchError, match=rf"n_layers={n_layers} and scales={scales} need .* {least} pixels.*: use"):
        build(fits - 4, fits, **overrides)


@pytest.mark.parametrize("resolution", ["64x64", "64x96"])
def test_the_way_out_of_levels_that_do_not_fit_is_one(resolution: str) -> None:
    shape = Shape(resolution=Resolution.parse(resolution))
    with pytest.raises(BenchError, match=r"multiples of 256, .*: use --set levels=(\d) or fewer") as refused:
        BicycleGAN.build(BicycleGAN.configure("paper"), shape)
    levels = str(refused.value).split("levels=")[1][0]
    with torch.device("meta"):
        BicycleGAN.build(BicycleGAN.configure("paper", {"levels": levels}), shape)


@pytest.mark.parametrize("preset", BicycleGAN.presets)
def test_batches_of_every_preset_have_halves(preset: str) -> None:
    assert BicycleGAN.batch_size[preset] % 2 == 0


def test_augmentation_is_the_published_one() -> None:
    paper = BicycleGAN.augmentation(BicycleGAN.configure("paper"))
    assert (round(256 * paper.scale), paper.mirror) == (286, True)
    shoes = BicycleGAN.augmentation(BicycleGAN.configure("paper", {"load_scale": "1", "mirror": "false"}))
    assert (shoes.scale, shoes.mirror) == (1, False)


def test_pictures_need_not_be_square() -> None:
    method = build(64, 128)
    batch = Batch(("a", "b"), torch.rand(2, 3, 64, 128) * 2 - 1)
    assert method.translate(batch, seed=0).shape == (2, 3, 64, 128)
