from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from i2ibench.adapter import Shape
from i2ibench.adapters.unit import UNIT
from i2ibench.errors import BenchError
from i2ibench.models.method import Batch
from i2ibench.models.unit import UNITConfig
from i2ibench.task import Resolution

TINY = {"dim": "2", "n_res": "1", "dis_dim": "2", "perceptual": "untrained"}


@pytest.mark.parametrize(
    ("preset", "overrides", "weights"),
    [("paper", {}, ()), ("streets", {}, ("vgg16",)), ("streets", {"perceptual": "untrained"}, ()), ("small", {}, ())],
)
def test_weights(preset: str, overrides: Mapping[str, str], weights: tuple[str, ...]) -> None:
    assert UNIT.weights(UNIT.configure(preset, overrides)) == weights


def test_direction_is_on_the_card() -> None:
    cards = [UNIT.card_for(UNIT.configure("small", {"direction": way})) for way in ("forward", "backward")]
    assert [card.backward for card in cards] == [False, True]


def test_published_settings() -> None:
    assert UNIT.configure("paper") == UNITConfig()
    assert UNIT.augmentation(UNIT.configure("streets")).crop == Resolution(512, 512)
    paper = UNIT.configure("unit_2017")
    assert (paper.networks, paper.objective, paper.scales, paper.n_layers) == ("paper", "vanilla", 1, 6)
    # the paper's lambda 0 to 4: 10, 0.1, 100, 0.1, 100
    weights = (paper.gan_weight, paper.recon_kl_weight, paper.recon_x_weight)
    assert (*weights, paper.recon_kl_cyc_weight, paper.recon_x_cyc_weight) == (10, 0.1, 100, 0.1, 100)


@pytest.mark.parametrize("preset", ["small", "small_2017"])
@pytest.mark.parametrize("resolution", ["64x64", "64x128"])
def test_small_presets_fit_the_embedded_tasks(preset: str, resolution: str) -> None:
    with torch.device("meta"):
        method = UNIT.build(UNIT.configure(preset), Shape(resolution=Resolution.parse(resolution)))
    assert sum(p.numel() for p in method.parameters()) < 12_000_000


@pytest.mark.parametrize(
    ("preset", "overrides", "resolution", "told"),
    [
        ("small", {}, "64x66", "n_downsample=2.*multiples of 4, and the task's are 64x66: choose other sides"),
        ("small", {"crop": "30"}, "64x64", "multiples of 4, and crop asks for 30x30: choose other sides"),
        ("small", {}, "4x64", "n_downsample=2 needs sides of at least 8 pixels.*4x64: use a smaller n_downsample"),
        (
            "paper",
            {},
            "60x64",
            "scales=3 and n_layers=4 need sides of at least 61 pixels, .*60x64: use --set n_layers=4 --set scales=2",
        ),
        ("unit_2017", {}, "32x32", "n_layers=6 need sides of at least 33 pixels.*use --set n_layers=5 --set scales=1"),
        ("small", {"vgg_weight": "1"}, "28x28", "at least 16x32, .*28x28: use --set vgg_weight=0"),
    ],
)
def test_refuses_pictures_that_do_not_fit(
    preset: str, overrides: Mapping[str, str], resolution: str, told: str
) -> None:
    shape = Shape(resolution=Resolution.parse(resolution))
    with pytest.raises(BenchError, match=f"unit.*{told}"):
        UNIT.build(UNIT.configure(preset, {**TINY, **overrides}), shape)


@pytest.mark.parametrize(
    ("preset", "overrides", "resolution"),
    [
        ("paper", {}, "64x64"),
        ("paper", {"scales": "2"}, "32x64"),
        ("unit_2017", {}, "36x36"),
        ("unit_2017", {"n_layers": "5"}, "32x32"),
        ("small", {"n_layers": "2", "scales": "1"}, "8x8"),
        ("small", {"n_layers": "2", "vgg_weight": "1"}, "16x32"),
    ],
)
def test_smallest_pictures_are_trained_on_and_translated(
    preset: str, overrides: Mapping[str, str], resolution: str
) -> None:
    """Those that the refusals name as the least, and their ways out."""
    size = Resolution.parse(resolution)
    method = UNIT.build(UNIT.configure(preset, {**TINY, **overrides}), Shape(resolution=size))
    batch = Batch(("a",), *torch.rand(2, 1, 3, *size))
    for update in method.updates(batch, 0):
        assert torch.isfinite(update.loss)
    assert UNIT.translate(method, batch, seed=0).shape == batch.source.shape
