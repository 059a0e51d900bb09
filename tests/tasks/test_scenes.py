from __future__ import annotations

import pytest

from i2ibench import registry
from i2ibench.data.layouts.scenes import ADE20K, CocoStuff
from i2ibench.task import Files, Level, Need, Task
from i2ibench.tasks import scenes
from i2ibench.tasks.scenes_labels import ADE20K_LABELS, COCO_STUFF_LABELS

CARDS = {card.name: card for card in vars(scenes).values() if isinstance(card, Task)}
LAYOUTS = {"ade20k": ADE20K, "coco-stuff": CocoStuff}


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_cards_are_whole(card: Task) -> None:
    assert isinstance(card.data, Files) and card.data.obtain and card.licence and card.citation
    layout = LAYOUTS[card.data.layout](**card.data.options)
    assert layout.validate == card.splits["val"]
    assert set(card.metrics) <= set(registry.metrics())
    assert card.level is Level.STRONG and card.gives == {Need.PAIRS, Need.LABELS} and card.supervision == "paired"
    assert len(card.resolutions) >= 2
    assert Task.model_validate_json(card.model_dump_json()) == card


def test_counts_and_classes_are_the_documented_ones() -> None:
    ade, coco = CARDS["ade20k-label2photo"], CARDS["coco-stuff-label2photo"]
    assert (ade.splits["train"] + ade.splits["val"], ade.splits["test"]) == (20210, 2000)
    assert (coco.splits["train"] + coco.splits["val"], coco.splits["test"]) == (118287, 5000)
    assert ade.labels is ADE20K_LABELS and len(ADE20K_LABELS) == 150
    assert coco.labels is COCO_STUFF_LABELS and len(COCO_STUFF_LABELS) == 182
