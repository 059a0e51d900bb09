from __future__ import annotations

import pytest
import torch

from i2ibench import registry
from i2ibench.adapter import Shape
from i2ibench.adapters.deepi2i_stylegan import DeepI2IStyleGAN
from i2ibench.adapters.stylegan import StyleGAN
from i2ibench.errors import BenchError
from i2ibench.models.deepi2i_stylegan import DeepI2IStyleGANConfig
from i2ibench.task import Resolution


def test_transfer_without_a_gan_is_refused() -> None:
    task = registry.task("afhq-cat2dog")
    for preset in ("paper", "small_transfer"):
        with pytest.raises(BenchError, match=r"and none is named: .*pretrain stylegan .*--set gan=NAME"):
            DeepI2IStyleGAN.refuse(task, DeepI2IStyleGAN.configure(preset))
        DeepI2IStyleGAN.refuse(task, DeepI2IStyleGAN.configure(preset, {"gan": "mine"}))
    for preset in ("scratch", "small"):
        DeepI2IStyleGAN.refuse(task, DeepI2IStyleGAN.configure(preset))


def test_weights() -> None:
    assert DeepI2IStyleGAN.weights(DeepI2IStyleGAN.configure("paper")) == ()
    assert DeepI2IStyleGAN.weights(DeepI2IStyleGAN.configure("paper", {"gan": "mine"})) == ("mine",)


def test_published_settings() -> None:
    paper, anew = DeepI2IStyleGAN.configure("paper"), DeepI2IStyleGAN.configure("scratch")
    assert paper == DeepI2IStyleGANConfig()
    assert paper.transfer
    assert (paper.fusion_weight, paper.fusion_finest) == (0.1, 0)
    assert (paper.recon_weight, paper.recon_finest) == (0.1, 0)
    assert (paper.loss, paper.penalty, paper.drift, paper.mixing) == ("wgangp", 10, 0.001, 0.9)
    assert (paper.lr, paper.mapping_lr, paper.beta1, paper.beta2) == (1e-3, 0.01, 0, 0.99)
    assert DeepI2IStyleGAN.augmentation(paper).mirror
    assert DeepI2IStyleGAN.batch_size["paper"] == 32
    assert not anew.transfer


@pytest.mark.parametrize("resolution", [Resolution(64, 64), Resolution(64, 96)])
def test_small_transfer_takes_a_small_stylegan(resolution: Resolution) -> None:
    shape = Shape(resolution=resolution)
    gan = StyleGAN.build(StyleGAN.configure("small"), shape)
    method = DeepI2IStyleGAN.build(DeepI2IStyleGAN.configure("small_transfer"), shape)
    method.load_gan(gan.state_dict())
    found = method.generator.state_dict()
    assert all(torch.equal(value, found[name]) for name, value in gan.generator.state_dict().items())


@pytest.mark.parametrize(
    ("resolution", "told"),
    [(Resolution(100, 100), "shorter side is 32, .*100x100"), (Resolution(64, 66), "multiples of 16, .*64x66")],
)
def test_refuses_pictures_that_do_not_fit(resolution: Resolution, told: str) -> None:
    with pytest.raises(BenchError, match=f"^deepi2i_stylegan .*{told}"):
        DeepI2IStyleGAN.build(DeepI2IStyleGAN.configure("small"), Shape(resolution=resolution))


def test_the_variant_on_biggan_names_this_one_and_no_longer_leaves_it_out() -> None:
    for name in ("deepi2i", "deepi2i_stylegan"):
        card = registry.adapter(name).card
        assert card.paper is not None
        assert card.paper.arxiv == "2011.05867"
        assert not any("left out" in one for one in card.deviations)
