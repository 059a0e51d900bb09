from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from i2ibench.adapter import Shape
from i2ibench.adapters.drit import DRIT
from i2ibench.errors import BenchError
from i2ibench.models.drit import DRITConfig
from i2ibench.models.method import Batch
from i2ibench.task import Resolution

TINY = {"dim": "2", "nz": "2", "n_res": "1", "mlp_dim": "4", "dis_dim": "2"}
LEAST = {"n_layers": "1", "scales": "1", "attribute_halvings": "1"}


@pytest.mark.parametrize(("style", "exemplars"), [("sampled", 0), ("exemplar", 1)])
def test_reads_exemplars_where_attributes_are_theirs(style: str, exemplars: int) -> None:
    card = DRIT.card_for(DRIT.configure("paper", {"style": style}))
    assert (card.exemplars, card.stochastic, card.needs, card.batch_multiple) == (exemplars, True, frozenset(), 2)


def test_direction_is_on_the_card() -> None:
    cards = [DRIT.card_for(DRIT.configure("small", {"direction": way})) for way in ("forward", "backward")]
    assert [card.backward for card in cards] == [False, True]


def test_published_settings() -> None:
    paper, drit, shapes, high = (DRIT.configure(name) for name in ("paper", "drit", "shapes", "high_resolution"))
    assert paper == DRITConfig()
    assert (paper.concat, paper.mode_seeking, drit.mode_seeking, shapes.concat) == (True, True, False, False)
    assert (high.scales, high.mode_seeking, high.ms_weight, high.second_gan) == (2, False, 0.1, False)
    assert (high.constant_epochs, high.decay_epochs) == (45, 45)
    assert DRIT.augmentation(paper).crop == Resolution(216, 216)
    assert DRIT.augmentation(paper).scale == 1
    assert DRIT.augmentation(high).crop == Resolution(340, 340)
    assert DRIT.augmentation(DRIT.configure("small")).crop is None
    assert all(DRIT.augmentation(one).mirror for one in (paper, high))


@pytest.mark.parametrize(
    ("preset", "overrides", "resolution", "told"),
    [
        ("small", {}, "64x66", "multiples of 4, and the task's are 64x66: choose other sides"),
        ("small", {"crop": "54"}, "64x64", "multiples of 4, and crop asks for 54x54: choose other sides"),
        ("small", {}, "12x64", "attribute_halvings=4 needs sides of at least 16 .*12x64: use a smaller"),
        ("paper", {}, "64x64", "crop=216 do not fit into pictures of 64x64: use --set crop=N of at most 64,"),
        ("high_resolution", {}, "256x512", "crop=340 do not fit into pictures of 256x512"),
        ("paper", {"crop": "0"}, "60x64", "scales=3 and n_layers=4 need sides of at least 61 .*60x64: use a smaller"),
        (
            "paper",
            {"crop": "208"},
            "256x256",
            "at least 209 .*crop asks for 208x208: use --set content_layers=3",
        ),
        ("paper", {"crop": "0"}, "64x128", "at least 209 .*64x128: use --set content_layers=2 --set content_kernel=3"),
        ("small", {}, "48x64", "at least 49 .*48x64: use --set content_layers=1 --set content_kernel=3"),
        (
            "small",
            {"content_layers": "0", "n_layers": "1", "attribute_halvings": "1"},
            "12x12",
            "at least 13 .*gan_weight=0",
        ),
    ],
)
def test_refuses_pictures_that_do_not_fit(
    preset: str, overrides: Mapping[str, str], resolution: str, told: str
) -> None:
    shape = Shape(resolution=Resolution.parse(resolution))
    with pytest.raises(BenchError, match=f"drit.*{told}"):
        DRIT.build(DRIT.configure(preset, {**TINY, **overrides}), shape)


@pytest.mark.parametrize(
    ("preset", "overrides", "resolution"),
    [
        ("paper", {}, "216x216"),
        ("paper", {"crop": "0", "content_layers": "2", "content_kernel": "3"}, "64x64"),
        ("small", {"content_layers": "1", "concat": "false"}, "32x64"),
        ("small", {**LEAST, "content_gan_weight": "0"}, "8x12"),
    ],
)
def test_smallest_pictures_are_trained_on_and_translated(
    preset: str, overrides: Mapping[str, str], resolution: str
) -> None:
    """Those that the refusals name as the least, and their ways out."""
    size = Resolution.parse(resolution)
    method = DRIT.build(DRIT.configure(preset, {**TINY, **overrides}), Shape(resolution=size))
    batch = Batch(("a", "b"), *torch.rand(2, 2, 3, *size))
    for update in method.updates(batch, 2):
        assert torch.isfinite(update.loss)
    assert DRIT.translate(method, batch, seed=0).shape == batch.source.shape
