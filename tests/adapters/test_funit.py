from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from i2ibench.adapter import Shape
from i2ibench.adapters.funit import FUNIT
from i2ibench.errors import BenchError
from i2ibench.models.funit import FUNITConfig
from i2ibench.models.method import Batch
from i2ibench.task import Resolution

TINY = {"nf": "2", "nf_mlp": "4", "nf_dis": "2"}


def test_published_settings() -> None:
    paper = FUNIT.configure("paper")
    assert paper == FUNITConfig()
    assert FUNIT.batch_size["paper"] * 2 == 64
    augmentation = FUNIT.augmentation(paper)
    assert augmentation.mirror
    assert augmentation.scale * 128 == pytest.approx(140)
    digits = FUNIT.augmentation(FUNIT.configure("digits"))
    assert (digits.mirror, digits.scale) == (False, 1)


def test_takes_its_class_from_exemplars() -> None:
    card = FUNIT.card_for(FUNIT.configure("paper"))
    assert card.exemplars == 1
    assert card.stochastic, "another exemplar, another translation"


@pytest.mark.parametrize(
    ("preset", "overrides", "resolution", "told"),
    [
        ("paper", {}, "128x132", "n_downs_content=3 .*multiples of 8, and the task's are 128x132: choose"),
        ("paper", {}, "16x128", "pairs=5 needs sides of at least 17 pixels, .*16x128: use --set"),
        ("small", {"n_downs_class": "6"}, "32x32", "n_downs_class=6 .*at least 64 pixels, .*32x32: use --set"),
    ],
)
def test_refuses_pictures_that_do_not_fit(
    preset: str, overrides: Mapping[str, str], resolution: str, told: str
) -> None:
    shape = Shape(resolution=Resolution.parse(resolution))
    with pytest.raises(BenchError, match=f"funit.*{told}"):
        FUNIT.build(FUNIT.configure(preset, {**TINY, **overrides}), shape)


@pytest.mark.parametrize(
    ("preset", "overrides", "resolution"),
    [
        ("paper", {}, "24x32"),
        ("small", {}, "16x20"),
        ("digits", {}, "32x32"),
        ("small", {"pairs": "3", "n_downs_class": "3"}, "8x8"),
    ],
)
def test_smallest_pictures_are_trained_on_and_translated(
    preset: str, overrides: Mapping[str, str], resolution: str
) -> None:
    size = Resolution.parse(resolution)
    method = FUNIT.build(FUNIT.configure(preset, {**TINY, **overrides}), Shape(resolution=size))
    source, target, exemplar = torch.rand(3, 1, 3, *size)
    batch = Batch(("a",), source, target, exemplars=(exemplar,))
    for update in method.updates(batch, 0):
        assert torch.isfinite(update.loss)  # type: ignore[union-attr]
    assert FUNIT.translate(method, batch, seed=0).shape == batch.source.shape
