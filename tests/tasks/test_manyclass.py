from __future__ import annotations

from typing import Any

import pytest

from i2ibench import registry
from i2ibench.data.layouts.attributes import Attributes
from i2ibench.data.layouts.boxed_classes import NABirds, UECFood256
from i2ibench.data.layouts.classes import ClassFolders
from i2ibench.task import Files, Fit, Level, Need, Task
from i2ibench.tasks import manyclass

CARDS = {card.name: card for card in vars(manyclass).values() if isinstance(card, Task)}
LAYOUTS: dict[str, Any] = {
    "class-folders": ClassFolders,
    "nabirds": NABirds,
    "uecfood256": UECFood256,
    "attributes": Attributes,
}


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_cards_are_whole(card: Task) -> None:
    assert isinstance(card.data, Files) and card.data.obtain and card.licence and card.citation
    layout = LAYOUTS[card.data.layout](**card.data.options)
    assert layout.tree
    read = Task.model_validate_json(card.model_dump_json())
    assert LAYOUTS[card.data.layout](**read.data.options) == layout  # type: ignore[union-attr]
    assert card.supervision == "many-class" and card.gives == {Need.CLASSES} and card.level is Level.WEAK
    assert set(card.splits) == {"train", "val", "test"} and card.data.fit is Fit.COVER
    assert set(card.metrics) <= set(registry.metrics())
    assert not {"lpips", "ssim", "psnr", "bpd"} & set(card.metrics)
    assert len(card.resolutions) >= 2 and any(small < card.resolution() for small in card.resolutions)


def test_classes() -> None:
    assert {name: len(card.classes) for name, card in CARDS.items()} == {
        "afhq": 3,
        "animal-faces": 149,
        "nabirds": 555,
        "uecfood256": 256,
        "celeba": 4,
    }
    assert all(len(set(card.classes)) == len(card.classes) for card in CARDS.values())
    celeba = CARDS["celeba"]
    assert celeba.data.options["classes"] == ("Male", "Young")  # type: ignore[union-attr]
    for number, name in enumerate(celeba.classes):
        assert name == f"{'young' if number & 2 else 'old'} {'man' if number & 1 else 'woman'}"


def test_counts_add_up_to_the_archives() -> None:
    totals = {"afhq": 16130, "animal-faces": 117484, "nabirds": 48562, "uecfood256": 31395, "celeba": 202599}
    assert {name: sum(card.splits.values()) for name, card in CARDS.items()} == totals
