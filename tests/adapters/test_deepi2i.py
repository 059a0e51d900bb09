from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from i2ibench import registry
from i2ibench.adapter import Shape
from i2ibench.adapters.biggan import BigGAN
from i2ibench.adapters.deepi2i import DeepI2I
from i2ibench.errors import BenchError
from i2ibench.models.deepi2i import DeepI2IConfig
from i2ibench.task import Resolution


def test_transfer_without_a_gan_is_refused() -> None:
    task = registry.task("creatures-many")
    for preset in ("paper", "small_transfer", "small_pose"):
        with pytest.raises(BenchError, match=r"and none is named: .*pretrain biggan creatures-many .*--set gan=NAME"):
            DeepI2I.refuse(task, DeepI2I.configure(preset))
        DeepI2I.refuse(task, DeepI2I.configure(preset, {"gan": "mine"}))
    for preset in ("scratch", "small", "digits"):
        DeepI2I.refuse(task, DeepI2I.configure(preset))


@pytest.mark.parametrize(
    ("overrides", "names"),
    [
        ({}, ()),
        ({"gan": "mine"}, ("mine",)),
        ({"gan": "generator", "gan_discriminator": "discriminator"}, ("generator", "discriminator")),
    ],
)
def test_weights(overrides: Mapping[str, str], names: tuple[str, ...]) -> None:
    assert DeepI2I.weights(DeepI2I.configure("paper", overrides)) == names


def test_published_settings() -> None:
    paper, anew = DeepI2I.configure("paper"), DeepI2I.configure("scratch")
    assert paper == DeepI2IConfig()
    assert paper.transfer
    assert (paper.fusion_weight, paper.fusion_finest) == (0.1, 0.1)
    assert (paper.lr, paper.d_lr, paper.beta1, paper.beta2) == (1e-4, 4e-4, 0, 0.999)
    assert not anew.transfer
    assert (anew.fusion_weight, anew.fusion_finest) == (1, 0.1)
    assert not DeepI2I.augmentation(paper).mirror


@pytest.mark.parametrize("preset", ["small_transfer", "small_pose"])
def test_small_presets_take_a_small_biggan(preset: str) -> None:
    shape = Shape(resolution=Resolution(64, 64), classes=3)
    gan = BigGAN.build(BigGAN.configure("small"), shape)
    method = DeepI2I.build(DeepI2I.configure(preset), shape)
    method.load_gan(gan.state_dict())
    found = method.generator.state_dict()
    assert all(torch.equal(value, found[name]) for name, value in gan.generator.state_dict().items())


def test_rows_are_one_a_class() -> None:
    config = DeepI2I.configure("small_transfer", {"gan": "mine", "rows": "[0,1,2]"})
    with pytest.raises(BenchError, match=r"rows name a class of the GAN for each of the task's 4, and there are 3"):
        DeepI2I.build(config, Shape(resolution=Resolution(64, 64), classes=4))


def test_refuses_pictures_that_do_not_fit() -> None:
    with pytest.raises(BenchError, match=r"^deepi2i .*shorter side is 32, 64, 128 or 256.*100x100"):
        DeepI2I.build(DeepI2I.configure("small"), Shape(resolution=Resolution(100, 100)))
