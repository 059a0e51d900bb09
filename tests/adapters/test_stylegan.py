from __future__ import annotations

import pytest
import torch

from i2ibench import registry
from i2ibench.adapter import Shape
from i2ibench.adapters.stylegan import StyleGAN
from i2ibench.errors import BenchError
from i2ibench.models.stylegan import StyleGANConfig
from i2ibench.task import Need, Resolution


@pytest.mark.parametrize(
    ("resolution", "told"),
    [
        ("48x48", "shorter side is 32, 64, 128, 256, 512 or 1024 pixels, and the task's are 48x48: choose"),
        ("16x32", "shorter side is 32, .*16x32: choose"),
        ("128x144", "shorter side 128 needs sides that are multiples of 32, and the task's are 128x144: choose"),
    ],
)
def test_refuses_pictures_that_do_not_fit(resolution: str, told: str) -> None:
    with pytest.raises(BenchError, match=f"^stylegan.*{told}"):
        StyleGAN.build(StyleGAN.configure("paper"), Shape(resolution=Resolution.parse(resolution)))


@pytest.mark.parametrize("resolution", ["32x32", "32x40", "160x128", "256x512"])
def test_takes_the_ways_out(resolution: str) -> None:
    with torch.device("meta"):
        StyleGAN.build(StyleGAN.configure("paper"), Shape(resolution=Resolution.parse(resolution)))


def test_published_settings() -> None:
    paper = StyleGAN.configure("paper")
    assert paper == StyleGANConfig()
    assert (paper.base, paper.max_dim, paper.code_dim, paper.mapping_layers) == (16384, 512, 512, 8)
    assert (paper.loss, paper.penalty, paper.drift, paper.mixing) == ("wgangp", 10, 0.001, 0.9)
    assert (paper.lr, paper.mapping_lr, paper.beta1, paper.beta2, paper.ema) == (1e-3, 0.01, 0, 0.99, 0.999)
    assert StyleGAN.augmentation(paper).mirror
    assert not StyleGAN.augmentation(StyleGAN.configure("paper", {"mirror": "false"})).mirror
    assert StyleGAN.batch_size["paper"] == 32


def test_needs_nothing_and_takes_tasks_with_and_without_classes() -> None:
    assert StyleGAN.card.needs == frozenset[Need]()
    for task in ("creatures-many", "afhq-cat2dog"):
        StyleGAN.refuse(registry.task(task), StyleGAN.configure("small"))
    assert StyleGAN.weights(StyleGAN.configure("paper")) == ()


def test_unknown_loss_is_refused() -> None:
    with pytest.raises(BenchError, match="config field 'loss' takes wgangp or r1, and 'hinge' is none"):
        StyleGAN.configure("paper", {"loss": "hinge"})
