from __future__ import annotations

import pytest

from i2ibench import registry
from i2ibench.data.layouts.cityscapes import VAL_CITIES, Cityscapes
from i2ibench.data.layouts.cityscapes_sequences import CityscapesSequences
from i2ibench.data.layouts.gta5 import GTA5
from i2ibench.data.layouts.init import INIT
from i2ibench.task import Files, Level, Need, Task
from i2ibench.tasks import driving
from i2ibench.tasks.labels import CITYSCAPES

CARDS = {card.name: card for card in vars(driving).values() if isinstance(card, Task)}
LAYOUTS = {"cityscapes": Cityscapes, "cityscapes-sequences": CityscapesSequences, "gta5": GTA5, "init": INIT}


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_cards_are_whole(card: Task) -> None:
    assert isinstance(card.data, Files) and card.data.obtain and card.licence and card.citation
    layout = LAYOUTS[card.data.layout](**card.data.options)
    assert layout.tree
    assert set(card.metrics) <= set(registry.metrics())
    assert set(card.splits) == {"train", "val", "test"} and set(card.targets) in (set(), set(card.splits))
    assert len(card.resolutions) >= 2 and any(small < card.resolution() for small in card.resolutions)
    assert Task.model_validate_json(card.model_dump_json()) == card


def test_levels_and_what_is_given() -> None:
    found = {card.name: (card.level, card.supervision, card.gives) for card in CARDS.values()}
    strong, normal = Level.STRONG, Level.NORMAL
    assert found == {
        "cityscapes-label2photo": (strong, "paired", {Need.PAIRS, Need.LABELS, Need.INSTANCES}),
        "cityscapes-video": (strong, "paired", {Need.PAIRS, Need.LABELS, Need.VIDEO}),
        "gta2cityscapes": (strong, "unpaired", {Need.LABELS}),
        "init-sunny2night": (normal, "unpaired", {Need.BOXES}),
        "init-sunny2rainy": (normal, "unpaired", {Need.BOXES}),
        "init-sunny2cloudy": (normal, "unpaired", {Need.BOXES}),
    }
    assert all((card.labels is CITYSCAPES) == (Need.LABELS in card.gives) for card in CARDS.values())

    other = CARDS["cityscapes-label2photo"]
    read = {card.name: set(card.resolutions) <= set(other.resolutions) for card in CARDS.values() if card.segmenter}
    assert read == {"cityscapes-video": True, "gta2cityscapes": True}
    assert all(card.segmenter in ("", other.name) for card in CARDS.values())


def test_counts_are_the_documented_ones() -> None:
    photos = CARDS["cityscapes-label2photo"].splits
    assert (photos["train"] + photos["val"], photos["test"]) == (2975, 500) and VAL_CITIES == ("bochum", "ulm")
    assert CARDS["cityscapes-video"].splits == {split: 30 * count for split, count in photos.items()}
    assert sum(CARDS["gta2cityscapes"].splits.values()) == 24966
    totals = {"night": 24559, "rainy": 6041, "cloudy": 75266}
    for condition, total in totals.items():
        card = CARDS[f"init-sunny2{condition}"]
        assert sum(card.splits.values()) == 49663 and sum(card.targets.values()) == total
