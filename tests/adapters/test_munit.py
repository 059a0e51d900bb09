from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from i2ibench.adapter import Shape
from i2ibench.adapters.munit import MUNIT
from i2ibench.errors import BenchError
from i2ibench.models.method import Batch
from i2ibench.models.munit import MUNITConfig
from i2ibench.task import Resolution

TINY = {"dim": "2", "n_res": "1", "mlp_dim": "4", "dis_dim": "2", "perceptual": "untrained"}


@pytest.mark.parametrize(("style", "exemplars"), [("sampled", 0), ("exemplar", 1)])
def test_reads_exemplars_where_styles_are_theirs(style: str, exemplars: int) -> None:
    card = MUNIT.card_for(MUNIT.configure("paper", {"style": style}))
    assert (card.exemplars, card.stochastic, card.needs) == (exemplars, True, frozenset())


def test_direction_is_on_the_card() -> None:
    cards = [MUNIT.card_for(MUNIT.configure("small", {"direction": way})) for way in ("forward", "backward")]
    assert [card.backward for card in cards] == [False, True]


@pytest.mark.parametrize(
    ("preset", "overrides", "weights"),
    [
        ("paper", {}, ()),
        ("summer2winter", {}, ()),
        ("streets", {}, ("vgg16",)),
        ("streets", {"perceptual": "untrained"}, ()),
        ("streets", {"vgg_weight": "0"}, ()),
        ("small", {}, ()),
    ],
)
def test_weights(preset: str, overrides: Mapping[str, str], weights: tuple[str, ...]) -> None:
    assert MUNIT.weights(MUNIT.configure(preset, overrides)) == weights


def test_published_settings() -> None:
    paper, winter, streets = (MUNIT.configure(preset) for preset in ("paper", "summer2winter", "streets"))
    assert paper == MUNITConfig()
    assert (paper.recon_x_cyc_weight, winter.recon_x_cyc_weight, streets.recon_x_cyc_weight) == (0, 10, 10)
    assert (paper.vgg_weight, winter.vgg_weight, streets.vgg_weight) == (0, 0, 1)
    assert MUNIT.augmentation(paper).crop is None
    assert MUNIT.augmentation(paper).mirror
    assert MUNIT.augmentation(streets).crop == Resolution(512, 512)


@pytest.mark.parametrize(
    ("preset", "overrides", "resolution", "told"),
    [
        ("small", {}, "64x66", "n_downsample=2.*multiples of 4, and the task's are 64x66: choose other sides"),
        ("small", {"crop": "30"}, "64x64", "multiples of 4, and crop asks for 30x30: choose other sides"),
        ("small", {}, "12x64", "style_downsample=4 needs sides of at least 16 pixels.*12x64: use a smaller"),
        (
            "paper",
            {},
            "60x64",
            "scales=3 and n_layers=4 need sides of at least 61 pixels, .*60x64: use --set n_layers=4 --set scales=2",
        ),
        ("paper", {"style_downsample": "2"}, "12x64", "at least 61 .*12x64: use --set n_layers=3 --set scales=1"),
        ("streets", {"crop": "60"}, "512x512", "at least 61 pixels, and crop asks for 60x60: use --set n_layers=4"),
        ("small", {"vgg_weight": "1"}, "28x28", "at least 16x32, .*28x28: use --set vgg_weight=0"),
    ],
)
def test_refuses_pictures_that_do_not_fit(
    preset: str, overrides: Mapping[str, str], resolution: str, told: str
) -> None:
    shape = Shape(resolution=Resolution.parse(resolution))
    with pytest.raises(BenchError, match=f"munit.*{told}"):
        MUNIT.build(MUNIT.configure(preset, {**TINY, **overrides}), shape)


@pytest.mark.parametrize(
    ("preset", "overrides", "resolution"),
    [
        ("paper", {}, "64x64"),
        ("paper", {"scales": "2"}, "32x64"),
        ("paper", {"n_layers": "3", "scales": "1", "style_downsample": "2"}, "12x64"),
        ("small", {"n_layers": "2", "vgg_weight": "1"}, "16x32"),
    ],
)
def test_smallest_pictures_are_trained_on_and_translated(
    preset: str, overrides: Mapping[str, str], resolution: str
) -> None:
    """Those that the refusals name as the least, and their ways out."""
    size = Resolution.parse(resolution)
    method = MUNIT.build(MUNIT.configure(preset, {**TINY, **overrides}), Shape(resolution=size))
    batch = Batch(("a",), *torch.rand(2, 1, 3, *size))
    for update in method.updates(batch, 0):
        assert torch.isfinite(update.loss)
    assert MUNIT.translate(method, batch, seed=0).shape == batch.source.shape
