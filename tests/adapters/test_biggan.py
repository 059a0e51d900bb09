from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from i2ibench.adapter import Shape
from i2ibench.adapters.biggan import BigGAN
from i2ibench.errors import BenchError
from i2ibench.models.biggan import BigGANConfig
from i2ibench.task import Need, Resolution


@pytest.mark.parametrize(
    ("overrides", "resolution", "told"),
    [
        ({}, "48x48", "shorter side is 32, 64, 128 or 256 pixels, and the task's are 48x48: choose"),
        ({}, "128x144", "multiples of 32, and the task's are 128x144: choose"),
        ({}, "32x32", "attention=64 has no maps of that side for pictures of 32x32: use --set attention=16"),
        ({"attention": "20"}, "128x128", "attention=20 has no maps .*--set attention=64, or 0 for none"),
        ({"ch": "7"}, "128x128", "at least 8 channels, and with ch=7 those of side 64 have 7: use a larger ch"),
    ],
)
def test_refuses_pictures_that_do_not_fit(overrides: Mapping[str, str], resolution: str, told: str) -> None:
    with pytest.raises(BenchError, match=f"^biggan.*{told}"):
        BigGAN.build(BigGAN.configure("paper", overrides), Shape(resolution=Resolution.parse(resolution)))


@pytest.mark.parametrize(
    ("overrides", "resolution"),
    [({}, "128x128"), ({}, "64x64"), ({}, "256x512"), ({"attention": "16"}, "32x40"), ({"attention": "0"}, "32x32")],
)
def test_takes_the_ways_out(overrides: Mapping[str, str], resolution: str) -> None:
    with torch.device("meta"):
        BigGAN.build(BigGAN.configure("paper", overrides), Shape(resolution=Resolution.parse(resolution)))


@pytest.mark.parametrize(("classes", "number"), [(0, 2), (2, 2), (30, 30)])
def test_classes_are_the_tasks_or_its_two_domains(classes: int, number: int) -> None:
    with torch.device("meta"):
        method = BigGAN.build(BigGAN.configure("small"), Shape(resolution=Resolution(32, 32), classes=classes))
    assert method.classes == number


def test_published_settings() -> None:
    paper = BigGAN.configure("paper")
    assert paper == BigGANConfig()
    assert (paper.ch, paper.attention, paper.z_dim, paper.shared_dim) == (96, 64, 120, 128)
    assert (paper.lr, paper.d_lr, paper.beta1, paper.beta2, paper.ema) == (1e-4, 4e-4, 0, 0.999, 0.9999)
    assert not BigGAN.augmentation(paper).mirror
    assert BigGAN.augmentation(BigGAN.configure("small")).mirror
    assert not BigGAN.augmentation(BigGAN.configure("digits")).mirror


def test_needs_nothing() -> None:
    assert BigGAN.card.needs == frozenset[Need]()
    assert BigGAN.weights(BigGAN.configure("paper")) == ()
